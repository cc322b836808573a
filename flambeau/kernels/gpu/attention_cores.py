"""Attention of float16 and bfloat16 by tensor cores: the kinds, parameters and sums of attention.py, a warp for 16 rows.

Scores of a warp's rows with a tile of 32 others are fragments of 16 by 8 (tensor_cores.py says which lane holds
what). As weights they are, rounded, the left factors of the second product without leaving their registers:

    C fragments 2 s and 2 s + 1 of weights, 16 x 16     are the A fragment of depths 16 s .. 16 s + 15
    rows of the other side with the depth innermost     are B of the first product
    the same rows turned, element by element            are B of the second

The four lanes of a row share its greatest score by shuffles. Source: Dao, "FlashAttention-2", 2023, arXiv:2307.08691.
"""

from .. import language
from . import attention
from .code import Number
from .tensor_cores import INSTRUCTIONS

TILE = 32
_SHARED = 48 << 10
_GAP = 8  # halves behind a line, so that the lanes of a fragment read different banks
_FOUR = "{ float, float, float, float }"


def _padded(n):
    return -(-n // 16) * 16


def rows_of(E, V):
    """How many rows a block keeps, two threads for each; 0: they are too wide."""
    E, V = _padded(E), _padded(V)
    if max(E, V) > attention.WIDEST:
        return 0
    for rows in (64, 32):
        kept = (rows + TILE) * (E + V + 2 * _GAP) + max(E, V) * (TILE + _GAP)
        if 2 * kept + 8 * TILE <= _SHARED:
            return rows
    return 0


def write(kind, dtype, mask, causal, E, V):
    """The LLVM IR; mask: the dtype of the mask, or None."""
    return _Kernel(kind, dtype, mask, causal, E, V).text()


class _Kernel(attention.Kernel):
    tile = TILE

    def __init__(self, kind, dtype, mask, causal, E, V):
        super().__init__(kind, dtype, mask, causal, E, V)
        self.width = {"E": _padded(E), "V": _padded(V)}
        self.rows = rows_of(E, V)
        self.turned_width = "E" if kind in ("query", "key") else "V"

    def share(self):
        k = self.k
        lane, warp = self.thread & 31, self.thread >> 5
        self.group, self.quad = lane >> 2, lane & 3
        self.own_row = warp * 16 + self.group  # and the one 8 further
        self.row_pair = [self.first + self.own_row + 8 * h for h in range(2)]
        both = self.kind in ("query", "key")
        halves = lambda name, lines, width: k.shared(name, "int8", 2 * lines * (width + _GAP))
        widths = [(w, n) for w, n in self.width.items() if w == "E" or both]
        self.own = {w: halves(f"own_{w}", self.rows, n) for w, n in widths}
        self.tiles = {w: halves(f"tile_{w}", TILE, n) for w, n in widths}
        self.turned = halves("turned", self.width[self.turned_width], TILE)

    # -- shared memory

    def place(self, shared, row, line, column):
        at = (row * (line + _GAP) + column) * 2
        return self.k.f.emit(f"getelementptr i8, ptr addrspace(3) {shared.pointer}, i64 {at.name}")

    def word(self, shared, row, line, column):
        """Two halves side by side."""
        type = INSTRUCTIONS[self.dtype][1]
        place = self.place(shared, row, line, column)
        return self.k.f.emit(f"load {type}, ptr addrspace(3) {place}, align 4")

    def fetch(self, name, width, start, count, limit, straight, turned=None):
        """Rows of a tensor into shared memory, lying straight, turned, or both; beyond their number or width 0."""
        k, f, wide = self.k, self.k.f, self.width[width]
        array, of_row, of_element = self.of[name]
        with k.loop(self.thread, count * wide, self.rows * 2) as i:
            row, element = i // wide, i % wide
            inside = (start + row < limit) & (element < self.true[width])
            at = k.where(inside, (start + row) * of_row + element * of_element, 0)
            value = f.emit(f"load i16, ptr {array.place(at)}, align 2")
            value = k.block.select(inside.name, "i16", value, "0")
            for shared, line, r, c in (
                (straight, wide, row, element),
                (turned, TILE, element, row),
            ):
                if shared is not None:
                    place = self.place(shared, r, line, c)
                    f.do(f"store i16 {value}, ptr addrspace(3) {place}, align 2")

    # -- products of fragments

    def multiply(self, sums, a, b):
        """sums + the product of two fragments: four Numbers."""
        name, word = INSTRUCTIONS[self.dtype]
        k, f = self.k, self.k.f
        k.f.module.declare(name, _FOUR, [word] * 6 + ["float"] * 4)
        given = [f"{word} {w}" for w in (*a, *b)] + [f"float {s.name}" for s in sums]
        made = f.emit(f"call {_FOUR} @{name}({', '.join(given)})")
        return [Number(k, "float32", f.emit(f"extractvalue {_FOUR} {made}, {e}")) for e in range(4)]

    def products(self, width):
        """Of the warp's rows with the tile's: fragments of 16 by 8, a list for each 8 others."""
        k, wide = self.k, self.width[width]
        own, tile = self.own[width], self.tiles[width]
        fragments = [[k.number(0.0, "float32")] * 4 for _ in range(TILE // 8)]
        for depth in range(0, wide, 16):
            columns = [self.quad * 2 + (depth + 8 * c) for c in range(2)]
            a = [self.word(own, self.own_row + 8 * h, wide, c) for c in columns for h in range(2)]
            for j, fragment in enumerate(fragments):
                b = [self.word(tile, self.group + 8 * j, wide, c) for c in columns]
                fragments[j] = self.multiply(fragment, a, b)
        return fragments

    def packed(self, low, high):
        """Two float32, rounded, as a word."""
        f = self.k.f
        if self.dtype == "float16":
            first = f.emit(f"fptrunc float {low.name} to half")
            second = f.emit(f"fptrunc float {high.name} to half")
            word = f.emit(f"insertelement <2 x half> undef, half {first}, i32 0")
            return f.emit(f"insertelement <2 x half> {word}, half {second}, i32 1")
        bits = []
        for value in (low, high):
            narrow = f.emit(f"fptrunc float {value.name} to bfloat")
            bits.append(f.emit(f"zext i16 {f.emit(f'bitcast bfloat {narrow} to i16')} to i32"))
        return f.emit(f"or i32 {bits[0]}, {f.emit(f'shl i32 {bits[1]}, 16')}")

    def add(self, sums, weights):
        """sums += weights times the turned tile."""
        for depth in range(0, TILE, 16):
            left, right = weights[depth // 8], weights[depth // 8 + 1]
            a = [self.packed(*half[2 * h : 2 * h + 2]) for half in (left, right) for h in range(2)]
            columns = [self.quad * 2 + (depth + 8 * c) for c in range(2)]
            for n, fragment in enumerate(sums):
                b = [self.word(self.turned, self.group + 8 * n, TILE, c) for c in columns]
                made = self.multiply([s.value for s in fragment], a, b)
                for s, value in zip(fragment, made):
                    s.value = value

    # -- rows

    def across(self, value, combine):
        """What `combine` makes of the four lanes of a row; all of them get it."""
        k, f, name = self.k, self.k.f, "llvm.nvvm.shfl.sync.bfly.f32"
        f.module.declare(name, "float", ["i32", "float", "i32", "i32"])
        for step in (1, 2):
            other = f.emit(f"call float @{name}(i32 -1, float {value.name}, i32 {step}, i32 31)")
            value = combine(value, Number(k, "float32", other))
        return value

    def scores(self, start):
        """Scores of the warp's rows with the tile's, in the order of fragments."""
        return [
            [
                self.score(product, self.row_pair[e // 2], self.column(start, j, e))
                for e, product in enumerate(fragment)
            ]
            for j, fragment in enumerate(self.products("E"))
        ]

    def column(self, start, j, e):
        return start + self.quad * 2 + (8 * j + e % 2)

    def sums(self, width):
        return [self.k.variables(4, 0.0, "float32") for _ in range(self.width[width] // 8)]

    def put(self, sums, name, width, factors):
        """Writes what is summed, times a factor for each of the two rows."""
        k = self.k
        array, of_row, of_element = self.of[name]
        for n, fragment in enumerate(sums):
            for e, s in enumerate(fragment):
                row, column = self.row_pair[e // 2], self.quad * 2 + (8 * n + e % 2)
                with k.when((row < self.mine) & (column < self.true[width])):
                    array[row * of_row + column * of_element] = s.value * factors[e // 2]

    # -- the kinds

    def write_forward(self):
        k = self.k
        self.fetch("query", "E", self.first, self.rows, self.mine, self.own["E"])
        tops = k.variables(2, float("-inf"), "float32")
        totals = k.variables(2, 0.0, "float32")
        sums = self.sums("V")
        begin, end = self.range_of_others()
        with k.loop(begin, end, TILE) as start:
            k.barrier()
            self.fetch("key", "E", start, TILE, self.others, self.tiles["E"])
            self.fetch("value", "V", start, TILE, self.others, None, self.turned)
            k.barrier()
            scores = self.scores(start)
            for h in range(2):
                of_row = [f[2 * h + i] for f in scores for i in range(2)]
                higher = of_row[0]
                for score in of_row[1:]:
                    higher = k.larger(higher, score)
                higher = k.larger(tops[h].value, self.across(higher, k.larger))
                safe = k.where(higher == float("-inf"), 0.0, higher)
                shrink = k.of(language.exp, tops[h].value - safe)
                total = totals[h].value * shrink
                for fragment in scores:
                    for i in (2 * h, 2 * h + 1):
                        fragment[i] = k.of(language.exp, fragment[i] - safe)
                        total = total + fragment[i]
                totals[h].value, tops[h].value = total, higher
                for fragment in sums:
                    for i in (2 * h, 2 * h + 1):
                        fragment[i].value = fragment[i].value * shrink
            self.add(sums, scores)
        factors = []
        array, of_row, _ = self.of["norms"]
        for h, row in enumerate(self.row_pair):
            total = self.across(totals[h].value, lambda a, b: a + b)
            blind = total == 0.0
            safe = k.where(blind, 1.0, total)
            factors.append(k.where(blind, 0.0, 1.0 / safe))
            top = k.where(tops[h].value == float("-inf"), 0.0, tops[h].value)
            norm = k.where(blind, float("inf"), top + k.of(language.log, safe))
            with k.when((row < self.T) & (self.quad == 0)):
                array[row * of_row] = norm
        self.put(sums, "result", "V", factors)

    def weights(self, start, norm_of):
        """Weights in the order of fragments; norm_of(j, e): the norm of the query of a score."""
        return [
            [self.k.of(language.exp, score - norm_of(j, e)) for e, score in enumerate(fragment)]
            for j, fragment in enumerate(self.scores(start))
        ]

    def slopes(self, weights, delta_of):
        """The derivatives by the scores: weights * (grad_output @ value - delta)."""
        return [
            [w * (p - delta_of(j, e)) for e, (w, p) in enumerate(zip(*pair))]
            for j, pair in enumerate(zip(weights, self.products("V")))
        ]

    def write_query(self):
        k = self.k
        self.fetch("query", "E", self.first, self.rows, self.mine, self.own["E"])
        self.fetch("grad_output", "V", self.first, self.rows, self.mine, self.own["V"])
        facts = [[self.fact(name, row) for row in self.row_pair] for name in ("norms", "delta")]
        norm_of, delta_of = (lambda j, e, f=fact: f[e // 2] for fact in facts)
        sums = self.sums("E")
        begin, end = self.range_of_others()
        with k.loop(begin, end, TILE) as start:
            k.barrier()
            self.fetch("key", "E", start, TILE, self.others, self.tiles["E"], self.turned)
            self.fetch("value", "V", start, TILE, self.others, self.tiles["V"])
            k.barrier()
            self.add(sums, self.slopes(self.weights(start, norm_of), delta_of))
        self.put(sums, "grad_query", "E", [self.scale] * 2)

    def of_keys(self, width):
        k, of_key = self.k, width == "E"
        self.fetch("key", "E", self.first, self.rows, self.mine, self.own["E"])
        if of_key:
            self.fetch("value", "V", self.first, self.rows, self.mine, self.own["V"])
        facts = [k.shared(name, "float32", TILE) for name in ("tile_norms", "tile_delta")]
        norm_of, delta_of = (
            lambda j, e, f=fact: f[self.quad * 2 + (8 * j + e % 2)] for fact in facts
        )
        sums = self.sums(width)
        begin, end = self.range_of_others()
        with k.loop(begin, end, TILE) as start:
            k.barrier()
            tiles = self.tiles["E"], self.turned if of_key else None
            self.fetch("query", "E", start, TILE, self.others, *tiles)
            tiles = (self.tiles["V"],) if of_key else (None, self.turned)
            self.fetch("grad_output", "V", start, TILE, self.others, *tiles)
            with k.when(self.thread < TILE):
                for shared, name in zip(facts, ("norms", "delta")):
                    shared[self.thread] = self.fact(name, start + self.thread)
            k.barrier()
            made = self.weights(start, norm_of)
            if of_key:
                made = self.slopes(made, delta_of)
            self.add(sums, made)
        one = k.number(1.0, "float32")
        self.put(sums, "grad_" + self.kind, width, [self.scale if of_key else one] * 2)
