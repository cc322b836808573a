"""Tensors as Python objects: copies, pickles, protocols of numbers and sequences, NumPy on the other side."""

import copy
import inspect
import pickle
import sys
import weakref

import numpy as np
import pytest

import flambeau as torch
from flambeau.nn import functional as F


class Mine(torch.Tensor):
    pass


def test_a_copy_shares_memory_and_attributes():
    x = torch.arange(3.0)
    x.tag = [1]
    y = copy.copy(x)
    assert y is not x and y.data_ptr() == x.data_ptr() and y.tag is x.tag
    assert type(copy.copy(x.as_subclass(Mine))) is Mine
    p = copy.copy(torch.nn.Parameter(x))
    assert type(p) is torch.nn.Parameter and p.requires_grad and p.is_leaf


def test_a_deep_copy_of_a_result_is_refused():
    y = torch.ones(1, requires_grad=True) * 2
    with pytest.raises(
        RuntimeError, match="deepcopy: this tensor was computed, and a copy would lose its history"
    ):
        copy.deepcopy(y)


def test_a_subclass_is_pickled_with_its_attributes():
    x = torch.arange(3.0).as_subclass(Mine)
    x.tag = 5
    y = pickle.loads(pickle.dumps(x))
    assert type(y) is Mine and y.tag == 5 and y.tolist() == x.tolist()


@pytest.mark.parametrize(
    "function",
    [
        torch.add,
        torch.sum,
        torch.softmax,
        torch.zeros,
        torch.max,
        torch.tanh,
        F.relu,
        F.max_pool2d,
        torch.linalg.norm,
    ],
    ids=lambda f: f.__name__,
)
def test_operators_are_pickled_and_copied_by_name(function):
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is function


def test_a_module_that_holds_a_function_is_pickled():
    layer = torch.nn.TransformerEncoderLayer(4, 2, 8, activation=F.gelu)
    assert pickle.loads(pickle.dumps(layer)).activation is F.gelu


def test_identity_hash_and_weak_references():
    x = torch.ones(2)
    assert hash(x) == id(x) and {x: 1}[x] == 1
    ref = weakref.ref(x)
    assert ref() is x
    del x
    assert ref() is None


def test_numbers():
    s, i = torch.tensor(2.5), torch.tensor(3)
    assert (float(s), int(s), complex(s), [0, 1, 2, 3][i], list(range(i))) == (
        2.5,
        2,
        2.5,
        3,
        [0, 1, 2],
    )
    assert f"{s:.2f} {i:d} {s} {i}" == "2.50 3 2.5 3"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{torch.ones(2):.2f}"
    with pytest.raises(TypeError, match=r"index: float32 \(\) does not count as one"):
        [0, 1][s]
    for convert in (float, int):
        with pytest.raises(ValueError, match=r"(int|float): tensor \(2,\) has 2 elements"):
            convert(torch.ones(2))
    for many in (torch.ones(2), torch.empty(0)):
        with pytest.raises(RuntimeError, match="is ambiguous"):
            bool(many)
    with pytest.raises(
        TypeError, match="pow: takes two arguments where one is a Tensor, not three"
    ):
        pow(s, 2, 3)


def test_sequences():
    x = torch.arange(4.0)
    assert 2.0 in x and 9 not in x and x in [x]
    assert [v.item() for v in reversed(x)] == [3.0, 2.0, 1.0, 0.0]
    with pytest.raises(TypeError, match="iter: a 0-dim tensor has no dim to go along"):
        iter(torch.tensor(1.0))
    with pytest.raises(TypeError, match="len: a 0-dim tensor has no length"):
        len(torch.tensor(1.0))
    with pytest.raises(RuntimeError, match="in: str cannot be an element of a tensor"):
        "a" in x


def test_strangers_are_unequal_and_unordered():
    x = torch.ones(2)
    assert (x == None) is False and (x != "a") is True  # noqa: E711
    with pytest.raises(
        TypeError, match="'<' not supported between instances of 'Tensor' and 'NoneType'"
    ):
        x < None
    with pytest.raises(
        TypeError, match="unsupported operand type\\(s\\) for \\+: 'Tensor' and 'str'"
    ):
        x + "a"


def test_numpy_on_either_side():
    x = torch.arange(3.0)
    a = np.ones(3)
    for result in (np.float32(2) * x, np.float64(2) ** x, x + np.int64(1)):
        assert type(result) is torch.Tensor and result.dtype == torch.float32
    assert (x == a).tolist() == (a == x).tolist() == [False, True, False]
    assert (x != a).tolist() == [True, False, True] and (x < a).tolist() == [True, False, False]
    assert type(x + a) is torch.Tensor
    for quotient in (a / x, np.array(1.0) / x):
        assert type(quotient) is torch.Tensor and quotient.dtype == torch.float64
        assert quotient.tolist() == [np.inf, 1, 0.5]
    assert np.arange(5)[torch.tensor([1, 2])].tolist() == [1, 2]
    with pytest.raises(
        BufferError,
        match="__dlpack__: the tensor requires grad, and the receiver would lose its history",
    ):
        np.from_dlpack(torch.ones(1, requires_grad=True))


def test_requires_grad_is_a_bool_of_a_floating_leaf():
    for wrong in ("yes", None, 1):
        with pytest.raises(RuntimeError, match="requires_grad: takes True or False"):
            torch.ones(1).requires_grad = wrong
    y = torch.ones(1, requires_grad=True) * 1
    with pytest.raises(
        RuntimeError,
        match=r"requires_grad: float32 \(1,\) was computed by MulBackward0 and always requires grad",
    ):
        y.requires_grad = True
    with pytest.raises(RuntimeError, match=r"requires_grad: int64 \(1,\) has no gradients"):
        torch.ones(1, dtype=torch.int64).requires_grad = True


def test_data_is_assigned_and_written():
    x = torch.ones(2, requires_grad=True)
    x.data.add_(1)
    assert x.tolist() == [2.0, 2.0] and x._version == 0
    x.data = torch.zeros(5)
    assert x.shape == (5,) and x.requires_grad
    with pytest.raises(TypeError, match="data: takes a Tensor, not NoneType"):
        x.data = None
    with pytest.raises(RuntimeError, match=r"data: cannot be deleted"):
        del x.data
    with pytest.raises(RuntimeError, match="cannot take data of dtype int64"):
        x.data = torch.ones(1, dtype=torch.int64)


def test_set_():
    assert torch.ones(3).set_(torch.zeros(2, 2)).shape == (2, 2)
    assert torch.ones(3).set_().shape == (0,)
    storage = torch.arange(4.0).untyped_storage()
    assert torch.ones(0).set_(storage, 1, (2,), (1,)).tolist() == [1.0, 2.0]
    with pytest.raises(
        RuntimeError, match=r"set_: this is a leaf that requires grad \(float32 \(3,\)\)"
    ):
        torch.ones(3, requires_grad=True).set_(torch.ones(2))


def test_hooks_are_seen_and_removed():
    x = torch.ones(2, requires_grad=True)
    assert x._backward_hooks is None
    grads = []
    handle = x.register_hook(grads.append)
    assert len(x._backward_hooks) == 1
    (x * 2).sum().backward()
    handle.remove()
    (x * 2).sum().backward()
    assert len(grads) == 1 and len(x._backward_hooks) == 0


def test_old_types():
    x = torch.ones(1)
    assert isinstance(x, torch.FloatTensor) and not isinstance(x, torch.LongTensor)
    assert x.type() == "torch.FloatTensor" and x.type("torch.DoubleTensor").dtype == torch.float64
    assert type(x).__name__ == "Tensor" and type(x).__module__ == "flambeau"


@pytest.mark.parametrize("owner", [torch.Tensor, F], ids=["Tensor", "functional"])
def test_names_and_documentation_are_reachable(owner):
    for name in "add softmax relu sum view backward".split():
        function = getattr(owner, name, None)
        if function is not None:
            assert function.__name__ == name
            assert function.__doc__, name


def test_signatures():
    assert str(inspect.signature(F.softplus)) == "(input, beta=1.0, threshold=20.0, *, out=None)"
    assert list(inspect.signature(torch.add).parameters) == ["input", "other", "alpha", "out"]
    assert list(inspect.signature(torch.cumsum).parameters)[:2] == ["input", "dim"]


# ------------------------------------------------------------------------------------- wrong calls


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.Tensor.resize_(),
        lambda: torch.Tensor.view(),
        lambda: torch.Tensor.sum_to_size(3, 1),
        lambda: torch.ones(1).expand(-2),
        lambda: torch.ones(1).expand(2**62, 2**62),
        lambda: torch.ones(0).view(2**32, 2**32),
        lambda: torch.ones(4).as_strided((2, 2), (2**62, 2**62)),
        lambda: torch.ones(4).as_strided((2,), (-1,)),
        lambda: torch.empty_strided((3, 3), (2**62, 2**62)),
        lambda: torch.ones(4).resize_(2**61, 4),
        lambda: torch.ones(4).set_(torch.ones(4), -1, (2,), (1,)),
        lambda: torch.empty(2**62, 2**62),
        lambda: torch.zeros(-1),
    ],
)
def test_a_wrong_call_is_an_error_not_a_crash(call):
    with pytest.raises((TypeError, RuntimeError, ValueError, OverflowError, IndexError)):
        call()


def test_sizes_that_change_while_they_are_read():
    class Shrinks:
        def __init__(self, owner):
            self.owner = owner

        def __index__(self):
            self.owner.clear()
            return 1

    sizes = []
    sizes += [Shrinks(sizes), 2, 3]
    assert torch.zeros(sizes).shape == (1,)


@pytest.mark.parametrize("sizes", [(), (5,), (2, 3, 4)])
def test_items_of_sizes_are_ints_and_slices_are_sizes(sizes):
    size = torch.empty(sizes).shape
    for start in (None, 0, 1, -1, -9, 9):
        for step in (None, 1, 2, -1):
            part = size[start::step]
            assert type(part) is torch.Size and part == sizes[start::step]
    assert [size[i] for i in range(-len(sizes), len(sizes))] == [*sizes, *sizes]
    assert all(type(size[np.int64(i)]) is int for i in range(len(sizes)))
    for index, error in ((len(sizes), IndexError), ("a", TypeError), (None, TypeError)):
        with pytest.raises(error):
            size[index]


def test_a_part_of_a_size_holds_its_items_once():
    class Counted(int):
        pass

    item = Counted(7)
    size = tuple.__new__(torch.Size, (item, 1))
    before = sys.getrefcount(item)
    parts = [size[:1] for _ in range(10)]
    assert sys.getrefcount(item) == before + 10 and parts[0][0] is item
    del parts
    assert sys.getrefcount(item) == before


def test_an_exponent_beyond_64_bits_leaves_no_error_behind():
    assert torch.ones(4).norm(2**64, []).shape == ()


def test_as_subclass_leaves_a_subclass():
    class Named(torch.Tensor):
        pass

    named = torch.ones(2).as_subclass(Named)
    assert type(named + 1) is Named and type(named.as_subclass(torch.Tensor)) is torch.Tensor
    parameter = torch.nn.Parameter(torch.ones(2))
    plain = parameter.as_subclass(torch.Tensor)
    assert type(plain) is torch.Tensor and plain.grad_fn is not None


def test_numpy_of_what_requires_grad_needs_no_grad():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="requires grad"):
        x.numpy()
    with torch.no_grad():
        assert x.numpy().tolist() == (x * 1).numpy().tolist() == [1, 1]


def test_type_takes_dtypes_and_types_of_tensors_alone():
    x = torch.ones(2, 3, 4, 4)
    assert x.type(torch.DoubleTensor).dtype == x.type(torch.float64).dtype == torch.float64
    last = x.type(torch.float64, memory_format=torch.channels_last)
    assert last.is_contiguous(memory_format=torch.channels_last)
    for wrong in (float, int, np.float32, "float64", "torch.float64"):
        with pytest.raises(ValueError, match="type: "):
            x.type(wrong)
    for wrong in (3, x):
        with pytest.raises(TypeError, match="type: takes a dtype"):
            x.type(wrong)
    with pytest.raises(TypeError):
        x.type(torch.float64, unknown=1)


def test_lost_imaginary_parts_are_warned_of():
    z = torch.full((2,), 1 + 2j)
    for convert in (
        lambda: z.float(),
        lambda: z.to(torch.int64),
        lambda: torch.zeros(2).copy_(z),
        lambda: torch.zeros(2).fill_(z[0]),
        lambda: torch.zeros(2).__setitem__(0, z[0]),
        lambda: z.sum(dtype=torch.float32),
    ):
        with pytest.warns(UserWarning, match="loses its imaginary parts"):
            convert()
    assert z.bool().all() and z.real.tolist() == [1, 1]  # no warning, which would be an error
    x = torch.ones(2, requires_grad=True)
    (x * z).real.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_finfo_and_iinfo_of_what_is_no_dtype():
    for info in (torch.finfo, torch.iinfo):
        for wrong in (5, "float32", None, torch.ones(1)):
            with pytest.raises(TypeError, match=f"{info.__name__}: takes a dtype"):
                info(wrong)
    assert torch.finfo(float).bits == 64 and torch.iinfo(int).bits == 64


def test_numpy_asks_for_an_array_of_its_own_dtype():
    t = torch.tensor([1.5, 2.5])
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert np.array(t, dtype="int32").tolist() == [1, 2]
    assert t.__array__(np.dtype("float64")).tolist() == [1.5, 2.5]
    assert np.float64(2.0) * np.asarray(t, np.float32) == pytest.approx([3.0, 5.0])


def test_attributes_are_found_without_a_detour():
    # With a __getattr__ the interpreter takes its slow way at every method call, and NumPy's questions for
    # protocols cost three times what the array itself does.
    assert not hasattr(torch.Tensor, "__getattr__")
    t = torch.ones(2)
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'astype'"):
        t.astype("float64")
    assert not hasattr(t, "__array_struct__")


def test_from_numpy_of_read_only_and_reversed_memory():
    array = np.arange(6.0)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        assert torch.from_numpy(array).tolist() == array.tolist()
    with pytest.raises(ValueError, match="negative stride"):
        torch.from_numpy(np.arange(3.0)[::-1])
    with pytest.raises(TypeError, match="counterpart"):
        torch.from_numpy(np.zeros(2, "datetime64[s]"))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float16", "float32", "float64", "complex64"])  # fmt: skip
def test_tolist_of_every_dtype_and_layout(dtype):
    array = np.random.default_rng(0).integers(0, 5, (6, 7)).astype(dtype)
    x = torch.from_numpy(array)
    for tensor, values in ((x, array), (x.T, array.T), (x[::2, 1::3], array[::2, 1::3]), (x[2, 3], array[2, 3])):  # fmt: skip
        assert tensor.tolist() == values.tolist()
        first = tensor.reshape(-1).tolist()[0]
        assert type(first) is type(values.reshape(-1).tolist()[0])
    assert x[:, :0].tolist() == [[]] * 6 and x[:0].tolist() == []
