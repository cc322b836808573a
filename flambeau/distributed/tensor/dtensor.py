"""DTensor: a tensor that lies over the processes of a mesh.

Its operators compute on the local tensors, which carry the history: rules.py says for each what goes where. An
operator without a rule gathers its operands and computes the whole everywhere.

A DTensor knows the first dimension of its mesh. Where there are more, its local tensor is a DTensor over these: what
operators compute on it goes by the rules again, so no rule knows of several dimensions.
"""

from operator import attrgetter

import flambeau

from ..._C import DisableTorchFunctionSubclass
from ...optim import rule
from .moves import copied, is_nested, moved
from .placements import Placement, Replicate, Shard, sizes_of_parts

__all__ = ["DTensor", "checked_placements", "local_tensor_of", "nested", "wrapped"]


def checked_placements(mesh, placements, operation, ndim=None):
    """One placement for each dimension of a mesh; with ndim, of the tensor, dims of Shard count from the front.

    Raises:
        ValueError: they are others, or of another number.
    """
    placements = (Replicate(),) * mesh.ndim if placements is None else tuple(placements)
    if len(placements) != mesh.ndim or not all(isinstance(p, Placement) for p in placements):
        raise ValueError(
            f"{operation}: placements {list(placements)} must be {mesh.ndim} of Shard, Replicate and Partial in a "
            "list, one for each dimension of the mesh."
        )
    if ndim is None:
        return placements
    return tuple(
        Shard(p.dim + ndim) if isinstance(p, Shard) and p.dim < 0 else p for p in placements
    )


def nested(local, mesh, placements, shape=None):
    """A DTensor around the tensor of this process.

    Args:
        shape (optional): of the whole; None if all parts are alike.
    """
    placements = checked_placements(mesh, placements, "DTensor", local.ndim)
    if shape is None:
        shape = list(local.shape)
        for place, n in zip(placements, mesh.shape, strict=True):
            if place.is_shard():
                shape[place.dim] *= n
    if mesh.ndim > 1:
        inner = local_size(shape, placements[0], mesh)
        local = nested(local, mesh.rest, placements[1:], inner)
    return wrapped(local, mesh, placements[0], shape)


def local_tensor_of(tensor):
    """What lies in this process of a DTensor; another tensor is itself."""
    while is_nested(tensor):
        tensor = tensor._local_tensor
    return tensor


def wrapped(local, mesh, placement, shape=None, requires_grad=None):
    """A DTensor around a local tensor.

    Args:
        shape (optional): of the whole; None if all parts are alike.
    """
    if isinstance(placement, Shard) and placement.dim < 0:
        placement = Shard(placement.dim + local.ndim)
    if shape is None:
        shape = list(local.shape)
        if isinstance(placement, Shard):
            shape[placement.dim] *= mesh.size(0)
    with DisableTorchFunctionSubclass():
        made = flambeau.empty(tuple(shape), dtype=local.dtype, device="meta").as_subclass(DTensor)
    made._local_tensor, made._mesh, made._placement = local, mesh, placement
    return made


class DTensor(flambeau.Tensor):
    """A tensor over the processes of a DeviceMesh; made by distribute_tensor or DTensor.from_local.

    Attributes:
        device_mesh (DeviceMesh). placements (tuple of Placement).

    Operators take DTensors of one mesh, numbers, and tensors of no dimension. What each computes stays on its
    process; where an operator needs more, or there is no rule for it, what it takes is gathered first.
    """

    @staticmethod
    def from_local(
        local_tensor, device_mesh=None, placements=None, *, run_check=False, shape=None, stride=None
    ):
        """The DTensor of which each process gives its part; gradients reach local_tensor.

        Args:
            run_check (bool): whether Replicate becomes the first process's.
            shape (Size, optional): of the whole, where the parts differ in size. stride goes with it.
        """
        mesh = device_mesh or _world()
        placements = checked_placements(mesh, placements, "DTensor.from_local")
        if (shape is None) != (stride is None):
            raise ValueError("DTensor.from_local: give shape and stride together.")
        if run_check:
            from ..collectives import broadcast

            for dim, placement in enumerate(placements):
                if placement.is_replicate():
                    broadcast(local_tensor.detach(), group=mesh.get_group(dim), group_src=0)
        return nested(local_tensor, mesh, placements, shape)

    def _with_local(self, local, placement=None, shape=None):
        """The same with another local tensor, and perhaps at another placement and of other sizes."""
        placement = self._placement if placement is None else placement
        return wrapped(local, self._mesh, placement, self.shape if shape is None else shape)

    device_mesh = property(attrgetter("_mesh"), doc="The processes it lies on.")

    @property
    def placements(self):
        local = self._local_tensor
        return (self._placement, *(local.placements if is_nested(local) else ()))

    def to_local(self, *, grad_placements=None):
        """This process's part; gradients flow back.

        Args:
            grad_placements (optional): how the gradients of the part lie; Partial where each process has a term.
        """
        local, rest = self._local_tensor, None
        if grad_placements is not None:
            wanted, *rest = checked_placements(self._mesh, grad_placements, "to_local", self.ndim)
            if wanted.is_partial() and self._placement.is_replicate():
                local = copied(local, self._mesh.get_group(0))
            elif wanted != self._placement:
                raise NotImplementedError(
                    f"to_local: grad_placements {wanted} of a tensor at {self._placement}."
                )
        if is_nested(local):
            return local.to_local(grad_placements=rest)
        return local.view_as(local) if local.requires_grad else local

    def redistribute(self, device_mesh=None, placements=None, *, async_op=False, forward_dtype=None,
                     backward_dtype=None):  # fmt: skip
        """The same tensor at another placement; async_op has no effect: it has arrived when this returns."""
        for name, value in (("forward_dtype", forward_dtype), ("backward_dtype", backward_dtype)):
            if value is not None:
                raise NotImplementedError(f"redistribute: {name} is not offered.")
        if device_mesh is not None and device_mesh != self._mesh:
            raise NotImplementedError("redistribute: to another mesh.")
        after, *rest = checked_placements(self._mesh, placements, "redistribute", self.ndim)
        local = self._local_tensor
        if is_nested(
            local
        ):  # what shall be whole over the other dimensions comes first: fewer bytes move then
            pairs = zip(local.placements, rest, strict=True)
            local = local.redistribute(placements=[r if r.is_replicate() else p for p, r in pairs])
        local = moved(local, self._placement, after, self.shape, self._mesh.get_group(0))
        if is_nested(local):
            local = local.redistribute(placements=rest)
        return wrapped(local, self._mesh, after, self.shape)

    def full_tensor(self, *, grad_placements=None):
        """The whole tensor, in each process."""
        return self.redistribute().to_local(grad_placements=grad_placements)

    # -- what a tensor is asked

    device = property(attrgetter("_local_tensor.device"))
    is_leaf = property(attrgetter("_local_tensor.is_leaf"))
    grad_fn = property(attrgetter("_local_tensor.grad_fn"))

    @property
    def requires_grad(self):
        return self._local_tensor.requires_grad

    @requires_grad.setter
    def requires_grad(self, value):
        self._local_tensor.requires_grad = value

    def requires_grad_(self, requires_grad=True):
        self._local_tensor.requires_grad_(requires_grad)
        return self

    @property
    def grad(self):
        grad = self._local_tensor.grad
        return None if grad is None else wrapped(grad, self._mesh, self._placement, self.shape)

    @grad.setter
    def grad(self, value):
        if value is not None and not isinstance(value, DTensor):
            raise RuntimeError(
                f"DTensor.grad: takes a DTensor at {self._placement} or None, not {type(value).__name__}."
            )
        if value is not None:
            value = value.redistribute(placements=self.placements)._local_tensor.detach()
        self._local_tensor.grad = value

    @property
    def data(self):
        return self.detach()

    @data.setter
    def data(self, value):
        self._local_tensor.data = value._local_tensor

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        terms = any(p.is_partial() for p in self.placements)
        whole = self
        if terms:
            places = [Replicate() if p.is_partial() else p for p in self.placements]
            whole = self.redistribute(placements=places)
        if gradient is not None:
            gradient = gradient.redistribute(placements=whole.placements)._local_tensor
        elif self.numel() != 1:
            raise RuntimeError(
                f"backward: a DTensor {tuple(self.shape)} needs a gradient; only one element needs none."
            )
        if inputs is not None:
            inputs = [local_tensor_of(i) for i in inputs]
        whole._local_tensor.backward(gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook):
        def local_hook(grad):
            found = hook(wrapped(grad, self._mesh, self._placement, self.shape))
            return found._local_tensor if isinstance(found, DTensor) else found

        return self._local_tensor.register_hook(local_hook)

    def stride(self, dim=None):
        strides, step = [], 1
        for size in reversed(self.shape):
            strides.insert(0, step)
            step *= max(size, 1)
        return tuple(strides) if dim is None else strides[dim]

    def is_contiguous(self, memory_format=None):
        return True

    def tolist(self):
        return self.full_tensor().tolist()

    def item(self):
        return self.full_tensor().item()

    def numpy(self):
        return self.full_tensor().detach().numpy()

    def __bool__(self):
        return bool(self.full_tensor())

    def __float__(self):
        return float(self.full_tensor())

    def __int__(self):
        return int(self.full_tensor())

    def __repr__(self, *, tensor_contents=None):
        return f"DTensor(local_tensor={local_tensor_of(self)!r}, device_mesh={self._mesh!r}, placements={self.placements!r})"

    def __format__(self, spec):
        return format(self.full_tensor(), spec) if self.ndim == 0 else repr(self)

    def __deepcopy__(self, memo):
        import copy

        made = wrapped(copy.deepcopy(self._local_tensor, memo), self._mesh, self._placement, self.shape)  # fmt: skip
        if getattr(self, "_is_param", False):
            made._is_param = True
        memo[id(self)] = made
        return made

    def __reduce_ex__(self, protocol):
        raise NotImplementedError(
            "DTensor: a part of a tensor can't be pickled. Save with distributed.checkpoint, or save full_tensor()."
        )

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        from .rules import compute

        return compute(func, args, kwargs or {})


def local_size(shape, placement, mesh):
    """The shape of the part along the first dimension of a mesh that is here."""
    shape = list(shape)
    if isinstance(placement, Shard):
        shape[placement.dim] = sizes_of_parts(shape[placement.dim], mesh.size(0))[
            mesh.get_local_rank(0)
        ]
    return shape


def local_shape(shape, placements, mesh):
    """The shape of this process's part."""
    while mesh is not None:
        shape = local_size(shape, placements[0], mesh)
        placements, mesh = placements[1:], mesh.rest
    return shape


def _world():
    from ..device_mesh import DeviceMesh

    return DeviceMesh("cpu")


rule.sharded = (DTensor,)  # optimizers update the part that is here
