"""Where values fall in ascending rows, and greatest common divisors: a thread for each result."""

from .code import Code


def write_search(right):
    """kernel(i64 sizes[4], i64 pointers[3]): values, of a row, elements of a sequence, halvings; out, sequence, values.

    The place before equal elements, or after them (`right`), of int64 keys. With 0 values of a row there is one sequence.
    """
    k = Code(sizes=4, pointers=3)
    count, per_row, n, halvings = k.integers("sizes")
    out, sequence, values = k.arrays("pointers", "int64", "int64", "int64")
    single = per_row == 0
    with k.threads(count) as i:
        row = k.where(single, 0, i // k.where(single, 1, per_row)) * n
        value = values[i]
        low, high = k.variable(0), k.variable(n)
        with k.loop(0, halvings), k.when(low.value < high.value):
            middle = (low.value + high.value) // 2
            there = sequence[row + middle]
            below = there <= value if right else there < value
            low.value = k.where(below, middle + 1, low.value)
            high.value = k.where(below, high.value, middle)
        out[i] = low.value
    return k.text()


def write_divisors(multiples):
    """kernel(i64 sizes[1], i64 pointers[3]): elements; out, and two arrays of int64. The divisor, or the least multiple."""
    k = Code(sizes=1, pointers=3)
    (count,) = k.integers("sizes")
    out, left, right = k.arrays("pointers", "int64", "int64", "int64")
    with k.threads(count) as i:
        x, y = left[i], right[i]
        a, b = (k.variable(k.where(v < 0, -v, v)) for v in (x, y))
        with (
            k.loop(0, 94),
            k.when(b.value != 0),
        ):  # Euclid's steps are fewest for Fibonacci's numbers: 91 below 2**63
            rest = a.value % b.value
            a.value = b.value
            b.value = rest
        made = a.value
        if multiples:
            none = made == 0
            x, y = (k.where(v < 0, -v, v) for v in (x, y))
            made = k.where(none, 0, x // k.where(none, 1, made) * y)
        out[i] = made
    return k.text()
