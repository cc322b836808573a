"""What a Trainer writes and reads to continue exactly: weights, optimizer, random numbers, place in the data, log."""

import json
import os
import random
import sys

import flambeau as torch

from . import processes

_PARTS = ("model", "optimizer", "schedule", "scaler", "ema")
_NUMBERS = ("step", "epoch", "batches", "history", "best", "epochs_since_best")


def random_state():
    """The state of all generators of random numbers: ours, Python's and, if it is loaded, NumPy's."""
    version, keys, gauss = random.getstate()
    state = {"torch": torch.get_rng_state(), "python": (version, torch.tensor(keys), gauss)}
    if "numpy" in sys.modules:
        name, keys, *rest = sys.modules["numpy"].random.get_state()
        state["numpy"] = (name, torch.tensor(keys.astype("int64")), *rest)
    return state


def set_random_state(state):
    """Put the generators where random_state() found them."""
    torch.set_rng_state(state["torch"])
    version, keys, gauss = state["python"]
    random.setstate((version, tuple(keys.tolist()), gauss))
    if "numpy" in state:
        import numpy

        name, keys, *rest = state["numpy"]
        numpy.random.set_state((name, keys.numpy().astype("uint32"), *rest))


def state(trainer, data=None):
    """A dict of numbers and tensors from which restore() continues; `data` is what is being gone over."""
    parts = {name: getattr(trainer, name) for name in _PARTS}
    saved = {name: part.state_dict() for name, part in parts.items() if part is not None}
    saved.update({name: getattr(trainer, name) for name in _NUMBERS})
    saved["_sums"] = processes.of_all(trainer._sums)
    saved["random"] = processes.of_all(random_state())
    if hasattr(data, "state_dict"):
        saved["data"] = processes.of_all(data.state_dict())
    if trainer.batches:
        saved["epoch_start"] = processes.of_all(trainer._random_at_start)
    return saved


def restore(trainer, saved, data=None):
    """Put a trainer, and the data, where they were; returns the random numbers' state for batches()."""
    for name in _PARTS:
        part = getattr(trainer, name)
        if (part is None) != (name not in saved):
            raise RuntimeError(
                f"Trainer.load: the file was written {'with' if part is None else 'without'} {name}, and this "
                f"trainer is {'without' if part is None else 'with'} it. Make it with the same arguments."
            )
        if part is not None:
            part.load_state_dict(saved[name])
    for name in _NUMBERS:
        setattr(trainer, name, saved[name])
    trainer._sums = processes.mine(saved["_sums"])
    if "data" in saved and hasattr(data, "load_state_dict"):
        data.load_state_dict(processes.mine(saved["data"]))
    set_random_state(processes.mine(saved["random"]))
    return saved


def batches(data, trainer):
    """The batches of an epoch; after a resume, those that are left.

    Data without a load_state_dict of their own start the epoch anew, from the random state it began with, and
    batches that were used go unused.
    """
    start = trainer._loader_at_start
    if start is None or not trainer.batches:
        trainer._random_at_start = random_state()
        yield from data
        return
    trainer._random_at_start = processes.mine(start["epoch_start"])
    skipped = 0
    if "data" not in start:
        set_random_state(processes.mine(start["epoch_start"]))
        skipped = trainer.batches
    iterator = iter(data)
    for _ in range(skipped):
        next(iterator)
    set_random_state(processes.mine(start["random"]))
    yield from iterator


def open_log(path, step):
    """log.jsonl, to be written on; lines of steps after `step`, which are going to be made again, are left out."""
    kept = []
    if step and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n") or json.loads(line)["step"] > step:
                    break
                kept.append(line)
    file = open(path, "w", encoding="utf-8")
    file.writelines(kept)
    return file
