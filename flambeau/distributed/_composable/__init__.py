"""fsdp.fully_shard by its old name."""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__, {"..fsdp": "fully_shard"}, submodules=("fsdp",)
)
