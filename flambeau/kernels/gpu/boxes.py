"""Boxes left out because a better one overlaps them, on a GPU: one block of threads goes along them in their order."""

from .code import Code

THREADS = 256
MOST = 10 << 10  # boxes: a number of shared memory for each says whether it is out


def write(dtype, size):
    """kernel(i64 n[1], i64 pointers[2], i64 factors[1]): stays (bool), boxes (n, 4), the better ones first; threshold."""
    k = Code(n=1, pointers=2, factors=1)
    (n,) = k.integers("n")
    stays, boxes = k.arrays("pointers", "bool", dtype)
    (threshold,) = k.reals("factors")
    out = k.shared("out", "float32", size)
    thread = k.thread()
    corners = lambda i: [boxes[i * 4 + c] for c in range(4)]
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    with k.loop(thread, n, THREADS) as i:
        out[i] = k.number(0.0, "float32")
    k.barrier()
    with k.loop(0, n) as i:
        with k.when(out[i] == 0.0):
            box = corners(i)
            with k.loop(i + 1 + thread, n, THREADS) as j:
                other = corners(j)
                left, top = (k.larger(box[c], other[c]) for c in range(2))
                right, bottom = (k.smaller(box[c], other[c]) for c in range(2, 4))
                both = k.larger(right - left, 0.0) * k.larger(bottom - top, 0.0)
                share = both / (area(box) + area(other) - both)
                with k.when(share.cast("float64") > threshold):
                    out[j] = k.number(1.0, "float32")
        k.barrier()
    with k.loop(thread, n, THREADS) as i:
        stays[i] = out[i] == 0.0
    return k.text()
