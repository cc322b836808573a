"""tensor(), as_tensor(), asarray(): what Python objects may answer, and what becomes of their numbers."""

import array
import itertools
import sys

import numpy as np
import pytest

import flambeau as torch

SCALARS = (
    "bool_ int8 int16 int32 int64 longlong uint8 uint16 uint32 uint64 ulonglong float16 float32 float64 "
    "complex64 complex128"
).split()


def dtype_of(name):
    return getattr(torch, np.dtype(getattr(np, name)).name.rstrip("_"))


# ------------------------------------------------------------------------------- objects that bite


@pytest.mark.parametrize("make", [torch.tensor, torch.as_tensor, torch.asarray])
@pytest.mark.parametrize("facts", [5, None, {}, {"shape": (1,)}])
def test_an_array_interface_that_describes_nothing(make, facts):
    class Claims:
        __array_interface__ = facts

    with pytest.raises(RuntimeError, match="expected numbers"):
        make(Claims())


class Sequence:
    """`length` items, each `item`, by the old protocol that has no end of its own."""

    def __init__(self, length, item):
        self.length, self.item = length, item

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        return self.item


MAKERS = [torch.tensor, torch.as_tensor, torch.asarray, torch.Tensor, torch.FloatTensor]
MAKERS += [torch.zeros(1).new_tensor, torch.zeros(1).new]


@pytest.mark.parametrize("make", MAKERS)
def test_a_list_that_holds_itself_is_refused(make):
    itself = []
    itself.append(itself)
    with pytest.raises(ValueError, match="without end"):
        make(itself)
    mixed = [0]
    mixed.append(mixed)
    with pytest.raises(TypeError, match="uneven"):
        make(mixed)


def test_nesting_has_a_limit_however_it_is_made():
    deep = [1]
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="deeper"):
        torch.tensor(deep)
    endless = Sequence(1, None)
    endless.item = endless
    with pytest.raises(ValueError, match="deeper"):
        torch.tensor(endless)
    while deep:  # unwound by hand: the destructor of so deep a list is not what is tested
        deep = deep[0] if isinstance(deep, list) else None


def test_lists_that_hold_each_other_do_not_flood_memory():
    doubled = [1.0]
    for _ in range(60):
        doubled = [doubled, doubled]
    for data in (doubled, [[[1.0]] * 2, doubled], Sequence(2**60, 1.0)):
        with pytest.raises((torch.OutOfMemoryError, ValueError, TypeError)):
            torch.tensor(data)


def test_the_length_of_a_sequence_is_taken_once():
    assert torch.tensor(Sequence(3, 1.5)).tolist() == [1.5] * 3
    assert torch.tensor([Sequence(2, 1), Sequence(2, 2)]).tolist() == [[1, 1], [2, 2]]
    assert torch.zeros(Sequence(2, 3)).shape == (3, 3)
    with pytest.raises(TypeError):
        torch.zeros(Sequence(2, 3.5))
    with pytest.raises(RuntimeError):
        torch.zeros(Sequence(10**6, 3))  # more dimensions than there may be
    for join in (torch.cat, torch.stack, torch.hstack, torch.dstack):
        with pytest.raises(TypeError):
            join(Sequence(2, 3))
        assert join(Sequence(2, torch.ones(2))).numel() == 4
    for reduce in (torch.amax, torch.sum, torch.std):
        with pytest.raises((RuntimeError, TypeError, IndexError)):
            reduce(torch.ones(2, 2), Sequence(10**9, 0))
    with pytest.raises((RuntimeError, TypeError)):
        torch.nn.functional.max_pool2d(torch.ones(1, 1, 4, 4), Sequence(10**9, 2))


def test_errors_of_an_object_come_through():
    class Bad:
        def __float__(self):
            raise OSError("no")

        def __index__(self):
            raise KeyError("no")

    for make in (torch.tensor, torch.zeros(2).fill_, lambda o: torch.full((2,), o)):
        with pytest.raises((OSError, KeyError)):
            make(Bad())

    class Unreadable(Sequence):
        def __getitem__(self, i):
            raise TypeError("no")

    with pytest.raises(ValueError, match="item 0") as caught:
        torch.tensor(Unreadable(2, 0))
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize("change", ["clear", "grow inner", "replace"])
def test_lists_that_change_while_they_are_read_do_no_harm(change):
    data = []

    class Changes:
        def __float__(self):
            if change == "clear":
                data.clear()
            elif change == "grow inner":
                data[1].extend([1.0] * 1000)
            else:
                data[1] = 7.0
            return 1.0

    data += [[Changes(), 1.0], [2.0, 3.0]]
    try:
        made = torch.tensor(data, dtype=torch.float32)
    except (ValueError, TypeError):
        return
    assert made.tolist() == [[1, 1], [2, 3]]


def test_uneven_sequences_are_refused():
    for data, error in (
        ([[1], [2, 3]], ValueError),
        ([[], [1]], ValueError),
        ([1, [2]], TypeError),
        ([[1], 2], TypeError),
        ([np.ones(2), np.ones(3)], ValueError),
    ):
        with pytest.raises(error, match="tensor: "):
            torch.tensor(data)


@pytest.mark.parametrize("data", ["text", b"text", ["a"], [1, "a"], np.str_("a"), [np.str_("a")]])
def test_text_is_no_number(data):
    with pytest.raises(TypeError, match="text"):
        torch.tensor(data)


# ------------------------------------------------------------------------------------ foreign arrays


def test_objects_with_an_array_give_it():
    class HasArray:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3, dtype=np.int16)

    class HasInterface:
        values = np.arange(3.0)
        __array_interface__ = values.__array_interface__

    assert torch.tensor(HasArray()).dtype is torch.int16
    assert torch.tensor([HasArray(), HasArray()]).tolist() == [[0, 1, 2]] * 2
    torch.as_tensor(HasInterface()).add_(1)
    assert HasInterface.values.tolist() == [1, 2, 3]

    class Lies:
        def __array__(self, dtype=None, copy=None):
            return 5

    with pytest.raises(ValueError):
        torch.tensor(Lies())


def test_arrays_of_any_strides_are_copied_with_their_dtype():
    values = np.arange(12, dtype=np.int16).reshape(3, 4)
    for view in (values[::-1], values[:, ::-2], values.T, values[1:, ::3]):
        made = torch.tensor(view)
        assert made.dtype is torch.int16 and made.tolist() == view.tolist()
    with pytest.raises(ValueError, match="negative stride"):
        torch.as_tensor(values[::-1])
    fields = np.zeros(2, dtype=[("a", "i1"), ("b", "f4")])
    assert torch.tensor(fields["b"]).tolist() == [0, 0]  # 5 bytes apart


@pytest.mark.parametrize("dtype", ["M8[s]", "U2", "O", "i4,f4", np.longdouble])
def test_arrays_of_other_dtypes_are_refused(dtype):
    for make in (torch.tensor, torch.as_tensor, torch.from_numpy):
        with pytest.raises(TypeError):
            make(np.zeros(2, dtype))
    with pytest.raises(ValueError, match="byte order"):
        torch.tensor(np.zeros(2, ">i4"))


def test_from_numpy_takes_arrays_only():
    for other in ([1], 5, np.float64(1), memoryview(b"ab"), None):
        with pytest.raises(TypeError, match="from_numpy"):
            torch.from_numpy(other)


def test_buffers_keep_their_dtype():
    assert torch.tensor(array.array("h", [1, 2])).dtype is torch.int16
    assert torch.tensor(bytearray(b"ab")).tolist() == [97, 98]
    assert torch.asarray(bytearray(4), dtype=torch.int16).shape == (2,)


def test_asarray_shares_what_it_can():
    values = np.arange(4.0)
    for source in (values, memoryview(values), torch.from_numpy(values)):
        torch.asarray(source, copy=False).add_(1)
    assert values.tolist() == [3, 4, 5, 6]
    assert torch.asarray(torch.utils.dlpack.to_dlpack(torch.ones(2))).tolist() == [1, 1]
    for source in ([1.0], 1.0, values[::-1]):
        with pytest.raises(ValueError, match="copying"):
            torch.asarray(source, copy=False)
    with pytest.raises(ValueError, match="copying"):
        torch.asarray(values, dtype=torch.float32, copy=False)
    with pytest.raises(RuntimeError, match="copying"):
        torch.asarray(np.float64(1), copy=False)
    assert torch.asarray(values[::-1]).tolist() == [6, 5, 4, 3]
    x = torch.ones(2, requires_grad=True) * 2
    assert torch.asarray(x, requires_grad=True).grad_fn is not None
    assert not torch.asarray(x).requires_grad


# ------------------------------------------------------------------------------------ NumPy's scalars


@pytest.mark.parametrize("name", SCALARS)
def test_numpy_scalars_keep_dtype_and_value(name):
    value = getattr(np, name)(1 + 2j if name.startswith("complex") else 1)
    for make in (torch.tensor, torch.as_tensor, torch.asarray):
        for data in (value, [value], [[value, value]]):
            made = make(data)
            assert made.dtype is dtype_of(name)
            assert made.reshape(-1)[0].item() == value.item()


def test_numpy_scalars_promote_in_lists():
    assert torch.tensor([np.float32(1), np.float64(2)]).dtype is torch.float64
    assert torch.tensor([1.0, np.complex64(2j)]).tolist() == [1, 2j]
    assert torch.tensor([1, np.int16(2)]).dtype is torch.int64
    assert torch.tensor([torch.tensor(1, dtype=torch.int16), 2]).dtype is torch.int64
    assert torch.tensor([np.float64(0.1)]).item() == 0.1


def test_an_imaginary_part_is_never_lost():
    z = torch.zeros(2, dtype=torch.complex64)
    z[0] = np.complex64(1j)
    assert z.tolist() == [1j, 0]
    assert z.fill_(np.complex64(2j)).tolist() == [2j, 2j]
    assert torch.full((1,), np.complex64(1j)).tolist() == [1j]
    assert (torch.ones(1) + np.complex64(1j)).tolist() == [1 + 1j]
    assert (torch.ones(1) * np.complex128(1j)).tolist() == [1j]
    assert torch.eq(torch.tensor([2j]), np.complex64(2j)).item()
    x = torch.ones(1)
    for write in (x.fill_, x.add_, lambda v: x.__setitem__(0, v)):
        with pytest.raises(RuntimeError):
            write(np.complex64(1j))
    with pytest.raises(TypeError, match="complex"):
        torch.tensor(np.complex64(1j), dtype=torch.float32)


def test_numpy_types_without_a_dtype_are_refused():
    for value in (np.longdouble(1), np.datetime64("2020"), np.timedelta64(3, "s")):
        with pytest.raises(TypeError):
            torch.tensor(value)


# --------------------------------------------------------------------------------------- value ranges


@pytest.mark.parametrize(
    "value,dtype",
    [
        (300, "uint8"),
        (128, "int8"),
        (-129, "int8"),
        (1e10, "int8"),
        (-1.0, "uint8"),
        (2**40, "uint16"),
    ]
    + [(float("nan"), "int32"), (1e20, "int64"), (300.7, "uint8"), (-256, "uint8")],
)
def test_a_number_that_an_integer_dtype_does_not_hold_is_refused(value, dtype):
    dtype = getattr(torch, dtype)
    for make in (
        lambda: torch.tensor(value, dtype=dtype),
        lambda: torch.tensor([value], dtype=dtype),
        lambda: torch.full((2,), value, dtype=dtype),
        lambda: torch.zeros(20, dtype=dtype).fill_(value),
    ):
        with pytest.raises(RuntimeError):
            make()


def test_the_edges_of_the_ranges():
    assert torch.tensor(-1, dtype=torch.uint8).item() == 255
    assert torch.tensor(255, dtype=torch.uint8).item() == 255
    assert torch.tensor(2**64 - 1, dtype=torch.uint64).item() == 2**64 - 1
    assert torch.tensor(1.9, dtype=torch.int8).item() == 1
    for value in (2**63, [2**70], -(2**63) - 1):
        with pytest.raises(ValueError, match="int"):
            torch.tensor(value)
    with pytest.raises(OverflowError):
        torch.zeros(1).long().fill_(2**70)
    with pytest.raises(RuntimeError, match="float32"):
        torch.zeros(3).fill_(1e300)
    assert torch.tensor(1e300).item() == float("inf")  # rounded, as PyTorch's tensor() does


def test_fill_may_write_one_element_many_times():
    x = torch.zeros(3)
    assert x.expand(5, 3).fill_(2).tolist() == [[2] * 3] * 5
    assert x.tolist() == [2] * 3
    one = torch.ones(1)
    assert one.expand(30).fill_(3).sum() == 90 and one.expand(30).zero_().sum() == 0
    overlapping = torch.empty_strided((40, 30), (1, 1)).fill_(4)
    assert overlapping.sum() == 4 * 1200


def test_reference_counts_stay():
    item, data = object(), [1.0, 2.0, 3.0]
    before = sys.getrefcount(item), sys.getrefcount(data), sys.getrefcount(data[1])
    for _ in range(10):
        torch.tensor(data)
        with pytest.raises(RuntimeError):
            torch.tensor([item])
    assert (sys.getrefcount(item), sys.getrefcount(data), sys.getrefcount(data[1])) == before


def test_sequences_without_an_end_end_in_operators():
    x, one, two = torch.ones(2, 3), Sequence(3, 1), Sequence(2, torch.ones(2, 2))
    assert torch.Size(one) == (1, 1, 1)
    assert torch.broadcast_shapes(Sequence(2, 1)) != (
        1,
    )  # of an object without an end, the first few
    for call in (
        lambda: x.roll(one),
        lambda: x.roll(1, one),
        lambda: x.unflatten(0, one),
        lambda: torch.fft.fftn(x, dim=one),
        lambda: torch.nn.functional.layer_norm(x, one),
        lambda: torch.linalg.matrix_norm(x, dim=one),
        lambda: torch.nn.functional.adaptive_avg_pool2d(x[None], one),
    ):
        with pytest.raises((RuntimeError, TypeError, IndexError)):
            call()
    assert len(x.tensor_split(one)) == 4
    assert torch.linalg.multi_dot(two).shape == (2, 2)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(two, two)


def test_numpy_scalars_stand_for_numbers_and_sizes():
    x = torch.tensor([1.0, -2.0, 3.0])
    n, f = np.int64(2), np.float32(0.5)
    assert torch.nn.functional.max_pool1d(x[None], n).tolist() == [[1]]
    assert x.quantile(f).item() == 1
    assert x.logsumexp(np.int64(0)).shape == () and x.std(np.int64(0)).shape == ()
    assert x.norm(dim=np.int64(0)).shape == ()


def test_iterators_without_end_are_refused():
    for make in (
        lambda: torch.Size(itertools.cycle([1])),
        lambda: torch.ones(3).tensor_split(itertools.count()),
        lambda: torch.linalg.multi_dot(itertools.repeat(torch.ones(2, 2))),
        lambda: torch.linalg.norm(torch.ones(2, 2), dim=itertools.count()),
        lambda: torch.ones(2, 2).movedim(Sequence(10**9, 0), Sequence(10**9, 1)),
        lambda: torch.ones(2).reshape(Sequence(10**9, 1)),
        lambda: torch.ones(2, 2).split(Sequence(10**9, 1)),
        lambda: torch.cat(Sequence(10**9, torch.ones(2))),
    ):
        with pytest.raises((RuntimeError, TypeError)):
            make()
    assert torch.Size(i for i in (2, 3)) == (2, 3)
    with pytest.raises(TypeError):
        torch.Size("ab")


class Items:
    """A sequence of a program's own."""

    def __init__(self, *values, claims=None):
        self.values = values
        self.claims = len(values) if claims is None else claims

    def __len__(self):
        return self.claims

    def __getitem__(self, i):
        return self.values[i]


def test_sequences_of_programs_stand_for_lists():
    assert torch.zeros(Items(2, 3)).shape == (2, 3)
    assert torch.cat(Items(torch.ones(2), torch.zeros(1))).tolist() == [1, 1, 0]
    assert torch.tensor(Items((1, 2), [3, 4])).tolist() == [[1, 2], [3, 4]]
    made = torch.tensor([Items(1, torch.tensor([2.5])), np.array([3, 4])])
    assert made.tolist() == [[1, 2.5], [3, 4]] and made.dtype == torch.float32


def test_what_lists_nothing_is_refused():
    with pytest.raises(RuntimeError, match="Items"):
        torch.zeros(Items(1, claims=2**40))
    with pytest.raises(ValueError, match="item 1 of a Items could not be read"):
        torch.tensor([Items(1, claims=2)])
    for wrong in ({1, 2}, {1: 2}):
        with pytest.raises(TypeError, match=f"not {type(wrong).__name__}"):
            torch.zeros(wrong)
        with pytest.raises(RuntimeError, match=f"not {type(wrong).__name__}"):
            torch.tensor([wrong])


def test_numbers_of_classes_of_programs_count():
    class Metres(float):
        pass

    assert torch.tensor([Metres(1.5), 2]).tolist() == [1.5, 2]
    assert torch.tensor(Metres(1.5)).item() == 1.5
