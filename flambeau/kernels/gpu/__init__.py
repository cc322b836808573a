"""Kernels for GPUs: the forms that map, reduce and rows take there, and what has no CPU form in the language.

The core finds a kernel by the address of its CPU form (`build`), which ../cache.py remembers with the
function that writes the GPU's. Kernels without one (products, gathers, sorts ...) are written by the
functions of this folder and asked for by name in flambeau/ops/cuda.
Read: blocks.py (threads, shared memory), map.py, reduce.py, rows.py, code.py (how the others are written), windows.py.
May import: kernels. See it: python -m flambeau.kernels "x / (1 + exp(-x))" --ptx.
"""

import hashlib

from .. import cache
from ..targets import elf, ptx

ARCH = "sm_75"  # what text is written for: the driver compiles it for every later architecture too


def build(address, letters):
    """The PTX of the GPU's form, chosen by `letters`, of the CPU kernel at `address`."""
    name, key, write = cache.gpu_form(address)
    return text_of(name, f"{key}\n{letters}", lambda: write(letters))


def text_of(name, key, write, arch=ARCH):
    """The PTX of the IR that `write()` gives, for an architecture and all later ones; from disk where it lies there."""
    digest = hashlib.blake2b(
        f"{cache.fingerprint()}\n{arch}\n{key}".encode(), digest_size=20
    ).hexdigest()
    blob = cache.read(digest)
    if blob is None:
        text = ptx.emit(write(), arch, name)
        cache.write(digest, elf.Blob(text.encode(), 0, ()))
        return text
    return blob.code.decode()
