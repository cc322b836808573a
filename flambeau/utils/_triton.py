"""torch.utils._triton: whether kernels go through Triton. None do: flambeau has a kernel language of its own."""

__all__ = ["has_triton", "has_triton_package"]


def has_triton():
    """Whether functions are compiled by Triton: False."""
    return False


def has_triton_package():
    """Whether Triton can be used: False."""
    return False
