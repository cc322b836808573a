"""The Python array API standard, version 2025.12: its names, signatures and rules of promotion.

    xp = flambeau.array_api, or x.__array_namespace__() of any tensor

Read: array.py (the arrays), dtypes.py, elementwise.py, then any other; each file is one chapter of the
standard. Everything is computed by flambeau's own operators. What is written here is where the standard
differs from PyTorch: names of arguments, defaults, and promotion, in which zero-dimensional arrays count
like all others. Plain tensors are taken everywhere; results are Arrays where an Array went in. v2024_12 is the
namespace of the revisions before, where a few functions give lists.

Source: Consortium for Python Data API Standards, data-apis.org/array-api, revision 2025.12.
"""

import math

__array_api_version__ = "2025.12"
newaxis = None
e, inf, nan, pi = math.e, math.inf, math.nan, math.pi

_CHAPTERS = {
    "array": "Array",
    "creation": "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones "
    "ones_like tril triu zeros zeros_like",
    "dtypes": "__array_namespace_info__ astype bool can_cast complex64 complex128 finfo float32 float64 "
    "iinfo int8 int16 int32 int64 isdtype result_type uint8 uint16 uint32 uint64",
    "elementwise": "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_invert "
    "bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide "
    "equal exp expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less "
    "less_equal log log1p log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum "
    "minimum multiply negative nextafter not_equal positive pow real reciprocal remainder round sign "
    "signbit sin sinh sqrt square subtract tan tanh trunc",
    "linalg": "matmul matrix_transpose tensordot vecdot",
    "manipulation": "broadcast_arrays broadcast_shapes broadcast_to concat expand_dims flip moveaxis permute_dims repeat "
    "reshape roll squeeze stack tile unstack",
    "searching": "argmax argmin argsort count_nonzero isin nonzero searchsorted sort take take_along_axis "
    "unique_all unique_counts unique_inverse unique_values where",
    "statistics": "all any cumulative_prod cumulative_sum diff max mean min prod std sum var",
}
_CHAPTER_OF = {name: chapter for chapter, names in _CHAPTERS.items() for name in names.split()}

__all__ = sorted(
    {"e", "fft", "inf", "linalg", "nan", "newaxis", "pi", "__array_api_version__", *_CHAPTER_OF}
)


def __getattr__(name):
    from importlib import import_module

    if name in ("fft", "linalg", "v2024_12"):
        return import_module(f"{__name__}.{name}")
    if name in _CHAPTER_OF:
        value = getattr(import_module(f"{__name__}.{_CHAPTER_OF[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return __all__
