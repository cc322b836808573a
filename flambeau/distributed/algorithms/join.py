"""Join: processes with fewer batches take part in the others' operations until all have ended.

Each step begins with a count of the processes that still have a batch. One that has none answers the others'
operations with zeros, by the hooks of what it works with, until that count is 0.
"""

import abc

import flambeau

from ... import _core
from ..groups import get_rank

__all__ = ["Join", "JoinHook", "Joinable"]

_LATE_STEPS = 1000  # after so many steps of the others alone, a warning


class JoinHook:
    """What a process does that has no batch left."""

    def main_hook(self):
        """Answers the operations of one step of the others."""

    def post_hook(self, is_last_joiner):
        """Called once when all have ended; is_last_joiner: whether this process ended last."""


class Joinable(abc.ABC):
    """What takes part in Join: it calls Join.notify_join_context(self) at the beginning of each step."""

    def __init__(self):
        super().__init__()
        self._join_config = None

    @abc.abstractmethod
    def join_hook(self, **kwargs):
        """A JoinHook; kwargs are those of Join."""

    @property
    @abc.abstractmethod
    def join_device(self):
        """The device of its operations' tensors."""

    @property
    @abc.abstractmethod
    def join_process_group(self):
        """The group of its operations."""


class Join:
    """A context in which processes may have different numbers of batches.

    Args:
        joinables (list of Joinable): what computes in it, such as a DistributedDataParallel.
        enable (bool): False if all have as many batches, and nothing is to be counted.
        throw_on_early_termination (bool): whether all raise as soon as one has no batch left.

    Raises:
        RuntimeError: a process has no batch left, with throw_on_early_termination.
    """

    def __init__(self, joinables, enable=True, throw_on_early_termination=False, **kwargs):
        if not joinables:
            raise ValueError("Join: joinables must be one or more.")
        groups = {id(joinable.join_process_group): joinable.join_process_group for joinable in joinables}  # fmt: skip
        if len(groups) > 1:
            raise ValueError("Join: all joinables must work in one group.")
        (self._group,) = groups.values()
        self._joinables, self._enable, self._throws = joinables, enable, throw_on_early_termination
        self._hooks = [joinable.join_hook(**kwargs) for joinable in joinables]

    def __enter__(self):
        for number, joinable in enumerate(self._joinables):
            # One of them speaks for all.
            joinable._join_config = self if self._enable and number == 0 else None
            joinable._join_enabled = self._enable

    def __exit__(self, kind, value, traceback):
        try:
            if self._enable and kind is None:
                self._answer_others()
        finally:
            for joinable in self._joinables:
                joinable._join_config, joinable._join_enabled = None, False

    def _answer_others(self):
        steps, last = 0, True
        while self._count(0) > 0:
            last = False
            if self._throws:
                self._any_ended(True)
                raise RuntimeError(
                    f"Join: rank {get_rank(self._group)} has no batch left, and others have."
                )
            steps += 1
            if steps == _LATE_STEPS:
                _core._warn(
                    f"Join: rank {get_rank(self._group)} ended {steps} steps before others. Give the processes batches "
                    "more evenly."
                )
            for hook in self._hooks:
                hook.main_hook()
        for hook in self._hooks:
            hook.post_hook(last)

    def _count(self, mine):
        return _summed(mine, self._group)

    def _any_ended(self, mine):
        return _summed(int(mine), self._group) > 0

    @staticmethod
    def notify_join_context(joinable):
        """Says at the beginning of a step that this process has a batch."""
        join = getattr(joinable, "_join_config", None)
        if join is None:
            return
        join._count(1)
        if join._throws and join._any_ended(False):
            raise RuntimeError(
                f"Join: another process than rank {get_rank(join._group)} has no batch left."
            )


def _summed(number, group):
    from ..collectives import all_reduce

    total = flambeau.tensor([number])
    all_reduce(total, group=group)
    return total.item()
