"""Complex tensors made of pairs of real ones."""
from . import public as fl
from .declare import composite


def _real_pair(operator, first, second):
    if first.dtype != second.dtype or not first.dtype.is_floating_point:
        raise RuntimeError(
            f"{operator}: expected two floating point tensors of one dtype, but got {first.dtype} and {second.dtype}."
        )


@composite(method=False)
def complex(real, imag):
    """real + 1j * imag."""
    _real_pair("complex", real, imag)
    real, imag = fl.broadcast_tensors(real, imag)
    return fl.view_as_complex(fl.stack([real, imag], -1))


@composite(method=False)
def polar(abs, angle):
    """abs * exp(1j * angle)."""
    _real_pair("polar", abs, angle)
    return complex(abs * angle.cos(), abs * angle.sin())
