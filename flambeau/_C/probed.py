"""Answers to what libraries probe in torch._C: switches of compilers and devices that are not here."""

from .. import _core
from ..refusals import refused
from ..types import device

__all__ = ["CONSTANT"]

_TensorMeta = type(_core.Tensor)
_COMPILER = "There is no TorchScript; functions run as the Python that they are."
Graph, Value = (refused(f"_C.{name}", _COMPILER) for name in ("Graph", "Value"))
# Devices and libraries that PyTorch may be built with.
_has_cuda = _has_cudnn = _has_cusparselt = _has_magma = _has_mkldnn = _has_mps = _has_xpu = False
# Asked without arguments and always answered alike.
CONSTANT = {
    "_get_privateuse1_backend_name": "privateuseone",
    "_get_tracing_state": None,
    "_jit_can_fuse_on_cpu": False,
    "_jit_can_fuse_on_gpu": False,
    "_get_cudnn_enabled": False,
    "_is_torch_function_mode_enabled": False,
}
# Told with a value, which has no effect: what it switches is not here.
_SWITCHES = (
    "_jit_set_profiling_executor", "_jit_set_profiling_mode", "_jit_override_can_fuse_on_gpu",
    "_jit_override_can_fuse_on_cpu", "_jit_set_texpr_fuser_enabled", "_jit_set_nvfuser_enabled",
    "_jit_set_nvfuser_guard_mode", "_set_math_sdp_allow_fp16_bf16_reduction", "_log_api_usage_once",
    "_jit_set_bailout_depth", "_set_graph_executor_optimize",
)  # fmt: skip


def _are_functorch_transforms_active():
    """Whether a vmap calls its function."""
    return _core._in_vmap()


def _is_alias_of(first, second):
    """Whether two tensors lie in one storage."""
    return first.untyped_storage() == second.untyped_storage()


def _get_accelerator(check=False):
    """The device that computes: the CPU."""
    return device("cpu")


def _get_default_device():
    """The name of the kind of device on which new tensors lie."""
    from ..compat import get_default_device

    return get_default_device().type


def _answers(name, value):
    def answer():
        return value

    answer.__name__ = answer.__qualname__ = name
    answer.__doc__ = f"{value!r}, always."
    return answer


def _switch(name):
    def switch(*values):
        return False

    switch.__name__ = switch.__qualname__ = name
    switch.__doc__ = "False, whatever is told: what this switches in PyTorch is not here."
    return switch


globals().update({name: _answers(name, value) for name, value in CONSTANT.items()})
globals().update({name: _switch(name) for name in _SWITCHES})
