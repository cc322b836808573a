"""Tensors as text, in PyTorch's format.

Only what is shown is fetched: a tensor of more than `threshold` elements is cut to its edges first,
then copied out once, and everything after that is Python numbers and strings.
"""

import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from . import _core
from .ops.core import operators as fl


@dataclass
class PrintOptions:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_profiles = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PrintOptions()


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
):
    """Set how tensors are printed, from now on and everywhere.

    Args:
        precision (int): digits after the point of a floating value (4).
        threshold (int): tensors of more elements are shown by their edges (1000).
        edgeitems (int): how many elements each edge of a cut dimension shows (3).
        linewidth (int): characters a line may have (80).
        profile (str): "default", "short" or "full" sets all of the above; the others then apply on top.
        sci_mode (bool or None): scientific notation always or never; None, which every call without
            this argument restores, lets the values decide.
    """
    global _options
    options = _options
    if profile is not None:
        if not isinstance(profile, str):
            raise TypeError(
                f"set_printoptions: profile must be a str, not {type(profile).__name__}."
            )
        options = _profiles.get(profile.lower(), options)
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    _options = replace(options, **changes, sci_mode=sci_mode)


def get_printoptions():
    """The current options as a dict with the argument names of `set_printoptions`."""
    return asdict(_options)


@contextmanager
def printoptions(**changes):
    """`set_printoptions` for the length of a with statement."""
    global _options
    before = _options
    set_printoptions(**changes)
    try:
        yield
    finally:
        _options = before


class _NumberFormat:
    """How the real numbers of one tensor are written: one notation and one width for all of them."""

    def __init__(self, values, floating):
        self.floating = floating
        self.scientific = False
        self.whole = True
        self.width = 1
        if not floating:
            self.width = max((len(str(value)) for value in values), default=1)
            return
        shown = [value for value in values if value != 0 and math.isfinite(value)]
        if not shown:
            return
        smallest = min(map(abs, shown))
        largest = max(map(abs, shown))
        self.whole = all(value == math.floor(value) for value in shown)
        self.scientific = (
            largest / smallest > 1000 or largest > 1e8 or (not self.whole and smallest < 1e-4)
        )
        if _options.sci_mode is not None:
            self.scientific = _options.sci_mode
        self.width = max(len(self._digits(value)) for value in shown)

    def _digits(self, value):
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{_options.precision}f}"

    def __call__(self, value):
        text = self._digits(value) if self.floating else str(value)
        return text.rjust(self.width)


class _ComplexFormat:
    """A pair of number formats, one for all real parts and one for all imaginary parts."""

    def __init__(self, values):
        self.real = _NumberFormat([value.real for value in values], True)
        self.imag = _NumberFormat([value.imag for value in values], True)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value):
        imag = self.imag(value.imag).lstrip()
        sign = "" if imag[0] in "+-" else "+"
        return f"{self.real(value.real)}{sign}{imag}j"


def _edges(tensor):
    """`tensor` with the middle of every long dimension left out."""
    keep = _options.edgeitems
    for dim, size in enumerate(tensor.shape):
        if size <= 2 * keep:
            continue
        if keep == 0:
            tensor = tensor.narrow(dim, 0, 0)
        else:
            ends = [tensor.narrow(dim, 0, keep), tensor.narrow(dim, size - keep, keep)]
            tensor = fl.cat(ends, dim)
    return tensor


def _flat(nested, ndim):
    for _ in range(ndim - 1):
        nested = [value for row in nested for value in row]
    return nested if ndim else [nested]


def _block(nested, shape, indent, write, cut):
    """The text of nested lists; `shape` is that of the whole tensor, `cut` whether edges are shown."""
    if not shape:
        return write(nested)
    keep = _options.edgeitems
    shortened = cut and shape[0] > 2 * keep
    if len(shape) == 1:
        parts = [write(value) for value in nested]
        if shortened:
            parts[keep:keep] = [" ..."]
        per_line = max(1, int((_options.linewidth - indent) // (write.width + 2)))
        lines = [", ".join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_block(row, shape[1:], indent + 1, write, cut) for row in nested]
    if shortened:
        parts[keep:keep] = ["..."]
    separator = "," + "\n" * (len(shape) - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def _contents(tensor, indent):
    """The bracketed numbers of a tensor that has elements."""
    shape = tuple(tensor.shape)
    cut = tensor.numel() > _options.threshold
    values = (_edges(tensor) if cut else tensor).tolist()
    flat = _flat(values, len(shape))
    if tensor.dtype.is_complex:
        write = _ComplexFormat(flat)
    else:
        write = _NumberFormat(flat, tensor.dtype.is_floating_point)
    return _block(values, shape, indent, write, cut)


def _dtype_is_evident(dtype, empty):
    """Whether the numbers tell their dtype: the default ones do, and int64 and bool unless there are none."""
    default = _core.get_default_dtype()
    if dtype == default:
        return True
    if empty:
        return False
    return dtype in (_core.int64, _core.bool, default.to_complex())


def _suffixes(tensor, numbers_shown):
    """What follows the numbers: device, size, dtype and place in the autograd graph."""
    suffixes = []
    if tensor.device.type != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    empty = tensor.numel() == 0
    if not numbers_shown or (empty and tensor.dim() != 1):
        suffixes.append(f"size={tuple(tensor.shape)}")
    if not _dtype_is_evident(tensor.dtype, empty or tensor.is_meta):
        suffixes.append(f"dtype={tensor.dtype}")
    try:
        grad_fn = tensor.grad_fn
    except RuntimeError:
        # A view whose base was written in a way that autograd cannot follow raises here.
        suffixes.append("grad_fn=<Invalid>")
        return suffixes
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{type(grad_fn).__name__}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    from .autograd.forward_ad import unpack_dual

    tangent = unpack_dual(tensor).tangent
    if tangent is not None:
        suffixes.append(f"tangent={tangent.detach()}")
    return suffixes


def _join(text, suffixes, indent, used=None):
    """`text` and its suffixes, each on the last line where it fits and on a line of its own where not.

    `used` is what the last line of `text` counts for: by default its characters and two for a comma.
    """
    if used is None:
        used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"


def tensor_repr(tensor, prefix=None, contents=None):
    """The text of a tensor, as `repr` gives it.

    Args:
        tensor (Tensor): any; its graph is not touched.
        prefix (str, optional): the word before the bracket; by default "tensor", or the name of the
            type when that is a subclass.
        contents (str, optional): what stands in the brackets, in place of the numbers.
    """
    if prefix is None:
        prefix = "tensor" if type(tensor) is _core.Tensor else type(tensor).__name__
    prefix += "("
    indent = len(prefix)
    numbers_shown = True
    if _core._is_batched(tensor):
        value, levels = _core._unbatch(tensor)
        return f"mapped {tuple(tensor.shape)} at {len(levels)} level{'s' * (len(levels) > 1)} of vmap, all slices: {tensor_repr(value)}"
    if contents is not None:
        pass
    elif _core._is_sparse(tensor):
        return _sparse_repr(tensor, prefix)
    elif tensor.device.type == "meta":
        contents, numbers_shown = "...", False
    elif tensor.numel() == 0:
        contents = "[]"
    elif tensor.numel() > _options.threshold and _options.edgeitems == 0 and tensor.dim() > 0:
        contents, numbers_shown = "[...]", False
    else:
        with _plain(tensor) as plain:
            contents = _contents(plain, indent)
    return _join(prefix + contents, _suffixes(tensor, numbers_shown), indent)


_PARTS = {  # what each layout calls its indices
    "sparse_coo": ("indices",),
    "sparse_csr": ("crow_indices", "col_indices"),
    "sparse_csc": ("ccol_indices", "row_indices"),
    "sparse_bsr": ("crow_indices", "col_indices"),
    "sparse_bsc": ("ccol_indices", "row_indices"),
}


def _sparse_repr(tensor, prefix):
    """The text of a sparse tensor: what it is made of, then the facts."""
    _, compressed, indices, values, _, _ = _core._sparse_parts(tensor)
    names = (*_PARTS[tensor.layout.name], "values")
    parts = [part for part in (compressed, indices, values) if part is not None]
    indent = " " * len(prefix)
    lines = []
    for name, part in zip(names, parts, strict=True):
        head = f"{name}=tensor("
        inner = len(prefix) + len(head)
        if part.is_meta:
            text = f"..., size={tuple(part.shape)}"
        elif part.numel() == 0:
            text = f"[], size={tuple(part.shape)}"
        else:
            text = _contents(part, inner)
        lines.append(f"{head}{text})")
    text = prefix + (",\n" + indent).join(lines)
    facts = _suffixes(tensor, True)
    size = f"size={tuple(tensor.shape)}"
    unsaid = (size, f"dtype={tensor.dtype}" if _dtype_is_evident(tensor.dtype, False) else "")
    facts = [fact for fact in facts if fact not in unsaid]
    at = 1 if facts and facts[0].startswith("device") else 0
    graph = [fact for fact in facts if fact.startswith(("grad_fn", "requires_grad", "tangent"))]
    rest = [fact for fact in facts if fact not in graph]
    nnz = [] if tensor.is_meta else [f"nnz={tensor._nnz()}"]
    rest[at:at] = [size, *nnz]
    first, *more = [*rest, f"layout={tensor.layout}", *graph]
    if compressed is None:
        used = len(prefix) + len(first)
        return _join(f"{text},\n{indent}{first}", more, len(prefix), used)
    return _join(text, [first, *more], len(prefix))


@contextmanager
def _plain(tensor):
    """The values of `tensor` without graph or subclass, while nothing is recorded."""
    recording = _core._set_grad_enabled(False)
    try:
        yield tensor.detach()
    finally:
        _core._set_grad_enabled(recording)
