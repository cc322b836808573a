"""The containers under the module that programs import them from."""

from .module_dict import ModuleDict
from .module_list import ModuleList
from .parameter_list import ParameterDict, ParameterList
from .sequential import Sequential

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
