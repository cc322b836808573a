"""Attention without its matrix of weights: each thread keeps one row and lets those of the other side go by.

    kernel(i64 sizes[5], i64 pointers[n], i64 strides[4 n], i64 factors[1])

sizes: heads of a batch, T (queries), S (keys), E and V as they are; pointers: POINTERS of the kernel's kind; strides
in elements, of each: along batches, heads, rows and elements; factors: the scale. Rows of the grid are heads.

    forward   a query's scores of four keys at a time, and their weights with the greatest score so far taken off:
              softmax in one pass (Milakov, Gimelshein, 2018; Dao, 2022). Gives the result and log(sum(exp(scores))).
    query     from those: weights again, d = weights * (grad @ value - delta), the query's gradient d @ key
    key, value    the same from the side of a key, over all queries: sums in their order, the same bits every time

A tile of rows lies in shared memory element by element, four rows side by side:

    tile[e][row]    rows 0 1 2 3 | 4 5 6 7 | ...       a load of 16 bytes gives four rows' element e
"""

import contextlib

from .. import language
from ..types import DTYPES, compute_dtype
from .code import Code

TILE, CHUNK = 16, 4  # rows that go by: in shared memory, at a time
POINTERS = {
    "forward": ("query", "key", "value", "mask", "result", "norms"),
    "query": ("query", "key", "value", "mask", "grad_output", "norms", "delta", "grad_query"),
    "key": ("query", "key", "value", "mask", "grad_output", "norms", "delta", "grad_key"),
    "value": ("query", "key", "value", "mask", "grad_output", "norms", "delta", "grad_value"),
}
_SHARED = 48 << 10
WIDEST = 128  # sums that a thread keeps


def rows_of(dtype, E, V):
    """How many rows a block keeps, which is also how many threads it has; 0: they are too wide."""
    E, V = _padded(E), _padded(V)
    if max(E, V) > WIDEST:
        return 0
    itemsize = DTYPES[compute_dtype(dtype)].itemsize
    for rows in (64, 32):
        if (rows + TILE) * (E + V) * itemsize + 2 * TILE * itemsize <= _SHARED:
            return rows
    return 0


def _padded(n):
    return -(-n // 8) * 8


def write(kind, dtype, mask, causal, E, V):
    """The LLVM IR; mask: the dtype of the mask, or None."""
    return Kernel(kind, dtype, mask, causal, E, V).text()


class Kernel:
    """What both forms of the kernels share, and the one in which a thread keeps a row."""

    tile = TILE

    def __init__(self, kind, dtype, mask, causal, E, V):
        self.kind, self.dtype, self.mask, self.causal = kind, dtype, mask, causal
        self.real = compute_dtype(dtype)
        self.width = {"E": _padded(E), "V": _padded(V)}
        self.rows = rows_of(dtype, E, V)
        n = len(POINTERS[kind])
        self.k = Code(sizes=5, pointers=n, strides=4 * n, factors=1)

    def text(self):
        k = self.k
        heads, self.T, self.S, E, V = k.integers("sizes")
        self.true = {"E": E, "V": V}
        names = POINTERS[self.kind]
        real = {"norms", "delta"}
        dtypes = [
            self.mask or "bool" if n == "mask" else self.real if n in real else self.dtype
            for n in names
        ]
        strides = k.integers("strides")
        z = k.block_number("y")
        batch, head = z // heads, z % heads
        self.of = {}
        for i, (name, array) in enumerate(zip(names, k.arrays("pointers", *dtypes))):
            along = strides[4 * i : 4 * i + 4]
            self.of[name] = array.from_(batch * along[0] + head * along[1]), along[2], along[3]
        self.scale = k.reals("factors")[0].cast(self.real)
        self.thread = k.thread()
        self.first = k.block_number() * self.rows
        self.row = self.first + self.thread
        # From the side of a query keys go by, and the other way round.
        self.of_query = self.kind in ("forward", "query")
        self.mine, self.others = (self.T, self.S) if self.of_query else (self.S, self.T)
        self.share()
        getattr(self, "write_" + self.kind)()
        return k.text()

    def share(self):
        """Lays out the memory that threads of a block share."""
        k = self.k
        self.tiles = {w: k.shared(f"tile_{w}", self.real, TILE * n) for w, n in self.width.items()}
        self.own = {
            w: k.shared(f"own_{w}", self.real, self.rows * n)
            for w, n in self.width.items()
            if w == "E" or self.kind in ("query", "key")
        }

    # -- what the kinds share

    def item(self, name, row, element, limit, width):
        """An element of a row; beyond the rows' number or width 0."""
        k = self.k
        array, of_row, of_element = self.of[name]
        inside = (row < limit) & (element < self.true[width])
        at = k.where(inside, row * of_row + element * of_element, 0)
        return k.where(inside, array[at], 0.0)

    def keep(self, width, name):
        """The block's own rows into shared memory, own[element][row]."""
        k = self.k
        with k.loop(self.thread, self.rows * self.width[width], self.rows) as i:
            row, element = i // self.width[width], i % self.width[width]
            value = self.item(name, self.first + row, element, self.mine, width)
            self.own[width][element * self.rows + row] = value

    def bring(self, width, name, start):
        """A tile of the others' rows into shared memory."""
        k = self.k
        with k.loop(self.thread, TILE * self.width[width], self.rows) as i:
            row, element = i // self.width[width], i % self.width[width]
            value = self.item(name, start + row, element, self.others, width)
            self.tiles[width][element * TILE + row] = value

    def products(self, width, chunk):
        """The products of this thread's row with four rows of a tile."""
        k = self.k
        sums = k.variables(CHUNK, 0.0, self.real)
        with k.loop(0, self.width[width]) as e:
            mine = self.own[width][e * self.rows + self.thread]
            for j, s in enumerate(sums):
                s.value = k.fma(mine, self.tiles[width][e * TILE + chunk + j], s.value)
        return [s.value for s in sums]

    def add(self, sums, weights, width, chunk):
        """sums[e] += the weighted sum of four rows of a tile."""
        k = self.k
        for e, s in enumerate(sums):
            total = s.value
            for j, weight in enumerate(weights):
                total = k.fma(weight, self.tiles[width][e * TILE + chunk + j], total)
            s.value = total

    def scores(self, start, chunk):
        """Scores of this row with four others, -inf where none is to be seen."""
        products = self.products("E", chunk)
        return [self.score(p, self.row, start + chunk + j) for j, p in enumerate(products)]

    def score(self, product, row, other):
        """The score of a row of this side with one of the other."""
        k = self.k
        query, key = (row, other) if self.of_query else (other, row)
        seen = (query < self.T) & (key < self.S)
        if self.causal:
            seen = seen & (key <= query)
        score = product * self.scale
        if self.mask:
            array, of_row, of_element = self.of["mask"]
            given = array[k.where(seen, query * of_row + key * of_element, 0)]
            if self.mask == "bool":
                seen = seen & given
            else:
                score = score + given
        return k.where(seen, score, float("-inf"))

    def range_of_others(self):
        """The others that this block's rows can see."""
        k = self.k
        if not self.causal:
            return k.number(0, "int64"), self.others
        if self.of_query:
            return k.number(0, "int64"), k.smaller(self.first + self.rows, self.S)
        return self.first // self.tile * self.tile, self.T

    def put(self, sums, name, width, factor):
        k = self.k
        array, of_row, of_element = self.of[name]
        with k.when(self.row < self.mine):
            for e, s in enumerate(sums):
                with k.when(k.number(e, "int64") < self.true[width]):
                    array[self.row * of_row + e * of_element] = s.value * factor

    @contextlib.contextmanager
    def tiles_of_keys(self):
        """A loop over tiles of keys and values, which are brought to all threads: where each begins."""
        k = self.k
        begin, end = self.range_of_others()
        with k.loop(begin, end, TILE) as start:
            k.barrier()
            self.bring("E", "key", start)
            self.bring("V", "value", start)
            k.barrier()
            yield start

    # -- the kinds

    def write_forward(self):
        k = self.k
        self.keep("E", "query")
        top, total = k.variable(float("-inf"), self.real), k.variable(0.0, self.real)
        sums = k.variables(self.width["V"], 0.0, self.real)
        with self.tiles_of_keys() as start, k.loop(0, TILE, CHUNK) as chunk:
            scores = self.scores(start, chunk)
            higher = top.value
            for score in scores:
                higher = k.larger(higher, score)
            safe = k.where(higher == float("-inf"), 0.0, higher)
            shrink = k.of(language.exp, top.value - safe)
            weights = [k.of(language.exp, score - safe) for score in scores]
            with k.when(shrink != 1.0):
                total.value *= shrink
                for s in sums:
                    s.value *= shrink
            total.value += (weights[0] + weights[1]) + (weights[2] + weights[3])
            self.add(sums, weights, "V", chunk)
            top.value = higher
        blind = total.value == 0.0
        self.put(sums, "result", "V", k.where(blind, 0.0, 1.0 / k.where(blind, 1.0, total.value)))
        array, of_row, _ = self.of["norms"]
        safe = k.where(top.value == float("-inf"), 0.0, top.value)
        # Of a row that sees nothing inf, which makes all its weights 0.
        with k.when(self.row < self.T):
            log = k.of(language.log, k.where(blind, 1.0, total.value))
            array[self.row * of_row] = k.where(blind, float("inf"), safe + log)

    def fact(self, name, row):
        """Of a query: its norm, or its delta."""
        array, of_row, _ = self.of[name]
        return array[self.k.smaller(row, self.T - 1) * of_row]

    def slopes(self, weights, norms_and_deltas, chunk):
        """The derivatives by the scores: weights * (grad_output @ value - delta)."""
        products = self.products("V", chunk)
        return [w * (p - delta) for w, p, (_, delta) in zip(weights, products, norms_and_deltas)]

    def weights(self, start, chunk, norms):
        return [
            self.k.of(language.exp, score - norm)
            for score, norm in zip(self.scores(start, chunk), norms)
        ]

    def write_query(self):
        k = self.k
        self.keep("E", "query")
        self.keep("V", "grad_output")
        facts = [(self.fact("norms", self.row), self.fact("delta", self.row))] * CHUNK
        sums = k.variables(self.width["E"], 0.0, self.real)
        with self.tiles_of_keys() as start, k.loop(0, TILE, CHUNK) as chunk:
            weights = self.weights(start, chunk, [norm for norm, _ in facts])
            self.add(sums, self.slopes(weights, facts, chunk), "E", chunk)
        self.put(sums, "grad_query", "E", self.scale)

    def write_key(self):
        self.of_keys("E")

    def write_value(self):
        self.of_keys("V")

    def of_keys(self, width):
        k = self.k
        self.keep("E", "key")
        if width == "E":
            self.keep("V", "value")
        facts = [k.shared(name, self.real, TILE) for name in ("tile_norms", "tile_delta")]
        sums = k.variables(self.width[width], 0.0, self.real)
        begin, end = self.range_of_others()
        with k.loop(begin, end, TILE) as start:
            k.barrier()
            self.bring("E", "query", start)
            self.bring("V", "grad_output", start)
            with k.when(self.thread < TILE):
                for shared, name in zip(facts, ("norms", "delta")):
                    shared[self.thread] = self.fact(name, start + self.thread)
            k.barrier()
            with k.loop(0, TILE, CHUNK) as chunk:
                of_queries = [(facts[0][chunk + j], facts[1][chunk + j]) for j in range(CHUNK)]
                weights = self.weights(start, chunk, [norm for norm, _ in of_queries])
                if width == "E":
                    weights = self.slopes(weights, of_queries, chunk)
                self.add(sums, weights, width, chunk)
        self.put(sums, "grad_" + self.kind, width, self.scale if width == "E" else 1.0)
