"""DistributedDataParallel: one copy of a module in each process, whose gradients are averaged."""

import contextlib

import flambeau

from ..modules.module import Module

__all__ = ["DistributedDataParallel"]


class _Bucket:
    """Parameters whose gradients travel together."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.clear()

    def clear(self):
        self.missing, self.work, self.flat = set(map(id, self.parameters)), None, None


class DistributedDataParallel(Module):
    """Runs `module` on this process's part of a batch; in backward, gradients become the mean of all processes'.

    Gradients are sent in buckets while backward goes on. All processes must run the same modules in the same
    order. Source: Li et al., "PyTorch Distributed", VLDB 2020, arXiv:2006.15704.

    Args:
        module (Module): its parameters and buffers become those of rank 0.
        bucket_cap_mb (float): the size of a bucket; 25 by default.
        broadcast_buffers (bool): whether buffers are those of rank 0 in every forward of training.
        find_unused_parameters (bool): accepted; parameters without a gradient count as zeros in any case.

    Example:
        >>> import flambeau.distributed as dist
        >>> dist.init_process_group("gloo")
        >>> model = flambeau.nn.parallel.DistributedDataParallel(flambeau.nn.Linear(2, 1))
        >>> model(flambeau.ones(3, 2)).sum().backward()
        >>> model.module.weight.grad
        tensor([[3., 3.]])
        >>> dist.destroy_process_group()
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0, broadcast_buffers=True,
                 init_sync=True, process_group=None, bucket_cap_mb=None, find_unused_parameters=False,
                 check_reduction=False, gradient_as_bucket_view=False, static_graph=False,
                 delay_all_reduce_named_params=None, param_to_hook_all_reduce=None, mixed_precision=None,
                 device_mesh=None, skip_all_reduce_unused_params=False):  # fmt: skip
        super().__init__()
        for name, value in (
            ("delay_all_reduce_named_params", delay_all_reduce_named_params),
            ("param_to_hook_all_reduce", param_to_hook_all_reduce),
            ("mixed_precision", mixed_precision), ("device_mesh", device_mesh),
        ):  # fmt: skip
            if value is not None:
                raise NotImplementedError(f"DistributedDataParallel: {name} is not offered.")
        if device_ids:
            raise ValueError(
                "DistributedDataParallel: device_ids is for modules on GPUs; on CPUs it is None."
            )
        from ...distributed import groups

        learned = [p for p in module.parameters() if p.requires_grad]
        if not learned:
            raise RuntimeError(
                "DistributedDataParallel: the module has no parameter that requires a gradient."
            )
        self.module, self.process_group = (
            module,
            groups.chosen(process_group, "DistributedDataParallel"),
        )
        self.broadcast_buffers, self.require_backward_grad_sync = broadcast_buffers, True
        self.find_unused_parameters, self.static_graph = find_unused_parameters, static_graph
        self.device, self.dim = learned[0].device, dim
        if init_sync:
            self._as_rank_0([*module.parameters(), *module.buffers()])
        self._buckets = self._in_buckets(learned, (bucket_cap_mb or 25) * 2**20)
        self._of = {id(p): bucket for bucket in self._buckets for p in bucket.parameters}
        self._next, self._called, self._synced = 0, False, True
        self._hook = None
        for p in learned:
            p.register_post_accumulate_grad_hook(self._arrived)

    @staticmethod
    def _in_buckets(parameters, most_bytes):
        """From the last parameter to the first: the order in which gradients come. One dtype a bucket."""
        buckets, current, used = [], [], 0
        for p in reversed(parameters):
            size = p.numel() * p.element_size()
            if current and (used + size > most_bytes or p.dtype != current[0].dtype):
                buckets.append(_Bucket(current))
                current, used = [], 0
            current.append(p)
            used += size
        return [*buckets, _Bucket(current)]

    def _as_rank_0(self, tensors):
        from ...distributed import broadcast

        source = self.process_group.ranks[0]
        with flambeau.no_grad():
            for t in tensors:
                broadcast(t, source, self.process_group)

    @contextlib.contextmanager
    def no_sync(self):
        """A context in which gradients are added up here and not averaged."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def forward(self, *args, **kwargs):
        """The module's forward."""
        recording = flambeau.is_grad_enabled() and self.require_backward_grad_sync
        if self.training and recording and self.broadcast_buffers:
            self._as_rank_0(self.module.buffers())
        self._synced = recording
        return self.module(*args, **kwargs)

    def _arrived(self, parameter):
        """A gradient is whole: the buckets that are, in their order, start to travel."""
        if not self._synced:
            return
        if not self._called:
            self._called = True
            flambeau.autograd.Variable._execution_engine.queue_callback(self._finish)
        self._of[id(parameter)].missing.discard(id(parameter))
        while self._next < len(self._buckets) and not self._buckets[self._next].missing:
            self._start(self._buckets[self._next])

    def _start(self, bucket):
        from ...distributed import ReduceOp, all_reduce

        grads = [
            p.grad if p.grad is not None else flambeau.zeros_like(p) for p in bucket.parameters
        ]
        bucket.flat = flambeau.cat([g.detach().reshape(-1) for g in grads])
        if self._hook is not None:
            state, hook = self._hook
            bucket.work = hook(
                state, GradBucket(self._next, bucket, self._next == len(self._buckets) - 1)
            )
        else:
            bucket.work = all_reduce(bucket.flat, ReduceOp.AVG, self.process_group, async_op=True)
        self._next += 1

    def _finish(self):
        """Backward has ended: buckets with parameters that had no part in it travel too; all arrive."""
        while self._next < len(self._buckets):
            self._start(self._buckets[self._next])
        for bucket in self._buckets:
            found = bucket.work.wait()
            flat = found if isinstance(found, flambeau.Tensor) else bucket.flat
            for p, part in zip(
                bucket.parameters, flat.split([p.numel() for p in bucket.parameters]), strict=True
            ):
                if p.grad is None:
                    p.grad = part.view_as(p).clone()
                else:
                    p.grad.detach().copy_(part.view_as(p))
            bucket.clear()
        self._next, self._called = 0, False

    def register_comm_hook(self, state, hook):
        """hook(state, bucket) -> Future of the bucket's tensor, instead of the mean."""
        self._hook = state, hook

    def join(
        self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False
    ):
        """Not offered: give all processes as many batches, as DistributedSampler does."""
        raise NotImplementedError(
            "DistributedDataParallel.join: not offered; DistributedSampler pads."
        )


class GradBucket:
    """What a communication hook is given."""

    def __init__(self, index, bucket, last):
        self._index, self._bucket, self._last = index, bucket, last

    def index(self):
        """The bucket's number."""
        return self._index

    def buffer(self):
        """Its gradients, one after the other."""
        return self._bucket.flat

    def parameters(self):
        """Its parameters."""
        return list(self._bucket.parameters)

    def gradients(self):
        """Its gradients, each of its shape."""
        parts = self._bucket.flat.split([p.numel() for p in self._bucket.parameters])
        return [part.view_as(p) for part, p in zip(parts, self._bucket.parameters, strict=True)]

    def set_buffer(self, buffer):
        """Another tensor in the place of buffer()."""
        self._bucket.flat = buffer

    def is_last(self):
        """Whether it is the last of this backward."""
        return self._last
