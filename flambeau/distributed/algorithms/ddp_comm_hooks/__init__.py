"""Hooks for DistributedDataParallel.register_comm_hook: how a bucket of gradients becomes the mean of all."""

from ....nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {},
    submodules=("debugging_hooks", "default_hooks", "post_localSGD_hook", "powerSGD_hook"),
)
