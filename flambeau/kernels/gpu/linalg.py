"""Factorizations of small matrices on a GPU: a block of threads for each, in shared memory.

    cholesky     L of A = L L^T, from the lower triangle, column by column; info: the first minor that is not positive
    lu           L below the diagonal and U above, rows exchanged by the largest element of each column
    qr           Householder's reflections, as LAPACK's geqrf chooses their signs, and the columns of Q
    triangular   A X = B, a thread for each column of B

Matrices are contiguous, row after row. Source: Golub, Van Loan, "Matrix Computations", 4th ed., 3.4, 4.2, 5.2.
"""

from .. import language
from ..types import DTYPES
from .code import Code

THREADS = 64
_SHARED = 42 << 10


def capacity(dtype, elements):
    """Shared elements of the kernel for so many; 0 where they are too many."""
    most = _SHARED // DTYPES[dtype].itemsize
    return next((size for size in (256, 1024, 4096, most) if elements <= size <= most), 0)


class _Block:
    """A kernel whose blocks take matrix after matrix."""

    def __init__(self, dtype, size, **parameters):
        self.k, self.dtype = Code(**parameters), dtype
        self.thread = self.k.thread()
        self.a = self.k.shared("matrix", dtype, size)

    def matrices(self, count):
        return self.k.loop(self.k.block_number(), count, self.k.block_count())

    def each(self, begin, end):
        """A loop of the block's threads over begin .. end - 1."""
        return self.k.loop(self.k.number(begin, "int64") + self.thread, end, THREADS)

    def first(self):
        return self.k.when(self.thread == 0)

    def sum(self, shared, value):
        """The sum of all threads' values, in a fixed order; every thread gets it."""
        k, step = self.k, THREADS // 2
        k.barrier()
        shared[self.thread] = value
        k.barrier()
        while step:
            with k.when(self.thread < step):
                shared[self.thread] = shared[self.thread] + shared[self.thread + step]
            k.barrier()
            step //= 2
        return shared[0]


def write_cholesky(dtype, size):
    """kernel(i64 sizes[2], i64 pointers[3]): matrices, n; L, A, info (int32)."""
    b = _Block(dtype, size, sizes=2, pointers=3)
    k, a = b.k, b.a
    count, n = k.integers("sizes")
    out, source, info = k.arrays("pointers", dtype, dtype, "int32")
    with b.matrices(count) as z:
        start = z * (n * n)
        k.barrier()
        with b.each(0, n * n) as i:
            a[i] = source[start + i]
        failed = k.variable(0)
        with k.loop(0, n) as j:
            k.barrier()
            square = a[j * n + j]
            failed.value = k.where((failed.value == 0) & ~(square > 0.0), j + 1, failed.value)
            root = k.of(language.sqrt, square)
            with b.each(j + 1, n) as i:
                a[i * n + j] = a[i * n + j] / root
            k.barrier()
            with b.first():
                a[j * n + j] = root
            left = n - j - 1
            with b.each(0, left * left) as e:
                i, c = e // left + j + 1, e % left + j + 1
                with k.when(c <= i):
                    a[i * n + c] = k.fma(-a[i * n + j], a[c * n + j], a[i * n + c])
        k.barrier()
        with b.each(0, n * n) as i:
            out[start + i] = k.where(i % n <= i // n, a[i], 0.0)
        with b.first():
            info[z] = failed.value
    return k.text()


def write_lu(dtype, size):
    """kernel(i64 sizes[3], i64 pointers[5]): matrices, m, n; LU, A, pivots (int32, from 1), order (int64), info (int32)."""
    b = _Block(dtype, size, sizes=3, pointers=5)
    k, a = b.k, b.a
    count, m, n = k.integers("sizes")
    out, source, pivots, order, info = k.arrays("pointers", dtype, dtype, "int32", "int64", "int32")
    best, places = k.shared("best", dtype, THREADS), k.shared("places", "int64", THREADS)
    least = k.smaller(m, n)
    with b.matrices(count) as z:
        start = z * (m * n)
        k.barrier()
        with b.each(0, m * n) as i:
            a[i] = source[start + i]
        with b.first(), k.loop(0, m) as i:
            order[z * m + i] = i
        failed = k.variable(0)
        with k.loop(0, least) as j:
            k.barrier()
            _find_pivot(b, best, places, j, m, n)
            pivot = places[0]
            failed.value = k.where((failed.value == 0) & (best[0] == 0.0), j + 1, failed.value)
            with b.first():
                pivots[z * least + j] = pivot + 1
                here, there = order[z * m + j], order[z * m + pivot]
                order[z * m + j], order[z * m + pivot] = there, here
            with k.when(pivot != j), b.each(0, n) as c:
                here, there = a[j * n + c], a[pivot * n + c]
                a[j * n + c], a[pivot * n + c] = there, here
            k.barrier()
            diagonal = a[j * n + j]
            with k.when(diagonal != 0.0), b.each(j + 1, m) as i:
                a[i * n + j] = a[i * n + j] / diagonal
            k.barrier()
            left = n - j - 1
            with b.each(0, (m - j - 1) * left) as e:
                i, c = e // left + j + 1, e % left + j + 1
                a[i * n + c] = k.fma(-a[i * n + j], a[j * n + c], a[i * n + c])
        k.barrier()
        with b.each(0, m * n) as i:
            out[start + i] = a[i]
        with b.first():
            info[z] = failed.value
    return k.text()


def write_order():
    """kernel(i64 sizes[3], i64 pointers[2]): matrices, swaps, rows; the order that exchanging rows makes, pivots (int32)."""
    k = Code(sizes=3, pointers=2)
    count, swaps, rows = k.integers("sizes")
    order, pivots = k.arrays("pointers", "int64", "int32")
    with k.threads(count) as z:
        start = z * rows
        with k.loop(0, rows) as i:
            order[start + i] = i
        with k.loop(0, swaps) as i:
            other = pivots[z * swaps + i].cast("int64") - 1
            here, there = order[start + i], order[start + other]
            order[start + i], order[start + other] = there, here
    return k.text()


def _find_pivot(b, best, places, j, m, n):
    """The first largest element of column j from row j on: best[0], places[0]."""
    k = b.k
    value, place = k.variable(-1.0, b.dtype), k.variable(j)
    with b.each(j, m) as i:
        size = k.of(language.abs, b.a[i * n + j])
        more = size > value.value
        place.value = k.where(more, i, place.value)
        value.value = k.where(more, size, value.value)
    best[b.thread], places[b.thread] = value.value, place.value
    k.barrier()
    step = THREADS // 2
    while step:
        with k.when(b.thread < step):
            mine, other = best[b.thread], best[b.thread + step]
            at, there = places[b.thread], places[b.thread + step]
            taken = (other > mine) | ((other == mine) & (there < at))
            best[b.thread] = k.where(taken, other, mine)
            places[b.thread] = k.where(taken, there, at)
        k.barrier()
        step //= 2


def write_triangular(dtype, size, upper, unit):
    """kernel(i64 sizes[3], i64 pointers[3]): matrices (rows of the grid), n, columns; X, A, B."""
    b = _Block(dtype, size, sizes=3, pointers=3)
    k, a = b.k, b.a
    count, n, columns = k.integers("sizes")
    out, source, given = k.arrays("pointers", dtype, dtype, dtype)
    column = k.block_number() * THREADS + b.thread
    with k.loop(k.block_number("y"), count, k.block_count("y")) as z:
        k.barrier()
        with b.each(0, n * n) as i:
            a[i] = source[z * (n * n) + i]
        k.barrier()
        with k.when(column < columns), k.loop(0, n) as step:
            row = n - 1 - step if upper else step
            total = k.variable(given[(z * n + row) * columns + column], dtype)
            begin, end = (row + 1, n) if upper else (0, row)
            with k.loop(begin, end) as j:
                known = out[(z * n + j) * columns + column]
                total.value = k.fma(-a[row * n + j], known, total.value)
            if not unit:
                total.value = total.value / a[row * n + row]
            out[(z * n + row) * columns + column] = total.value
    return k.text()


def write_qr(dtype, size, raw=False):
    """kernel(i64 sizes[4], i64 pointers[3]): matrices, m, n, columns of Q; Q, R (columns of Q by n), A.

    raw: in place of Q the factors of the reflections, in place of R the matrix (m, n) with them below R.
    """
    b = _Block(dtype, size, sizes=4, pointers=3)
    k, a = b.k, b.a
    count, m, n, width = k.integers("sizes")
    q, r, source = k.arrays("pointers", dtype, dtype, dtype)
    sums, taus = k.shared("sums", dtype, THREADS), k.shared("taus", dtype, 512)
    least = k.smaller(m, n)
    with b.matrices(count) as z:
        k.barrier()
        with b.each(0, m * n) as i:
            a[i] = source[z * (m * n) + i]
        with k.loop(0, least) as j:
            k.barrier()
            part = k.variable(0.0, dtype)
            with b.each(j + 1, m) as i:
                part.value = k.fma(a[i * n + j], a[i * n + j], part.value)
            below = b.sum(sums, part.value)
            alpha = a[j * n + j]
            norm = k.of(language.sqrt, k.fma(alpha, alpha, below))
            beta = k.where(alpha > 0.0, -norm, norm)
            none = below == 0.0
            beta = k.where(none, alpha, beta)
            tau = k.where(none, 0.0, (beta - alpha) / k.where(none, 1.0, beta))
            scale = 1.0 / k.where(none, 1.0, alpha - beta)
            k.barrier()
            with b.each(j + 1, m) as i:
                a[i * n + j] = a[i * n + j] * scale
            with b.first():
                a[j * n + j] = beta
                taus[j] = tau
            k.barrier()
            with b.each(j + 1, n) as c:
                total = k.variable(a[j * n + c], dtype)
                with k.loop(j + 1, m) as i:
                    total.value = k.fma(a[i * n + j], a[i * n + c], total.value)
                weight = total.value * tau
                a[j * n + c] = a[j * n + c] - weight
                with k.loop(j + 1, m) as i:
                    a[i * n + c] = k.fma(-a[i * n + j], weight, a[i * n + c])
        k.barrier()
        if raw:
            with b.each(0, m * n) as i:
                r[z * (m * n) + i] = a[i]
            with b.each(0, least) as i:
                q[z * least + i] = taus[i]
        else:
            with b.each(0, width * n) as i:
                row, c = i // n, i % n
                shown = k.where(c >= row, i, 0)
                r[z * (width * n) + i] = k.where(c >= row, a[shown], 0.0)
            _write_columns(b, q, taus, z, m, n, width)
    return k.text()


def _write_columns(b, q, taus, z, m, n, width):
    """The columns of Q: those of the identity, through all reflections backwards."""
    k, a, least = b.k, b.a, b.k.smaller(m, n)
    with b.each(0, width) as c:
        at = lambda i: (z * m + i) * width + c
        with k.loop(0, m) as i:
            q[at(i)] = k.where(i == c, 1.0, 0.0).cast(b.dtype)
        with k.loop(0, least) as back:
            j = least - 1 - back
            total = k.variable(q[at(j)], b.dtype)
            with k.loop(j + 1, m) as i:
                total.value = k.fma(a[i * n + j], q[at(i)], total.value)
            weight = total.value * taus[j]
            q[at(j)] = q[at(j)] - weight
            with k.loop(j + 1, m) as i:
                q[at(i)] = k.fma(-a[i * n + j], weight, q[at(i)])
