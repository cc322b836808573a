"""One ELF object to one position-independent blob of code, and a blob to callable memory.

LLVM's own loader would cost an import of LLVM (about 80 ms) in every process, even if each kernel
lies compiled on disk. A kernel's object is simple: code and constants, referring to each other
relative to the program counter. So they are laid out once, the references filled in, and the
result needs no loader: copied anywhere executable, it runs. Outside functions (the C library's, for
maths without an expansion) are reached through slots at the end, filled in on loading.

    blob:  | code | constants | jump stubs and slots of outside functions |
"""

import ctypes
import mmap
import struct
import threading
from typing import NamedTuple

SHT_RELA, SHT_NOBITS, SHF_ALLOC = 4, 8, 2
R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32 = 1, 2, 4
R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_REX_GOTPCRELX = 9, 41, 42


class Blob(NamedTuple):
    """Code that runs at any address: `slots` are (offset, name) of outside addresses to fill in."""

    code: bytes
    entry: int
    slots: tuple


def _align(n, to):
    return (n + to - 1) // to * to


def _string(table, start):
    return table[start : table.index(b"\0", start)].decode()


class _Object:
    """The sections and symbols of a 64-bit little-endian relocatable object."""

    def __init__(self, data):
        self.data = data
        header = struct.unpack_from("<16sHHIQQQIHHHHHH", data)
        shoff, shnum, shstrndx = header[6], header[12], header[13]
        self.machine = header[2]
        self.sections = [
            struct.unpack_from("<IIQQQQIIQQ", data, shoff + 64 * i) for i in range(shnum)
        ]
        names = self.bytes_of(shstrndx)
        self.names = [_string(names, s[0]) for s in self.sections]
        table = next(i for i, s in enumerate(self.sections) if s[1] == 2)
        strings = self.bytes_of(self.sections[table][6])
        self.symbols = []
        for name, info, _, section, value, _ in struct.iter_unpack("<IBBHQQ", self.bytes_of(table)):
            self.symbols.append((_string(strings, name), info & 15, section, value))

    def bytes_of(self, i):
        section = self.sections[i]
        if section[1] == SHT_NOBITS:
            return bytes(section[5])
        return self.data[section[4] : section[4] + section[5]]

    def relocations(self):
        """(section it applies to, offset, type, symbol, addend) of all relocations."""
        for i, section in enumerate(self.sections):
            if section[1] == SHT_RELA:
                for offset, info, addend in struct.iter_unpack("<QQq", self.bytes_of(i)):
                    yield section[7], offset, info & 0xFFFFFFFF, info >> 32, addend


def link(data, entry):
    """The Blob of the object file `data`, to be entered at the symbol `entry`."""
    obj = _Object(data)
    out = bytearray()
    place = {}
    for i, section in enumerate(obj.sections):
        skipped = obj.names[i].startswith((".eh_frame", ".note"))
        if section[2] & SHF_ALLOC and section[5] and not skipped:
            out.extend(bytes(_align(len(out), max(section[8], 1)) - len(out)))
            place[i] = len(out)
            out.extend(obj.bytes_of(i))
    out.extend(bytes(_align(len(out), 16) - len(out)))
    slots = {}

    def slot_of(name):
        # jmp *[rip + 2]; two bytes of padding; then the address
        if name not in slots:
            slots[name] = len(out)
            out.extend(b"\xff\x25\x02\0\0\0\x90\x90" + bytes(8))
        return slots[name]

    for section, offset, kind, symbol, addend in obj.relocations():
        if section not in place:
            continue
        name, _, home, value = obj.symbols[symbol]
        at = place[section] + offset
        if obj.machine == 183:
            _relocate_aarch64(out, at, kind, place[home] + value + addend)
            continue
        if kind in (R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_REX_GOTPCRELX):
            target = slot_of(name) + 8 + addend
        elif kind in (R_X86_64_PC32, R_X86_64_PLT32):
            target = (place[home] + value if home else slot_of(name)) + addend
        else:
            raise NotImplementedError(f"relocation type {kind} of {name!r} in a kernel")
        struct.pack_into("<i", out, at, target - at)
    start = next(place[s] + v for n, _, s, v in obj.symbols if n == entry)
    return Blob(bytes(out), start, tuple((at + 8, name) for name, at in slots.items()))


def _relocate_aarch64(out, at, kind, target):
    """The five references that AArch64 code of the small model makes; blobs lie on page bounds."""
    word = struct.unpack_from("<I", out, at)[0]
    if kind == 275:  # ADR_PREL_PG_HI21
        pages = (target >> 12) - (at >> 12)
        word |= (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5
    elif kind in (277, 278, 284, 285, 286, 299):  # ADD_ABS_LO12_NC, LDST<8..128>_ABS_LO12_NC
        scale = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4}[kind]
        word |= ((target & 0xFFF) >> scale) << 10
    elif kind in (282, 283):  # JUMP26, CALL26
        word |= (target - at) >> 2 & 0x3FFFFFF
    else:
        raise NotImplementedError(f"relocation type {kind} in a kernel")
    struct.pack_into("<I", out, at, word)


class _Memory:
    """Executable pages, handed out from large mappings and kept for the life of the process, or mapped by themselves."""

    CHUNK = 1 << 18

    def __init__(self):
        self.lock = threading.Lock()
        self.c = ctypes.CDLL(None, use_errno=True)
        self.c.mmap.restype = ctypes.c_void_p
        self.c.mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_long,
        ]
        self.c.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.c.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.next = self.end = 0
        self.apart = {}  # entry of what can be unloaded: (address, size)

    def _map(self, size):
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        start = self.c.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
        if start in (None, ctypes.c_void_p(-1).value):
            raise MemoryError(f"no {size} bytes of memory for a kernel")
        return start

    def _place(self, size):
        with self.lock:
            if self.next + size > self.end:
                chunk = max(self.CHUNK, size)
                self.next = self._map(chunk)
                self.end = self.next + chunk
            address = self.next
            self.next += size
        return address

    def load(self, data, entry, apart):
        """The entry of a copy of `data` in fresh pages, which from then on can be run but not written."""
        size = _align(len(data), mmap.PAGESIZE)
        address = self._map(size) if apart else self._place(size)
        if apart:
            self.apart[address + entry] = address, size
        ctypes.memmove(address, data, len(data))
        if self.c.mprotect(address, size, mmap.PROT_READ | mmap.PROT_EXEC) != 0:
            raise OSError(ctypes.get_errno(), "the system refuses to make a kernel executable")
        return address + entry


_memory = None


def _outside(name):
    for library in (None, "libm.so.6"):
        try:
            function = getattr(ctypes.CDLL(library), name)
        except (OSError, AttributeError):
            continue
        return ctypes.cast(function, ctypes.c_void_p).value
    raise NotImplementedError(f"the C library has no {name}, which a kernel calls")


def load(blob, apart=False):
    """The address of the blob's entry in memory of this process; `apart`: which `unload` can give back."""
    global _memory
    if _memory is None:
        _memory = _Memory()
    code = blob.code
    if blob.slots:
        code = bytearray(code)
        for offset, name in blob.slots:
            struct.pack_into("<Q", code, offset, _outside(name))
        code = bytes(code)
    return _memory.load(code, blob.entry, apart)


def unload(entry):
    """Gives back the memory of what was loaded apart, and is never run again."""
    _memory.c.munmap(*_memory.apart.pop(entry))
