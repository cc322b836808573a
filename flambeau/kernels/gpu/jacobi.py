"""Columns made orthogonal by rotations, on a GPU: a block for each matrix, in shared memory (one-sided Jacobi).

    kernel(i64 sizes[3], i64 pointers[4])

sizes: matrices, m, n with n <= m. pointers: W (m, n) = A V with orthogonal columns, V (n, n), A, info (int32: 1 where the
columns are not orthogonal after all sweeps). In each step of a sweep every thread turns one pair of columns; the pairs
of a step have no column in common (the circle method for tournaments). Source: Hestenes, "Inversion of matrices by
biorthogonalization", J. SIAM 6 (1958) 51; Golub, Van Loan, "Matrix Computations", 4th ed., 8.6.3.
"""

from .. import language
from .linalg import THREADS, _Block, capacity

SWEEPS = 20
MOST_COLUMNS = 2 * THREADS
_EPS = {"float32": 2.0**-24, "float64": 2.0**-53}


def size_for(dtype, m, n):
    """Shared elements of the kernel; 0 where they are too many."""
    return capacity(dtype, n * (m + n)) if n <= MOST_COLUMNS else 0


def write(dtype, size):
    """The LLVM IR."""
    b = _Block(dtype, size, sizes=3, pointers=4)
    k, a = b.k, b.a  # column p of A at p * m, then V likewise
    count, m, n = k.integers("sizes")
    made, vectors, source, info = k.arrays("pointers", dtype, dtype, dtype, "int32")
    sums = k.shared("sums", dtype, THREADS)
    even = (n + 1) // 2 * 2
    around = even - 1
    with b.matrices(count) as z:
        k.barrier()
        with b.each(0, m * n) as i:
            a[i % n * m + i // n] = source[z * (m * n) + i]
        with b.each(0, n * n) as i:
            a[m * n + i] = k.where(i // n == i % n, 1.0, 0.0).cast(dtype)
        left = k.variable(1.0, dtype)  # rotations of the sweep before
        with k.loop(0, SWEEPS), k.when(left.value > 0.0):
            turned = k.variable(0.0, dtype)
            with k.loop(0, around) as step:
                k.barrier()
                first = b.thread == 0
                p = k.where(first, around, (step + b.thread) % around)
                q = k.where(first, step, (step + around - b.thread) % around)
                with k.when((b.thread < even // 2) & (p < n) & (q < n)):
                    _turn(b, m, n, k.where(p < q, p, q), k.where(p < q, q, p), turned)
            left.value = b.sum(sums, turned.value)
        k.barrier()
        with b.each(0, m * n) as i:
            made[z * (m * n) + i] = a[i % n * m + i // n]
        with b.each(0, n * n) as i:
            vectors[z * (n * n) + i] = a[m * n + i % n * n + i // n]
        with b.first():
            info[z] = k.where(left.value > 0.0, 1, 0)
    return k.text()


def _turn(b, m, n, p, q, turned):
    """Columns p and q by the angle that makes them orthogonal, where they are not."""
    k, a, dtype = b.k, b.a, b.dtype
    alpha, beta, gamma = (k.variable(0.0, dtype) for _ in range(3))
    with k.loop(0, m) as i:
        x, y = a[p * m + i], a[q * m + i]
        alpha.value = k.fma(x, x, alpha.value)
        beta.value = k.fma(y, y, beta.value)
        gamma.value = k.fma(x, y, gamma.value)
    size = k.of(language.abs, gamma.value)
    limit = k.of(language.sqrt, alpha.value) * k.of(language.sqrt, beta.value) * (4 * _EPS[dtype])
    with k.when(size > limit):
        turned.value += 1.0
        zeta = (beta.value - alpha.value) / (gamma.value * 2.0)
        root = k.of(language.sqrt, k.fma(zeta, zeta, k.number(1.0, dtype)))
        tangent = k.where(zeta >= 0.0, 1.0, -1.0).cast(dtype) / (k.of(language.abs, zeta) + root)
        cosine = 1.0 / k.of(language.sqrt, k.fma(tangent, tangent, k.number(1.0, dtype)))
        sine = cosine * tangent
        for start, length in ((0, m), (m * n, n)):
            with k.loop(0, length) as i:
                at, to = p * length + start + i, q * length + start + i
                x, y = a[at], a[to]
                a[at] = k.fma(cosine, x, -(sine * y))
                a[to] = k.fma(sine, x, cosine * y)
