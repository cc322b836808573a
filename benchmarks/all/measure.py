"""Times of two calls in turn, and the floors below which no call can get on this machine."""

import gc
import statistics
import time

import numpy as np

ROUNDS, QUICK_ROUNDS = 9, 3
BLOCK_S, QUICK_BLOCK_S = 0.004, 0.001  # the least a timed block takes
ROW_S = 1.2  # what a row may take; at least three rounds
# Ratios up to here a change of the machine between two blocks may have made: such rows are timed again, in more rounds.
NEAR = 1.25
NEAR_ROUNDS = 15
# Threads of the other library that wait for work poll for some milliseconds before they sleep.
SETTLE_S = 0.008


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


def settle(function):
    """Calls for a while without a clock."""
    end = time.perf_counter() + SETTLE_S
    while time.perf_counter() < end:
        function()


def blocks(functions, n_threads, rounds, block_s):
    """Seconds of a call of each function, a list of blocks each: CPU time of one thread, else of the wall.

    In turn, and every second round the other way round.
    """
    clock = time.process_time if n_threads == 1 else time.perf_counter
    counts = [fitting_count(f, clock, block_s) for f in functions]
    taken = [[] for _ in functions]
    order = list(range(len(functions)))
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter()
        for done in range(rounds):
            if done >= 3 and time.perf_counter() - begin > ROW_S:
                break
            for i in order if done % 2 == 0 else reversed(order):
                if n_threads > 1:
                    settle(functions[i])
                taken[i].append(timed(functions[i], counts[i], clock) / counts[i])
    finally:
        gc.enable()
    return taken


def least_times(functions, n_threads, quick=False):
    """The least seconds of a call of each function: what else the machine does only ever adds."""
    rounds, block_s = (QUICK_ROUNDS, QUICK_BLOCK_S) if quick else (ROUNDS, BLOCK_S)
    return [min(taken) for taken in blocks(functions, n_threads, rounds, block_s)]


def times_of_both(ours, theirs, n_threads, quick=False):
    """The least seconds of both; unless ours is well ahead, the medians of more and longer blocks of both.

    A row that misses the caches takes one of two times, depending on what others do with the machine's memory at the
    moment, so of a few blocks one side may have had the better moment.
    """
    least = least_times((ours, theirs), n_threads, quick)
    if least[1] / least[0] >= NEAR:
        return least
    return [statistics.median(t) for t in blocks((ours, theirs), n_threads, NEAR_ROUNDS, BLOCK_S)]


class Floor:
    """The least seconds that bytes and operations take here: a copy of as many bytes by NumPy, shared evenly by the
    threads, and the rate of the faster of two libraries' large products."""

    def __init__(self, libraries, n_threads):
        self.n_threads = n_threads
        self.copies = [(n, copying(n)) for n in (2**k for k in range(15, 29, 2))]
        products = []
        for T in libraries:
            a = T.rand(1024, 1024)
            products += least_times((lambda a=a, T=T: T.mm(a, a),), n_threads)
        self.flops = 2 * 1024**3 / min(products)

    def seconds(self, n_bytes, flops):
        per_byte = next((s for n, s in reversed(self.copies) if n <= n_bytes), self.copies[0][1])
        return max(n_bytes * per_byte / self.n_threads, flops / self.flops)


def copying(n_bytes):
    """Seconds a byte read or written takes one thread, with n_bytes of both in all."""
    to, source = np.ones((2, n_bytes // 2), np.uint8)
    return least_times((lambda: np.copyto(to, source),), 1)[0] / n_bytes
