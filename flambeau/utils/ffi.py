"""Extensions in C by cffi, which PyTorch dropped before 1.0."""


def create_extension(
    name, headers, sources, verbose=True, with_cuda=False, package=False, relative_to=".", **kwargs
):
    """Raises: write a kernel in Python (flambeau.kernel), or call C through ctypes on tensor.data_ptr()."""
    raise RuntimeError(
        "utils.ffi.create_extension: was removed. Write a kernel in Python (flambeau.kernel), or call the C function "
        "by ctypes on tensor.data_ptr()."
    )
