"""PyTorch's older interface to the profiler. flambeau.profiler is today's."""

from .. import _core
from ..profiler.collect import Collector, kineto_available, record_function
from ..profiler.events import EventList, FunctionEvent, FunctionEventAvg
from ..profiler.events import _format_time as format_time

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "emit_itt",
    "emit_nvtx",
    "format_time",
    "kineto_available",
    "profile",
    "record_function",
]


class profile:
    """Records what happens inside `with`, in one piece.

    Args:
        enabled (bool): False makes it do nothing.
        record_shapes, with_flops, profile_memory, with_stack, with_modules (bool): as of flambeau.profiler.profile.
        use_cpu (bool): must be True. use_cuda, use_device: must be False and None or "cpu", as there is no GPU.
        use_kineto, experimental_config, acc_events, custom_trace_id_callback, post_processing_timeout_s,
        activity_filters: for PyTorch's library of traces, which is not used.

    Attributes: function_events, an EventList.

    Example:
        >>> with torch.autograd.profiler.profile() as prof:
        ...     _ = torch.ones(3) + 1
        >>> [event.name for event in prof.function_events]
        ['aten::ones', 'aten::add']
    """

    def __init__(self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False, with_flops=False,
                 profile_memory=False, with_stack=False, with_modules=False, use_kineto=False, use_cpu=True,
                 experimental_config=None, acc_events=False, custom_trace_id_callback=None,
                 post_processing_timeout_s=None, activity_filters=None):  # fmt: skip
        if use_cuda:
            _core._warn(
                "autograd.profiler.profile: use_cuda is an old name. Write use_device='cuda'.",
                FutureWarning,
            )
            use_device = "cuda"
        if use_device == "cuda" and use_cpu:
            _core._warn(
                "autograd.profiler.profile: events of a GPU are not recorded, those of the CPU are."
            )
        elif use_device not in (None, "cpu") or not use_cpu:
            raise NotImplementedError(
                "autograd.profiler.profile: only the CPU is profiled; leave use_device and use_cpu away."
            )
        self.enabled = enabled
        self._made = lambda: Collector(
            record_shapes, profile_memory, with_stack, with_modules, with_flops
        )
        self.function_events = self._collector = None
        self._entered = False

    def __enter__(self):
        if self.enabled:
            if self._entered:
                raise RuntimeError(
                    "autograd.profiler.profile: this profile has run already. Make a new one."
                )
            self._entered = True
            self._collector = self._made()
            self._collector.start()
        return self

    def __exit__(self, *exception):
        if self._collector is not None:
            self.function_events = self._collector.stop()
            self._collector = None

    def _done(self):
        if self.function_events is None:
            raise RuntimeError("autograd.profiler.profile: it has not run to its end.")
        return self.function_events

    def __repr__(self):
        return (
            "<unfinished profile>" if self.function_events is None else repr(self.function_events)
        )

    def __str__(self):
        return "<unfinished profile>" if self.function_events is None else str(self.function_events)

    @property
    def self_cpu_time_total(self):
        """Microseconds of all events, what they call counted once."""
        return self._done().self_cpu_time_total

    def table(self, *args, **kwargs):
        """The events as a table: EventList.table."""
        return self._done().table(*args, **kwargs)

    def key_averages(
        self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """The events of each name as one."""
        return self._done().key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def total_average(self):
        """All events as one."""
        return self._done().total_average()

    def export_chrome_trace(self, path):
        """Write the events in Chrome's trace format."""
        self._done().export_chrome_trace(path)

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Write "frame;frame;... microseconds" for each place of the program; needs with_stack."""
        self._done().export_stacks(path, metric)


def emit_nvtx(enabled=True, record_shapes=False):
    """Marks for NVIDIA's profiler: refused, as there is no GPU."""
    raise NotImplementedError(
        "autograd.profiler.emit_nvtx needs a GPU. Use profiler.record_function."
    )


def emit_itt(enabled=True, record_shapes=False):
    """Marks for Intel's VTune: refused, as there is no ITT library."""
    raise NotImplementedError(
        "autograd.profiler.emit_itt needs an ITT library. Use profiler.record_function."
    )
