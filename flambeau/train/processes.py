"""A Trainer in several processes of one group: gradients and means are those of all, and the first writes files.

Nothing of it happens in a program that has not called distributed.init_process_group.
"""

import sys


def _dist():
    """flambeau.distributed where there are several processes; None otherwise."""
    dist = sys.modules.get("flambeau.distributed")
    if dist is None or not dist.is_initialized() or dist.get_world_size() == 1:
        return None
    return dist


def is_first():
    """Whether this process writes files and shows how it goes."""
    dist = _dist()
    return dist is None or dist.get_rank() == 0


def learner(model):
    """The model, whose gradients become the mean of all processes'."""
    from ..nn.parallel import DistributedDataParallel

    if _dist() is None or isinstance(model, DistributedDataParallel):
        return model
    return DistributedDataParallel(model)


def summed(sums):
    """{name: [total, count]} over all processes."""
    if _dist() is None:
        return sums
    together = {}
    for theirs in of_all(sums):
        for name, (total, count) in theirs.items():
            known = together.setdefault(name, [0.0, 0])
            known[0] += total
            known[1] += count
    return together


def of_all(value):
    """What all processes have, in the order of their ranks; the value itself where there is one process."""
    dist = _dist()
    if dist is None:
        return value
    everyone = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, value)
    return everyone


def mine(saved):
    """This process's part of what of_all() gave.

    Raises:
        RuntimeError: it comes from another number of processes.
    """
    dist = _dist()
    count = len(saved) if isinstance(saved, list) else 1
    there = 1 if dist is None else dist.get_world_size()
    if count != there:
        raise RuntimeError(
            f"Trainer.load: the file was written by {count} processes, and there are {there} now. Exact resuming needs as many."
        )
    return saved if dist is None else saved[dist.get_rank()]
