"""Sorting and running sums on GPUs. Values become int64 keys in the same order; every sort is stable."""

from ... import _core
from ..core import operators as fl
from .launch import launch, made_like, on_meta
from .rules import rule

_raw = _core.indexing
_LONGEST = 4096  # elements of a row that one thread goes along


def order_keys(values):
    """int64 keys in the order of the values: NaN last, -0 beside 0."""
    if values.dtype is _core.int64:
        return values
    if not values.dtype.is_floating_point:
        if values.dtype is _core.uint64:
            return values.view(_core.int64) ^ (-(2**63))
        return values.long()
    if values.dtype is not _core.float64:
        values = values.float()
    word = _core.int64 if values.dtype is _core.float64 else _core.int32
    bits = fl.where(values == 0, 0, values.contiguous().view(word).long())
    most = 2**63 - 1 if word is _core.int64 else 2**31 - 1
    keys = fl.where(bits < 0, -(bits & most), bits)
    return fl.where(values.isnan(), 2**63 - 1, keys)


def sort_rows(keys):
    """(keys in order, their places) of rows (r, n) of int64."""
    rows, n = keys.shape
    device = keys.device.index
    keys = keys.contiguous()
    places = fl.arange(n, device=keys.device).expand(rows, n).contiguous()
    run = 1

    def write():
        from ...kernels.gpu import order

        return order.write()

    while run < n:
        out, out_places = _core.empty_like(keys), _core.empty_like(places)
        arguments = [[rows, n, run], [keys, places, out, out_places]]
        launch("sort", ("merge",), write, device, rows * n, arguments)
        keys, places, run = out, out_places, 2 * run
    return keys, places


def sorted_by(keys):
    """(keys in order, the order) of a vector of int64."""
    ordered, order = sort_rows(keys.reshape(1, -1))
    return ordered.reshape(-1), order.reshape(-1)


def _along(input, dim, descending):
    """(the places that sort `input` along dim, which is last in them)."""
    moved = input.movedim(dim, -1)
    keys = order_keys(moved).contiguous().reshape(-1, moved.shape[-1])
    _, places = sort_rows(~keys if descending else keys)
    return moved, places.reshape(moved.shape)


@rule("sort")
def sort(input, dim, descending):
    values, indices = made_like(on_meta(_raw.sort, input, dim, descending), input.device)
    if input.numel() == 0 or input.dim() == 0:
        return values.copy_(input), indices.zero_()
    moved, places = _along(input, dim, descending)
    indices.copy_(places.movedim(-1, dim))
    values.copy_(moved.gather(-1, places).movedim(-1, dim))
    return values, indices


@rule("argsort")
def argsort(input, dim, descending):
    indices = made_like(on_meta(_raw.argsort, input, dim, descending), input.device)
    if input.numel() == 0 or input.dim() == 0:
        return indices.zero_()
    return indices.copy_(_along(input, dim, descending)[1].movedim(-1, dim))


@rule("topk")
def topk(input, k, dim, largest, sorted):
    values, indices = made_like(on_meta(_raw.topk, input, k, dim, largest, sorted), input.device)
    if input.numel() == 0 or input.dim() == 0:
        return values.copy_(input) if values.numel() else values, indices.zero_()
    moved, places = _along(input, dim, largest)
    places = places.narrow(-1, 0, k)
    indices.copy_(places.movedim(-1, dim))
    values.copy_(moved.gather(-1, places).movedim(-1, dim))
    return values, indices


@rule("kthvalue")
def kthvalue(input, k, dim, keepdim):
    found = made_like(on_meta(_raw.kthvalue, input, k, dim, keepdim), input.device)
    values, indices = found
    if input.numel() == 0 or input.dim() == 0:
        return (values.copy_(input) if values.numel() else values), indices.zero_()
    moved, places = _along(input, dim, False)
    at = places.narrow(-1, k - 1, 1)
    indices.copy_(at.movedim(-1, dim).reshape(indices.shape))
    values.copy_(moved.gather(-1, at).movedim(-1, dim).reshape(values.shape))
    return values, indices


# -- running sums and extrema


def scan(kind, input, dim, out, places=None):
    """Fills `out` (and the places of extrema) along dim; everything contiguous."""
    input = input.contiguous()
    n = input.shape[dim] if input.dim() else 1
    outer = inner = 1
    for d, size in enumerate(input.shape):
        if d < dim:
            outer *= size
        elif d > dim:
            inner *= size
    names = kind, input.dtype.name, out.dtype.name

    def write():
        from ...kernels.gpu import scan as kernels

        return kernels.write(*names)

    arguments = [[outer, n, inner], [input, out, out if places is None else places]]
    launch(
        kind, ("scan", *names), write, input.device.index, outer * inner if n else 0, arguments, 128
    )
    return out


def running_count(mask):
    """The running count of what is true in a flat mask, in pieces that run side by side."""
    n = mask.numel()
    counts = _core.empty(n, dtype=_core.int64, device=mask.device)
    if n <= _LONGEST:
        return scan("sum", mask, 0, counts)
    pieces = -(-n // 1024)
    padded = _core.zeros(pieces * 1024, dtype=_core.bool, device=mask.device)
    padded[:n].copy_(mask)
    within = _core.empty(pieces, 1024, dtype=_core.int64, device=mask.device)
    scan("sum", padded.view(pieces, 1024), 1, within)
    totals = within[:, -1].contiguous()
    before = _sum_of_vector(totals) - totals
    return (within + before.unsqueeze(1)).reshape(-1)[:n].contiguous()


def _sum_of_vector(values):
    """Running sums of a vector of int64."""
    n = values.numel()
    if n <= _LONGEST:
        return scan("sum", values, 0, _core.empty_like(values))
    pieces = -(-n // 1024)
    padded = _core.zeros(pieces * 1024, dtype=values.dtype, device=values.device)
    padded[:n].copy_(values)
    within = scan("sum", padded.view(pieces, 1024), 1, _core.empty_like(padded.view(pieces, 1024)))
    totals = within[:, -1].contiguous()
    before = _sum_of_vector(totals) - totals
    return (within + before.unsqueeze(1)).reshape(-1)[:n].contiguous()


def _scan_rule(name, kind):
    native = getattr(_raw, name)

    @rule(name)
    def run(input, dim):
        found = on_meta(native, input, dim)
        pair = isinstance(found, tuple)
        values = _core.empty(
            (found[0] if pair else found).shape,
            dtype=(found[0] if pair else found).dtype,
            device=input.device,
        )
        places = _core.empty(values.shape, dtype=_core.int64, device=input.device) if pair else None
        scan(kind, input, dim % max(input.dim(), 1), values, places)
        return (values, places) if pair else values


for _name, _kind in {
    "cumsum": "sum", "cumprod": "product", "logcumsumexp": "logsumexp", "cummax": "maximum", "cummin": "minimum",
}.items():  # fmt: skip
    _scan_rule(_name, _kind)
