"""The records of a checkpoint's archive, one by one: torch.PyTorchFileReader and PyTorchFileWriter."""

import os
import zipfile

from .archive import ArchiveWriter

__all__ = ["PyTorchFileReader", "PyTorchFileWriter"]


class PyTorchFileReader:
    """Gives the records of a file that save() wrote, as bytes; nothing is unpickled.

    Args:
        name_or_buffer (str, path or binary file object).

    Raises:
        RuntimeError: it is no such archive.

    Example:
        >>> import flambeau as torch
        >>> import io
        >>> file = io.BytesIO()
        >>> torch.save(torch.ones(2), file)
        >>> "data.pkl" in torch.PyTorchFileReader(file).get_all_records()
        True
    """

    def __init__(self, name_or_buffer):
        try:
            self._archive = zipfile.ZipFile(name_or_buffer)
        except zipfile.BadZipFile:
            raise RuntimeError(
                f"PyTorchFileReader: {name_or_buffer!r} is no archive of records, as save() writes it."
            ) from None
        names = self._archive.namelist()
        self._folder = names[0].partition("/")[0] if names else ""

    def get_all_records(self):
        """The names of all records."""
        return [name.partition("/")[2] for name in self._archive.namelist()]

    def has_record(self, name):
        """Whether there is such a record."""
        return f"{self._folder}/{name}" in self._archive.NameToInfo

    def get_record(self, name):
        """The bytes of a record.

        Raises:
            RuntimeError: there is none of that name.
        """
        if not self.has_record(name):
            raise RuntimeError(
                f"PyTorchFileReader: there is no record {name!r}, only {', '.join(self.get_all_records())}."
            )
        return self._archive.read(f"{self._folder}/{name}")

    def version(self):
        """The version of the format, as text."""
        name = "version" if self.has_record("version") else ".data/version"
        return self.get_record(name).decode().strip()

    def archive_name(self):
        """The folder of all records."""
        return self._folder


class PyTorchFileWriter:
    """Writes records into an archive that PyTorchFileReader reads.

    Args:
        name_or_buffer (str, path or binary file object).
    """

    def __init__(self, name_or_buffer, compute_crc32=True):
        if not compute_crc32:
            raise NotImplementedError(
                "PyTorchFileWriter: compute_crc32=False: every record has its checksum here."
            )
        self._opened, folder = None, "archive"
        if isinstance(name_or_buffer, (str, os.PathLike)):
            folder = os.path.splitext(os.path.basename(name_or_buffer))[0]
            self._opened = name_or_buffer = open(name_or_buffer, "wb")
        self._archive = ArchiveWriter(name_or_buffer, folder)

    def write_record(self, name, data, size):
        """A record of the first `size` bytes of data (bytes, str, or what has the buffer protocol)."""
        self._archive.write_record(name, data.encode() if isinstance(data, str) else data, size)

    def write_end_of_file(self):
        """Writes the version and the list of records, and closes the file it opened."""
        self._archive.write_record("version", b"3\n")
        self._archive.close()
        if self._opened is not None:
            self._opened.close()

    def archive_name(self):
        """The folder of all records."""
        return self._archive.folder
