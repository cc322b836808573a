"""Neural networks: modules, the functions behind them, starting values, tools.

Read: modules/module.py, modules/linear.py, functional/, init.py.
May import: floors 1 to 4. Must not import: optim, utils, vision.
"""

from .lazy_names import table_of_contents
from .modules import CONTENTS

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".parameter": "Parameter Buffer UninitializedParameter UninitializedBuffer",
        ".parallel": "DataParallel",
        ".options": "factory_kwargs",
        "..utils.model_summary": "summary",  # from a higher floor, when it is asked for
        **{".modules" + module: names for module, names in CONTENTS.items()},
    },
    submodules=(
        "attention",
        "common_types",
        "functional",
        "grad",
        "init",
        "intrinsic",
        "modules",
        "parallel",
        "parameter",
        "qat",
        "quantizable",
        "quantized",
        "utils",
    ),
)
