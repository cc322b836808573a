"""Compiled kernels: in memory for the process, on disk for the next one.

A kernel is found by a key that needs no LLVM and no IR: its expression as text, dtypes and layout,
the level of the CPU, the sources of this folder and LLVM's version. A file holds an elf.Blob and a
checksum; it is written under another name first and then renamed, so readers see whole files only
and any number of processes may share a folder. Whatever goes wrong with the disk (full, read-only,
missing, damaged files) costs a compilation and nothing else.

    FLAMBEAU_CACHE_DIR         the folder (default: flambeau/ in XDG_CACHE_HOME or ~/.cache)
    FLAMBEAU_CACHE_MAX_BYTES   its size, beyond which the kernels not used for longest go
                               (default 268435456; 0: no cache on disk)
    FLAMBEAU_LOG=kernels       a line on stderr for each kernel made or loaded
"""

import contextlib
import functools
import hashlib
import os
import struct
import sys
import threading
import time

from . import ahead
from .targets import cpu, elf, process

MAGIC = b"flambeau kernel 1\n"
MAX_BYTES = 1 << 28
DAY_S = 86400
TRIM_EVERY = 64

_lock = threading.RLock()
_addresses = {}
made = 0  # how many kernels this process has waited for
_gpu_forms = {}  # address: (name, key, function that writes the GPU's form)
# Every TRIM_EVERYth write looks at all files, which takes a second for 90000. A process begins to count anywhere,
# so that programs of few kernels share this among them.
_writes = os.urandom(1)[0]


# A fork waits until no other thread compiles: the child would inherit LLVM's locks, held for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
    os.register_at_fork(after_in_child=ahead.reset)


def expect_more():
    """Has a second process ready: kernels will be foretold."""
    with _lock:
        ahead.start()


def gpu_form(address):
    """(name, key, function of letters that writes LLVM IR) of what has been compiled for the CPU."""
    return _gpu_forms[address]


def compiled(name, signature, key, ir, gpu=None, apart=False):
    """The address of the kernel of `key`; `ir(target)` makes its LLVM IR if it is nowhere yet.

    `gpu(letters)` writes the IR of its form for a GPU (see gpu/). `apart`: a copy for the caller alone, who gives it back
    (`elf.unload`) and needs no such form. Where the thread only foretells (`ahead.foretelling`) the kernel is asked for,
    and 0 the answer.
    """
    global made
    target = cpu.host()
    digest = hashlib.blake2b(
        f"{fingerprint()}\n{target.name}\n{key}".encode(), digest_size=20
    ).hexdigest()
    with _lock:
        address = None if apart else _addresses.get(digest)
        if address is None and ahead.foretells():
            if not _is_on_disk(digest):
                ahead.ask(digest, lambda: ir(target), target, write)
            return 0
        if address is None:
            start = time.perf_counter()
            blob = ahead.take(digest)
            source = "compiled ahead, waited for"
            if blob is None:
                blob = read(digest)
                source = "from disk"
            if blob is None:
                process.start()  # which takes as long as to write the IR
                blob = process.compile_ir(ir(target), target)
                write(digest, blob)
                source = "compiled"
                made += 1
            address = elf.load(blob, apart)
            if not apart:
                _addresses[digest] = address
            if gpu is not None and not apart:
                _gpu_forms[address] = name, key, gpu
            if "kernels" in os.environ.get("FLAMBEAU_LOG", ""):
                ms = (time.perf_counter() - start) * 1e3
                print(
                    f"kernels: {name} {signature}: {source} in {ms:.2f} ms, {len(blob.code)} bytes",
                    file=sys.stderr,
                )
    return address


@functools.cache
def fingerprint():
    """What compiled code depends on beside its key: the sources here (but the slow engine's), LLVM's version."""
    here = os.path.dirname(os.path.abspath(__file__))
    total = hashlib.blake2b(digest_size=16)
    for room in ("", "maths", "schedules", "targets", "gpu"):
        folder = os.path.join(here, room)
        for name in sorted(os.listdir(folder)):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    total.update(name.encode() + b"\0" + file.read())
    total.update(_llvmlite_version())
    return total.hexdigest()


def _llvmlite_version():
    """The bytes of llvmlite's version file; importing llvmlite would take longer than all the rest."""
    from importlib.util import find_spec

    try:
        with open(
            os.path.join(os.path.dirname(find_spec("llvmlite").origin), "_version.py"), "rb"
        ) as file:
            return file.read()
    except (OSError, AttributeError, TypeError):
        return b""


def folder():
    """The folder of the cache, or None if it is switched off."""
    if max_bytes() <= 0:
        return None
    chosen = os.environ.get("FLAMBEAU_CACHE_DIR")
    if not chosen:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        chosen = os.path.join(base, "flambeau")
    return os.path.join(chosen, "kernels")


def max_bytes():
    """The size beyond which old kernels are deleted."""
    try:
        return int(os.environ.get("FLAMBEAU_CACHE_MAX_BYTES", MAX_BYTES))
    except ValueError:
        return MAX_BYTES


# -- files ----------------------------------------------------------------------------------------


def pack(blob):
    """The bytes of a file: magic, checksum, entry, slots, code."""
    parts = [struct.pack("<II", blob.entry, len(blob.slots))]
    for offset, name in blob.slots:
        parts.append(struct.pack("<IB", offset, len(name)) + name.encode())
    payload = b"".join([*parts, blob.code])
    return MAGIC + hashlib.blake2b(payload, digest_size=16).digest() + payload


def unpack(data):
    """The blob of a file's bytes, or None if they are damaged."""
    start = len(MAGIC) + 16
    if len(data) < start + 8 or not data.startswith(MAGIC):
        return None
    if hashlib.blake2b(data[start:], digest_size=16).digest() != data[len(MAGIC) : start]:
        return None
    entry, n_slots = struct.unpack_from("<II", data, start)
    at, slots = start + 8, []
    for _ in range(n_slots):
        offset, length = struct.unpack_from("<IB", data, at)
        slots.append((offset, data[at + 5 : at + 5 + length].decode()))
        at += 5 + length
    return elf.Blob(data[at:], entry, tuple(slots))


def read(digest):
    """The blob of a digest from disk, or None."""
    where = folder()
    if where is None:
        return None
    path = os.path.join(where, digest)
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        # This is code that will run: only what we or the administrator wrote is taken.
        if status.st_uid not in (0, os.getuid()):
            return None
        data = os.read(file, status.st_size)
        now = time.time()
        if now - status.st_mtime > DAY_S:
            os.utime(path, (now, now))
    except OSError:
        return None
    finally:
        os.close(file)
    return unpack(data)


def _is_on_disk(digest):
    where = folder()
    return where is not None and os.path.exists(os.path.join(where, digest))


def write(digest, blob):
    """Writes a blob to disk if that is possible."""
    global _writes
    where = folder()
    if where is None:
        return
    temporary = os.path.join(where, f".{digest}.{os.getpid()}.{threading.get_ident()}")
    try:
        os.makedirs(where, mode=0o700, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(pack(blob))
        os.replace(temporary, os.path.join(where, digest))
    except OSError:
        _remove(temporary)
        return
    if _writes % TRIM_EVERY == 0:
        trim(where, max_bytes())
    _writes += 1


def trim(where, limit):
    """Deletes the files used longest ago until three quarters of `limit` remain, if it is passed."""
    try:
        with os.scandir(where) as entries:
            files = [(e.stat().st_mtime, e.stat().st_size, e.path) for e in entries if e.is_file()]
    except OSError:
        return
    now = time.time()
    for mtime, _, path in files:
        if os.path.basename(path).startswith(".") and now - mtime > 3600:
            _remove(path)  # left behind by a process that was killed
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, path in sorted(files):
        if total <= limit * 3 // 4:
            break
        _remove(path)
        total -= size


def _remove(path):
    with contextlib.suppress(OSError):
        os.remove(path)
