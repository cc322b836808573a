"""DistributedDataParallel: one copy of a module in each process, whose gradients are averaged."""

import contextlib
from operator import attrgetter

import flambeau

from ...distributed.algorithms.join import Join, Joinable, JoinHook
from ..modules.module import Module
from .buckets import GradBucket, in_buckets

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module, Joinable):
    """Runs `module` on this process's part of a batch; in backward, gradients become the mean of all processes'.

    Gradients are sent in buckets while backward goes on. All processes must run the same modules in the same
    order. Source: Li et al., "PyTorch Distributed", VLDB 2020, arXiv:2006.15704.

    Args:
        module (Module): its parameters and buffers become those of rank 0.
        bucket_cap_mb (float): the size of a bucket; 25 by default, and 1 for the first.
        forward_sync_buffers (bool): whether buffers are those of rank 0 in every forward of training; True.
        broadcast_buffers (bool): its old name; False leaves them out of init_sync too.
        init_sync (bool): whether parameters and buffers become those of rank 0 now.
        process_group (ProcessGroup), device_mesh (DeviceMesh): whose processes; of all by default.
        find_unused_parameters (bool): whether parameters may have no part in a backward. One that has none in all
            processes keeps its gradient; one that has none here counts as zeros.
        static_graph (bool): whether all backwards use the parameters that the first one uses.
        gradient_as_bucket_view (bool): whether gradients are parts of the buckets, which saves a copy of them.
        check_reduction (bool): without effect: it is checked always.

    Raises:
        RuntimeError: no parameter requires a gradient; the processes' modules differ; a backward did not use all
            parameters, and find_unused_parameters and static_graph are False (at the next forward).

    Example:
        >>> import flambeau.distributed as dist
        >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        >>> model = flambeau.nn.parallel.DistributedDataParallel(flambeau.nn.Linear(2, 1))
        >>> model(flambeau.ones(3, 2)).sum().backward()
        >>> model.module.weight.grad
        tensor([[3., 3.]])
        >>> dist.destroy_process_group()
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0, broadcast_buffers=None,
                 init_sync=True, process_group=None, bucket_cap_mb=None, find_unused_parameters=False,
                 check_reduction=False, gradient_as_bucket_view=False, static_graph=False,
                 delay_all_reduce_named_params=None, param_to_hook_all_reduce=None, mixed_precision=None,
                 device_mesh=None, skip_all_reduce_unused_params=False, bucket_cap_mb_list=None,
                 batched_grad_copy=False, forward_sync_buffers=None):  # fmt: skip
        super().__init__()
        for name, value in (
            ("delay_all_reduce_named_params", delay_all_reduce_named_params),
            ("param_to_hook_all_reduce", param_to_hook_all_reduce),
            ("mixed_precision", mixed_precision),
            ("skip_all_reduce_unused_params", skip_all_reduce_unused_params or None),
            ("bucket_cap_mb_list", bucket_cap_mb_list), ("batched_grad_copy", batched_grad_copy or None),
        ):  # fmt: skip
            if value is not None:
                raise NotImplementedError(f"DistributedDataParallel: {name} is not offered.")
        if device_ids or output_device is not None:
            raise ValueError(
                "DistributedDataParallel: device_ids and output_device are for modules on GPUs; on CPUs they are None."
            )
        if device_mesh is not None:
            if process_group is not None:
                raise RuntimeError(
                    "DistributedDataParallel: give process_group or device_mesh, not both."
                )
            process_group = device_mesh.get_group()
        from ...distributed import groups

        ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        named = [(name, p) for name, p in module.named_parameters() if name not in ignored]
        learned = [p for _, p in named if p.requires_grad]
        if not learned:
            raise RuntimeError(
                "DistributedDataParallel: the module has no parameter that requires a gradient."
            )
        self.module, self.process_group = (
            module, groups.chosen(process_group, "DistributedDataParallel")
        )  # fmt: skip
        syncs = forward_sync_buffers if forward_sync_buffers is not None else broadcast_buffers
        self.broadcast_buffers, self.require_backward_grad_sync = syncs is not False, True
        self.find_unused_parameters, self.static_graph = find_unused_parameters, static_graph
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.device, self.device_ids, self.dim = learned[0].device, None, dim
        self.modules_buffers = [b for name, b in module.named_buffers() if name not in ignored]
        if init_sync:
            self._check_that_all_have(named)
            buffers = self.modules_buffers if broadcast_buffers is not False else []
            self._as_rank([*(p for _, p in named), *buffers], 0)
        names = {id(p): name for name, p in named}
        self._buckets = in_buckets(learned, (bucket_cap_mb or 25) * 2**20)
        self._names = [[names[id(p)] for p in bucket.parameters] for bucket in self._buckets]
        self._of = {id(p): bucket for bucket in self._buckets for p in bucket.parameters}
        self._used = None  # ids of the parameters of the first backward, with static_graph
        self._next, self._called, self._synced, self._forgotten = 0, False, True, []
        self._hook, self._divide_by_all, self._left = None, True, self.process_group.size()
        self._await_all()
        for p in learned:
            p.register_post_accumulate_grad_hook(self._arrived)

    # -- the same in all processes

    def _check_that_all_have(self, named):
        from ...distributed import all_gather_object

        mine = [(name, tuple(p.shape), str(p.dtype)) for name, p in named]
        everyone = [None] * self.process_group.size()
        all_gather_object(everyone, mine, self.process_group)
        for rank, theirs in enumerate(everyone):
            if theirs != everyone[0]:
                differs = next(
                    (pair for pair in zip(everyone[0], theirs, strict=False) if pair[0] != pair[1]),
                    (len(everyone[0]), len(theirs)),
                )
                raise RuntimeError(
                    f"DistributedDataParallel: rank {rank}'s parameters differ from rank 0's: {differs[1]} against "
                    f"{differs[0]}. All processes must have the same module."
                )

    def _as_rank(self, tensors, rank):
        """Tensors become those of a rank of the group, one message for each dtype."""
        from ...distributed import broadcast

        if self.process_group.size() == 1:
            return
        kinds = {}
        for t in tensors:
            kinds.setdefault(t.dtype, []).append(t.detach())
        with flambeau.no_grad():
            for same in kinds.values():
                flat = flambeau.cat([t.reshape(-1) for t in same])
                broadcast(flat, group=self.process_group, group_src=rank)
                if self.process_group.rank() != rank:
                    parts = flat.split([t.numel() for t in same])
                    for t, part in zip(same, parts, strict=True):
                        t.copy_(part.view(t.shape))

    @contextlib.contextmanager
    def no_sync(self):
        """A context in which gradients are added up here and not averaged."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    # -- a step

    def forward(self, *args, **kwargs):
        """The module's forward."""
        recording = flambeau.is_grad_enabled() and self.require_backward_grad_sync
        if recording and self._forgotten:
            raise RuntimeError(
                f"DistributedDataParallel: the last backward did not use the parameters {self._forgotten}. With "
                "find_unused_parameters=True they count as zeros."
            )
        if flambeau.is_grad_enabled():
            Join.notify_join_context(self)
        if self._joining():
            if flambeau.is_grad_enabled():
                self._left = self._sum(1)
                self._sum(int(recording))
        if self.training and recording and self.broadcast_buffers and self.modules_buffers:
            self._as_rank(self.modules_buffers, self._rank_of_buffers(True))
        self._synced = recording
        return self.module(*args, **kwargs)

    def _joining(self):
        return getattr(self, "_join_enabled", False)

    def _sum(self, number):
        return self._reduced(number, "SUM")

    def _reduced(self, number, op):
        from ...distributed import ReduceOp, all_reduce

        total = flambeau.tensor([number])
        all_reduce(total, ReduceOp[op], group=self.process_group)
        return total.item()

    def _rank_of_buffers(self, here):
        """Whose buffers count: rank 0's, or in join() those of the last rank that has a batch."""
        if not self._joining():
            return 0
        return self._reduced(self.process_group.rank() if here else -1, "MAX")

    def _await_all(self):
        """The next backward begins with no gradient there."""
        for bucket in self._buckets:
            bucket.missing = {
                id(p) for p in bucket.parameters if self._used is None or id(p) in self._used
            }
            bucket.work = None
        self._next, self._called = 0, False
        self._seen = set()

    def _arrived(self, parameter):
        """A gradient is whole: the buckets that are, in their order, start to travel."""
        if not self._synced:
            return
        if not self._called:
            self._called = True
            flambeau.autograd.Variable._execution_engine.queue_callback(self._finish)
        bucket = self._of[id(parameter)]
        if bucket.work is not None:
            raise RuntimeError(
                "DistributedDataParallel: a parameter has a second gradient after its first has been sent, or one that "
                "the first backward did not have, with static_graph. Use each module once, or no_sync()."
            )
        bucket.take(parameter)
        bucket.missing.discard(id(parameter))
        self._seen.add(id(parameter))
        while self._next < len(self._buckets) and not self._buckets[self._next].missing:
            self._start(self._buckets[self._next])

    def _start(self, bucket):
        for p in bucket.parameters:
            if id(p) not in self._seen:
                bucket.take(p)
        self._send(bucket)

    def _send(self, bucket):
        from ...distributed import all_reduce

        if self._hook is not None:
            state, hook = self._hook
            last = self._next == len(self._buckets) - 1
            bucket.work = hook(state, GradBucket(self._next, bucket, last))
        else:
            bucket.flat.div_(self.process_group.size() if self._divide_by_all else self._left)
            bucket.work = all_reduce(bucket.flat, group=self.process_group, async_op=True)
        self._next += 1

    def _finish(self):
        """Backward has ended: buckets with parameters that had no part in it travel too; all arrive."""
        while self._next < len(self._buckets):
            self._start(self._buckets[self._next])
        if self.static_graph and self._used is None:
            self._used = set(self._seen)
        unused = self._unused_everywhere() if self.find_unused_parameters else ()
        for bucket in self._buckets:
            found = bucket.work.wait()
            if isinstance(found, flambeau.Tensor) and found.data_ptr() != bucket.flat.data_ptr():
                bucket.flat.copy_(found)
            for p in bucket.parameters:
                if id(p) not in unused:
                    bucket.give(p, self.gradient_as_bucket_view)
        if not (self.find_unused_parameters or self.static_graph):
            self._forgotten = [
                name
                for bucket, names in zip(self._buckets, self._names, strict=True)
                for p, name in zip(bucket.parameters, names, strict=True)
                if id(p) not in self._seen
            ]
        self._await_all()

    def _unused_everywhere(self):
        """The ids of the parameters that no process's backward used."""
        from ...distributed import all_reduce

        everything = [p for bucket in self._buckets for p in bucket.parameters]
        used = flambeau.tensor([int(id(p) in self._seen) for p in everything])
        all_reduce(used, group=self.process_group)
        return {id(p) for p, n in zip(everything, used.tolist(), strict=True) if n == 0}

    def register_comm_hook(self, state, hook):
        """hook(state, bucket) -> Future of the bucket's tensor, instead of the mean.

        Raises:
            RuntimeError: there is a hook already.
        """
        if self._hook is not None:
            raise RuntimeError("register_comm_hook: the module has a hook already.")
        if not callable(hook):
            raise TypeError(f"register_comm_hook: hook is a {type(hook).__name__}, not a function.")
        self._hook = (self.process_group if state is None else state), hook

    def _set_static_graph(self):
        self.static_graph = True

    # -- processes with fewer batches

    def join(
        self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False
    ):
        """A context in which processes may have different numbers of batches.

        Args:
            divide_by_initial_world_size (bool): whether the mean is over all processes, or over those that have a batch.
            enable (bool): False if all have as many batches.
            throw_on_early_termination (bool): whether all raise once one has no batch left.
        """
        return Join(
            [self], enable, throw_on_early_termination,
            divide_by_initial_world_size=divide_by_initial_world_size,
        )  # fmt: skip

    def join_hook(self, **kwargs):
        """The hook of Join."""
        self._divide_by_all = kwargs.get("divide_by_initial_world_size", True)
        return _JoinHook(self)

    join_device = property(attrgetter("device"), doc="The parameters' device.")
    join_process_group = property(
        attrgetter("process_group"), doc="The group whose gradients are averaged."
    )


class _JoinHook(JoinHook):
    """Answers the operations of a step with zeros."""

    def __init__(self, model):
        self.model = model

    def main_hook(self):
        model = self.model
        model._left = model._sum(0)
        syncs = model._sum(0) > 0
        if syncs and model.training and model.broadcast_buffers and model.modules_buffers:
            model._as_rank(model.modules_buffers, model._rank_of_buffers(False))
        if not syncs:
            return
        for bucket in model._buckets:
            bucket.flat.zero_()
            model._send(bucket)
        if model.find_unused_parameters:
            model._unused_everywhere()
        for bucket in model._buckets:
            bucket.work.wait()
        model._await_all()

    def post_hook(self, is_last_joiner):
        model = self.model
        rank = model._reduced(model.process_group.rank() if is_last_joiner else -1, "MAX")
        model._as_rank([*model.module.parameters(), *model.modules_buffers], rank)
