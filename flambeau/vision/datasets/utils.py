"""Downloads and archives, by torchvision's names."""

import bz2
import contextlib
import gzip
import lzma
import os
import re
import shutil
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

from .download import _md5, fetch
from .vision import one_of

__all__ = [
    "check_integrity", "download_and_extract_archive", "download_file_from_google_drive", "download_url",
    "extract_archive", "list_dir", "list_files", "verify_str_arg",
]  # fmt: skip


_DRIVE = "https://drive.usercontent.google.com/download?id={}&export=download&confirm=t"


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

    A download that was broken off goes on where it stopped. RuntimeError: no address gave it. RecursionError: an address
    leads on over more than max_redirect_hops others.
    """
    urls = [url] if isinstance(url, str) else list(url)
    path = Path(os.path.expanduser(root), filename or os.path.basename(urls[0]))
    if not check_integrity(path, md5):
        fetch([_source(one, max_redirect_hops) for one in urls], path, md5)


def _source(url, max_hops):
    """The address of the file itself; one that does not answer stays as it is."""
    with contextlib.suppress(urllib.error.URLError, TimeoutError):
        url = _get_redirect_url(url, max_hops)
    drive = _get_google_drive_file_id(url)
    return url if drive is None else _DRIVE.format(drive)


def _get_redirect_url(url, max_hops=3):
    """Where an address leads, over at most so many others; RecursionError beyond."""
    given = url
    for _ in range(max_hops + 1):
        request = urllib.request.Request(url, headers={"User-Agent": "flambeau"}, method="HEAD")
        with urllib.request.urlopen(request, timeout=60) as response:
            if response.url in (url, None):
                return url
            url = response.url
    raise RecursionError(f"{given} leads on after {max_hops} other addresses, last to {url}.")


def _get_google_drive_file_id(url):
    """The id in an address of Google Drive, else None."""
    parts = urllib.parse.urlsplit(url)
    if parts.hostname not in ("drive.google.com", "docs.google.com"):
        return None
    found = re.match(r"/file/d/([^/]+)", parts.path)
    return found and found[1]


def download_file_from_google_drive(file_id, root, filename=None, md5=None):
    """A file from Google Drive, by its id, into a folder."""
    path = Path(os.path.expanduser(root), filename or file_id)
    fetch([_DRIVE.format(file_id)], path, md5)


_COMPRESSED_FILE_OPENERS = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open}
_TARS_IN_A_WORD = {".tbz": ".bz2", ".tbz2": ".bz2", ".tgz": ".gz", ".txz": ".xz"}


def _detect_file_type(file):
    """(all of the ending, that of the archive, that of the compression) of a name; one of both may be None."""
    name = os.path.basename(file)
    stem, last = os.path.splitext(name.lower())
    before = os.path.splitext(stem)[1]
    if last in _TARS_IN_A_WORD:
        return last, ".tar", _TARS_IN_A_WORD[last]
    if last in (".tar", ".zip"):
        return last, last, None
    if last in _COMPRESSED_FILE_OPENERS:
        return (".tar" + last, ".tar", last) if before == ".tar" else (last, None, last)
    known = ".tar", ".zip", *_TARS_IN_A_WORD, *_COMPRESSED_FILE_OPENERS
    raise RuntimeError(
        f"extract_archive: {name} is no archive by its name; it must end in {', '.join(known)}."
    )


def _decompress(from_path, to_path=None, *, remove_finished=False):
    """Unpacks one compressed file, by default beside it, and gives where that is."""
    ending, archive, compression = _detect_file_type(from_path)
    if compression is None:
        raise RuntimeError(
            f"_decompress: {os.path.basename(from_path)} is not compressed; extract_archive takes {archive} archives."
        )
    if to_path is None:
        to_path = str(from_path)[: -len(ending)] + (archive or "")
    with (
        _COMPRESSED_FILE_OPENERS[compression](from_path, "rb") as packed,
        open(to_path, "wb") as plain,
    ):
        shutil.copyfileobj(packed, plain)
    if remove_finished:
        os.remove(from_path)
    return to_path


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpacks a tar or zip archive, or one compressed file, beside it or into to_path; gives where that is."""
    ending, archive, _ = _detect_file_type(from_path)
    if archive is None:
        plain = os.path.basename(from_path)[: -len(ending)]
        target = os.path.join(os.path.dirname(from_path) if to_path is None else to_path, plain)
        target = _decompress(from_path, target, remove_finished=remove_finished)
    else:
        target = os.path.dirname(from_path) if to_path is None else to_path
        if archive == ".tar":
            with tarfile.open(from_path) as file:
                file.extractall(target, filter="data")
        else:
            with zipfile.ZipFile(from_path) as file:
                file.extractall(target)
        if remove_finished:
            os.remove(from_path)
    return Path(target) if isinstance(from_path, Path) else target


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
