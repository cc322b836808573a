"""Where the files of a checkpoint are: a folder, with a file for each process and `.metadata`."""

import abc
import os

import flambeau

from .layout import CheckpointException, Metadata

__all__ = ["FileSystemReader", "FileSystemWriter", "StorageReader", "StorageWriter"]


class StorageWriter(abc.ABC):
    """Where save() writes: tensors of this process, and in the end what is where."""

    @abc.abstractmethod
    def write(self, name, values):
        """Writes a dict of tensors and objects under a name."""

    @abc.abstractmethod
    def finish(self, metadata):
        """Writes the Metadata, once all processes have written."""


class StorageReader(abc.ABC):
    """Where load() reads."""

    @abc.abstractmethod
    def read_metadata(self):
        """The Metadata."""

    @abc.abstractmethod
    def read(self, name):
        """The dict that was written under a name."""


def _write(path, values, sync):
    """Writes a file whole or not at all."""
    beside = f"{path}.{os.getpid()}.tmp"
    flambeau.save(values, beside)
    if sync:
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
    os.replace(beside, path)


class FileSystemWriter(StorageWriter):
    """A folder that all processes see.

    Args:
        path (str or path): made if it is not there.
        sync_files (bool): whether files are on the disk when save() returns.
        overwrite (bool): whether a checkpoint that is there may be replaced.
        single_file_per_rank, thread_count, per_thread_copy_ahead, cache_staged_state_dict: without effect: each process
            writes one file, in one go.
    """

    def __init__(self, path, single_file_per_rank=True, sync_files=True, thread_count=1,
                 per_thread_copy_ahead=10_000_000, cache_staged_state_dict=False, overwrite=True):  # fmt: skip
        self.path, self.sync_files, self.overwrite = os.fspath(path), sync_files, overwrite

    def write(self, name, values):
        os.makedirs(self.path, exist_ok=True)
        if not self.overwrite and os.path.exists(os.path.join(self.path, ".metadata")):
            raise CheckpointException(
                f"checkpoint.save: {self.path} has a checkpoint, and overwrite is False."
            )
        _write(os.path.join(self.path, name), values, self.sync_files)

    def finish(self, metadata):
        _write(os.path.join(self.path, ".metadata"), metadata.state_dict_metadata, self.sync_files)


class FileSystemReader(StorageReader):
    """A folder that FileSystemWriter wrote; objects in it are plain data, or of classes that add_safe_globals allows."""

    def __init__(self, path):
        self.path = os.fspath(path)

    def read_metadata(self):
        path = os.path.join(self.path, ".metadata")
        if not os.path.exists(path):
            raise CheckpointException(
                f"checkpoint.load: {self.path} has no .metadata: there is no checkpoint, or its writing did not end."
            )
        return Metadata(flambeau.load(path))

    def read(self, name):
        return flambeau.load(os.path.join(self.path, name))
