"""Models of images, with torchvision's names, arguments and state_dict keys: its weight files load.

Each architecture is one file: a readable class, and beside it a table of its variants. _names.py lists
them, _api.py finds them and their published weights, _builder.py turns a row of a table into a function.

    model = models.resnet18(num_classes=10)
    model = models.get_model("resnet50", weights="DEFAULT")     # downloaded once, then from hub's cache
"""

from . import _lazy, _names
from ._api import (
    Weights,
    WeightsEnum,
    get_model,
    get_model_builder,
    get_model_weights,
    get_weight,
    list_models,
    register_model,
)

_names_here, __getattr__ = _lazy.contents(
    __name__, classes=_names.CLASSES, modules=(*_names.PACKAGES, "feature_extraction", "_utils")
)

__all__ = [
    "Weights", "WeightsEnum", "get_model", "get_model_builder", "get_model_weights", "get_weight", "list_models",
    "register_model",
]  # fmt: skip
__all__ += _names_here


def __dir__():
    from ._api import _facts

    enums = (name for name, facts in _facts("weights").items() if "." not in facts["module"])
    return sorted({*__all__, *enums, *_names.PACKAGES, *_names.CLASSES.values()})
