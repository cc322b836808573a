"""ZeroRedundancyOptimizer: each process keeps the optimizer's state of some of the parameters."""

from operator import attrgetter

import flambeau

from ...optim import Optimizer
from .. import groups
from ..algorithms.join import Joinable, JoinHook
from ..collectives import broadcast
from ..objects import gather_object

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer, Joinable):
    """Steps with `optimizer_class` on this process's share of the parameters, and takes the others' from their owners.

    Args:
        params (iterable): parameters, or groups of them; the same in all processes.
        optimizer_class (type): of the optimizer.
        process_group (ProcessGroup): of all processes by default.
        parameters_as_bucket_view (bool): whether the parameters of an owner travel as parts of one tensor, which they
            become views of.
        **defaults: the optimizer's options.

    Source: Rajbhandari et al., "ZeRO", SC 2020, arXiv:1910.02054, stage 1.
    """

    def __init__(self, params, optimizer_class, process_group=None, parameters_as_bucket_view=False,
                 overlap_with_ddp=False, **defaults):  # fmt: skip
        if overlap_with_ddp:
            raise NotImplementedError("ZeroRedundancyOptimizer: overlap_with_ddp is not offered.")
        self.process_group = groups.chosen(process_group, "ZeroRedundancyOptimizer")
        self.world_size, self.rank = self.process_group.size(), self.process_group.rank()
        self._class, self._options = optimizer_class, defaults
        self._as_views, self._everyone = parameters_as_bucket_view, None
        self.optim = None
        super().__init__(params, dict(defaults))
        self._build()

    def _build(self):
        """Shares out the parameters and makes the optimizer of this process's."""
        self._owner = self._shares()
        mine = [
            {**{k: v for k, v in group.items() if k != "params"},
             "params": [p for p in group["params"] if self._owner[id(p)] == self.rank]}
            for group in self.param_groups
        ]  # fmt: skip
        before = self.optim
        self.optim = self._class([group for group in mine if group["params"]] or [{"params": [flambeau.nn.Parameter(flambeau.zeros(0))]}], **self._options)  # fmt: skip
        self._numbers = [i for i, group in enumerate(mine) if group["params"]]
        if before is not None:
            self.optim.state.update(before.state)
        for number, group in zip(self._numbers, self.optim.param_groups, strict=False):
            for key, value in group.items():
                self.param_groups[number].setdefault(key, value)
        self._flats = {}
        if self._as_views:
            for rank in range(self.world_size):
                for dtype in {p.dtype for group in self.param_groups for p in group["params"]}:
                    self._flatten(rank, [p for p in self._parameters_of(rank) if p.dtype == dtype])

    def _flatten(self, rank, parameters):
        if not parameters:
            return
        flat = flambeau.cat([p.detach().reshape(-1) for p in parameters])
        for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            p.data = part.view(p.shape)
        self._flats.setdefault(rank, []).append(flat)

    def _shares(self):
        """{id of a parameter: rank of its owner}: the largest first, to whom has least."""
        sizes, owner = [0] * self.world_size, {}
        everything = [p for group in self.param_groups for p in group["params"]]
        for p in sorted(everything, key=lambda p: p.numel(), reverse=True):
            rank = sizes.index(min(sizes))
            owner[id(p)] = rank
            sizes[rank] += p.numel()
        return owner

    def _parameters_of(self, rank):
        return [
            p for group in self.param_groups for p in group["params"] if self._owner[id(p)] == rank
        ]

    def add_param_group(self, param_group):
        """Adds a group; the parameters are shared out anew."""
        super().add_param_group(param_group)
        if self.optim is not None:
            self._build()

    def step(self, closure=None, **kwargs):
        """A step of this process's parameters; then all have all of them."""
        loss = None
        if closure is not None:
            with flambeau.enable_grad():
                loss = closure()
        for number, group in zip(self._numbers, self.optim.param_groups, strict=False):
            group.update({k: v for k, v in self.param_groups[number].items() if k != "params"})
        self.optim.step(**kwargs)
        self._spread()
        return loss

    def _spread(self):
        """Each owner's parameters go to all."""
        if self.world_size == 1:
            return
        works = []
        with flambeau.no_grad():
            for rank in range(self.world_size):
                tensors = self._flats.get(rank) if self._as_views else [p.detach() for p in self._parameters_of(rank)]  # fmt: skip
                works += [
                    broadcast(t, group=self.process_group, group_src=rank, async_op=True)
                    for t in tensors or ()
                ]
        for work in works:
            work.wait()

    # -- state

    def consolidate_state_dict(self, to=0):
        """Gives process `to` the state of all parameters, for state_dict(); all processes call it."""
        mine = {
            i: self.optim.state[p]
            for i, p in enumerate(self._everything())
            if p in self.optim.state
        }
        here = self.rank == to
        found = [None] * self.world_size if here else None
        gather_object(mine, found, group=self.process_group, group_dst=to)
        self._everyone = {i: state for part in found for i, state in part.items()} if here else None

    def _everything(self):
        return [p for group in self.param_groups for p in group["params"]]

    def state_dict(self):
        """The state of all parameters, in the process that consolidate_state_dict() named.

        Raises:
            RuntimeError: consolidate_state_dict() was not called since the last time, or named another process.
        """
        if self._everyone is None:
            raise RuntimeError(
                "ZeroRedundancyOptimizer.state_dict: each process has a part of the state. Call "
                f"consolidate_state_dict(to={self.rank}) in all processes before."
            )
        number, found = 0, []
        for group in self.param_groups:
            count = len(group["params"])
            found.append({**{k: v for k, v in group.items() if k != "params"},
                          "params": list(range(number, number + count))})  # fmt: skip
            number += count
        state, self._everyone = self._everyone, None
        return {"state": state, "param_groups": found}

    def load_state_dict(self, state_dict):
        """Takes state_dict's result, each process its part."""
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({k: v for k, v in saved.items() if k != "params"})
        everything = self._everything()
        place = {id(p): i for i, p in enumerate(p for g in self.optim.param_groups for p in g["params"])}  # fmt: skip
        mine = self.optim.state_dict()
        mine["state"] = {
            place[id(everything[i])]: state
            for i, state in state_dict["state"].items()
            if id(everything[i]) in place
        }
        self.optim.load_state_dict(mine)

    # -- processes with fewer batches

    def join_hook(self, **kwargs):
        """The hook of Join: a process without a batch steps with the gradients that it is given."""
        return _JoinHook(self)

    @property
    def join_device(self):
        """The parameters' device."""
        return self._everything()[0].device

    join_process_group = property(attrgetter("process_group"), doc="The group.")


class _JoinHook(JoinHook):
    def __init__(self, optimizer):
        self.optimizer = optimizer

    def main_hook(self):
        self.optimizer.step()
