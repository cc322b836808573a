"""Names that libraries import from torch.distributed.tensor.experimental."""

from ....refusals import refused

__all__ = ["implicit_replication"]

implicit_replication = refused(
    "distributed.tensor.experimental.implicit_replication",
    "A tensor next to a DTensor must be distributed, too: use distribute_tensor(tensor, mesh, [Replicate()]).",
    module=__name__,
)
