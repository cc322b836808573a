"""profile, with a schedule of steps; ProfilerAction; what to do with a finished trace."""

import enum
import os
import socket
import time

from .. import _core
from . import chrome
from .collect import Collector, record_function
from .events import ProfilerActivity


class ProfilerAction(enum.Enum):
    """What a profile does in a step: nothing, get ready, record, record and hand over at the end."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities():
    """What can be profiled: the CPU."""
    return {ProfilerActivity.CPU}


def schedule(*, wait, warmup, active, repeat=0, skip_first=0, skip_first_wait=0):
    """A function from the number of a step to its ProfilerAction: cycles of wait, warmup and active steps.

    Args:
        wait, warmup, active (int): steps of each kind in a cycle; active at least 1.
        repeat (int): cycles, 0 for no end.
        skip_first (int): steps before the first cycle.
        skip_first_wait (int): if not 0, the first cycle does not wait.

    Example:
        >>> from flambeau.profiler import schedule
        >>> [schedule(wait=1, warmup=0, active=2, repeat=1)(step).name for step in range(4)]
        ['NONE', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise AssertionError(
            f"schedule: wait, warmup, repeat and skip_first must be at least 0 and active at least 1, got "
            f"{wait}, {warmup}, {repeat}, {skip_first}, {active}."
        )
    cycle = wait + warmup + active

    def action(step):
        if step < 0:
            raise AssertionError(f"schedule: a step's number is at least 0, got {step}.")
        place = step - skip_first + (wait if skip_first_wait else 0)
        if step < skip_first or (repeat and place // cycle >= repeat):
            return ProfilerAction.NONE
        place %= cycle
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == cycle - 1 else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(dir_name, worker_name=None, use_gzip=False, use_python_export=False):
    """For on_trace_ready: writes each trace into a folder, as TensorBoard's profiler page looks for it."""
    worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"

    def handle(prof):
        os.makedirs(dir_name, exist_ok=True)
        ending = ".gz" if use_gzip else ""
        prof.export_chrome_trace(
            os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json{ending}")
        )

    return handle


class profile:
    """Records what operators, backward nodes and record_function take, inside `with` or from start() to stop().

    Args:
        activities (iterable, optional): ProfilerActivity.CPU; others are left out, as there is no such device.
        schedule (callable, optional): the ProfilerAction of each step, usually schedule(...); without one, everything
            is recorded. step() ends a step.
        on_trace_ready (callable, optional): called with the profile whenever a trace is complete.
        record_shapes (bool): sizes and dtypes of arguments. profile_memory (bool): bytes that each call takes and
            gives back. with_stack (bool): lines of the program. with_flops (bool): operations of products,
            convolutions and attention. with_modules (bool): which modules a call is in.
        acc_events (bool): keep the events of all cycles.
        execution_trace_observer, use_cuda: refused unless None or False.

    Example:
        >>> from flambeau.profiler import profile
        >>> with profile(record_shapes=True) as prof:
        ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> [event.input_shapes for event in prof.events() if event.name == "aten::matmul"]
        [[[2, 3], [3, 4]]]
    """

    def __init__(self, *, activities=None, schedule=None, on_trace_ready=None, record_shapes=False, profile_memory=False,
                 with_stack=False, with_flops=False, with_modules=False, experimental_config=None,
                 execution_trace_observer=None, acc_events=False, use_cuda=None, custom_trace_id_callback=None,
                 post_processing_timeout_s=None):  # fmt: skip
        if execution_trace_observer is not None:
            raise NotImplementedError(
                "profile: execution_trace_observer is not offered; export_chrome_trace is."
            )
        self.activities = supported_activities() if activities is None else set(activities)
        if ProfilerActivity.CUDA in self.activities:
            _core._warn("profile: CUDA is not profiled, and is left out.")
            self.activities.discard(ProfilerActivity.CUDA)
        if not self.activities:
            raise AssertionError(
                "profile: there is no activity to record. Pass ProfilerActivity.CPU."
            )
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory, self.with_stack = (
            record_shapes,
            profile_memory,
            with_stack,
        )
        self.with_flops, self.with_modules, self.acc_events = with_flops, with_modules, acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.metadata = {}
        self._collector = self._events = self._step = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    def start(self):
        """Begin with step 0."""
        self._change(ProfilerAction.NONE, self.current_action)
        self._begin_step()

    def stop(self):
        """End; a trace that is being recorded is complete."""
        self._end_step()
        if self.current_action in _RECORDING:
            self._finish(hand_over=True)
        self.current_action = ProfilerAction.NONE

    def step(self):
        """End a step and begin the next, which the schedule may treat otherwise."""
        self._end_step()
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = self.schedule(self.step_num)
        self._change(before, self.current_action)
        self._begin_step()

    def _begin_step(self):
        if self.record_steps and self.current_action in _RECORDING:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self):
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None

    def _change(self, before, after):
        if before is ProfilerAction.RECORD_AND_SAVE or (
            before in _RECORDING and after not in _RECORDING
        ):
            self._finish(hand_over=True)
        if after in _RECORDING and self._collector is None:
            self._collector = Collector(
                self.record_shapes,
                self.profile_memory,
                self.with_stack,
                self.with_modules,
                self.with_flops,
            )
            self._collector.start()

    def _finish(self, hand_over):
        if self._collector is None:
            return
        collector, self._collector = self._collector, None
        events = collector.stop()
        if self.acc_events and self._events:
            events[:0] = self._events
        self._events, self._began = events, collector.began
        if hand_over and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def events(self):
        """All events, an EventList.

        Raises:
            AssertionError: nothing has been recorded to its end.
        """
        if self._events is None:
            raise AssertionError(
                "profile.events: nothing is recorded yet. Ask after the profile, or in on_trace_ready."
            )
        return self._events

    def key_averages(
        self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """The events of each name as one: an EventList of averages, whose table() shows them."""
        return self.events().key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def advice(self):
        """Sentences on patterns that are known to be slow; an empty list if none is seen."""
        from .advice import advice

        return advice(self.events())

    def add_metadata(self, key, value):
        """Write a text into the trace."""
        self.metadata[key] = str(value)

    def add_metadata_json(self, key, value):
        """Write a value, given as JSON, into the trace."""
        import json

        self.metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json

    def export_chrome_trace(self, path, use_python_export=False):
        """Write the events in Chrome's trace format, for chrome://tracing and ui.perfetto.dev; .gz compresses."""
        metadata = {
            "record_shapes": int(self.record_shapes),
            "with_flops": int(self.with_flops),
            **self.metadata,
        }
        chrome.write(self.events(), path, metadata, self._began / 1000)

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Write "frame;frame;... microseconds" for each place of the program; needs with_stack."""
        self.events().export_stacks(path, metric)

    def export_memory_timeline(self, path, device=None):
        """Not offered; profile_memory=True tells the bytes of each call."""
        raise NotImplementedError(
            "profile.export_memory_timeline is not offered; profile_memory=True is."
        )

    def toggle_collection_dynamic(self, enable, activities):
        """Not offered; a schedule switches recording."""
        raise NotImplementedError(
            "profile.toggle_collection_dynamic is not offered; use a schedule."
        )
