"""Parameters that are gathered when a module runs, and whose gradients are scattered.

One gather and one scatter serve all parameters of a module. What backward needs of a gathered parameter is not kept
(reshard_after_forward): it is gathered again. Source: Zhao et al., "PyTorch FSDP", VLDB 2023, arXiv:2304.11277.
"""

import flambeau

from ...nn.parameter import Parameter
from ..collectives import all_gather_into_tensor, all_reduce, reduce_scatter_tensor
from ..device_mesh import DeviceMesh
from ..tensor.api import distribute_tensor
from ..tensor.placements import Shard, sizes_of_parts
from ..work import ReduceOp

__all__ = ["ShardedParameters"]


class _Gathered(flambeau.autograd.Function):
    """The local parts -> the whole parameters; gradients are averaged and scattered."""

    @staticmethod
    def forward(ctx, owner, *locals):
        ctx.owner = owner
        return tuple(owner.gather(locals))

    @staticmethod
    def backward(ctx, *grads):
        ctx.owner.leave_backward()
        return None, *ctx.owner.scatter(grads)


class ShardedParameters:
    """The parameters of a module that are gathered together.

    Args:
        places (list): (module, name) of each parameter.
        mesh (DeviceMesh): of one dimension, or of two, whose first one repeats.
        policy (MixedPrecisionPolicy): the dtypes.
        dim_of (callable): the dimension along which a parameter is cut.

    Attributes:
        syncs (bool): whether gradients are averaged; otherwise they are added up here.
    """

    def __init__(self, places, mesh, policy, reshard, dim_of):
        self.places, self.policy, self.reshard = places, policy, reshard
        self.mesh = mesh if mesh.ndim == 1 else DeviceMesh.from_group(mesh.get_group(1), "cpu")
        self.group = self.mesh.get_group()
        self.copies = None if mesh.ndim == 1 else mesh.get_group(0)
        self.syncs, self.reduces, self.divisor = True, True, None
        self.whole, self.held = None, None  # for backward; by unshard()
        self.leaves = None  # what the modules have in backward
        self.waiting = None  # gradients that were not averaged yet
        known, self.dims, self._first = {}, [], []
        self.index = []  # of each place: which parameter it has
        for module, name in places:
            p = module._parameters[name]
            if id(p) not in known:
                dim = dim_of(p) % max(p.ndim, 1)
                if p.ndim == 0:
                    raise ValueError(
                        f"fully_shard: parameter {name} has no dimension to be cut along."
                    )
                made = distribute_tensor(p.detach(), self.mesh, [Shard(dim)], src_data_rank=None)
                known[id(p)] = len(self.dims), Parameter(made, p.requires_grad), p
                self.dims.append(dim)
                self._first.append((module, name))
            number, module._parameters[name], _ = known[id(p)]
            self.index.append(number)

    @property
    def parameters(self):
        """The DTensors: as the modules have them now, since to_empty() and loading may put others in their place."""
        return [module._parameters[name] for module, name in self._first]

    # -- layouts: the parts of all parameters, one after the other, padded to the size of the first process's

    def _most(self, i):
        return sizes_of_parts(self.parameters[i].shape[self.dims[i]], self.group.size())[0]

    def _rest(self, i):
        shape = list(self.parameters[i].shape)
        del shape[self.dims[i]]
        return shape

    def _packed(self, parts, dtype):
        """The process's parts as one row."""
        row = []
        for i, part in enumerate(parts):
            part = part.detach().movedim(self.dims[i], 0)
            missing = self._most(i) - part.shape[0]
            if missing:
                part = flambeau.cat([part, part.new_zeros((missing, *part.shape[1:]))])
            row.append(part.reshape(-1).to(dtype or part.dtype))
        return flambeau.cat(row)

    def gather(self, locals):
        """The whole parameters."""
        n = self.group.size()
        row = self._packed(locals, self.policy.param_dtype)
        rows = row.new_empty((n, row.numel()))
        all_gather_into_tensor(rows, row, self.group)
        found, at = [], 0
        for i in range(len(self.parameters)):
            most, rest = self._most(i), self._rest(i)
            count = most
            for size in rest:
                count *= size
            block = rows[:, at : at + count].reshape(n * most, *rest)
            at += count
            block = block[: self.parameters[i].shape[self.dims[i]]].movedim(0, self.dims[i])
            # Contiguous and in memory of its own: kept values are recognized by it.
            found.append(block.clone(memory_format=flambeau.contiguous_format))
        return found

    def scatter(self, grads):
        """The parts of the mean of all processes' gradients; None for those that wait for the next backward."""
        grads = [
            flambeau.zeros(self.parameters[i].shape, dtype=self.policy.param_dtype or self.parameters[i].dtype)
            if g is None else g
            for i, g in enumerate(grads)
        ]  # fmt: skip
        if self.waiting is not None:
            grads = [g + w for g, w in zip(grads, self.waiting, strict=True)]
            self.waiting = None
        if not self.syncs:
            self.waiting = [g.detach() for g in grads]
            return [None] * len(grads)
        n, columns = self.group.size(), []
        for i, g in enumerate(grads):
            g = g.movedim(self.dims[i], 0)
            missing = n * self._most(i) - g.shape[0]
            if missing:
                g = flambeau.cat([g, g.new_zeros((missing, *g.shape[1:]))])
            columns.append(g.reshape(n, -1).to(self.policy.reduce_dtype or g.dtype))
        rows = flambeau.cat(columns, 1)
        rows.div_(self.divisor or n * (self.copies.size() if self.copies else 1))
        mine = rows.new_empty(rows.shape[1])
        reduce_scatter_tensor(mine, rows.reshape(-1), ReduceOp.SUM, self.group)
        if self.copies is not None and self.reduces:
            all_reduce(mine, group=self.copies)
        found, at = [], 0
        for i, p in enumerate(self.parameters):
            most, rest = self._most(i), self._rest(i)
            count = most
            for size in rest:
                count *= size
            part = mine[at : at + count].view(most, *rest)[: p._local_tensor.shape[self.dims[i]]]
            at += count
            found.append(part.movedim(0, self.dims[i]).to(p.dtype).contiguous())
        return found

    # -- around a forward

    def show(self):
        """Lets the modules compute with whole parameters."""
        if self.held is not None:
            found = self.held
        else:
            found = _Gathered.apply(self, *[p._local_tensor for p in self.parameters])
        self._set(found)
        return found

    def _set(self, found):
        for (module, name), i in zip(self.places, self.index, strict=True):
            module.__dict__[name] = found[i]

    def hide(self):
        """The modules have their parts again."""
        for module, name in self.places:
            module.__dict__.pop(name, None)

    def enter_backward(self):
        """Gives the modules whole parameters while backward goes through them: a checkpoint computes with them again."""
        if self.leaves is not None or self.held is not None:
            return
        self.leaves = [
            whole.detach().requires_grad_(p.requires_grad)
            for whole, p in zip(self._again(), self.parameters, strict=True)
        ]
        self._set(self.leaves)
        flambeau.autograd.Variable._execution_engine.queue_callback(self._end_backward)

    def _again(self):
        if self.whole is None:
            with flambeau.no_grad():
                self.whole = self.gather([p._local_tensor for p in self.parameters])
        return self.whole

    def leave_backward(self):
        """The modules have their parts again."""
        self.whole = None
        if self.leaves is not None and all(leaf.grad is None for leaf in self.leaves):
            self.leaves = None
            self.hide()

    def _end_backward(self):
        """Backward has ended. A reentrant checkpoint has left its gradients in the leaves."""
        leaves = self.leaves
        if leaves is None:
            return
        self.leaves = self.whole = None
        self.hide()
        if any(leaf.grad is not None for leaf in leaves):
            for p, part in zip(
                self.parameters, self.scatter([leaf.grad for leaf in leaves]), strict=True
            ):
                if part is not None:
                    local = p._local_tensor
                    local.grad = part if local.grad is None else local.grad + part

    def kept(self, found):
        """The hooks by which backward keeps no whole parameter (those of `found`), but gathers them again."""
        addresses = {_address(whole): i for i, whole in enumerate(found)}

        def pack(tensor):
            i = addresses.get(_address(tensor)) if tensor.numel() else None
            if i is None:
                return tensor
            return i, tuple(tensor.shape), tensor.stride(), tensor.storage_offset()

        def unpack(packed):
            if isinstance(packed, flambeau.Tensor):
                return packed
            i, *layout = packed
            return self._again()[i].as_strided(*layout)

        return flambeau.autograd.graph.saved_tensors_hooks(pack, unpack)


def _address(tensor):
    """Where the memory begins that a tensor is a view of."""
    return tensor.data_ptr() - tensor.storage_offset() * tensor.element_size()
