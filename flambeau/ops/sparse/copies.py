"""Copies, conversions of dtype and device, and tensors alike."""

from ... import _core, types
from ..core import operators as fl
from . import construct
from . import frame as frames
from .coalesce import clone, need_coo
from .convert import to_dtype
from .places import values_at
from .rules import operators_called, replace, rule


@rule("clone")
def _(input, *, memory_format=None):
    if memory_format not in (None, types.preserve_format):
        raise RuntimeError(
            f"clone: memory_format {memory_format} is for strided tensors, not for {frames.layout_name(input)}."
        )
    return clone(input)


@rule("contiguous")
def _(input, memory_format=None):
    if memory_format not in (None, types.preserve_format):
        raise RuntimeError(f"contiguous: {frames.layout_name(input)} tensors are in no such order.")
    return input


@rule("to")
def to(input, *args, **kwargs):
    """The tensor in another dtype or on another device."""
    dtype, device = input.dtype, input.device
    copy = kwargs.pop("copy", False)
    kwargs.pop("non_blocking", None)
    memory_format = kwargs.pop("memory_format", None)
    if memory_format not in (None, types.preserve_format):
        raise RuntimeError(
            f"to: memory_format {memory_format} is for strided tensors, not for {frames.layout_name(input)}."
        )
    flags = 0
    for value in (*args, *kwargs.values()):
        if value is None:
            continue
        if isinstance(value, bool):
            flags += 1
            copy = copy or (flags == 2 and value)
        elif isinstance(value, _core.Tensor):
            dtype, device = value.dtype, value.device
        elif isinstance(value, (str, types.device)):
            device = types.device(value)
        else:
            dtype = _core.empty(0, dtype=value, device=device).dtype
    made = to_dtype(input, dtype) if frames.is_sparse(input) else input.to(dtype)
    if device != input.device:
        frame, values = frames.frame_and_entries(made)
        if device.type == "meta":
            return construct.empty_like(made.detach(), device=device)
        compressed = None if frame.compressed is None else frame.compressed.to(device)
        frame = frames.Frame(
            frame.layout,
            compressed,
            frame.indices.to(device),
            frame.size,
            frame.dense_dim,
            frame.coalesced,
        )
        return frame.assemble(values.to(device))
    return clone(made) if copy and made is input else made


@rule("copy_")
def copy_(input, src, non_blocking=False):
    """The entries of another sparse tensor; a strided tensor takes its elements."""
    from .convert import to_dense

    if not frames.is_sparse(input):
        return input.copy_(to_dense(src))
    if not frames.is_sparse(src):
        raise RuntimeError("copy_: a sparse tensor takes no strided source. Use src.to_sparse().")
    if input.shape != src.shape:
        raise RuntimeError(
            f"copy_: the source is {tuple(src.shape)} and the destination {tuple(input.shape)}. Sparse tensors do not "
            "broadcast."
        )
    if frames.number_of(input) != frames.number_of(src):
        raise RuntimeError(
            f"copy_: the source is {frames.layout_name(src)} and the destination {frames.layout_name(input)}."
        )
    return replace(input, to_dtype(clone(src), input.dtype), "copy_")


@rule("zero_")
def zero_(input):
    if frames.number_of(input) == frames.COO:
        return replace(input, construct.empty_like(input), "zero_")
    frame, values = frames.split(input)
    return replace(input, frame.make(fl.zeros_like(values)), "zero_")


@rule("fill_")
def fill_(input, value):
    if value == 0:
        return zero_(input)
    raise NotImplementedError(
        "fill_: a sparse tensor is filled with 0 alone. Use to_dense() first."
    )


def _alike(name, fill):
    def like(
        input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
        memory_format=None,
    ):  # fmt: skip
        if layout is not None and layout != _core._layout_of(input):
            if layout == types.strided:
                dense = getattr(fl, name[: -len("_like")])
                dtype_, device_ = dtype or input.dtype, device or input.device
                return dense(
                    tuple(input.shape), dtype=dtype_, device=device_, requires_grad=requires_grad
                )
            raise NotImplementedError(
                f"{name}: layout {layout} of a {frames.layout_name(input)} tensor is not made."
            )
        if pin_memory:
            raise RuntimeError(f"{name}: pin_memory=True needs an accelerator, and there is none.")
        if memory_format is not None:
            raise RuntimeError(
                f"{name}: memory_format is for strided tensors, not for {frames.layout_name(input)}."
            )
        if fill is None or frames.number_of(input) == frames.COO:
            made = construct.empty_like(input, dtype, device)
        else:
            frame, values = frames.split(input.to(device or input.device))
            made = frame.make(fl.full_like(values, fill, dtype=dtype or input.dtype))
        return made.requires_grad_() if requires_grad else made

    rule(name)(like)


_alike("empty_like", 0)
_alike("zeros_like", None)


@rule("ones_like")
def ones_like(input, **options):
    return _filled("ones_like", input, 1, **options)


@rule("full_like")
def full_like(input, fill_value, **options):
    return _filled("full_like", input, fill_value, **options)


def _filled(name, input, value, *, dtype=None, device=None, requires_grad=False):
    """A compressed tensor with `value` for each entry."""
    if frames.number_of(input) == frames.COO:
        raise NotImplementedError(
            f"{name}: a sparse_coo tensor has no entry for each element. Use to_dense() first."
        )
    frame, values = frames.split(input.detach().to(device or input.device))
    made = frame.make(fl.full_like(values, value, dtype=dtype or input.dtype))
    return made.requires_grad_() if requires_grad else made


def _into(name):
    def factory(*size, out=None, dtype=None, device=None, requires_grad=False, **options):
        if out is None or not frames.is_sparse(out) or options:
            raise NotImplementedError(
                f"{name}: with a sparse out it takes sizes, dtype, device and requires_grad alone."
            )
        for what, given, own in (("dtype", dtype, out.dtype), ("device", device, out.device)):
            if given is not None and given != own and str(given) != str(own):
                raise RuntimeError(
                    f"{name}: {what} is {given}, but out has {own}. Leave {what} away."
                )
        size = size[0] if len(size) == 1 and not hasattr(size[0], "__index__") else size
        made = construct.empty(size, frames.number_of(out), dtype=out.dtype, device=out.device)
        replace(out, made, name)
        return out.requires_grad_() if requires_grad else out

    for operator in operators_called(name):
        operator.sparse = factory


_into("zeros")
_into("empty")


def _new(name):
    def new(
        input, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
    ):
        if len(size) == 1 and not hasattr(size[0], "__index__"):
            size = tuple(size[0])
        layout = frames.number_of(input) if layout is None else types.LAYOUTS.index(layout)
        options = {
            "dtype": dtype or input.dtype,
            "device": device or input.device,
            "requires_grad": requires_grad,
        }
        return (
            construct.empty(size, layout, **options)
            if layout
            else getattr(fl, name[4:])(size, **options)
        )

    rule(name)(new)


_new("new_zeros")
_new("new_empty")


@rule("new")
def new(input, *args, device=None):
    """The older constructor: new(), new(sizes...), new(indices, values) and with a size behind."""
    need_coo("new", input)
    device = device or input.device
    if args and isinstance(args[0], _core.Tensor):
        indices, values, *size = args
        return construct.sparse_coo_tensor(indices, values.to(input.dtype), *size, device=device)
    size = args[0] if len(args) == 1 and not hasattr(args[0], "__index__") else args
    return construct.empty(tuple(size), frames.COO, dtype=input.dtype, device=device)


@rule("new_tensor")
def new_tensor(input, data, *, dtype=None, device=None, requires_grad=False):
    return fl.tensor(
        data, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad
    )


# -------------------------------------------------------------------------------------- other sizes


def sparse_mask(input, mask):
    """What input, dense or sparse, has where mask has entries."""

    if not frames.is_sparse(mask):
        raise RuntimeError("sparse_mask: mask must be a sparse tensor, not a strided one.")
    if input.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask: input is {tuple(input.shape)} and mask {tuple(mask.shape)}. They must be alike."
        )
    frame, values = frames.split(mask)
    if frames.is_sparse(input) and frames.same_places(frames.frame_of(input), frame):
        return frame.assemble(frames.entries(input))
    return frame.assemble(values_at(input, frame, values.shape))


def _resized(name, input, size, sparse_dim, dense_dim, clear):
    if frames.number_of(input) != frames.COO:
        raise RuntimeError(f"{name}: takes a sparse_coo tensor, not {frames.layout_name(input)}.")
    if input.requires_grad:
        raise RuntimeError(
            f"{name}: the tensor requires grad, and autograd does not follow a resize. Use detach()."
        )
    size = tuple(size)
    if sparse_dim + dense_dim != len(size) or min(sparse_dim, dense_dim) < 0:
        raise RuntimeError(
            f"{name}: {sparse_dim} sparse dims and {dense_dim} dense ones do not make up the size {size}."
        )
    if any(extent < 0 for extent in size):
        raise RuntimeError(f"{name}: size {size} has a negative extent.")
    frame, values = frames.split(input)
    if clear or not frame.indices.shape[1]:
        made = construct.empty(
            size, frames.COO, dtype=input.dtype, device=input.device, dense_dim=dense_dim
        )
        return _core._sparse_take(input, made, name)
    if sparse_dim != frame.sparse_dim or dense_dim != frame.dense_dim:
        raise RuntimeError(
            f"{name}: a tensor with entries keeps its {frame.sparse_dim} sparse and {frame.dense_dim} dense dims."
        )
    shrinks = [new < old for new, old in zip(size, frame.size, strict=True)]
    if any(shrinks):
        raise RuntimeError(
            f"{name}: a tensor with entries does not shrink from {frame.size} to {size}."
        )
    if size[sparse_dim:] != frame.dense_size:
        grown = values.new_zeros((values.shape[0], *size[sparse_dim:]))
        grown[(slice(None), *(slice(extent) for extent in frame.dense_size))] = values
        values = grown
    return _core._sparse_take(input, frame.renewed(size=size).make(values), name)


def sparse_resize_(input, size, sparse_dim, dense_dim):
    return _resized("sparse_resize_", input, size, sparse_dim, dense_dim, False)


def sparse_resize_and_clear_(input, size, sparse_dim, dense_dim):
    return _resized("sparse_resize_and_clear_", input, size, sparse_dim, dense_dim, True)


@rule("resize_as_")
def resize_as_(input, other, *, memory_format=None):
    if frames.number_of(input) != frames.number_of(other):
        raise RuntimeError(
            f"resize_as_: the tensors are {frames.layout_name(input)} and {frames.layout_name(other)}."
        )
    if frames.number_of(input) != frames.COO:
        return _core._sparse_take(input, construct.empty_like(other), "resize_as_")
    frame, own = frames.frame_of(other), frames.frame_of(input)
    if (frame.size, frame.sparse_dim) == (own.size, own.sparse_dim):
        return input
    return sparse_resize_(input, frame.size, frame.sparse_dim, frame.dense_dim)


@rule("resize_")
def resize_(input, *size, memory_format=None):
    raise RuntimeError(
        f"resize_: is for strided tensors, not for {frames.NAMES[frames.number_of(input)]}. Use sparse_resize_."
    )
