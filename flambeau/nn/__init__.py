"""Neural networks: modules, the functions behind them, starting values, tools.

Read: modules/module.py, modules/linear.py, functional/, init.py.
May import: floors 1 to 4. Must not import: optim, utils, vision.
"""

from .lazy_names import table_of_contents, without_all
from .modules import CONTENTS

_find, __dir__, _NAMES = table_of_contents(
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
__getattr__ = without_all(__name__, _find, _NAMES)
__doc__ += "\nModules, by file in modules/:\n\n" + "\n".join(
    f"    {module[1:]:21}{' '.join(names.split())}" for module, names in CONTENTS.items()
)
