"""What happens while a profile is on: the core's events, record_function, and what an observer adds to them."""

import functools
import os
import sys
import threading
import time

from .. import _core
from ..ops.core import observers
from ..overrides import handle_torch_function, has_torch_function_unary
from .events import EventList, FunctionEvent

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_RENAMED = {
    "true_divide": "div",
    "backward": "backward",
}  # otherwise aten:: and the operator's name
_NO_SEQUENCE = (0, 2**64 - 1)  # the core's numbers of calls that recorded nothing, and of leaves

running = None  # the Collector that is on


def kineto_available():
    """Whether PyTorch's own library of traces is there: no, and none is needed."""
    return False


class record_function:
    """Gives a name to what happens inside `with`, or in calls of the function that it decorates.

    Args:
        name (str).
        args (str, optional): written behind the name.

    Example:
        >>> from flambeau.profiler import profile, record_function
        >>> with profile() as prof:
        ...     with record_function("twice"):
        ...         _ = torch.ones(3) * 2
        >>> [event.name for event in prof.events()][0]
        'twice'
    """

    def __init__(self, name, args=None):
        self.name, self.args = name, args
        self._starts = []

    def __enter__(self):
        self._starts.append(time.monotonic_ns())
        return self

    def __exit__(self, *exception):
        start = self._starts.pop() if self._starts else None
        if running is not None and start is not None:
            name = self.name if self.args is None else f"{self.name} {self.args}"
            running.annotate(name, start, time.monotonic_ns())

    def __call__(self, function):
        @functools.wraps(function)
        def named(*args, **kwargs):
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return named


def enter(name, args=None):
    """torch.ops.profiler._record_function_enter: begin a record_function; returns what leave() ends."""
    return record_function(name, args).__enter__()


def leave(handle):
    """torch.ops.profiler._record_function_exit."""
    if has_torch_function_unary(handle):  # a symbol of fx
        return handle_torch_function(leave, (handle,), handle)
    handle.__exit__(None, None, None)


class _Observer:
    """Notes for each call what the core's events lack: the program's lines, the module, memory, operations."""

    def __init__(self, memory, stack, modules, counter):
        self.memory, self.stack, self.modules, self.counter = memory, stack, modules, counter
        self.notes = {}  # {thread: a note for each call, in the order of their ends}
        self.open = {}  # {thread: the notes of calls that run}
        self.path = []

    def enter(self, operator, args, kwargs):
        note = {}
        if self.stack:
            note["stack"] = _lines()
        if self.modules and self.path:
            note["module"] = ".".join(self.path)
        if self.memory:
            note["memory"] = -_core.memory_stats()["allocated_bytes.current"]
        if self.counter:
            note["flops"] = -self.counter.get_total_flops()
        self.open.setdefault(threading.get_ident(), []).append(note)

    def leave(self, operator, result):
        thread = threading.get_ident()
        around = self.open.get(thread)
        if not around:
            return  # it began before the profile
        note = around.pop()
        if self.memory:
            note["memory"] += _core.memory_stats()["allocated_bytes.current"]
        if self.counter:
            note["flops"] += self.counter.get_total_flops() - note.pop("inner", 0)
            if around:
                around[-1]["inner"] = around[-1].get("inner", 0) + note["flops"]
        self.notes.setdefault(thread, []).append(note)

    def node(self, node, grad_outputs, grad_inputs):
        pass

    def enter_module(self, module, args):
        self.path.append(type(module).__name__)

    def leave_module(self, module, args, output):
        if self.path:
            self.path.pop()


def _lines():
    """The program's frames, innermost first, without those of flambeau."""
    frame, lines = sys._getframe(2), []
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_HERE):
            lines.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return lines


class Collector:
    """One profile from start() to stop(), which gives an EventList."""

    def __init__(self, shapes=False, memory=False, stack=False, modules=False, flops=False):
        self.shapes, self.memory, self.stack, self.modules, self.flops = (
            shapes,
            memory,
            stack,
            modules,
            flops,
        )
        self._annotations = []
        self._observer = self._counter = None
        self._hooks = ()

    def start(self):
        """Begin; only one at a time.

        Raises:
            RuntimeError: another is on.
        """
        global running
        if running is not None:
            raise RuntimeError(
                "profiler: another profile is running. Stop it first; profiles do not nest."
            )
        if self.memory or self.stack or self.modules or self.flops:
            self._observe()
        running = self
        _core._take_events()
        self.began = time.monotonic_ns()
        _core._record_events(True, self.shapes)

    def _observe(self):
        if self.flops:
            from ..utils.flop_counter import FlopCounterMode

            self._counter = FlopCounterMode(display=False)
        self._observer = _Observer(self.memory, self.stack, self.modules, self._counter)
        observers.add(self._observer)
        if self._counter:
            self._counter.__enter__()  # behind the observer, so that it counts before the observer reads
        if self.modules:
            from ..nn.modules import module

            self._hooks = (
                module.register_module_forward_pre_hook(self._observer.enter_module),
                module.register_module_forward_hook(self._observer.leave_module, always_call=True),
            )

    def annotate(self, name, start, stop):
        """Note a record_function."""
        self._annotations.append((name, max(start, self.began), stop, threading.get_ident()))

    def stop(self):
        """End; returns the EventList."""
        global running
        _core._record_events(False)
        self.ended = time.monotonic_ns()
        running = None
        for hook in self._hooks:
            hook.remove()
        if self._counter:
            self._counter.__exit__()
        if self._observer:
            observers.remove(self._observer)
        return self._events(_core._take_events())

    def _events(self, told):
        numbers = {}  # threads from 1, in the order of their first event
        made, call_threads, places = [], {}, {}
        for name, backward, _depth, thread, start, stop, sequence, shapes in told:
            number = numbers.setdefault(thread, len(numbers) + 1)
            sequence = -1 if sequence in _NO_SEQUENCE else sequence
            note = {}
            if not backward:
                call_threads.setdefault(sequence, number)
                name = "aten::" + _RENAMED.get(name, name)
                if self._observer:
                    notes, place = self._observer.notes.get(thread, []), places.get(thread, 0)
                    note = notes[place] if place < len(notes) else {}
                    places[thread] = place + 1
            made.append((start, stop, name, number, sequence, shapes, note, backward))
        rows = []
        for start, stop, name, number, sequence, shapes, note, backward in made:
            forward = call_threads.get(sequence, 0) if backward and sequence >= 0 else 0
            event = self._event(name, number, start, stop, sequence, shapes, note, forward)
            if backward:
                around = f"autograd::engine::evaluate_function: {name}"
                rows.append(self._event(around, number, start, stop, sequence, None, {}, forward))
            rows.append(event)
        for name, start, stop, thread in self._annotations:
            number = numbers.setdefault(thread, len(numbers) + 1)
            one_row = "ProfilerStep*" if name.startswith("ProfilerStep#") else name
            event = self._event(one_row, number, start, stop, -1, None, {}, 0)
            event.trace_name, event.is_user_annotation = name, True
            rows.append(event)
        # what began first; of two that began together the longer, which is around the other
        rows.sort(key=lambda event: (event.time_range.start, -event.time_range.end))
        events = EventList(_folded(rows), profile_memory=self.memory, with_flops=self.flops)
        for i, event in enumerate(events):
            event.id = i
        events._populate_cpu_children()
        return events

    def _event(self, name, thread, start, stop, sequence, shapes, note, fwd_thread):
        times = [(t - self.began) / 1000 for t in (start, stop)]
        event = FunctionEvent(
            0,
            name,
            thread,
            *times,
            fwd_thread=fwd_thread,
            sequence_nr=sequence,
            stack=note.get("stack"),
            cpu_memory_usage=note.get("memory", 0),
            flops=note.get("flops") or None,
        )
        event.module = note.get("module", "")
        for argument in shapes or ():
            event.input_shapes.append([] if argument is None else list(argument[0]))
            event.input_dtypes.append(
                "" if argument is None else str(argument[1]).rpartition(".")[2]
            )
        return event


def _folded(rows):
    """The events without calls that only pass on to the operator of the same name: those are one call."""
    around, kept = {}, []  # around: {thread: the events that one happens in, innermost last}
    for event in rows:
        outer = around.setdefault(event.thread, [])
        while outer and outer[-1].time_range.end <= event.time_range.start:
            outer.pop()
        if outer and outer[-1].name == event.name and event.name.startswith("aten::"):
            if event.flops:
                outer[-1].flops = (outer[-1].flops or 0) + event.flops
            continue
        outer.append(event)
        kept.append(event)
    return kept
