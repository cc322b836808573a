"""Lists of dtypes: torch.testing._internal.common_dtype."""

import flambeau as torch

__all__ = [
    "all_types", "all_types_and", "all_types_and_complex", "all_types_and_complex_and", "complex_types",
    "complex_types_and", "double_types", "empty_types", "float_and_complex_types", "floating_and_complex_types",
    "floating_and_complex_types_and", "floating_types", "floating_types_and", "floating_types_and_half",
    "get_all_dtypes", "get_all_fp_dtypes", "get_all_int_dtypes", "get_all_math_dtypes", "integral_types",
    "integral_types_and",
]  # fmt: skip

_FLOATING = torch.float32, torch.float64
_COMPLEX = torch.complex64, torch.complex128
_INTEGRAL = torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64


def _lists(name, dtypes, what):
    """Functions of no arguments, and with more dtypes behind."""

    def plain():
        return dtypes

    def and_more(*more):
        return dtypes + more

    plain.__name__ = plain.__qualname__ = name
    and_more.__name__ = and_more.__qualname__ = f"{name}_and"
    plain.__doc__ = f"The {what} dtypes."
    and_more.__doc__ = f"The {what} dtypes and more."
    return plain, and_more


floating_types, floating_types_and = _lists("floating_types", _FLOATING, "floating")
complex_types, complex_types_and = _lists("complex_types", _COMPLEX, "complex")
integral_types, integral_types_and = _lists("integral_types", _INTEGRAL, "integer")
floating_and_complex_types, floating_and_complex_types_and = _lists(
    "floating_and_complex_types", _FLOATING + _COMPLEX, "floating and complex"
)
all_types, all_types_and = _lists("all_types", _FLOATING + _INTEGRAL, "real")
all_types_and_complex, all_types_and_complex_and = _lists(
    "all_types_and_complex", _FLOATING + _INTEGRAL + _COMPLEX, "real and complex"
)
double_types, _ = _lists("double_types", (torch.float64, torch.complex128), "64-bit")
empty_types, _ = _lists("empty_types", (), "no")
float_and_complex_types = floating_and_complex_types


def floating_types_and_half():
    """The floating dtypes and float16."""
    return (*_FLOATING, torch.float16)


def get_all_dtypes(
    include_half=True, include_bfloat16=True, include_bool=True, include_complex=True, include_complex32=False,
    include_qint=False,
):  # fmt: skip
    """All dtypes that numbers are computed in, some left out by wish."""
    if include_qint:
        raise NotImplementedError(
            "get_all_dtypes: include_qint=True: there are no quantized tensors."
        )
    found = [*get_all_int_dtypes(), *get_all_fp_dtypes(include_half, include_bfloat16)]
    found += [torch.bool] if include_bool else []
    found += [*_COMPLEX] if include_complex else []
    return found + ([torch.complex32] if include_complex32 else [])


def get_all_int_dtypes():
    """The integer dtypes."""
    return [*_INTEGRAL]


def get_all_fp_dtypes(include_half=True, include_bfloat16=True):
    """The floating dtypes."""
    found = [*_FLOATING]
    found += [torch.float16] if include_half else []
    return found + ([torch.bfloat16] if include_bfloat16 else [])


def get_all_math_dtypes(device):
    """The dtypes of arithmetic on a device."""
    return [*get_all_int_dtypes(), *get_all_fp_dtypes(include_half=False), *_COMPLEX]
