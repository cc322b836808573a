"""What is built on the operations of groups: Join for uneven inputs, and hooks for gradients in buckets."""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {".join": "Join JoinHook Joinable"},
    submodules=("ddp_comm_hooks", "join", "model_averaging"),
)
