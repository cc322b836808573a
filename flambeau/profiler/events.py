"""FunctionEvent, a call; FunctionEventAvg, calls that belong together; EventList, many of either."""

import enum
import itertools
from collections import namedtuple
from operator import attrgetter

from .tables import table

DeviceType = enum.IntEnum("DeviceType", {"CPU": 0, "CUDA": 1})
ProfilerActivity = enum.Enum(
    "ProfilerActivity", ["CPU", "XPU", "MTIA", "CUDA", "HPU", "PrivateUse1"]
)


class Interval(namedtuple("Interval", "start end")):
    """From start to end, in microseconds."""

    def elapsed_us(self):
        """Its length."""
        return self.end - self.start


def _format_time(time_us):
    """Microseconds with a unit.

    Example:
        >>> from flambeau.profiler.events import _format_time
        >>> _format_time(1234.5)
        '1.234ms'
    """
    for length, unit in ((1e6, "s"), (1e3, "ms")):
        if time_us >= length:
            return f"{time_us / length:.3f}{unit}"
    return f"{time_us:.3f}us"


class _Times:
    """What events and their averages tell of times. Without a GPU all device times are 0."""

    device_time_total = self_device_time_total = device_time = cuda_time = cuda_time_total = 0
    self_cuda_time_total = device_memory_usage = self_device_memory_usage = 0
    use_device = None
    device_type = DeviceType.CPU

    @property
    def cpu_time(self):
        """Microseconds a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    cpu_time_str = property(lambda self: _format_time(self.cpu_time))
    cpu_time_total_str = property(lambda self: _format_time(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: _format_time(self.self_cpu_time_total))


class FunctionEvent(_Times):
    """One call of an operator, one node of a backward, or one `with record_function`.

    Attributes: name, thread (numbered from 1), time_range (an Interval, in us from the start of the profile),
    cpu_time_total and self_cpu_time_total (us; self without what it calls), cpu_parent, cpu_children, input_shapes,
    input_dtypes, stack (lines of the program), sequence_nr (the same for a call and the node of the backward that it
    recorded; -1 without), fwd_thread (of a node: where its call was), flops, cpu_memory_usage (bytes), module.
    """

    def __init__(self, id, name, thread, start_us, end_us, overload_name=None, fwd_thread=None, input_shapes=None,
                 stack=None, scope=0, use_device=None, cpu_memory_usage=0, device_memory_usage=0, is_async=False,
                 is_remote=False, sequence_nr=-1, node_id=-1, device_type=DeviceType.CPU, device_index=0,
                 device_resource_id=None, is_legacy=False, flops=None, trace_name=None, concrete_inputs=None,
                 kwinputs=None, is_user_annotation=False):  # fmt: skip
        self.id, self.name, self.thread, self.node_id = id, name, thread, node_id
        self.trace_name, self.overload_name = trace_name, overload_name or ""
        self.time_range = Interval(start_us, end_us)
        self.fwd_thread, self.sequence_nr, self.scope = fwd_thread, sequence_nr, scope
        self.input_shapes, self.stack = input_shapes or [], stack or []
        self.input_dtypes, self.module = [], ""
        self.concrete_inputs, self.kwinputs = concrete_inputs or [], kwinputs or {}
        self.cpu_memory_usage = cpu_memory_usage
        self.is_async, self.is_remote, self.is_legacy = is_async, is_remote, is_legacy
        self.is_user_annotation = is_user_annotation
        self.flops, self.count = flops, 1
        self.device_index, self.device_resource_id = device_index, device_resource_id or thread
        self.cpu_children, self.cpu_parent, self.kernels = [], None, []

    key = property(attrgetter("name"), doc="What events are grouped by: the name.")

    @property
    def cpu_time_total(self):
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self):
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self):
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    def append_cpu_child(self, child):
        """Say that another event happened inside this one."""
        self.cpu_children.append(child)

    def set_cpu_parent(self, parent):
        """Say inside which event this one happened."""
        self.cpu_parent = parent

    def __repr__(self):
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start:.3f} end_us={self.time_range.end:.3f} "
            f"cpu_children={[child.id for child in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} seq_nr={self.sequence_nr}>"
        )


class FunctionEventAvg(_Times):
    """Sums over events of one name: count, cpu_time_total, self_cpu_time_total, memory, flops."""

    def __init__(self):
        self.key = None
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.flops = 0
        self.input_shapes = self.stack = self.cpu_parent = None
        self.cpu_children, self.overload_name, self.scope, self.node_id = None, "", None, 0
        self.is_async = self.is_remote = self.is_legacy = self.is_user_annotation = False

    name = property(lambda self: self.key)

    def add(self, other):
        """Take another event, or another average of the same name, into the sums; returns self."""
        if self.key is None:
            self.key, self.node_id, self.scope = other.key, other.node_id, other.scope
            self.input_shapes, self.stack, self.cpu_parent = (
                other.input_shapes,
                other.stack,
                other.cpu_parent,
            )
            self.is_user_annotation = other.is_user_annotation
        elif other.key != self.key:
            raise AssertionError(
                f"FunctionEventAvg.add: an average of {self.key!r} takes no {other.key!r}."
            )
        for name in (
            "cpu_time_total",
            "self_cpu_time_total",
            "cpu_memory_usage",
            "self_cpu_memory_usage",
            "count",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.flops += other.flops or 0
        return self

    def __iadd__(self, other):
        return self.add(other)

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes} count={self.count}>"
        )


class EventList(list):
    """Events, or their averages; str() is their table()."""

    def __init__(self, *args, use_device=None, profile_memory=False, with_flops=False, **kwargs):
        super().__init__(*args)
        self._profile_memory, self._with_flops = profile_memory, with_flops

    def __str__(self):
        return self.table()

    def _populate_cpu_children(self):
        """Find which events happened inside which, by their times, thread by thread.

        An event that outlasts the one it began in is not inside it: it takes its place.
        """
        events = [event for event in self if not event.is_async]
        key = lambda event: (event.thread, event.node_id)
        for _, group in itertools.groupby(sorted(events, key=key), key=key):
            around = []
            for event in sorted(group, key=lambda e: (e.time_range.start, -e.time_range.end)):
                times = event.time_range
                while around and (
                    times.start >= around[-1].time_range.end
                    or times.end > around[-1].time_range.end
                ):
                    around.pop()
                if around:
                    around[-1].append_cpu_child(event)
                    event.set_cpu_parent(around[-1])
                around.append(event)

    @property
    def self_cpu_time_total(self):
        """Microseconds of all events, what they call counted once."""
        return sum(event.self_cpu_time_total for event in self)

    def table(self, sort_by=None, row_limit=100, max_src_column_width=75, max_name_column_width=55,
              max_shapes_column_width=80, header=None, top_level_events_only=False, time_unit=None):  # fmt: skip
        """The events as a table.

        Args:
            sort_by (str, optional): the attribute that is largest first: cpu_time, cpu_time_total,
                self_cpu_time_total, cpu_memory_usage, self_cpu_memory_usage, count.
            row_limit (int): how many rows; -1 for all.
            max_..._column_width (int, optional): texts are cut there.
            header (str, optional): a line above.
            top_level_events_only (bool): leave out what happened inside other events.
            time_unit (str, optional): "s", "ms" or "us" for all times; by default each has its own.
        """
        widths = max_name_column_width, max_shapes_column_width, max_src_column_width
        options = {"memory": self._profile_memory, "flops": self._with_flops}
        return table(
            self, sort_by, row_limit, widths, header, top_level_events_only, time_unit, **options
        )

    def key_averages(
        self, group_by_input_shapes=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """The events of each name (and shapes, and innermost lines of the program) as one: an EventList of averages."""
        groups = {}
        for event in self:
            key = (event.name, event.node_id, event.is_user_annotation)
            if group_by_input_shapes:
                key += (str(event.input_shapes),)
            if group_by_stack_n:
                key += tuple(event.stack[:group_by_stack_n])
            groups.setdefault(key, FunctionEventAvg()).add(event)
        for average in groups.values():
            average.stack = average.stack[:group_by_stack_n]
            if not group_by_input_shapes:
                average.input_shapes = ""
        return self._like(groups.values())

    def total_average(self):
        """All events as one, named "Total"."""
        total = FunctionEventAvg()
        for event in self:
            total.key = None if total.count == 0 else event.key
            total.add(event)
        total.key = "Total"
        return total

    def _like(self, events):
        return EventList(events, profile_memory=self._profile_memory, with_flops=self._with_flops)

    def export_chrome_trace(self, path):
        """Write the events in Chrome's trace format, for chrome://tracing and ui.perfetto.dev."""
        from .chrome import write

        write(self, path)

    supported_export_stacks_metrics = staticmethod(
        lambda: ["self_cpu_time_total", "self_cuda_time_total"]
    )

    def export_stacks(self, path, metric):
        """Write "frame;frame;... microseconds" for each place of the program, which flame graphs are made from."""
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError(f"export_stacks: metric must be self_cpu_time_total, got {metric!r}.")
        sums = {}
        for event in self:
            if event.stack:
                line = ";".join(
                    frame.translate(str.maketrans(" ;\t\n", "____"))
                    for frame in reversed(event.stack)
                )
                sums[line] = sums.get(line, 0) + int(getattr(event, metric))
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line} {value}\n" for line, value in sums.items() if value > 0)
