"""PowerSGD: gradients as products of two narrow matrices, whose error is kept for the next step.

Source: Vogels, Karimireddy, Jaggi, "PowerSGD", NeurIPS 2019, arXiv:1905.13727, algorithm 1.
"""

import flambeau

from ....futures import Future
from ...collectives import all_reduce
from ...groups import get_world_size
from .default_hooks import allreduce_hook

__all__ = ["PowerSGDState", "batched_powerSGD_hook", "powerSGD_hook"]


class PowerSGDState:
    """What the hooks keep between steps.

    Args:
        process_group (ProcessGroup, optional): the group of the model.
        matrix_approximation_rank (int): the width of the two matrices.
        start_powerSGD_iter (int): the steps before, 2 or more, in which gradients are sent whole.
        min_compression_rate (float): matrices are sent whole unless they have this many times fewer numbers as products.
        use_error_feedback (bool): whether what a product leaves out is added to the next gradient.
        warm_start (bool): whether the right matrix begins as it ended before.
        random_seed (int): of the first right matrix.
        orthogonalization_epsilon, compression_stats_logging_frequency: without effect: the QR factorization needs no
            epsilon, and nothing is logged; compression_stats() says it.
    """

    def __init__(self, process_group, matrix_approximation_rank=1, start_powerSGD_iter=1000, min_compression_rate=2,
                 use_error_feedback=True, warm_start=True, orthogonalization_epsilon=0, random_seed=0,
                 compression_stats_logging_frequency=10_000, batch_tensors_with_same_shape=False):  # fmt: skip
        if (use_error_feedback or warm_start) and start_powerSGD_iter <= 1:
            raise ValueError(
                "PowerSGDState: start_powerSGD_iter must be 2 or more: errors and matrices need a step's shapes."
            )
        if batch_tensors_with_same_shape:
            raise NotImplementedError(
                "PowerSGDState: batch_tensors_with_same_shape is not offered; batched_powerSGD_hook takes a bucket at once."
            )
        self.process_group, self.matrix_approximation_rank = (
            process_group,
            matrix_approximation_rank,
        )
        self.start_powerSGD_iter, self.min_compression_rate = (
            start_powerSGD_iter,
            min_compression_rate,
        )
        self.use_error_feedback, self.warm_start = use_error_feedback, warm_start
        self.orthogonalization_epsilon = orthogonalization_epsilon
        self.generator = flambeau.Generator().manual_seed(random_seed)
        self.iter, self.error_dict, self.q_memory_dict = 0, {}, {}
        self.sent, self.whole = 0, 0  # numbers: sent, and what they stand for

    def compression_stats(self):
        """(how many times fewer numbers were sent, numbers of the gradients, numbers sent)."""
        return (self.whole / self.sent if self.sent else 0, self.whole, self.sent)


def _summed(tensor, state):
    all_reduce(tensor, group=state.process_group)
    return tensor.div_(get_world_size(state.process_group))


def _approximated(state, key, matrix):
    """The mean of all processes' matrix, as a product; the error stays here."""
    rank = min(state.matrix_approximation_rank, *matrix.shape)
    q = state.q_memory_dict.get(key)
    if q is None or not state.warm_start:
        q = flambeau.randn(matrix.shape[1], rank, generator=state.generator, dtype=matrix.dtype)
    q = flambeau.linalg.qr(q)[0]
    p = flambeau.linalg.qr(_summed(matrix @ q, state))[0]
    q = _summed(matrix.T @ p, state)
    state.q_memory_dict[key] = q
    state.sent += p.numel() + q.numel()
    state.whole += matrix.numel()
    return p @ q.T


def _hook(state, bucket, parts):
    """The bucket's buffer with each part approximated where that pays."""
    buffer = bucket.buffer()
    if bucket.is_last():
        state.iter += 1
    if state.iter < state.start_powerSGD_iter:
        return allreduce_hook(state.process_group, bucket)
    if state.use_error_feedback:
        error = state.error_dict.get(bucket.index())
        if error is not None:
            buffer.add_(error)
        state.error_dict[bucket.index()] = buffer.clone()
    for number, part in enumerate(parts(buffer)):
        rows, columns = part.shape if part.dim() == 2 else (1, part.numel())
        rank = min(state.matrix_approximation_rank, rows, columns)
        if (rows + columns) * rank * state.min_compression_rate < rows * columns:
            part.copy_(_approximated(state, (bucket.index(), number), part))
        else:
            _summed(part, state)
            state.sent += part.numel()
            state.whole += part.numel()
    if state.use_error_feedback:
        state.error_dict[bucket.index()].sub_(buffer)
    future = Future()
    future.set_result(buffer)
    return future


def powerSGD_hook(state, bucket):
    """The mean of each gradient of two or more dimensions as a product of narrow matrices."""
    return _hook(
        state, bucket, lambda _: [g.view(g.shape[0], -1) if g.dim() > 1 else g for g in bucket.gradients()]
    )  # fmt: skip


def batched_powerSGD_hook(state, bucket):
    """powerSGD_hook of the whole bucket as one square matrix: faster and less exact."""

    def square(buffer):
        side = int(buffer.numel() ** 0.5)
        return [buffer[: side * side].view(side, side), buffer[side * side :]]

    return _hook(state, bucket, square)
