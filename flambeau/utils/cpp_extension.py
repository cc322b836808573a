"""Extensions in C++ for PyTorch's interface: flambeau has none, so nothing can be built for it. Names refuse."""

import shutil

from ..refusals import refusals

_REASON = (
    "flambeau has no C++ interface for extensions. flambeau.kernel compiles a Python function of scalars, "
    "library.custom_op makes an operator of any function, and ctypes or a module of its own calls C."
)
_NAMES = """
    BuildExtension CUDAExtension CppExtension SyclExtension check_compiler_ok_for_platform
    get_compiler_abi_compatibility_and_version include_paths library_paths load load_inline
"""
globals().update(refusals(_NAMES, _REASON, "utils.cpp_extension.", module=__name__))

CUDA_HOME = ROCM_HOME = CUDNN_HOME = SYCL_HOME = None
IS_HIP_EXTENSION = False

__all__ = [
    "CUDA_HOME", "CUDNN_HOME", "IS_HIP_EXTENSION", "ROCM_HOME", "is_ninja_available",
    "verify_ninja_availability", *_NAMES.split(),
]  # fmt: skip


def is_ninja_available():
    """Whether the program ninja can be found."""
    return shutil.which("ninja") is not None


def verify_ninja_availability():
    """RuntimeError unless the program ninja can be found."""
    if not is_ninja_available():
        raise RuntimeError(
            "verify_ninja_availability: ninja is not installed. Run: pip install ninja."
        )
