"""save, load and async_save."""

import threading

import flambeau

from ...futures import Future
from .. import groups
from ..collectives import barrier
from ..objects import all_gather_object
from .layout import CheckpointException, Metadata, flattened, piece_of, put
from .planners import DefaultLoadPlanner, DefaultSavePlanner
from .stateful import Stateful
from .storage import FileSystemReader, FileSystemWriter

__all__ = ["async_save", "load", "load_state_dict", "save", "save_state_dict"]


def _group(process_group, no_dist):
    """The group that saves together; None for this process alone."""
    if no_dist or not groups.is_initialized():
        return None
    return groups.chosen(process_group, "checkpoint")


def _checked_planner(planner, kind, operation):
    if planner is not None and type(planner) is not kind:
        raise NotImplementedError(f"{operation}: planner is a {kind.__name__} or None.")


def _plan(state_dict, group):
    """(what this process writes, Metadata of what all write)."""
    rank = 0 if group is None else group.rank()
    mine, entries = {}, {}
    stated = {k: v.state_dict() if isinstance(v, Stateful) else v for k, v in state_dict.items()}
    for path, value in flattened(stated).items():
        if not isinstance(value, flambeau.Tensor):
            if rank == 0:
                mine[path] = value
                entries[path] = {"object": _file(0)}
            continue
        local, offsets, everywhere = piece_of(value)
        entry = {"size": list(value.shape), "dtype": str(value.dtype), "pieces": []}
        if local.numel() and (not everywhere or rank == 0) or not value.numel() and rank == 0:
            mine[path] = local.contiguous()
            entry["pieces"].append([offsets, list(local.shape), _file(rank)])
        entries[path] = entry
    everyone = [entries]
    if group is not None:
        everyone = [None] * group.size()
        all_gather_object(everyone, entries, group)
    together = {}
    for theirs in everyone:
        for path, entry in theirs.items():
            known = together.setdefault(path, entry)
            if known is not entry:
                known["pieces"] += entry["pieces"]
    return mine, Metadata(together)


def _file(rank):
    return f"__{rank}_0.distcp"


def _writer(checkpoint_id, storage_writer, operation):
    if storage_writer is None:
        if checkpoint_id is None:
            raise ValueError(f"{operation}: give checkpoint_id, a folder, or storage_writer.")
        storage_writer = FileSystemWriter(checkpoint_id)
    return storage_writer


def save(state_dict, *, checkpoint_id=None, storage_writer=None, planner=None, process_group=None,
         no_dist=False, use_collectives=True):  # fmt: skip
    """Writes a state dict; all processes of the group call it, and each writes its part.

    Args:
        state_dict (dict): tensors, DTensors, objects, dicts and lists of them, and what has a state_dict().
        checkpoint_id (str or path): a folder that all processes see.
        storage_writer (StorageWriter): instead of a folder.
        process_group (ProcessGroup): of all processes by default. no_dist: this process alone.

    Returns:
        Metadata.

    Source: the layout of "torch.distributed.checkpoint": a file for each process, and one that says what is where.
    """
    if not use_collectives:
        raise NotImplementedError("checkpoint.save: use_collectives=False is not offered.")
    _checked_planner(planner, DefaultSavePlanner, "checkpoint.save")
    writer, group = (
        _writer(checkpoint_id, storage_writer, "checkpoint.save"),
        _group(process_group, no_dist),
    )
    mine, metadata = _plan(state_dict, group)
    writer.write(_file(0 if group is None else group.rank()), mine)
    if group is not None:
        barrier(group)
    if group is None or group.rank() == 0:
        writer.finish(metadata)
    if group is not None:
        barrier(group)
    return metadata


_number = [0]  # of async_save: the same in all processes


def async_save(
    state_dict, *, checkpoint_id=None, storage_writer=None, planner=None, process_group=None
):
    """save(), which copies the tensors and writes in a thread; gives a Future of the Metadata."""
    _checked_planner(planner, DefaultSavePlanner, "checkpoint.async_save")
    writer = _writer(checkpoint_id, storage_writer, "checkpoint.async_save")
    group = _group(process_group, False)
    mine, metadata = _plan(state_dict, group)
    mine = {k: v.clone() if isinstance(v, flambeau.Tensor) else v for k, v in mine.items()}
    _number[0] += 1
    future, key = Future(), f"checkpoint/{_number[0]}"

    def write():
        try:
            writer.write(_file(0 if group is None else group.rank()), mine)
            if group is not None:
                group.store.clone().barrier(key, group.size())
            if group is None or group.rank() == 0:
                writer.finish(metadata)
            future.set_result(metadata)
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=write).start()
    return future


def _copy_overlap(target, target_offsets, piece, offsets):
    """Copies what two boxes of one tensor have in common; how many elements that are."""
    into, of = [], []
    for a, n, b, m in zip(target_offsets, target.shape, offsets, piece.shape, strict=True):
        begin, end = max(a, b), min(a + n, b + m)
        if begin >= end:
            return 0
        into.append(slice(begin - a, end - a))
        of.append(slice(begin - b, end - b))
    part = target[tuple(into)] if into else target
    part.copy_(piece[tuple(of)] if of else piece)
    return part.numel()


def load(
    state_dict, *, checkpoint_id=None, storage_reader=None, planner=None, process_group=None,
    no_dist=False,
):  # fmt: skip
    """Reads a checkpoint into a state dict: tensors in place, each process its part, whatever parts were written.

    Args:
        state_dict (dict): its tensors are written to, its objects replaced; what has a load_state_dict() gets its part.
        checkpoint_id (str or path), storage_reader (StorageReader): where it is.

    Raises:
        CheckpointException: there is no whole checkpoint, or a tensor has another shape.
        RuntimeError: it has no such key, unless the planner is DefaultLoadPlanner(allow_partial_load=True).
    """
    _checked_planner(planner, DefaultLoadPlanner, "checkpoint.load")
    if storage_reader is None:
        if checkpoint_id is None:
            raise ValueError("checkpoint.load: give checkpoint_id, a folder, or storage_reader.")
        storage_reader = FileSystemReader(checkpoint_id)
    entries, files = storage_reader.read_metadata().state_dict_metadata, {}

    def read(name):
        if name not in files:
            files[name] = storage_reader.read(name)
        return files[name]

    stated = {k: v.state_dict() if isinstance(v, Stateful) else v for k, v in state_dict.items()}
    partial = planner is not None and planner.allow_partial_load
    with flambeau.no_grad():
        for path, value in flattened(stated).items():
            entry = entries.get(path)
            if entry is None:
                if partial:
                    continue
                raise RuntimeError(f"checkpoint.load: the checkpoint has no {path!r}.")
            if "object" in entry:
                put(stated, path, read(entry["object"])[path])
                continue
            if not isinstance(value, flambeau.Tensor):
                raise CheckpointException(
                    f"checkpoint.load: {path!r} is a tensor in the checkpoint, and a {type(value).__name__} here."
                )
            if list(value.shape) != entry["size"]:
                raise CheckpointException(
                    f"checkpoint.load: {path!r} is {tuple(entry['size'])} in the checkpoint, and {tuple(value.shape)} here."
                )
            local, offsets, _ = piece_of(value)
            found = 0
            for piece_offsets, _, name in entry["pieces"]:
                found += _copy_overlap(local, offsets, read(name)[path], piece_offsets)
            if found < local.numel():
                raise CheckpointException(f"checkpoint.load: parts of {path!r} are missing.")
    for key, value in state_dict.items():
        if isinstance(value, Stateful):
            value.load_state_dict(stated[key])
        else:
            state_dict[key] = stated[key]
    group = _group(process_group, no_dist)
    if group is not None:
        barrier(group)


def save_state_dict(
    state_dict, storage_writer, process_group=None, coordinator_rank=0, no_dist=False, planner=None
):
    """The old name of save; coordinator_rank must be 0."""
    if coordinator_rank != 0:
        raise NotImplementedError("save_state_dict: coordinator_rank is 0.")
    return save(
        state_dict, storage_writer=storage_writer, process_group=process_group, no_dist=no_dist, planner=planner
    )  # fmt: skip


def load_state_dict(
    state_dict, storage_reader, process_group=None, coordinator_rank=0, no_dist=False, planner=None
):
    """The old name of load; coordinator_rank has no effect: each process reads what it needs."""
    load(
        state_dict, storage_reader=storage_reader, process_group=process_group, no_dist=no_dist, planner=planner
    )  # fmt: skip
