"""Operations of groups through which gradients flow: distributed.nn.functional."""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".functional": (
            "all_gather all_reduce all_to_all all_to_all_single broadcast gather reduce reduce_scatter scatter"
        )
    },
    submodules=("functional",),
)
