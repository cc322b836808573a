"""Neural-network functions without state, one file a family.

May import: flambeau, flambeau.ops. Must not import: flambeau.nn.modules.
"""

from ..lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".affine": "linear bilinear",
    },
)
