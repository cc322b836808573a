"""Behaviour of modules that PyTorch means to make the usual one: torch.__future__."""

from .nn.modules import conversion

__all__ = [
    "get_overwrite_module_params_on_conversion", "get_swap_module_params_on_conversion",
    "set_overwrite_module_params_on_conversion", "set_swap_module_params_on_conversion",
]  # fmt: skip


def set_overwrite_module_params_on_conversion(value):
    """Whether Module.to and its like give a module new Parameters, instead of new data to those it has."""
    conversion.switches["overwrite"] = bool(value)


def get_overwrite_module_params_on_conversion():
    """What set_overwrite_module_params_on_conversion was last told; False at first."""
    return conversion.switches["overwrite"]


def set_swap_module_params_on_conversion(value):
    """Whether Module.to and its like exchange a Parameter's contents with the converted one's, by swap_tensors."""
    conversion.switches["swap"] = bool(value)


def get_swap_module_params_on_conversion():
    """What set_swap_module_params_on_conversion was last told; False at first."""
    return conversion.switches["swap"]
