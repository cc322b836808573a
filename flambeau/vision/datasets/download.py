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
    path = Path(path)
    if path.exists() and _md5(path) == md5:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    failures = []
    try:
        for url in urls:
            try:
                _fetch(url, temporary)
            except (urllib.error.URLError, OSError, TimeoutError) as error:
                failures.append(f"{url}: {error}")
                continue
            found = _md5(temporary)
            if found == md5:
                os.replace(temporary, path)
                return
            failures.append(f"{url}: MD5 {found}, not {md5}")
    finally:
        temporary.unlink(missing_ok=True)
    raise RuntimeError(f"download of {path.name} failed.\n" + "\n".join(failures))


def _fetch(url, path):
    from tqdm import tqdm

    with urllib.request.urlopen(url, timeout=60) as response, open(path, "wb") as file:
        size = int(response.headers.get("Content-Length") or 0) or None
        with tqdm.wrapattr(response, "read", total=size, desc=path.name.split(".")[1]) as source:
            shutil.copyfileobj(source, file, 1 << 20)


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
