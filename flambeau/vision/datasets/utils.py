"""Downloads and archives, by torchvision's names."""

import bz2
import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

from .download import _md5, fetch
from .vision import one_of

__all__ = [
    "check_integrity", "download_and_extract_archive", "download_file_from_google_drive", "download_url",
    "extract_archive", "list_dir", "list_files", "verify_str_arg",
]  # fmt: skip


def calculate_md5(fpath, chunk_size=1024 * 1024):
    """The MD5 of a file, in hexadecimal; chunk_size is torchvision's and changes nothing."""
    return _md5(fpath)


def check_md5(fpath, md5, **kwargs):
    """Whether a file has this MD5."""
    return md5 == _md5(fpath)


def check_integrity(fpath, md5=None):
    """Whether a file is there and, where an MD5 is given, has it."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(url, root, filename=None, md5=None, max_redirect_hops=3):
    """A file from an address, or the first of a list of them, into a folder; a right one that is there is kept.

    A download that was broken off goes on where it stopped. RuntimeError: no address gave it.
    """
    urls = [url] if isinstance(url, str) else list(url)
    fetch(urls, Path(os.path.expanduser(root), filename or os.path.basename(urls[0])), md5)


def download_file_from_google_drive(file_id, root, filename=None, md5=None):
    """A file from Google Drive, by its id, into a folder."""
    address = (
        f"https://drive.usercontent.google.com/download?id={file_id}&export=download&confirm=t"
    )
    download_url(address, root, filename or file_id, md5)


_COMPRESSIONS = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open}
_TARS = (".tar", ".tgz", ".tbz2", ".tbz", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpacks a tar or zip archive, or one compressed file, beside it or into to_path; gives where that is."""
    source = Path(from_path)
    target = Path(to_path) if to_path is not None else source.parent
    name = source.name.lower()
    if name.endswith(_TARS):
        with tarfile.open(source) as archive:
            archive.extractall(target, filter="data")
    elif name.endswith(".zip"):
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)
    elif source.suffix.lower() in _COMPRESSIONS:
        target = Path(to_path) if to_path is not None else source.with_suffix("")
        with (
            _COMPRESSIONS[source.suffix.lower()](source, "rb") as packed,
            open(target, "wb") as plain,
        ):
            shutil.copyfileobj(packed, plain)
    else:
        raise RuntimeError(
            f"extract_archive: {source.name} is no archive by its name; it must end in {', '.join(_TARS)}, .zip, .gz, "
            ".bz2 or .xz."
        )
    if remove_finished:
        source.unlink()
    return str(target)


def download_and_extract_archive(
    url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False
):
    """download_url, then extract_archive into extract_root."""
    download_root = os.path.expanduser(download_root)
    filename = filename or os.path.basename(url if isinstance(url, str) else url[0])
    download_url(url, download_root, filename, md5)
    extract_archive(
        os.path.join(download_root, filename), extract_root or download_root, remove_finished
    )


def list_dir(root, prefix=False):
    """The folders in a folder; prefix: with its path."""
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))]
    return [os.path.join(root, name) for name in names] if prefix else names


def list_files(root, suffix, prefix=False):
    """The files of a suffix in a folder; prefix: with its path."""
    root = os.path.expanduser(root)
    names = [
        n for n in os.listdir(root) if os.path.isfile(os.path.join(root, n)) and n.endswith(suffix)
    ]
    return [os.path.join(root, name) for name in names] if prefix else names


def verify_str_arg(value, arg=None, valid_values=None, custom_msg=None):
    """A word, if it is one of the valid ones; ValueError otherwise."""
    if not isinstance(value, str):
        raise ValueError(f"{arg or 'argument'} is {value!r}; it must be a str.")
    if valid_values is not None and value not in valid_values:
        if custom_msg is not None:
            raise ValueError(custom_msg)
        one_of("dataset", arg or "argument", value, valid_values)
    return value
