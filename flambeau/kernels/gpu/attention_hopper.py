"""Attention of float16 and bfloat16 on Hopper: the kinds and parameters of attention.py, without a mask, by wgmma.

A block keeps 128 rows of its own side, 64 for each four warps; tiles of 128 rows of the other side go by, the next on its
way (cp.async) while one is used. The products of both sides are summed in registers; what becomes of them is, rounded,
the left side of the next product there (attention_cores.py tells how fragments fit):

    forward   queries by keys     weights of the greatest score so far     times values
    query     queries by keys, grad_output by values     slopes            times keys
    key       keys by queries, values by grad_output     slopes            times queries
    value     keys by queries                            weights           times grad_output

Shared memory holds cores of 8 rows by 16 bytes, with 16 bytes more behind each line of cores, so that what threads write
side by side lies in different banks. A tile is read both ways: its elements are the depth of the first products, and the
columns of the last one, which is told to turn it. Rows and elements that are not there are zeros. Only scores of the
last keys, and of tiles on the diagonal of causal attention, are compared with anything. Exponentials are powers of two
by the GPU's own instruction, some 2 units in the last place of float32 off.
Source: Shah, Bikshandi, Zhang, Thakkar, Ramani, Dao, "FlashAttention-3", 2024, arXiv:2407.08608.
"""

import math

from .. import language
from ..emit import Value
from .attention import POINTERS
from .code import Code, Number

TILE = 128  # rows of a block, and of a tile
THREADS = 256
WIDTHS = (32, 64, 128)
_LINE = TILE * 16 + 16
_TYPES = {"float16": "f16", "bfloat16": "bf16"}
_OWN = {
    "forward": {"query": "E"},
    "query": {"query": "E", "grad_output": "V"},
    "key": {"key": "E", "value": "V"},
    "value": {"key": "E"},
}


def width_of(n):
    """As how many elements rows of n are taken; 0: they are too wide, or do not end with a vector of 16 bytes."""
    return next((w for w in WIDTHS if n <= w), 0) if n % 8 == 0 else 0


def shared_bytes(kind, E, V):
    """What a launch asks for."""
    width = {"E": E, "V": V}
    return (sum(width[w] for w in _OWN[kind].values()) + 2 * (E + V)) // 8 * _LINE


def write(kind, dtype, causal, E, V):
    """The LLVM IR, for rows of up to E and V elements (of WIDTHS)."""
    return _Kernel(kind, dtype, causal, E, V).text()


class _Kernel:
    def __init__(self, kind, dtype, causal, E, V):
        self.kind, self.dtype, self.causal = kind, dtype, causal
        self.width = {"E": E, "V": V}
        n = len(POINTERS[kind])
        self.k = Code(sizes=5, pointers=n, strides=4 * n, factors=1)

    def text(self):
        k, names = self.k, POINTERS[self.kind]
        heads, self.T, self.S, *true = k.integers("sizes")
        self.true = dict(zip("EV", true))
        strides = k.integers("strides")
        z = k.block_number("y")
        batch, head = z // heads, z % heads
        self.of = {}  # (address of the head's first row, bytes from row to row)
        for i, name in enumerate(names):
            pointer = Number(k, "int64", k.f.element("%pointers", i, "i64"))
            along = [s * (4 if name in ("norms", "delta") else 2) for s in strides[4 * i :][:3]]
            self.of[name] = pointer + (batch * along[0] + head * along[1]), along[2]
        self.scale = k.reals("factors")[0].cast("float32")
        self.factor = self.scale * math.log2(math.e)
        self.thread = k.thread()
        self.of_query = self.kind in ("forward", "query")
        self.mine, self.others = (self.T, self.S) if self.of_query else (self.S, self.T)
        number = k.block_number()
        if self.of_query:  # those that see most keys begin first
            number = k.block_count() - 1 - number
        self.first = number * TILE
        self.lay_out()
        for name, place in self.own.items():
            self.bring(name, self.first, self.mine, place)
        begin, whole, end = self.range_of_others()
        self.bring_tiles(begin)
        getattr(self, "begin_" + self.kind, self.begin_backward)()
        if self.of_query or self.causal:
            self.loop(begin, whole, not self.of_query)
        self.loop(whole, end, self.of_query)
        self.say("cp.async.wait_group 0;")
        getattr(self, "finish_" + self.kind, self.finish_backward)()
        return k.text()

    def range_of_others(self):
        """(begin, the tile up to which, or from the side of a key from which on, nothing is compared, end)"""
        k, nothing = self.k, self.k.number(0, "int64")
        if self.of_query:
            end = k.smaller(self.first + TILE, self.S) if self.causal else self.S
            whole = self.S // TILE * TILE
            return nothing, k.smaller(self.first, whole) if self.causal else whole, end
        if self.causal:
            return self.first, k.smaller(self.first + TILE, self.T), self.T
        return nothing, nothing, self.T

    def loop(self, begin, end, compared):
        with self.k.loop(begin, end, TILE) as start:
            self.say("cp.async.wait_group 0;")
            if not self.of_query:
                self.bring_facts(start)
            self.say("fence.proxy.async.shared::cta;")
            self.k.barrier()
            self.bring_tiles(start + TILE)
            tile = getattr(self, "tile_" + self.kind, self.tile_backward)
            tile(start, self.stage_of(start), compared)

    # -- shared memory

    def lay_out(self):
        k, f = self.k, self.k.f
        f.module.helpers["tiles"] = "@tiles = external addrspace(3) global [0 x i8], align 128\n"
        at = Number(k, "int64", f.emit("ptrtoint ptr addrspace(3) @tiles to i64"))
        self.own, self.tiles = {}, {}
        others = {"key": "E", "value": "V"} if self.of_query else {"query": "E", "grad_output": "V"}
        self.stage = sum(self.width[w] for w in others.values()) // 8 * _LINE
        self.width_of = {**_OWN[self.kind], **others}
        for places, names in ((self.own, _OWN[self.kind]), (self.tiles, others)):
            for name, width in names.items():
                places[name] = at
                at = at + self.width[width] // 8 * _LINE
        if not self.of_query:
            self.facts = {
                name: k.shared(f"tile_{name}", "float32", 2 * TILE) for name in ("norms", "delta")
            }
        lane = self.thread & 31
        self.quad = lane & 3
        self.row = self.first + (self.thread >> 5) * 16 + (lane >> 2)  # and the one 8 further

    def stage_of(self, start):
        """Which of two stages holds the tile that begins at row `start`."""
        return start // TILE % 2

    def bring_tiles(self, start):
        """Asks for the rows from `start` on."""
        for name, place in self.tiles.items():
            self.bring(name, start, self.others, place + self.stage_of(start) * self.stage)
        self.say("cp.async.commit_group;")

    def bring(self, name, start, limit, to):
        """128 rows, 16 bytes a thread and turn; rows and elements beyond those that there are become zeros."""
        k, width = self.k, self.width_of[name]
        pointer, of_row = self.of[name]
        across = self.width[width] // 8
        inner, outer = self.thread % across, self.thread // across
        step = THREADS // across
        there = inner * 8 < self.true[width]
        for u in range(TILE // step):
            row = outer + step * u
            words = (
                self.narrow(to + inner * _LINE + row * 16),
                f"i64 {(pointer + (start + row) * of_row + inner * 16).name}",
                self.narrow(k.where(there & (start + row < limit), 16, 0)),
            )
            self.say("cp.async.cg.shared.global [$0], [$1], 16, $2;", "r,l,r", *words)

    def narrow(self, number):
        return f"i32 {self.k.f.emit(f'trunc i64 {number.name} to i32')}"

    def say(self, text, constraints="", *words):
        join = "," if constraints else ""
        self.k.f.do(
            f'call void asm sideeffect "{text}", "{constraints}{join}~{{memory}}"({", ".join(words)})'
        )

    # -- facts of queries: the logarithm of their weights' sum, in powers of two, and delta

    def fact(self, name, row):
        """Of a query that is not there, what makes all its weights 0."""
        k = self.k
        pointer, of_row = self.of[name]
        there = row < self.T
        place = pointer + k.where(there, row, 0) * of_row
        loaded = k.block.load(k.f.emit(f"inttoptr i64 {place.name} to ptr"), "float32")
        value = Number(k, "float32", loaded.name)
        if name == "norms":
            value = value * math.log2(math.e)
        return k.where(there, value, float("inf") if name == "norms" else 0.0)

    def bring_facts(self, start):
        with self.k.when(self.thread < TILE):
            for name, shared in self.facts.items():
                shared[self.stage_of(start) * TILE + self.thread] = self.fact(
                    name, start + self.thread
                )

    # -- products

    def descriptor(self, address, leading, stride):
        return (address >> 4 & 0x3FFF) | (leading >> 4 << 16 | stride >> 4 << 32)

    def scores(self, own, tile, stage):
        """Of 64 rows of four warps with 128 others: sum 4 j + 2 h + e is of row + 8 h, other 8 j + 2 quad + e."""
        count, name = TILE // 2, _TYPES[self.dtype]
        registers = ", ".join(f"${i}" for i in range(count))
        rows = self.descriptor(self.own[own] + (self.thread >> 7) * (8 * 128), _LINE, 128)
        columns = self.descriptor(self.tiles[tile] + stage * self.stage, _LINE, 128)
        lines = ["{ .reg .pred adds;", ".reg .b64 rows;", ".reg .b64 columns;"]
        lines += [f"mov.b64 rows, ${count};", f"mov.b64 columns, ${count + 1};"]
        lines += ["wgmma.fence.sync.aligned;", "setp.ne.b32 adds, 0, 0;"]
        for step in range(self.width[self.width_of[own]] // 16):
            lines.append(
                f"wgmma.mma_async.sync.aligned.m64n{TILE}k16.f32.{name}.{name} "
                f"{{{registers}}}, rows, columns, adds, 1, 1, 0, 0;"
            )
            if step == 0:
                lines.append("setp.eq.b32 adds, 0, 0;")
            lines += [f"add.s64 {r}, {r}, {2 * _LINE >> 4};" for r in ("rows", "columns")]
        words = [f"i64 {rows.name}", f"i64 {columns.name}"]
        return self.products(lines, count, "l,l", words)

    def add(self, sums, weights, tile, stage):
        """sums += weights times the tile, turned."""
        count, name = len(sums), _TYPES[self.dtype]
        registers = ", ".join(f"${i}" for i in range(count))
        packed = [self.packed(*weights[i : i + 2]) for i in range(0, len(weights), 2)]
        columns = self.descriptor(self.tiles[tile] + stage * self.stage, 128, _LINE)
        lines = ["{ .reg .pred adds;", ".reg .b64 columns;", f"mov.b64 columns, ${count};"]
        lines += ["setp.eq.b32 adds, 0, 0;", "wgmma.fence.sync.aligned;"]
        for step in range(TILE // 16):
            # Words of (row, row + 8) of 8 others, then of the 8 behind them.
            of_step = ", ".join(f"${count + 1 + 4 * step + i}" for i in range(4))
            lines.append(
                f"wgmma.mma_async.sync.aligned.m64n{2 * count}k16.f32.{name}.{name} "
                f"{{{registers}}}, {{{of_step}}}, columns, adds, 1, 1, 1;"
            )
            lines.append("add.s64 columns, columns, 16;")
        constraints = ",".join(["l", *["r"] * len(packed), *map(str, range(count))])
        words = [f"i64 {columns.name}", *[f"i32 {p}" for p in packed]]
        words += [f"float {s.value.name}" for s in sums]
        for s, made in zip(sums, self.products(lines, count, constraints, words)):
            s.value = made

    def products(self, lines, count, constraints, words):
        """`count` sums that a piece of assembly makes, which waits for them."""
        f = self.k.f
        lines += ["wgmma.commit_group.sync.aligned;", "wgmma.wait_group.sync.aligned 0; }"]
        text, result = "\\0A".join(lines), "{ " + ", ".join(["float"] * count) + " }"
        outputs = ",".join(["=f"] * count)
        made = f.emit(
            f'call {result} asm sideeffect "{text}", "{outputs},{constraints},~{{memory}}"({", ".join(words)})'
        )
        return [
            Number(self.k, "float32", f.emit(f"extractvalue {result} {made}, {i}"))
            for i in range(count)
        ]

    def packed(self, low, high):
        """Two float32, rounded, as a word."""
        f, kind = self.k.f, _TYPES[self.dtype]
        name, type = f"llvm.nvvm.ff2{kind}x2.rn", "half" if kind == "f16" else "bfloat"
        f.module.declare(name, f"<2 x {type}>", ["float", "float"])
        pair = f.emit(f"call <2 x {type}> @{name}(float {high.name}, float {low.name})")
        return f.emit(f"bitcast <2 x {type}> {pair} to i32")

    # -- numbers of a thread

    def power(self, a):
        """2 ** a"""
        f, name = self.k.f, "llvm.nvvm.ex2.approx.ftz.f"
        f.module.declare(name, "float", ["float"])
        return Number(self.k, "float32", f.emit(f"call float @{name}(float {a.name})"))

    def higher(self, a, b):
        name = self.k.block.intrinsic("maxnum", "float", a.name, b.name)
        return Number(self.k, "float32", name)

    def across(self, value, combine):
        """What `combine` makes of the four threads of a row; all of them get it."""
        f, name = self.k.f, "llvm.nvvm.shfl.sync.bfly.f32"
        f.module.declare(name, "float", ["i32", "float", "i32", "i32"])
        for step in (1, 2):
            other = f.emit(f"call float @{name}(i32 -1, float {value.name}, i32 {step}, i32 31)")
            value = combine(value, Number(self.k, "float32", other))
        return value

    def all_of(self, numbers, combine):
        """As a tree, so that few wait for others."""
        while len(numbers) > 1:
            paired = [combine(a, b) for a, b in zip(numbers[::2], numbers[1::2])]
            numbers = paired + numbers[len(paired) * 2 :]
        return numbers[0]

    def unseen(self, scores, start):
        """Scores of what a query does not see become -inf."""
        k = self.k
        for i, score in enumerate(scores):
            row, other = self.row + 8 * (i // 2 % 2), start + self.quad * 2 + (i // 4 * 8 + i % 2)
            query, key = (row, other) if self.of_query else (other, row)
            seen = key < self.S
            if self.causal:
                seen = seen & (key <= query)
            scores[i] = k.where(seen, score, float("-inf"))

    # -- forward

    def begin_forward(self):
        self.tops = self.k.variables(2, float("-inf"), "float32")
        self.totals = self.k.variables(2, 0.0, "float32")
        self.sums = self.k.variables(self.width["V"] // 2, 0.0, "float32")

    def tile_forward(self, start, stage, compared):
        k = self.k
        scores = self.scores("query", "key", stage)
        if compared:
            self.unseen(scores, start)
        for h in range(2):
            mine = [i for i in range(len(scores)) if i // 2 % 2 == h]
            top = self.all_of([scores[i] for i in mine], self.higher)
            top = self.higher(self.tops[h].value, self.across(top, self.higher))
            offset = -(k.where(top == float("-inf"), 0.0, top) * self.factor)
            shrink = self.power(k.fma(self.tops[h].value, self.factor, offset))
            for i in mine:
                scores[i] = self.power(k.fma(scores[i], self.factor, offset))
            total = self.all_of([scores[i] for i in mine], lambda a, b: a + b)
            self.totals[h].value = k.fma(self.totals[h].value, shrink, total)
            self.tops[h].value = top
            for i, s in enumerate(self.sums):
                if i // 2 % 2 == h:
                    s.value = s.value * shrink
        self.add(self.sums, scores, "value", stage)

    def finish_forward(self):
        k, shares = self.k, []
        norms, of_norm = self.of["norms"]
        for h in range(2):
            total = self.across(self.totals[h].value, lambda a, b: a + b)
            blind = total == 0.0
            safe = k.where(blind, 1.0, total)
            shares.append(k.where(blind, 0.0, 1.0 / safe))
            top = k.where(self.tops[h].value == float("-inf"), 0.0, self.tops[h].value)
            norm = k.where(blind, float("inf"), top * self.scale + k.of(language.log, safe))
            row = self.row + 8 * h
            with k.when((row < self.T) & (self.quad == 0)):
                place = k.f.emit(f"inttoptr i64 {(norms + row * of_norm).name} to ptr")
                k.block.store(Value("float32", norm.name), "float32", place)
        self.put("result", "V", shares)

    def put(self, name, width, factors):
        """Writes what is summed, times a factor for each of the two rows."""
        k, f = self.k, self.k.f
        to, of_row = self.of[name]
        for h in range(2):
            row = self.row + 8 * h
            with k.when(row < self.mine):
                for j in range(self.width[width] // 8):
                    column = self.quad * 2 + 8 * j
                    pair = [self.sums[4 * j + 2 * h + e].value * factors[h] for e in range(2)]
                    with k.when(column < self.true[width]):
                        at = to + row * of_row + column * 2
                        place = f.emit(f"inttoptr i64 {at.name} to ptr")
                        f.do(f"store i32 {self.packed(*pair)}, ptr {place}, align 4")

    # -- backward

    def begin_backward(self):
        if self.of_query:
            self.of_rows = {
                name: [self.fact(name, self.row + 8 * h) for h in range(2)]
                for name in ("norms", "delta")
            }
        width = "V" if self.kind == "value" else "E"
        self.sums = self.k.variables(self.width[width] // 2, 0.0, "float32")

    def fact_of(self, name, i, stage):
        """The fact of score i's query."""
        if self.of_query:
            return self.of_rows[name][i // 2 % 2]
        return self.facts[name][stage * TILE + self.quad * 2 + (i // 4 * 8 + i % 2)]

    def tile_backward(self, start, stage, compared):
        k = self.k
        queries = ("query", "key") if self.of_query else ("key", "query")
        weights = self.scores(*queries, stage)
        if compared:
            self.unseen(weights, start)
        for i, score in enumerate(weights):
            weights[i] = self.power(k.fma(score, self.factor, -self.fact_of("norms", i, stage)))
        if self.kind == "value":
            self.add(self.sums, weights, "grad_output", stage)
            return
        others = ("grad_output", "value") if self.of_query else ("value", "grad_output")
        for i, slope in enumerate(self.scores(*others, stage)):
            weights[i] = weights[i] * (slope - self.fact_of("delta", i, stage))
        self.add(self.sums, weights, queries[1], stage)

    def finish_backward(self):
        one = self.k.number(1.0, "float32")
        of_value = self.kind == "value"
        factors = [one if of_value else self.scale] * 2
        self.put("grad_" + self.kind, "V" if of_value else "E", factors)
