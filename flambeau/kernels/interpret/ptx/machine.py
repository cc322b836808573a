"""Modules of PTX, and launches of their kernels, some blocks of the grid at a time."""

import numpy as np

from . import fragments, memory, on_the_way, order, parse
from .memory import LOCAL, SHARED, TABLES, Fault
from .translate import Translator

_REGION = np.uint64(LOCAL.bit_length() - 1)  # an address's bits from here on tell its memory

_LANES = 1 << 14  # threads that run at once, at least a block


def _aligned(position, alignment):
    return (position + alignment - 1) // alignment * alignment


class Module:
    """PTX text, parsed; its functions are translated when first run."""

    def __init__(self, text):
        self.program = parse.program(text)
        self.symbols, data = {}, bytearray()
        for name, content, alignment in self.program.tables:
            start = _aligned(len(data), alignment)
            data.extend(b"\0" * (start - len(data)) + content)
            self.symbols[name] = TABLES + start
        self.tables = np.frombuffer(bytes(data) + b"\0" * 16, np.uint8)
        self.codes = {}

    def function(self, name):
        """A kernel by its name."""
        found = self.program.functions.get(name)
        if found is None or not found.is_kernel:
            raise Fault(f"PTX: there is no kernel {name!r}.")
        return Function(self, found)

    def code(self, name):
        """(blocks as Python functions, bytes of each register, order of the blocks, bytes of shared and of local memory)."""
        if name not in self.codes:
            function = self.program.functions[name]
            symbols = dict(self.symbols)
            sizes = {}
            for space, base, entries in (
                ("shared", 0, [*self.program.shared, *function.shared]),
                ("local", 0, function.local),
                ("param", 0, function.parameters),
            ):
                end = base
                # What a launch asks for, of no bytes here, lies behind all others.
                for entry, nbytes, alignment in sorted(
                    entries, key=lambda e: space == "shared" and not e[1]
                ):
                    end = _aligned(end, alignment)
                    symbols[entry] = end
                    end += nbytes
                sizes[space] = end
            translator = Translator(function, symbols, self.program.functions)
            blocks = translator.whole()
            widths = [translator.width(r) for r in translator.registers]
            ranks = order.ranks(function)
            self.codes[name] = blocks, widths, ranks, sizes["shared"], sizes["local"]
        return self.codes[name]


class Function:
    """A kernel that can be launched."""

    def __init__(self, module, function):
        self.module, self.parsed = module, function
        places, end = [], 0
        for _, nbytes, alignment in function.parameters:
            end = _aligned(end, alignment)
            places.append((nbytes, end))
            end += nbytes
        self.parameter_places = tuple(places)

    def run(self, grid, block, dynamic_shared, parameters, view, base, ranges):
        """Runs all threads; `view` is the device's memory, which begins at the address `base`."""
        name = self.parsed.name
        blocks, registers, ranks, shared, local = self.module.code(name)
        everything = memory.Global(name, view, base, ranges, self.module.tables)
        parameters = np.frombuffer(parameters + b"\0" * 16, np.uint8)
        threads = block[0] * block[1] * block[2]
        count = grid[0] * grid[1] * grid[2]
        at_once = max(1, _LANES // threads)
        with np.errstate(all="ignore"):
            for first in range(0, count, at_once):
                machine = Machine(
                    self.module, name, everything, parameters, grid, block, first,
                    min(at_once, count - first), shared + dynamic_shared, local,
                )  # fmt: skip
                machine.execute(blocks, registers, ranks)
        everything.finish()


class Machine(on_the_way.Operations):
    """Some threads of a launch, and what instructions ask of them."""

    END = 1 << 30
    LOCAL, SHARED = np.uint64(LOCAL), np.uint64(SHARED)

    def __init__(
        self, module, name, everything, parameters, grid, block, first, count, shared, local
    ):
        self.module, self.name, self.everything, self.parameters = (
            module,
            name,
            everything,
            parameters,
        )
        self.grid, self.block = grid, block
        self.per_block = block[0] * block[1] * block[2]
        self.n = count * self.per_block
        lanes = np.arange(self.n)
        self.cta = lanes // self.per_block  # among those here
        self.thread = lanes % self.per_block
        self.lanes = lanes + first * self.per_block  # in the whole grid
        self.ctas = count
        self.first = first
        self.shared = memory.Shared(name, shared, count) if shared else None
        self.local = np.full((self.n, local + 16), 0xFF, np.uint8) if local else None
        self.specials = {}
        self.waiting = {}
        self.results = {}
        self.copies, self.products = on_the_way.Groups(), on_the_way.Groups()
        self.arguments = None  # of a function: its parameters' bytes, a row for each thread

    # -- control ------------------------------------------------------------------------------------

    def execute(self, blocks, widths, ranks):
        """Runs from the first block until all threads have ended."""
        registers = [np.zeros(self.n, f"u{w}" if w else bool) for w in widths]
        work = {0: None}  # block: threads that wait to run it, None: all
        alive = self.n
        while True:
            while work:
                at = min(work, key=ranks.__getitem__)
                here = work.pop(at)
                target, condition, other = blocks[at](self, registers, here)
                if target is None:  # at a barrier
                    self.wait(at + 1, here)
                    continue
                if condition is None:
                    alive -= self.send(work, target, here)
                    continue
                if condition.all():
                    alive -= self.send(work, target, here)
                elif not condition.any():
                    alive -= self.send(work, other, here)
                else:
                    those = np.flatnonzero(condition)
                    rest = np.flatnonzero(~condition)
                    if here is not None:
                        those, rest = here[those], here[rest]
                    alive -= self.send(work, target, those)
                    alive -= self.send(work, other, rest)
            if not self.waiting:
                return
            self.open_barrier(work, alive)

    def wait(self, at, those):
        """Threads have reached the barrier in front of a block."""
        before = self.waiting.get(at, np.zeros(0, int))
        those = np.arange(self.n) if those is None else those
        both = np.concatenate([before, those])
        self.waiting[at] = np.sort(both)

    def send(self, work, target, those):
        """Adds threads to those that wait for a block; how many have ended."""
        if target == self.END:
            if those is None:
                self.ended = np.arange(self.n)
                return self.n
            self.note_end(those)
            return those.size
        if target not in work:
            work[target] = those
            return 0
        before = work[target]
        if before is not None and those is not None:
            both = np.concatenate([before, those])
            work[target] = None if both.size == self.n else np.sort(both)
        return 0

    ended = None

    def note_end(self, those):
        if self.shared is not None or self.waiting:
            self.ended = those if self.ended is None else np.concatenate([self.ended, those])

    def open_barrier(self, work, alive):
        arrived = np.zeros(self.n, bool)
        for those in self.waiting.values():
            arrived[those] = True
        gone = np.zeros(self.n, bool)
        if self.ended is not None:
            gone[self.ended] = True
        missing = ~arrived & ~gone
        reached = np.bincount(self.cta[arrived], minlength=self.ctas)
        partly = np.bincount(self.cta[gone], minlength=self.ctas)
        if (
            missing.any()
            or (len(self.waiting) > 1 and self.mixed())
            or ((reached > 0) & (partly > 0)).any()
        ):
            raise Fault(
                f"kernel {self.name}, line {self.barrier_line}: a barrier is not reached by all threads of its block."
            )
        for at, those in self.waiting.items():
            self.send(work, at, None if those.size == self.n else those)
        self.waiting = {}
        if self.shared is not None:
            self.shared.barrier()

    def mixed(self):
        """Whether threads of one block wait at different barriers."""
        where = np.full(self.ctas, -1)
        for at, those in self.waiting.items():
            ctas = np.unique(self.cta[those])
            if (where[ctas] >= 0).any():
                return True
            where[ctas] = at
        return False

    def barrier(self, line):
        self.barrier_line = line

    def trap(self, line, i):
        raise Fault(
            f"kernel {self.name}, line {line}: thread {int(self.all_lanes(i)[0])} stops itself."
        )

    # -- registers ----------------------------------------------------------------------------------

    def count(self, i):
        return self.n if i is None else i.size

    def spread(self, value, i):
        """`value` as an array of the threads here."""
        if isinstance(value, np.ndarray) and value.ndim:
            return value
        return np.full(self.count(i), value)

    def put(self, registers, k, i, value):
        """A register's value in some threads; registers may share arrays, so it gets one of its own."""
        registers[k] = registers[k].copy()
        registers[k][i] = value

    def old(self, registers, k, i):
        return registers[k] if i is None else registers[k][i]

    def special(self, name, i):
        if name not in self.specials:
            self.specials[name] = self._special(name)
        value = self.specials[name]
        return value if i is None else value[i]

    def _special(self, name):
        kind, _, axis = name[1:].partition(".")
        if kind in ("ntid", "nctaid"):
            size = (self.block if kind == "ntid" else self.grid)["xyz".index(axis)]
            return np.full(self.n, size, np.uint32)
        if kind == "laneid":
            return (self.thread % 32).astype(np.uint32)
        if kind == "warpid":
            return (self.thread // 32).astype(np.uint32)
        number, sizes = (
            (self.thread, self.block) if kind == "tid" else (self.cta + self.first, self.grid)
        )
        for letter, size in zip("xyz", sizes):
            if letter == axis:
                return (number % size).astype(np.uint32)
            number = number // size
        raise Fault(f"kernel {self.name}: the register {name} is not known to the interpreter.")

    def all_lanes(self, i):
        return self.lanes if i is None else self.lanes[i]

    # -- memory -------------------------------------------------------------------------------------

    def aligned(self, address, nbytes, line, i):
        wrong = address & np.uint64(nbytes - 1)
        if wrong.any():
            raise Fault(
                f"kernel {self.name}, line {line}: thread {int(self.all_lanes(i)[np.argmax(wrong)])} uses an address that "
                f"is not a multiple of {nbytes}."
            )

    def space_of(self, space, address):
        """(space, addresses in it)."""
        if space not in ("generic", "global", "const") or address.size == 0:
            return space, address
        first = int(address[0])
        if first >= TABLES:
            return "tables", address - np.uint64(TABLES)
        if first >= SHARED:
            return "shared", address - self.SHARED
        if first >= LOCAL:
            return "local", address - self.LOCAL
        return "global", address

    def memories(self, space, address):
        """For each memory that the threads of a generic access reach, which of them do, where it is more than one."""
        if space != "generic" or address.size < 2:
            return ()
        which = address >> _REGION
        if (which == which[0]).all():
            return ()
        return [np.flatnonzero(which == one) for one in np.unique(which)]

    def load(self, space, address, dtype, line, i, condition=None):
        if condition is not None:
            return self.under(
                condition, dtype, address, lambda a, j: self.load(space, a, dtype, line, j), i
            )
        memories = self.memories(space, address)
        if len(memories):
            out = np.empty(address.size, dtype)
            for those in memories:
                lanes = those if i is None else i[those]
                out[those] = self.load(space, address[those], dtype, line, lanes)
            return out
        space, address = self.space_of(space, address)
        if space == "global":
            lanes = self.all_lanes(i)
            at = self.everything.check(address, dtype.itemsize, line, lanes)
            self.everything.remember(self.everything.read, address, lanes, line)
            return self.everything.view(dtype)[at]
        if space == "shared":
            cta = self.cta if i is None else self.cta[i]
            return self.shared.load(address, dtype, line, cta, self.all_lanes(i))
        if space == "local":
            return self.local_item(address, dtype, line, i)
        if space == "tables":
            return self.bytes_of(self.everything.tables, address, dtype, line)
        if self.arguments is None:
            return self.bytes_of(self.parameters, address, dtype, line)
        rows = (np.arange(self.n) if i is None else i)[:, None]
        columns = address.view(np.int64)[:, None] + np.arange(dtype.itemsize)
        return np.ascontiguousarray(self.arguments[rows, columns]).view(dtype)[:, 0]

    def under(self, condition, dtype, address, load, i):
        """What only the threads of a guard load."""
        those = np.flatnonzero(condition)
        out = np.zeros(address.size, dtype)
        if those.size:
            out[those] = load(address[those], those if i is None else i[those])
        return out

    def bytes_of(self, data, address, dtype, line):
        at = address.view(np.int64)
        if at.size and (at.min() < 0 or at.max() + dtype.itemsize > data.size):
            raise Fault(
                f"kernel {self.name}, line {line}: reads outside of its constants or parameters."
            )
        gathered = data[at[:, None] + np.arange(dtype.itemsize)]
        return np.ascontiguousarray(gathered).view(dtype)[:, 0]

    def local_places(self, address, size, line, i):
        at = address.view(np.int64)
        if self.local is None or at.min() < 0 or at.max() + size > self.local.shape[1]:
            raise Fault(
                f"kernel {self.name}, line {line}: reaches outside of a thread's own memory."
            )
        rows = np.arange(self.n) if i is None else i
        return rows[:, None], at[:, None] + np.arange(size)

    def local_item(self, address, dtype, line, i):
        rows, columns = self.local_places(address, dtype.itemsize, line, i)
        return np.ascontiguousarray(self.local[rows, columns]).view(dtype)[:, 0]

    def store(self, space, address, values, line, i, condition=None):
        if condition is not None:
            those = np.flatnonzero(condition)
            if those.size:
                self.store(
                    space, address[those], values[those], line, those if i is None else i[those]
                )
            return
        memories = self.memories(space, address)
        for those in memories:
            lanes = those if i is None else i[those]
            self.store(space, address[those], values[those], line, lanes)
        if len(memories):
            return
        space, address = self.space_of(space, address)
        if space == "global":
            lanes = self.all_lanes(i)
            at = self.everything.check(address, values.dtype.itemsize, line, lanes)
            self.everything.remember(self.everything.written, address, lanes, line)
            self.everything.view(values.dtype)[at] = values
        elif space == "shared":
            cta = self.cta if i is None else self.cta[i]
            self.shared.store(address, values, line, cta, self.all_lanes(i))
        elif space == "local":
            rows, columns = self.local_places(address, values.dtype.itemsize, line, i)
            self.local[rows, columns] = np.ascontiguousarray(values)[:, None].view(np.uint8)
        else:
            raise Fault(f"kernel {self.name}, line {line}: writes to constants.")

    def atomic(self, space, what, address, values, line, i, condition=None):
        """One thread after the other; the values before."""
        lanes = self.all_lanes(i)
        those = np.arange(address.size) if condition is None else np.flatnonzero(condition)
        space, address = self.space_of(space, address)
        dtype = values[0].dtype
        if space == "global":
            at = self.everything.check(address[those], dtype.itemsize, line, lanes[those])
            data = self.everything.view(dtype)
        else:
            cta = self.cta if i is None else self.cta[i]
            at = self.shared.places(address[those], dtype.itemsize, line, cta[those], lanes[those])
            at, data = at // dtype.itemsize, self.shared.bytes.view(dtype)
        out = np.zeros(address.size, dtype)
        for k, place in zip(those, at):
            old = out[k] = data[place]
            data[place] = self.combined(what, old, [v[k] for v in values])
        return out

    def combined(self, what, old, values):
        new = values[0]
        if what == "add":
            return old + new
        if what in ("min", "max"):
            return (min if what == "min" else max)(old, new)
        if what in ("and", "or", "xor"):
            return {"and": old & new, "or": old | new, "xor": old ^ new}[what]
        if what == "exch":
            return new
        if what == "inc":
            return old.dtype.type(0) if old >= new else old + old.dtype.type(1)
        return values[1] if old == new else old  # cas

    def shuffle(self, mode, value, b, c, line, i):
        """shfl: (what another thread of the warp has, whether that one is in range)."""
        here = np.arange(self.n) if i is None else i
        lane = self.thread[here] % 32
        clamp, mask = (c & 31).astype(np.int64), (c.astype(np.int64) >> 8) & 31
        low, high = lane & mask, (lane & mask) | (clamp & ~mask)
        b = (b & 31).astype(np.int64)
        if mode == "up":
            source = lane - b
            inside = source >= high
        elif mode == "down":
            source = lane + b
            inside = source <= high
        elif mode == "bfly":
            source = lane ^ b
            inside = source <= high
        else:
            source = low | (b & ~mask)
            inside = source <= high
        source = np.where(inside, source, lane)
        table = np.full(self.n, -1)
        table[here] = np.arange(here.size)
        at = table[here - lane + source]
        if (at < 0).any():
            raise Fault(
                f"kernel {self.name}, line {line}: a shuffle reads a thread that is not there."
            )
        return value[at], inside

    def multiply(self, shape, kind, a, b, c, line, i):
        """mma.sync: the fragment of 16 by 8 results of each warp, as its lanes hold them."""
        here = np.arange(self.n) if i is None else i
        warps = here.size // 32
        if here.size % 32 or (self.thread[here] % 32 != np.arange(here.size) % 32).any():
            raise Fault(
                f"kernel {self.name}, line {line}: not all threads of a warp take part in its product."
            )
        try:
            return fragments.multiply(shape, kind, a, b, c, warps)
        except KeyError:
            raise Fault(
                f"kernel {self.name}, line {line}: mma {shape} of {kind} is not known to the interpreter."
            ) from None

    # -- functions ----------------------------------------------------------------------------------

    def call(self, name, arguments, i):
        """The results of a function of the module, for the threads here."""
        blocks, registers, ranks, _, local = self.module.code(name)
        inner = Machine.__new__(Machine)
        inner.__dict__.update(self.__dict__)
        here = np.arange(self.n) if i is None else i
        inner.n = here.size
        inner.cta, inner.thread, inner.lanes = self.cta[here], self.thread[here], self.lanes[here]
        inner.specials, inner.waiting, inner.results, inner.ended = {}, {}, {}, None
        inner.local = np.full((inner.n, local + 16), 0xFF, np.uint8) if local else None
        function = self.module.program.functions[name]
        size = sum(_aligned(n, 8) for _, n, _ in function.parameters)
        inner.arguments = np.zeros((inner.n, size + 16), np.uint8)
        end = 0
        for (_, nbytes, alignment), value in zip(function.parameters, arguments):
            end = _aligned(end, alignment)
            data = np.ascontiguousarray(value)[:, None].view(np.uint8)
            inner.arguments[:, end : end + data.shape[1]] = data
            end += nbytes
        inner.execute(blocks, registers, ranks)
        return [inner.results[r[0]] for r in function.results]

    def give(self, name, value, i):
        """A result of this function, for the threads here."""
        if i is None:
            self.results[name] = value
            return
        if name not in self.results:
            self.results[name] = np.zeros(self.n, value.dtype)
        self.results[name][i] = value
