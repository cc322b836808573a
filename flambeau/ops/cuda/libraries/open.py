"""A library of NVIDIA's, opened when first asked for, as a table of its entry points.

FLAMBEAU_CUDA_LIBRARIES     on (default), off, or the folder in which they lie
"""

import ctypes
import functools
import glob
import os

from .... import _core

POINTER, INT, INT64, SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_size_t

# Numbers of cudaDataType_t.
DATA_TYPES = {
    "float32": 0, "float64": 1, "float16": 2, "complex64": 4, "complex128": 5, "bfloat16": 14,
}  # fmt: skip


class Failed(RuntimeError):
    """A call of a library that did not succeed."""


class Library:
    """The entry points of one library; a call whose status is not 0 raises Failed."""

    def __init__(self, handle, entries, texts, version):
        self.texts = texts
        self.version = 0
        if version:
            count = getattr(handle, version)
            count.argtypes, count.restype = (), SIZE
            self.version = count()
        for name, types in entries.items():
            setattr(self, name, self._checked(getattr(handle, name), name, types))

    def _checked(self, function, name, types):
        function.argtypes, function.restype = types, INT

        def call(*arguments):
            status = function(*arguments)
            if status:
                text = self.texts.get(status, "an unknown status")
                raise Failed(f"cuda: {name} failed with {text} ({status}).")

        return call


def _folders(wheel):
    """Where pip puts a wheel of NVIDIA's: nvidia/<wheel>/lib, or nvidia/cu13/lib from CUDA 13 on."""
    from importlib.util import find_spec

    spec = find_spec("nvidia")
    for root in (spec.submodule_search_locations if spec else None) or ():
        for room in (wheel, "cu*"):
            yield from sorted(glob.glob(os.path.join(root, room, "lib")), reverse=True)


def candidates(name, wheel, chosen):
    """Files to try, then names for the system's loader."""
    folders = [chosen] if chosen else _folders(wheel)
    for folder in folders:
        yield from sorted(glob.glob(os.path.join(folder, f"lib{name}.so*")), reverse=True)
    if not chosen:
        yield f"lib{name}.so"


@functools.cache
def library(name, wheel, entries_of, texts_of, version):
    """The table of lib<name>.so of the wheel nvidia-<wheel>, or None where there is none that has all entries.

    entries_of(), texts_of(): {name: types}, {status: its name}; version: the function without arguments that tells it.
    """
    asked = os.environ.get("FLAMBEAU_CUDA_LIBRARIES", "on")
    if asked == "off":
        return None
    chosen = None if asked == "on" else asked
    # NVIDIA's own would reach for a device that is not there.
    if chosen is None and _core._cuda_state()[2]:
        return None
    for path in candidates(name, wheel, chosen):
        try:
            return Library(ctypes.CDLL(path), entries_of(), texts_of(), version)
        except (OSError, AttributeError):
            continue
    return None


def workspace(nbytes, device):
    """Memory of the device for a call on the current stream, or None for no bytes."""
    return _core.empty(nbytes, dtype=_core.uint8, device=device) if nbytes else None


def address(tensor):
    return 0 if tensor is None else tensor.data_ptr()


def stream(index):
    """The handle of this thread's current stream on a device, as the libraries take it."""
    return _core._cuda_current_stream(index) or 0


def alignment(tensor):
    """The greatest power of two up to 256 that divides a tensor's address."""
    place = tensor.data_ptr()
    return min(256, place & -place) if place else 256
