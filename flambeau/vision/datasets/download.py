"""Files from the network, complete and with the right checksum or not at all."""

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path


def download(urls, path, md5):
    """Fetch a file from the first address that has it with this checksum.

    A file that is already there with this checksum is kept.

    Raises:
        RuntimeError: no address gave it; the message lists what each said.
    """
    fetch(urls, path, md5)


def fetch(urls, path, md5=None):
    """download, also without a checksum; what was broken off goes on where it stopped."""
    path = Path(path)
    if path.exists() and (md5 is None or _md5(path) == md5):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    failures = []
    for url in urls:
        try:
            _fetch(url, part)
        except (urllib.error.URLError, OSError, TimeoutError) as error:
            failures.append(f"{url}: {error}")
            continue
        found = md5 and _md5(part)
        if found == md5:
            os.replace(part, path)
            return
        part.unlink()  # a wrong one is of no use to the next attempt
        failures.append(f"{url}: MD5 {found}, not {md5}")
    raise RuntimeError(
        f"download of {path.name} failed.\n"
        + "\n".join(failures)
        + f"\nWithout a network, copy the file to {path}."
    )


def _fetch(url, path):
    """The file of an address behind what is there of it already."""
    from tqdm import tqdm

    have = path.stat().st_size if path.exists() else 0
    headers = {"User-Agent": "flambeau"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:  # 416: nothing is left to send
            raise
        return
    with response, open(path, "ab" if getattr(response, "status", 200) == 206 else "wb") as file:
        size = int(response.headers.get("Content-Length") or 0) or None
        name = path.name.strip(".").removesuffix(".part")
        with tqdm.wrapattr(response, "read", total=size, desc=name) as source:
            shutil.copyfileobj(source, file, 1 << 20)


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
