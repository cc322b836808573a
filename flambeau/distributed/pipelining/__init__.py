"""Modules cut into stages on several processes: not offered, and each name says so."""

from ..refused import refused

_NAMES = refused(
    "distributed.pipelining",
    "Pipe PipelineStage Schedule1F1B ScheduleGPipe ScheduleInterleaved1F1B ScheduleInterleavedZeroBubble ScheduleLoopedBFS "
    "ScheduleZBVZeroBubble SplitPoint build_stage pipe_split pipeline",
    "Cut a model by fsdp.fully_shard, or by tensor.parallel.parallelize_module.",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
