"""The mean of all processes' gradients, sent as they are or in 16 bits."""

import flambeau

from ...collectives import all_reduce
from ...groups import get_world_size

__all__ = [
    "allreduce_hook", "bf16_compress_hook", "bf16_compress_wrapper", "fp16_compress_hook",
    "fp16_compress_wrapper",
]  # fmt: skip


def _mean(process_group, tensor):
    """A Future of the mean of all processes' tensor, which is written."""
    tensor.div_(get_world_size(process_group))
    return (
        all_reduce(tensor, group=process_group, async_op=True)
        .get_future()
        .then(lambda done: done.value()[0])
    )


def allreduce_hook(process_group, bucket):
    """The mean, as DistributedDataParallel takes it without a hook."""
    return _mean(process_group, bucket.buffer())


def _compressed(process_group, bucket, dtype):
    buffer = bucket.buffer()
    return _mean(process_group, buffer.to(dtype)).then(lambda done: buffer.copy_(done.value()))


def fp16_compress_hook(process_group, bucket):
    """The mean of the gradients rounded to float16: half the bytes."""
    return _compressed(process_group, bucket, flambeau.float16)


def bf16_compress_hook(process_group, bucket):
    """The mean of the gradients rounded to bfloat16: half the bytes, and float32's range."""
    return _compressed(process_group, bucket, flambeau.bfloat16)


def _wrapped(hook, dtype):
    def wrapper(state, bucket):
        buffer = bucket.buffer()
        bucket.set_buffer(buffer.to(dtype))
        return hook(state, bucket).then(lambda done: buffer.copy_(done.value()))

    return wrapper


def fp16_compress_wrapper(hook):
    """The hook, which is given the gradients in float16."""
    return _wrapped(hook, flambeau.float16)


def bf16_compress_wrapper(hook):
    """The hook, which is given the gradients in bfloat16."""
    return _wrapped(hook, flambeau.bfloat16)
