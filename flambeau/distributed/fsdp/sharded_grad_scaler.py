"""A GradScaler for sharded parameters: a step is left out everywhere if any process found an infinity."""

import flambeau

from ...amp import GradScaler
from .. import groups
from ..collectives import all_reduce
from ..work import ReduceOp

__all__ = ["ShardedGradScaler"]


class ShardedGradScaler(GradScaler):
    """GradScaler whose processes agree on each step.

    Args:
        device, init_scale, growth_factor, backoff_factor, growth_interval, enabled: as GradScaler's.
        process_group (ProcessGroup, optional): those that hold the other parts; all by default.
    """

    def __init__(self, device="cuda", init_scale=2.0**16, backoff_factor=0.5, growth_factor=2.0, growth_interval=2000,
                 enabled=True, process_group=None):  # fmt: skip
        super().__init__(
            device, init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )
        self.process_group = process_group

    def unscale_(self, optimizer):
        """GradScaler's; then one flag for all processes."""
        super().unscale_(optimizer)
        if not self._enabled or not groups.is_initialized():
            return
        found = self._found[id(optimizer)]
        here = flambeau.stack(found).any() if found else flambeau.tensor(False)
        anywhere = here.to(flambeau.float32)
        all_reduce(anywhere, ReduceOp.MAX, self.process_group)
        self._found[id(optimizer)] = [anywhere.bool()]
