"""How functions find what they do to an input, under torchvision's names."""

from ....tv_tensors import TVTensor, wrap
from . import is_pure_tensor  # noqa: F401 (this module is its other home)
from ._dispatch import _handlers, kernel_for, register_kernel  # noqa: F401

_get_kernel = kernel_for


def _register_kernel_internal(functional, input_type, *, tv_tensor_wrapper=True):
    """Decorator: a kernel of any function for any type; tv_tensor_wrapper: it takes and gives plain tensors."""
    own = _handlers.setdefault(functional, {})
    if input_type in own:
        raise ValueError(
            f"register_kernel: {functional.__name__} has a kernel for {input_type.__name__} already."
        )

    def register(kernel):
        handle = kernel
        if issubclass(input_type, TVTensor) and tv_tensor_wrapper:
            handle = lambda inpt, *args, **kwargs: wrap(
                kernel(inpt.as_subclass(TVTensor.__base__), *args, **kwargs), like=inpt
            )
        pil = input_type.__module__ == "PIL.Image"
        own["pil" if pil else input_type] = handle
        return kernel

    return register


def _is_cvcuda_available():
    return False


def _is_cvcuda_tensor(inpt):
    return False


def _import_cvcuda():
    raise ModuleNotFoundError("transforms.v2: tensors of CV-CUDA are not offered.")
