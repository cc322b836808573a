"""Memories of the simulated GPU, as lanes see them: checked addresses, typed reads and writes."""

import numpy as np

LOCAL = 1 << 58  # where generic addresses of a thread's own memory begin
SHARED = 1 << 59
TABLES = 1 << 60  # constants of the module
_LIMIT = 1 << 22  # accesses of one launch that are remembered for races


class Fault(RuntimeError):
    """What a kernel must not do, with its name and line."""


class Global:
    """The device's memory during one launch."""

    def __init__(self, name, view, base, ranges, tables):
        self.name = name
        self.bytes = np.frombuffer(view, np.uint8)
        self.base = base
        pairs = np.frombuffer(ranges, np.int64).reshape(-1, 2)
        self.starts, self.ends = pairs[:, 0].copy(), pairs[:, 1].copy()
        self.tables = tables
        self.views = {}
        self.read, self.written = [], []
        self.remembered = 0

    def view(self, dtype):
        if dtype not in self.views:
            self.views[dtype] = self.bytes.view(dtype)
        return self.views[dtype]

    def check(self, address, size, line, lanes):
        """Places in the view, in elements of `size` bytes."""
        signed = address.view(np.int64)
        if signed.size == 0:
            return signed
        low, high = int(signed.min()), int(signed.max())
        at = int(np.searchsorted(self.starts, low, "right")) - 1
        if at < 0 or high + size > self.ends[at]:
            k = np.searchsorted(self.starts, signed, "right") - 1
            inside = (
                (k >= 0) & (signed + size <= self.ends[np.maximum(k, 0)])
                if self.starts.size
                else k > 0
            )
            if not inside.all():
                bad = int(np.argmin(inside))
                self.outside(int(signed[bad]), size, line, int(lanes[bad]))
        if size > 1 and ((low | high) & (size - 1) or (signed & (size - 1)).any()):
            bad = int(np.argmax(signed & (size - 1)))
            raise Fault(
                f"kernel {self.name}, line {line}: thread {int(lanes[bad])} uses the address {int(signed[bad]):#x} for "
                f"{size} bytes, which is not a multiple of {size}."
            )
        return (signed - self.base) // size

    def outside(self, address, size, line, lane):
        near = int(np.searchsorted(self.starts, address, "right")) - 1
        where = ""
        if near >= 0:
            start, end = int(self.starts[near]), int(self.ends[near])
            where = f", {address - start} bytes into a block of {end - start}"
        raise Fault(
            f"kernel {self.name}, line {line}: thread {lane} reaches {size} bytes at {address:#x}{where}, which is outside "
            "of all live memory."
        )

    def remember(self, records, address, lanes, line):
        if self.remembered < _LIMIT:
            records.append((address.view(np.int64), lanes, line))
            self.remembered += address.size

    def finish(self):
        """Raises where a lane has written what another one touched."""
        if not self.written:
            return
        address, lane, line = self._all(self.written)
        order = np.argsort(address, kind="stable")
        address, lane, line = address[order], lane[order], line[order]
        twice = (address[1:] == address[:-1]) & (lane[1:] != lane[:-1])
        if twice.any():
            k = int(np.argmax(twice))
            self._race("write", lane[k], line[k], lane[k + 1], line[k + 1], address[k])
        if not self.read:
            return
        seen, by, there = self._all(self.read)
        at = np.searchsorted(address, seen)
        at[at == address.size] = 0
        clash = (address[at] == seen) & (lane[at] != by)
        if clash.any():
            k = int(np.argmax(clash))
            self._race("read", lane[at[k]], line[at[k]], by[k], there[k], seen[k])

    def _all(self, records):
        lines = np.concatenate([np.full(a.size, n) for a, _, n in records])
        return (
            np.concatenate([a for a, _, _ in records]),
            np.concatenate([b for _, b, _ in records]),
            lines,
        )

    def _race(self, does, writer, line, other, other_line, address):
        raise Fault(
            f"kernel {self.name}: thread {int(writer)} writes {int(address):#x} (line {int(line)}), which thread "
            f"{int(other)} {does}s too (line {int(other_line)}), and nothing orders them."
        )


class Shared:
    """The shared memory of some blocks, one after another, with who touched what since the last barrier."""

    def __init__(self, name, nbytes, blocks):
        self.name = name
        self.nbytes = (nbytes + 15) // 16 * 16
        self.bytes = np.full(self.nbytes * blocks, 0xFF, np.uint8)
        self.writer = np.full(self.bytes.size, -1, np.int64)
        self.reader = np.full(self.bytes.size, -1, np.int64)  # -2: several
        # Of each block, whether something written is not yet visible to the async proxy.
        self.hidden = np.zeros(blocks, bool)

    def barrier(self):
        self.writer.fill(-1)
        self.reader.fill(-1)

    def places(self, offset, size, line, blocks, lanes):
        offset = offset.view(np.int64)
        wrong = (offset < 0) | (offset + size > self.nbytes) | (offset & (size - 1) != 0)
        if wrong.any():
            bad = int(np.argmax(wrong))
            raise Fault(
                f"kernel {self.name}, line {line}: thread {int(lanes[bad])} reaches {size} bytes at {int(offset[bad])} of "
                f"shared memory, which has {self.nbytes}, or is misaligned."
            )
        return offset + blocks * self.nbytes

    def load(self, offset, dtype, line, blocks, lanes):
        at = self.places(offset, dtype.itemsize, line, blocks, lanes)
        writer = self.writer[at]
        clash = (writer >= 0) & (writer != lanes)
        if clash.any():
            self.race(line, int(np.argmax(clash)), writer, lanes, "reads")
        reader = self.reader[at]
        self.reader[at] = np.where((reader == -1) | (reader == lanes), lanes, -2)
        if np.unique(at).size != at.size:  # several lanes read one place
            order = np.argsort(at, kind="stable")
            a, b = at[order], lanes[order]
            several = a[1:][(a[1:] == a[:-1]) & (b[1:] != b[:-1])]
            self.reader[several] = -2
        return self.bytes.view(dtype)[at // dtype.itemsize]

    def store(self, offset, values, line, blocks, lanes):
        size = values.dtype.itemsize
        at = self.places(offset, size, line, blocks, lanes)
        writer, reader = self.writer[at], self.reader[at]
        clash = ((writer >= 0) & (writer != lanes)) | ((reader != -1) & (reader != lanes))
        if clash.any():
            self.race(
                line, int(np.argmax(clash)), np.where(writer >= 0, writer, reader), lanes, "writes"
            )
        if np.unique(at).size != at.size:
            raise Fault(
                f"kernel {self.name}, line {line}: two threads write one place of shared memory, and nothing orders them."
            )
        self.writer[at] = lanes
        self.hidden[blocks] = True
        self.bytes.view(values.dtype)[at // size] = values

    def expect(self, offset, size, line, blocks, lanes):
        """Places that a copy on its way will write: until it is there nobody, its own thread neither, may touch them."""
        at = self.places(offset, size, line, blocks, lanes)
        every = at[:, None] + np.arange(size)
        writer, reader = self.writer[every], self.reader[every]
        mine = lanes[:, None]
        clash = ((writer >= 0) & (writer != mine)) | ((reader != -1) & (reader != mine))
        if clash.any():
            bad = int(np.argmax(clash.any(1)))
            others = np.where(writer[bad] >= 0, writer[bad], reader[bad])
            self.race(line, bad, np.full(lanes.size, others.max()), lanes, "writes")
        self.writer[every] = mine
        self.bytes[every] = 0xFF
        return every

    def arrive(self, every, values, blocks, lanes):
        """What was on its way is there."""
        self.writer[every] = lanes[:, None]
        self.hidden[blocks] = True
        self.bytes[every] = values

    def race(self, line, bad, other, lanes, does):
        raise Fault(
            f"kernel {self.name}, line {line}: thread {int(lanes[bad])} {does} shared memory that thread {int(other[bad])} "
            "has touched since the last barrier."
        )
