"""Which kernels a call that is recorded will want next: they are compiled in the background, where none was on disk.

Foretold are the derivatives of the operators that the call has run, and the joined kernels of its program. A wrong
guess costs time of a core that was idle; what was not foretold is compiled when it is wanted.
"""

import contextlib

import flambeau

from ..kernels import ahead, cache
from .pointwise import Number, compute_of

__all__ = ["Foretold", "foretell_joined"]

_SUMS = ("rsum", "rmean")


@contextlib.contextmanager
def _guessing():
    """Kernels are asked for; what cannot be told before is not told, and whoever comes to it meets the error."""
    with ahead.foretelling(), contextlib.suppress(Exception):
        yield


def _mode(shape, full, contiguous=True):
    """How a kernel steps along an operand of `shape` where the result has the shape `full`; None: unknown."""
    inner = next((k for k in range(1, len(full) + 1) if full[-k] != 1), None)
    if inner is None or inner > len(shape) or shape[-inner] == 1:
        return "s"
    return "c" if contiguous else None


class Foretold:
    """What the calls of a trace so far have foretold.

    `active`: whether one of them had a kernel compiled, so that others are missing too.
    """

    def __init__(self):
        self.active, self._made = False, cache.made
        self._last = None  # the pointwise operator before, whose gradient may be one value a row

    def look(self):
        """Sees whether kernels have been compiled since the last look."""
        compiled, self._made = cache.made != self._made, cache.made
        if compiled and not self.active:
            self.active = True
            cache.expect_more()
        return compiled

    def pointwise(self, operator, operands, result):
        """A pointwise operator has run: its derivatives, of a gradient like its result."""
        if self.look() and result.requires_grad:
            with _guessing():
                self._derivatives(operator, operands, result, "c")
        self._last = operator, operands, result

    def reduced(self, function, word, input, result):
        """A reduction has run: backward of softmax, and derivatives of what was added up."""
        if not self.look() or not result.requires_grad:
            return
        if word in _SUMS:
            if self._last is not None and self._last[2] is input:
                with _guessing():
                    self._derivatives(*self._last, "s")
        elif word in ("softmax", "log_softmax"):
            from ..kernels.schedules import row_functions

            rows, dtype = getattr(row_functions, word + "_backward"), _name(result.dtype)
            with _guessing():
                rows.compile((dtype,) * rows.n_in, "v" * (1 + rows.n_in), (dtype,))

    def _derivatives(self, operator, operands, result, mode):
        shape = tuple(result.shape)
        for i, operand in enumerate(operands):
            if not isinstance(operand, flambeau.Tensor) or not operand.requires_grad:
                continue
            answer = operator.spec.derivative(i)
            if not isinstance(answer, tuple) or not hasattr(answer[0], "spec"):
                continue
            values = [result if j < 0 else operands[j] for j in answer[1]]
            _compile(answer[0].spec, [(result, mode), *[(v, None) for v in values]], shape)


def _compile(spec, given, shape):
    """Asks for the kernel of `spec` of (tensor or number, its mode or None) each, for a result of that shape."""
    facts = [(_name(v.dtype), v.dim()) if isinstance(v, flambeau.Tensor) else v for v, _ in given]
    compute = compute_of(spec, facts)
    dtypes, modes = [], ["c"]
    for i, (value, mode) in enumerate(given):
        if isinstance(value, flambeau.Tensor):
            dtypes.append(_name(value.dtype))
            modes.append(mode or _mode(tuple(value.shape), shape, value.is_contiguous()))
        else:
            dtypes.append(Number(value, spec, i, compute).dtype)
            modes.append("s")
    if compute is None or None in modes:
        return
    casts = [d if spec.keep >> i & 1 else compute for i, d in enumerate(dtypes)]
    spec.compile(tuple(dtypes), tuple(casts), (compute,), "".join(modes))


def foretell_joined(kernel, values, shape, numbers):
    """Asks for a joined kernel over rows or elements of `shape`, of operands `values` and then so many numbers."""
    modes = [_mode(v.shape, shape, v.contiguous) for v in values]
    if kernel.kinds or None not in modes:
        with _guessing():
            kernel.compile("c" * kernel.n_out + "".join(m or "" for m in modes) + "s" * numbers)


def _name(dtype):
    return str(dtype).partition(".")[2]
