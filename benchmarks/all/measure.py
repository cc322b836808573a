"""Times of two calls in turn, and the floors below which no call can get on this machine."""

import gc
import math
import threading
import time

import numpy as np

ROUNDS, QUICK_ROUNDS = 9, 3
BLOCK_S, QUICK_BLOCK_S = 0.004, 0.001  # the least a timed block takes
ROW_S = 1.2  # what a row may take; at least three rounds


def timed(function, count, clock):
    loop = range(count)
    start = clock()
    for _ in loop:
        function()
    return clock() - start


def fitting_count(function, clock, block_s):
    """Calls that fill a block; the first two, which may compile and touch fresh memory, are not counted."""
    function()
    function()
    count = 1
    while (taken := timed(function, count, clock)) < block_s / 2:
        count = max(2 * count, int(count * block_s / max(taken, 1e-9) / 2))
    return max(1, round(count * block_s / taken))


def least_times(functions, clock, quick=False):
    """The least seconds of a call of each function, measured in turn.

    The least of several blocks: what else the machine does only ever adds.
    """
    block_s = QUICK_BLOCK_S if quick else BLOCK_S
    counts = [fitting_count(f, clock, block_s) for f in functions]
    least = [math.inf] * len(functions)
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter()
        for done in range(QUICK_ROUNDS if quick else ROUNDS):
            if done >= 3 and time.perf_counter() - begin > ROW_S:
                break
            for i, f in enumerate(functions):
                least[i] = min(least[i], timed(f, counts[i], clock) / counts[i])
    finally:
        gc.enable()
    return least


class Floor:
    """The least seconds that bytes and operations take here: a copy of as many bytes by NumPy, and
    the rate of the faster of two libraries' large products."""

    def __init__(self, libraries, n_threads):
        self.copies = [(n, self._copy(n, n_threads)) for n in (2**k for k in range(15, 29, 2))]
        products = []
        for T in libraries:
            a = T.rand(1024, 1024)
            products.append(min(timed(lambda a=a, T=T: T.mm(a, a), 1, time.perf_counter) for _ in range(7)))  # fmt: skip
        self.flops = 2 * 1024**3 / min(products)

    @staticmethod
    def _copy(n_bytes, n_threads):
        """Seconds a byte read or written, with n_bytes of both in all."""
        parts = [np.ones((2, max(1, n_bytes // 2 // n_threads)), np.uint8) for _ in range(n_threads)]  # fmt: skip
        count = max(1, 2**22 // n_bytes)

        def work(part):
            for _ in range(count):
                np.copyto(part[0], part[1])

        best = math.inf
        for _ in range(5):
            threads = [threading.Thread(target=work, args=(p,)) for p in parts[1:]]
            start = time.perf_counter()
            for t in threads:
                t.start()
            work(parts[0])
            for t in threads:
                t.join()
            best = min(best, time.perf_counter() - start)
        return best / count / n_bytes

    def seconds(self, n_bytes, flops):
        per_byte = next((s for n, s in reversed(self.copies) if n <= n_bytes), self.copies[0][1])
        return max(n_bytes * per_byte, flops / self.flops)
