"""Connectionist temporal classification on a GPU: a block of threads for each sample, a thread for each state.

    forward     alpha: log of the sum over alignments up to a step that end in a state; then the loss
    backward    beta, from the last step on, and with it the expected count of each state at each step
    chains      of each class the first label of a sample that is of it, of each label the next of its class
    gradient    exp(log_probs) less the expected counts of a class, a thread for each element

States are a sample's labels with blanks around them, 2 * labels + 1. Rows of two steps lie in shared memory.
Source: Graves, Fernandez, Gomez, Schmidhuber, "Connectionist temporal classification", ICML 2006.
"""

from .. import language
from ..types import DTYPES
from .code import Code

THREADS = 128
_SHARED = 42 << 10
NOTHING = float("-inf")


def capacity(dtype, states):
    """States that a kernel for so many keeps; 0 where they are too many."""
    most = _SHARED // (2 * DTYPES[dtype].itemsize)
    return next((size for size in (64, 256, 1024, most) if states <= size <= most), 0)


class _Samples:
    """What the kernels know of a sample: its steps, labels and states."""

    def __init__(self, k, dtype, lengths, starts, blank, classes, n):
        self.k, self.dtype = k, dtype
        self.lengths, self.starts, self.blank, self.classes, self.n = (
            lengths,
            starts,
            blank,
            classes,
            n,
        )

    def choose(self, sample):
        self.sample = sample
        self.steps = self.lengths[sample]
        self.count = self.lengths[self.n + sample]
        self.first = self.n * 2 + self.starts[sample]
        self.states = self.count * 2 + 1

    def label(self, state):
        """The class of a state."""
        k = self.k
        is_label = (state & 1) == 1
        at = k.where(is_label, self.first + (state >> 1), 0)
        return k.where(is_label, self.lengths[at], self.blank)

    def emitted(self, log_probs, t, state):
        return log_probs[(t * self.n + self.sample) * self.classes + self.label(state)]

    def skips(self, state):
        """Whether alignments reach a label from the one before at once: the two differ."""
        k = self.k
        is_later = ((state & 1) == 1) & (state > 1)
        here, before = k.where(is_later, state, 1), k.where(is_later, state - 2, 1)
        # A sample without labels has one state, whose label is not looked for.
        some = self.count > 0
        here, before = k.where(some, here, 0), k.where(some, before, 0)
        return is_later & (self.label(here) != self.label(before))


def _sum(k, a, b, c):
    """log(exp(a) + exp(b) + exp(c))"""
    swap = a > b
    larger, other = k.where(swap, a, b), k.where(swap, b, a)
    swap = larger > c
    most, third = k.where(swap, larger, c), k.where(swap, c, larger)
    none = most == NOTHING
    safe = k.where(none, 0.0, most)
    total = k.of(language.exp, other - safe) + k.of(language.exp, third - safe) + 1.0
    # A NaN is among the other two, where it stays.
    return k.where(none, other + third, most + k.of(language.log, total))


def _parts(kind, dtype, size, pointers):
    k = Code(sizes=6, pointers=pointers)
    steps, n, classes, blank, row, _ = k.integers("sizes")
    lines = [k.shared(f"{kind}_{i}", dtype, size) for i in range(2)]
    return k, k.thread(), (steps, n, classes, blank, row), lines


def write_forward(dtype, size):
    """kernel(i64 sizes[6], i64 pointers[5]): steps, n, classes, blank, row; losses, alpha, log_probs, lengths, starts."""
    k, thread, (steps, n, classes, blank, row), lines = _parts("alpha", dtype, size, 5)
    losses, alpha, log_probs, lengths, starts = k.arrays(
        "pointers", dtype, dtype, dtype, "int64", "int64"
    )
    of = _Samples(k, dtype, lengths, starts, blank, classes, n)
    with k.loop(k.block_number(), n, k.block_count()) as sample:
        of.choose(sample)
        k.barrier()
        with k.loop(thread, of.states, THREADS) as s:
            lines[0][s] = k.number(NOTHING, dtype)
            lines[1][s] = k.number(NOTHING, dtype)
        k.barrier()
        with k.loop(0, of.steps) as t:
            is_first = t == 0
            with k.loop(thread, of.states, THREADS) as s:
                odd = (t & 1) == 1
                value = k.variable(0.0, dtype)
                with k.when(is_first):
                    value.value = k.where(s < 2, 0.0, NOTHING)
                with k.when(~is_first):
                    had = lambda back: _of_lines(k, lines, odd, s, back, dtype)
                    value.value = _sum(k, had(0), had(1), k.where(of.skips(s), had(2), NOTHING))
                value.value = value.value + of.emitted(log_probs, t, s)
                alpha[(sample * steps + t) * row + s] = value.value
                with k.when(odd):
                    lines[1][s] = value.value
                with k.when(~odd):
                    lines[0][s] = value.value
            k.barrier()
        with k.when(thread == 0):
            odd = (of.steps & 1) == 0  # of the last step
            last, before = (
                _of_lines(k, lines, ~odd, of.states - 1, back, dtype) for back in range(2)
            )
            found = -_sum(k, last, before, k.number(NOTHING, dtype))
            empty = k.where(of.count == 0, 0.0, float("inf"))
            losses[sample] = k.where(of.steps == 0, empty, found)
    return k.text()


def _of_lines(k, lines, odd, s, back, dtype):
    """The state `back` before s (behind it, where that is negative) in the line of the step before: 0 in odd steps."""
    place = s - back if back >= 0 else s + (-back)
    inside = place >= 0
    at = k.where(inside, place, 0)
    value = k.variable(NOTHING, dtype)
    with k.when(inside & odd):
        value.value = lines[0][at]
    with k.when(inside & ~odd):
        value.value = lines[1][at]
    return value.value


def write_backward(dtype, size):
    """kernel(i64 sizes[6], i64 pointers[6]): as forward; counts, losses, alpha, log_probs, lengths, starts."""
    k, thread, (steps, n, classes, blank, row), lines = _parts("beta", dtype, size, 6)
    counts, losses, alpha, log_probs, lengths, starts = k.arrays(
        "pointers", dtype, dtype, dtype, dtype, "int64", "int64"
    )
    of = _Samples(k, dtype, lengths, starts, blank, classes, n)
    with k.loop(k.block_number(), n, k.block_count()) as sample:
        of.choose(sample)
        loss = losses[sample]
        k.barrier()
        with k.loop(0, of.steps) as back:
            t = of.steps - 1 - back
            is_first, odd = back == 0, (back & 1) == 1
            with k.loop(thread, of.states, THREADS) as s:
                value = k.variable(0.0, dtype)
                with k.when(is_first):
                    value.value = k.where(s >= of.states - 2, 0.0, NOTHING)
                with k.when(~is_first):
                    value.value = _sum(k, *_behind(k, of, lines, odd, s, dtype))
                emitted = of.emitted(log_probs, t, s)
                value.value = value.value + emitted
                place = (sample * steps + t) * row + s
                counts[place] = k.of(language.exp, alpha[place] + value.value - emitted + loss)
                with k.when(odd):
                    lines[1][s] = value.value
                with k.when(~odd):
                    lines[0][s] = value.value
            k.barrier()
    return k.text()


def _behind(k, of, lines, odd, s, dtype):
    """The states at and behind s, of the step behind this one."""
    found = []
    for ahead in range(3):
        place = s + ahead
        inside = place < of.states
        at = k.where(inside, place, 0)
        if ahead == 2:
            inside = inside & of.skips(at)
        value = k.variable(NOTHING, dtype)
        with k.when(inside & odd):
            value.value = lines[0][at]
        with k.when(inside & ~odd):
            value.value = lines[1][at]
        found.append(value.value)
    return found


def write_chains():
    """kernel(i64 sizes[3], i64 pointers[4]): n, classes, all labels; heads (n, classes), links, lengths, starts."""
    k = Code(sizes=3, pointers=4)
    n, classes, labels = k.integers("sizes")
    heads, links, lengths, starts = k.arrays("pointers", *["int64"] * 4)
    with k.threads(n * classes) as i:
        sample, c = i // classes, i % classes
        first, count = n * 2 + starts[sample], lengths[n + sample]
        # From the last label to the first: each one of this class links to the one found before.
        found = k.variable(-1)
        with k.loop(0, count) as back:
            at = count - 1 - back
            with k.when(lengths[first + at] == c):
                links[starts[sample] + at] = found.value
                found.value = at
        heads[i] = found.value
    return k.text()


def write_gradient(dtype, finite):
    """kernel(i64 sizes[6], i64 pointers[9]): as forward; grad, factors, counts, losses, log_probs, lengths, starts, heads, links."""
    k = Code(sizes=6, pointers=9)
    steps, n, classes, blank, row, _ = k.integers("sizes")
    grad, factors, counts, losses, log_probs, lengths, starts, heads, links = k.arrays(
        "pointers", *[dtype] * 5, *["int64"] * 4
    )
    with k.threads(steps * n * classes) as i:
        t, sample, c = i // (n * classes), i // classes % n, i % classes
        infinite = k.of(language.isinf, losses[sample])
        inside = t < lengths[sample]
        if finite:
            inside = inside & ~infinite
        result = k.variable(0.0, dtype)
        with k.when(inside):
            line = (sample * steps + t) * row
            total = k.variable(k.of(language.exp, log_probs[i]), dtype)
            at = k.variable(heads[sample * classes + c])
            with k.repeat(lambda: at.value >= 0):
                total.value = total.value - counts[line + at.value * 2 + 1]
                at.value = links[starts[sample] + at.value]
            with k.when(c == blank):
                blanks = k.variable(0.0, dtype)
                with k.loop(0, lengths[n + sample] + 1) as b:
                    blanks.value = blanks.value + counts[line + b * 2]
                total.value = total.value - blanks.value
            result.value = total.value * k.where(infinite, float("nan"), factors[sample])
        grad[i] = result.value
    return k.text()
