"""More names of torch._C: private ones that programs reach for. Public ones are flambeau's own."""

import flambeau

from .. import _core
from ..backends.cpu import get_cpu_capability
from ..ops.batching import fallback
from ..ops.linalg.lapack import LinAlgError
from ..refusals import refusals

_REASON = "flambeau has one way for each call, which no dispatch key chooses."
globals().update(
    refusals(
        """_AutoDispatchBelowAutograd _ExcludeDispatchKeyGuard _SetExcludeDispatchKeyGuard
        _dispatch_tls_set_dispatch_key_excluded""",
        _REASON,
        "_C.",
        module=__name__,
    )
)

_TensorBase = _core.Tensor
_debug_only_display_vmap_fallback_warnings = fallback.display_warnings
_debug_only_are_vmap_fallback_warnings_enabled = fallback.displays_warnings
_LinAlgError, _OutOfMemoryError = LinAlgError, flambeau.OutOfMemoryError
_get_cpu_capability = get_cpu_capability
_set_default_dtype = _core.set_default_dtype
_set_grad_enabled = _core._set_grad_enabled
_set_warnAlways, _get_warnAlways = flambeau.set_warn_always, flambeau.is_warn_always_enabled


class _VariableFunctionsClass:
    """The functions of torch as attributes."""

    def __getattr__(self, name):
        return getattr(flambeau, name)


_VariableFunctions = _VariableFunctionsClass()


def _is_tracing():
    """Whether calls are being traced for a compiler: False."""
    return False


def _has_torch_function(relevant_args):
    """Whether any of the arguments takes operators over."""
    return flambeau.overrides.has_torch_function(relevant_args)


def _add_docstr(obj, doc_obj):
    """Gives an object its documentation, and the object back.

    Raises:
        RuntimeError: it has one.
    """
    if obj.__doc__:
        raise RuntimeError(f"_add_docstr: {obj!r} has its documentation already.")
    obj.__doc__ = doc_obj
    return obj


def _cuda_getDeviceCount():
    """How many CUDA devices there are: 0."""
    return 0


def _cuda_isCurrentStreamCapturing():
    """Whether a CUDA graph is being recorded: False."""
    return False


def _get_flash_sdp_enabled():
    """What backends.cuda.enable_flash_sdp was last told."""
    return flambeau.backends.cuda.flash_sdp_enabled()


def _get_math_sdp_enabled():
    """What backends.cuda.enable_math_sdp was last told."""
    return flambeau.backends.cuda.math_sdp_enabled()


def _jit_get_profiling_executor():
    """Whether compiled programs watch themselves: False, there are none."""
    return False
