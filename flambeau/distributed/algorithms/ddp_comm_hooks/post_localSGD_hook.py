"""Gradients averaged over all processes at first, over few of them later, while an averager averages parameters.

Source: Lin et al., "Don't Use Large Mini-Batches, Use Local SGD", ICLR 2020, arXiv:1808.07217.
"""

from ....futures import Future
from .default_hooks import _mean

__all__ = ["PostLocalSGDState", "post_localSGD_hook"]


class PostLocalSGDState:
    """How far training is, and who averages with whom.

    Args:
        process_group (ProcessGroup or None): who averages in the first start_localSGD_iter steps; all by default.
        subgroup (ProcessGroup): who averages afterwards.
        start_localSGD_iter (int): the steps of the first phase.
        post_local_gradient_allreduce (bool): whether gradients are averaged afterwards at all.
    """

    def __init__(self, process_group, subgroup, start_localSGD_iter, post_local_gradient_allreduce=True):  # fmt: skip
        self.process_group, self.subgroup = process_group, subgroup
        self.start_localSGD_iter = start_localSGD_iter
        self.post_local_gradient_allreduce = post_local_gradient_allreduce
        self.iter = 0

    def maybe_increase_iter(self, bucket):
        """Counts a step with its last bucket."""
        if bucket.is_last():
            self.iter += 1


def post_localSGD_hook(state, bucket):
    """A Future of the bucket's gradients: their mean over whom `state` names."""
    early = state.iter < state.start_localSGD_iter
    group = state.process_group if early else state.subgroup
    averages = early or state.post_local_gradient_allreduce
    state.maybe_increase_iter(bucket)
    if averages:
        return _mean(group, bucket.buffer())
    whole = Future()
    whole.set_result(bucket.buffer())
    return whole
