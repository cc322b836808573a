"""What each operator does with DTensors: where its result lies, and what its operands must be moved to before."""

from contextlib import nullcontext
from functools import partial

import flambeau

from ..._C import DisableTorchFunctionSubclass
from ...ops.core.declare import POINTWISE
from ...ops.core.tables import registering
from .dtensor import DTensor, local_size, local_tensor_of, nested, wrapped
from .moves import copied, is_nested, moved
from .placements import Partial, Replicate, Shard

__all__ = ["compute"]

RULES = {}


rule = registering(RULES)


def compute(func, args, kwargs):
    """The operator's result."""
    name = getattr(func, "__name__", str(func))
    if name in ("__get__", "__set__", "__delete__"):
        return _property(func, args)
    if name in _OF_THE_SHAPE:
        with DisableTorchFunctionSubclass():
            return func(*args, **kwargs)
    if name.startswith("_foreach_"):
        return one_by_one(name.removeprefix("_foreach_"), args, kwargs)
    found = RULES.get(name)
    if found is None and (
        name in POINTWISE or name.rstrip("_") in POINTWISE or name in _LIKE_POINTWISE
    ):
        found = pointwise
    # What is computed on local tensors that are DTensors comes here again.
    deeper = any(is_nested(t._local_tensor) for t in tensors_in(args, kwargs))
    with nullcontext() if deeper else DisableTorchFunctionSubclass():
        result = NotImplemented if found is None else found(func, args, kwargs)
        return replicated(func, args, kwargs) if result is NotImplemented else result


def _property(func, args):
    """What a property of tensors is for a DTensor."""
    x, asked = args[0], func.__self__
    if asked in _SWAPS:
        return transposed(x, -2, -1) if x.ndim > 1 else x
    if asked in _PARTS and is_nested(x._local_tensor):
        return x._with_local(_property(func, (x._local_tensor,)))
    with DisableTorchFunctionSubclass():
        if asked in _PARTS:
            return x._with_local(func(x._local_tensor))
        if asked in _OF_THE_MEMORY:
            return func(local_tensor_of(x))
        return func(*args)


def _properties(names):
    return {
        vars(flambeau.Tensor).get(name) or getattr(flambeau.Tensor, name) for name in names.split()
    }


_SWAPS, _PARTS = _properties("T mT H mH"), _properties("real imag")
_OF_THE_MEMORY = _properties("is_meta is_cpu is_cuda")
_OF_THE_SHAPE = frozenset(
    "size dim ndimension numel nelement is_floating_point is_complex element_size __len__ is_tensor get_device "
    "_is_view is_same_size is_nonzero type".split()
)
_LIKE_POINTWISE = frozenset(
    "dropout dropout_ relu gelu silu sigmoid tanh leaky_relu elu softplus hardtanh relu6 mish hardswish where clamp "
    "clamp_ masked_fill masked_fill_ lerp lerp_ addcmul addcmul_ addcdiv addcdiv_ add_ mul_ sub_ div_ copy_ pow to float "
    "double half bfloat16 int long bool type_as detach clone contiguous zero_ fill_ nan_to_num alpha_dropout".split()
)
_LINEAR = frozenset("add sub neg to float double clone contiguous detach add_ sub_".split())
_BY_A_NUMBER = frozenset("mul div mul_ div_ true_divide".split())


def tensors_in(args, kwargs):
    """The DTensors among the arguments, also in lists."""
    found = []
    for value in (*args, *kwargs.values()):
        if isinstance(value, DTensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += [v for v in value if isinstance(v, DTensor)]
    return found


def mesh_of(tensors):
    """The mesh of all.

    Raises:
        RuntimeError: there are several.
    """
    mesh = tensors[0]._mesh
    if any(t._mesh != mesh for t in tensors):
        raise RuntimeError("DTensor: operands lie over different meshes.")
    return mesh


def _changed(value, change):
    if isinstance(value, DTensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return (
            type(value)([_changed(v, change) for v in value])
            if type(value) in (list, tuple)
            else value
        )
    return value


def called(func, args, kwargs, change):
    """The operator of the arguments with each DTensor changed."""
    return func(
        *[_changed(a, change) for a in args], **{k: _changed(v, change) for k, v in kwargs.items()}
    )


def at(tensor, placement):
    """A DTensor's local tensor at a placement."""
    return moved(
        tensor._local_tensor, tensor._placement, placement, tensor.shape, tensor._mesh.get_group(0)
    )


def _check_plain(func, args, kwargs):
    for value in (*args, *kwargs.values()):
        if isinstance(value, flambeau.Tensor) and not isinstance(value, DTensor) and value.ndim:
            raise RuntimeError(
                f"{func.__name__}: a DTensor beside a tensor {tuple(value.shape)} of one process. distribute_tensor() "
                "makes a DTensor of it."
            )


def _wrap_all(result, mesh, placement):
    """Tensors of a result as DTensors, in tuples and lists too."""
    if isinstance(result, flambeau.Tensor):
        return wrapped(result, mesh, placement)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)([_wrap_all(r, mesh, placement) for r in result])
    if isinstance(result, (list, tuple)):
        return type(result)(_wrap_all(r, mesh, placement) for r in result)
    return result


def _written(name):
    return name.endswith("_") and not name.endswith("__")


def one_by_one(name, args, kwargs):
    """An operator over lists of tensors, for each place in them."""
    func = getattr(flambeau.Tensor, name)
    results = []
    for i in range(len(args[0])):
        at_i = [a[i] if isinstance(a, (list, tuple)) else a for a in args]
        results.append(func(*at_i, **kwargs))
    return None if _written(name) else results


def replicated(func, args, kwargs):
    """Every operator: the operands are gathered, and the whole is computed everywhere."""
    _check_plain(func, args, kwargs)
    found = tensors_in(args, kwargs)
    mesh = mesh_of(found)
    if _written(func.__name__) and isinstance(args[0], DTensor):
        target = args[0]
        whole = target.full_tensor().clone()
        called(func, (whole, *args[1:]), kwargs, lambda t: t.full_tensor())
        replicas = [Replicate()] * mesh.ndim
        result = nested(whole, mesh, replicas).redistribute(placements=target.placements)
        local_tensor_of(target).copy_(local_tensor_of(result))
        return target
    return _wrap_all(called(func, args, kwargs, lambda t: at(t, Replicate())), mesh, Replicate())


def pointwise(func, args, kwargs):
    """Element by element: all lie as the first that is cut, in the dimensions of the result."""
    if _written(func.__name__) and not isinstance(args[0], DTensor):
        found = tensors_in(args, kwargs)
        if all(t.ndim == 0 for t in found):  # a number for a tensor of one process
            return called(func, args, kwargs, lambda t: t.full_tensor())
    _check_plain(func, args, kwargs)
    found = tensors_in(args, kwargs)
    mesh, name = mesh_of(found), func.__name__
    group = mesh.get_group(0)
    ndim = max(t.ndim for t in found)
    target = args[0] if _written(name) and isinstance(args[0], DTensor) else None
    if kwargs.get("inplace"):
        target = args[0]
    place = None if target is None else target._placement
    if place is None:
        place = next((Shard(t._placement.dim + ndim - t.ndim) for t in found
                      if t._placement.is_shard() and t.shape[t._placement.dim] > 1), None)  # fmt: skip
    if place is None:
        place = Replicate()
        kinds = {t._placement for t in found}
        alone = len(found) == 1 and not any(isinstance(a, flambeau.Tensor) and a.ndim == 0 and a is not found[0] for a in args)  # fmt: skip
        if len(kinds) == 1 and kinds == {Partial()}:
            numbers = [a for a in args[1:] if isinstance(a, (int, float, complex))]
            if name in _LINEAR and not numbers or name in _BY_A_NUMBER and alone and args[0] is found[0]:  # fmt: skip
                place = Partial()

    def change(t):
        if isinstance(place, Shard):
            dim = place.dim - (ndim - t.ndim)
            if dim < 0 or t.shape[dim] == 1:
                return copied(at(t, Replicate()), group)
            return at(t, Shard(dim))
        return at(t, place)

    if target is not None:
        written = partial(func, target._local_tensor)
        result = called(written, args[1:], kwargs, change)
        if result is not target._local_tensor and not kwargs.get("inplace"):
            target._local_tensor = result
        return target
    result = called(func, args, kwargs, change)
    shape = flambeau.broadcast_shapes(*[tuple(t.shape) for t in found])
    if isinstance(result, flambeau.Tensor):
        return wrapped(result, mesh, place, shape)
    return tuple(wrapped(r, mesh, place, shape) for r in result)


@rule("normal_", "uniform_", "bernoulli_", "exponential_", "random_", "trunc_normal_")
def random_in_place(func, args, kwargs):
    target = args[0]
    func(target._local_tensor, *args[1:], **kwargs)
    if target._placement.is_replicate():
        from ..collectives import broadcast

        local = local_tensor_of(target).detach()
        broadcast(local, group=target._mesh.get_group(0), group_src=0)
    return target


@rule("copy_")
def copy_in_place(func, args, kwargs):
    """Also of a tensor of one process: the whole, which all processes have."""
    target, source = args[:2]
    if (
        isinstance(source, flambeau.Tensor)
        and not isinstance(source, DTensor)
        and isinstance(target, DTensor)
    ):
        replicas = [Replicate()] * target._mesh.ndim
        source = nested(source.expand(target.shape), target._mesh, replicas)
    return pointwise(func, (target, source, *args[2:]), kwargs)


@rule("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like")
def like(func, args, kwargs):
    x = args[0]
    place = Replicate() if x._placement.is_partial() else x._placement
    local = x._local_tensor
    made = func(local, *args[1:], **kwargs)
    return wrapped(made, x._mesh, place, x.shape)


# -- products


def _product(a, b, mesh):
    """(local product, placement) of matmul(a, b): both (..., M, K) @ (..., K, N), or b (K, N)."""
    group = mesh.get_group(0)
    rows, inner, columns = a.ndim - 2, a.ndim - 1, b.ndim - 1
    pa, pb = a._placement, b._placement
    batched = b.ndim > 2
    if pa.is_partial() and pb.is_replicate():
        return a._local_tensor @ copied(b._local_tensor, group), Partial()
    if pa == Shard(inner) or pb == Shard(b.ndim - 2):
        local = at(a, Shard(inner)) @ at(b, Shard(b.ndim - 2))
        return local, Partial()
    if pa.is_shard() and pa.dim < rows and batched and a.ndim == b.ndim:
        return at(a, pa) @ at(b, Shard(pa.dim)), Shard(pa.dim)
    if pa.is_shard() and pa.dim <= rows and not (batched and pa.dim < rows):
        return at(a, pa) @ copied(at(b, Replicate()), group), Shard(pa.dim)
    if pb == Shard(columns):
        return copied(at(a, Replicate()), group) @ at(b, pb), Shard(max(a.ndim, b.ndim) - 1)
    if pb.is_shard() and a.ndim == b.ndim:
        return at(a, Shard(pb.dim)) @ at(b, pb), Shard(pb.dim)
    return at(a, Replicate()) @ at(b, Replicate()), Replicate()


@rule("mm", "bmm", "matmul", "__matmul__")
def matmul(func, args, kwargs):
    a, b = args
    if kwargs or not (isinstance(a, DTensor) and isinstance(b, DTensor)) or min(a.ndim, b.ndim) < 2:
        return NotImplemented
    mesh = mesh_of([a, b])
    local, place = _product(a, b, mesh)
    batch = flambeau.broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    return wrapped(local, mesh, place, (*batch, a.shape[-2], b.shape[-1]))


@rule("linear")
def linear(func, args, kwargs):
    names = ("input", "weight", "bias")
    values = {**dict(zip(names, args, strict=False)), **kwargs}
    x, weight, bias = (values.get(name) for name in names)
    if not (isinstance(x, DTensor) and isinstance(weight, DTensor)):
        _check_plain(func, args, kwargs)
    if x.ndim < 2:
        return NotImplemented
    mesh = mesh_of([x, weight])
    local, place = _product(x, transposed(weight, 0, 1), mesh)
    shape = (*x.shape[:-1], weight.shape[0])
    if bias is not None:
        if place == Shard(x.ndim - 1):
            local = local + at(bias, Shard(0))
        elif place.is_partial():
            local = local + at(bias, Partial())
        elif place.is_shard():
            local = local + copied(at(bias, Replicate()), mesh.get_group(0))
        else:
            local = local + at(bias, Replicate())
    return wrapped(local, mesh, place, shape)


@rule("embedding")
def embedding(func, args, kwargs):
    index, weight = args[:2]
    if not (isinstance(index, DTensor) and isinstance(weight, DTensor)):
        return NotImplemented
    mesh = mesh_of([index, weight])
    if kwargs.get("max_norm") is not None or weight._placement == Shard(0):
        return NotImplemented
    shape = (*index.shape, weight.shape[1])
    if index._placement.is_shard():
        local = copied(at(weight, Replicate()), mesh.get_group(0))
        return wrapped(func(index._local_tensor, local, *args[2:], **kwargs), mesh, index._placement, shape)  # fmt: skip
    place = Shard(index.ndim) if weight._placement.is_shard() else Replicate()
    local = func(at(index, Replicate()), weight._local_tensor, *args[2:], **kwargs)
    return wrapped(local, mesh, place, shape)


# -- along dimensions


def _dims(values, ndim):
    """The dimensions that a reduction goes over."""
    if values is None or values == () or values == []:
        return list(range(ndim))
    values = [values] if isinstance(values, int) else list(values)
    return [dim % ndim for dim in values]


@rule("sum", "mean")
def summed(func, args, kwargs):
    x = args[0]
    dim = kwargs.get("dim", args[1] if len(args) > 1 and not isinstance(args[1], flambeau.dtype) else None)  # fmt: skip
    keepdim = kwargs.get("keepdim", args[2] if len(args) > 2 else False)
    dims = _dims(dim, x.ndim)
    place, local = x._placement, x._local_tensor
    dtype = kwargs.get("dtype")
    if place.is_partial():
        if place != Partial():
            return NotImplemented
        after = Partial()
    elif place.is_shard():
        after = Partial() if place.dim in dims else _kept(place, dims, keepdim)
    else:
        after = Replicate()
    out = local.sum(dims, keepdim, dtype=dtype) if local.ndim else local.sum(dtype=dtype)
    count = 1
    for d in dims:
        count *= x.shape[d]
    if func.__name__ == "mean":
        out = out / count
    shape = [1 if d in dims else s for d, s in enumerate(x.shape) if keepdim or d not in dims]
    return wrapped(out, x._mesh, after, shape)


def _kept(place, dims, keepdim):
    """Where a cut dimension is once others are reduced."""
    return place if keepdim else Shard(place.dim - sum(d < place.dim for d in dims))


@rule(
    "softmax",
    "log_softmax",
    "_softmax",
    "_log_softmax",
    "cumsum",
    "cumprod",
    "flip",
    "sort",
    "logcumsumexp",
)
def along(func, args, kwargs):
    x = args[0]
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if not isinstance(dim, int) or x._placement.is_partial():
        return NotImplemented
    if x._placement.is_shard(dim % x.ndim):
        return NotImplemented
    out = called(func, args, kwargs, lambda t: t._local_tensor)
    wrap = lambda t: wrapped(t, x._mesh, x._placement, x.shape)
    return type(out)([wrap(t) for t in out]) if isinstance(out, tuple) else wrap(out)


@rule("layer_norm", "rms_norm")
def normalized(func, args, kwargs):
    x, shape = args[:2]
    place = x._placement
    count = 1 if isinstance(shape, int) else len(shape)
    if place.is_partial() or place.is_shard() and place.dim >= x.ndim - count:
        place = Replicate()
    group = x._mesh.get_group(0)

    def change(t):
        if t is x:
            return at(x, place)
        whole = at(t, Replicate())
        return copied(whole, group) if place.is_shard() else whole

    return wrapped(called(func, args, kwargs, change), x._mesh, place, x.shape)


@rule("vector_norm", "linalg_vector_norm", "norm")
def norm(func, args, kwargs):
    x = args[0]
    order = kwargs.get("ord", kwargs.get("p", args[1] if len(args) > 1 else 2))
    order = 2.0 if order in (None, "fro") else order
    if len(args) > 2 or kwargs.get("dim") is not None or not isinstance(order, (int, float)):
        return NotImplemented
    if not x._placement.is_shard() or order in (0, float("-inf")):
        return NotImplemented
    local = flambeau.linalg.vector_norm(x._local_tensor, order) if x._local_tensor.numel() else x._local_tensor.new_zeros(())  # fmt: skip
    if order == float("inf"):
        return wrapped(local, x._mesh, Partial("max"), ())
    total = at(wrapped(local**order, x._mesh, Partial(), ()), Replicate())
    return wrapped(total ** (1 / order), x._mesh, Replicate(), ())


# -- views


def transposed(x, a, b):
    """The DTensor with two dimensions swapped."""
    a, b = a % x.ndim, b % x.ndim
    place, shape = x._placement, list(x.shape)
    shape[a], shape[b] = shape[b], shape[a]
    if place.is_shard():
        place = Shard({a: b, b: a}.get(place.dim, place.dim))
    return wrapped(x._local_tensor.transpose(a, b), x._mesh, place, shape)


@rule("transpose", "swapaxes", "swapdims")
def transpose(func, args, kwargs):
    return transposed(args[0], *args[1:], **kwargs)


@rule("t")
def t(func, args, kwargs):
    return transposed(args[0], 0, 1) if args[0].ndim == 2 else args[0]


@rule("permute")
def permute(func, args, kwargs):
    x = args[0]
    dims = args[1] if len(args) == 2 and not isinstance(args[1], int) else args[1:]
    dims = [d % x.ndim for d in kwargs.get("dims", dims)]
    place = x._placement
    if place.is_shard():
        place = Shard(dims.index(place.dim))
    return wrapped(x._local_tensor.permute(dims), x._mesh, place, [x.shape[d] for d in dims])


@rule("unsqueeze")
def unsqueeze(func, args, kwargs):
    x = args[0]
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None) % (x.ndim + 1)
    place = x._placement
    if place.is_shard() and place.dim >= dim:
        place = Shard(place.dim + 1)
    shape = list(x.shape)
    shape.insert(dim, 1)
    return wrapped(x._local_tensor.unsqueeze(dim), x._mesh, place, shape)


@rule("view", "reshape", "flatten", "unflatten", "squeeze", "view_as", "reshape_as", "_unsafe_view")
def reshaped(func, args, kwargs):
    x = args[0]
    with_shape = flambeau.empty(tuple(x.shape), device="meta")
    others = [tuple(a.shape) if isinstance(a, DTensor) else a for a in args[1:]]
    name = func.__name__.removesuffix("_as")
    if any(isinstance(a, flambeau.dtype) for a in others):
        return NotImplemented
    shape = tuple(getattr(with_shape, name.replace("_unsafe_", ""))(*others, **kwargs).shape)
    place = x._placement
    if not place.is_shard():
        return wrapped(x._local_tensor.reshape(shape), x._mesh, place, shape)
    after = _cut_after(tuple(x.shape), shape, place.dim, x._mesh.size(0))
    if after is None:
        return NotImplemented
    local = local_size(shape, Shard(after), x._mesh)
    return wrapped(x._local_tensor.reshape(local), x._mesh, Shard(after), shape)


def _cut_after(before, after, dim, n):
    """The dimension that is cut after a reshape: parts must be the same elements, in the same order."""
    outer = 1
    for size in before[:dim]:
        outer *= size
    product = 1
    for d, size in enumerate(after):
        if product == outer and size > 1:
            inner_before, inner_after = 1, 1
            for s in before[dim + 1 :]:
                inner_before *= s
            for s in after[d + 1 :]:
                inner_after *= s
            if before[dim] == size and inner_before == inner_after:
                return d
            return d if before[dim] % n == 0 and size % n == 0 else None
        product *= size
    return None


@rule("equal")
def equal(func, args, kwargs):
    return flambeau.equal(*[a.full_tensor() if isinstance(a, DTensor) else a for a in args])


@rule("allclose")
def allclose(func, args, kwargs):
    return called(func, args, kwargs, lambda t: at(t, Replicate()))
