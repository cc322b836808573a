"""torch._prims_common, _decomp, _refs: rules of shapes and dtypes, and a table of decompositions."""

import pytest

import flambeau as torch
from flambeau import _decomp, _refs
from flambeau import _prims_common as prims

KIND = prims.ELEMENTWISE_TYPE_PROMOTION_KIND


@pytest.mark.parametrize(
    "kind, args, expected",
    [
        (KIND.DEFAULT, ("float16", "float16"), ("float32", "float16")),
        (KIND.DEFAULT, ("int64", 2.5), ("float32", "float32")),
        (KIND.NO_OPMATH, ("float16", 2.0), ("float16", "float16")),
        (KIND.INT_TO_FLOAT, ("int32", "bool"), ("float32", "float32")),
        (KIND.ALWAYS_BOOL, ("float64", "float32"), ("float64", "bool")),
        (KIND.COMPLEX_TO_FLOAT, ("complex64",), ("complex64", "float32")),
        (KIND.BOOL_TO_LONG, ("bool",), ("int64", "int64")),
    ],
)
def test_dtypes_of_elements(kind, args, expected):
    args = [torch.ones(2, dtype=getattr(torch, a)) if isinstance(a, str) else a for a in args]
    got = prims.elementwise_dtypes(*args, type_promotion_kind=kind)
    assert got == tuple(getattr(torch, name) for name in expected)
    with pytest.raises(ValueError, match="takes Tensors and numbers, not str"):
        prims.elementwise_dtypes("a", type_promotion_kind=kind)


def test_questions_about_dtypes():
    assert prims.is_integer_dtype(torch.uint16) and not prims.is_integer_dtype(torch.bool)
    assert (
        prims.dtype_to_type(torch.int8) is int and prims.type_to_dtype(complex) is torch.complex64
    )
    assert prims.corresponding_complex_dtype(torch.float64) is torch.complex128
    assert prims.get_higher_dtype(torch.int32, 2.0) is torch.float32
    assert prims.is_weakly_lesser_type(bool, float) and not prims.is_weakly_lesser_type(
        complex, float
    )


def test_shapes_and_strides():
    assert prims.canonicalize_dims(3, (-1, 0)) == (2, 0) and prims.reduction_dims((2, 3), None) == (
        0,
        1,
    )
    with pytest.raises(IndexError, match="dim 4 must be from -3 to 2"):
        prims.canonicalize_dim(3, 4)
    with pytest.raises(RuntimeError, match="names a dim twice"):
        prims.reduction_dims((2, 3), (0, -2))
    assert prims.infer_size((2, -1), 6) == (2, 3) and prims.invert_perm((2, 0, 1)) == [1, 2, 0]
    assert prims.is_expandable_to((1, 3), (2, 3)) and not prims.is_expandable_to((2, 3), (3,))
    assert prims.make_contiguous_strides_for((2, 3, 4)) == (12, 4, 1)
    assert prims.make_contiguous_strides_for((2, 3, 4), row_major=False) == (12, 1, 3)
    for shape, format in (
        ((2, 3, 4, 5), torch.channels_last),
        ((2, 3, 4, 5, 6), torch.channels_last_3d),
    ):
        made = torch.empty(shape, memory_format=format)
        assert prims.make_channels_last_strides_for(shape) == made.stride()
        assert prims.suggest_memory_format(made) is format and prims.is_channels_last_contiguous(
            made
        )
    with pytest.raises(
        RuntimeError, match="check_same_dtype: they differ: torch.float32, torch.int64"
    ):
        prims.check_same_dtype(torch.ones(1), torch.ones(1, dtype=torch.int64))


def test_decompositions_are_registered():
    aten, table = torch.ops.aten, {}

    @_decomp.register_decomposition([aten.relu, aten.add.Tensor], table)
    def f(x):
        return x.clamp(min=0)

    assert table == {aten.relu.default: f, aten.relu.out: f, aten.add.Tensor: f}
    with pytest.raises(RuntimeError, match="aten.add.Tensor is registered already"):
        _decomp.register_decomposition(aten.add.Tensor, table)(f)
    assert _decomp.get_decompositions([aten.relu]) == {} == _decomp.core_aten_decompositions()
    _decomp.remove_decompositions(table, [aten.relu])
    assert table == {aten.add.Tensor: f}
    with pytest.raises(TypeError, match="takes torch.ops.aten.something"):
        _decomp.get_decompositions([torch.relu])
    assert _refs.relu is torch.relu and _refs.softmax is torch.softmax
