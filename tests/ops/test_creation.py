"""What a new tensor cannot be here is refused, not ignored."""

import numpy
import pytest

import flambeau as torch

MAKERS = {
    "empty": lambda **k: torch.empty(2, **k),
    "zeros": lambda **k: torch.zeros(2, **k),
    "full": lambda **k: torch.full((2,), 1.0, **k),
    "arange": lambda **k: torch.arange(2, **k),
    "eye": lambda **k: torch.eye(2, **k),
    "full_like": lambda **k: torch.full_like(torch.ones(2), 1.0, **k),
    "rand": lambda **k: torch.rand(2, **k),
    "randn_like": lambda **k: torch.randn_like(torch.ones(2), **k),
    "randint": lambda **k: torch.randint(3, (2,), **k),
    "randperm": lambda **k: torch.randperm(2, **k),
    "normal": lambda **k: torch.normal(0.0, 1.0, (2,), **k),
    "new_zeros": lambda **k: torch.ones(2).new_zeros(2, **k),
    "new_full": lambda **k: torch.ones(2).new_full((2,), 1.0, **k),
    "new_empty_strided": lambda **k: torch.ones(2).new_empty_strided((2,), (1,), **k),
}


@pytest.mark.parametrize("name", MAKERS)
def test_options_that_cannot_be_met_are_refused(name):
    assert MAKERS[name](device="cpu", layout=torch.strided, pin_memory=False).shape[0] == 2
    with pytest.raises(RuntimeError, match="pin_memory"):
        MAKERS[name](pin_memory=True)
    if name not in ("empty", "zeros"):  # what has no entries can be sparse
        with pytest.raises(NotImplementedError, match="layout|sparse"):
            MAKERS[name](layout=torch.sparse_coo)
    with pytest.raises((NotImplementedError, RuntimeError), match="cuda"):
        MAKERS[name](device="cuda")


def test_randperm_and_likes_keep_their_options():
    assert torch.randperm(3, dtype=torch.float32, requires_grad=True).requires_grad
    x = torch.ones(2, 3).t()
    assert not torch.rand_like(x).is_contiguous()
    assert torch.rand_like(x, memory_format=torch.contiguous_format).is_contiguous()


def test_memory_formats_of_new_tensors():
    x = torch.zeros(1, 3, 4, 4)
    last = (48, 1, 12, 3)
    assert torch.empty(1, 3, 4, 4, memory_format=torch.channels_last).stride() == last
    for like in (torch.zeros_like, torch.ones_like, torch.empty_like, torch.rand_like):
        made = like(x, memory_format=torch.channels_last)
        assert made.stride() == last
        assert like(made).stride() == last
        assert like(made, memory_format=torch.contiguous_format).stride() == x.stride()
    assert x.cpu(memory_format=torch.channels_last).stride() == last
    with pytest.raises(RuntimeError, match="needs 4 dimensions"):
        torch.empty(2, 3, memory_format=torch.channels_last)


def test_integer_dtypes_truncate_bounds_first():
    assert torch.arange(3.1, dtype=torch.int64).tolist() == [0, 1, 2]
    assert torch.arange(0.5, 5.5, 1.7, dtype=torch.int64).tolist() == [0, 1, 2, 3, 4]
    assert torch.logspace(1.2, 4, 5, dtype=torch.int64).tolist() == [10, 56, 316, 1778, 10000]
    assert torch.logspace(-2, 2, 7, dtype=torch.int64).tolist() == [0, 0, 0, 1, 4, 21, 100]
    assert torch.logspace(-6, 6, 11, base=2, dtype=torch.int32)[5].item() == 1
    assert torch.logspace(0.9, 3, 1, dtype=torch.int64).tolist() == [7]
    assert (
        torch.linspace(-2, 2, 7, dtype=torch.float64)[3].item() > 0
    )  # from the end, as in PyTorch


def test_old_constructor_methods():
    x = torch.zeros(2)
    assert x.new().shape == (0,)
    assert x.new(torch.Size([4])).shape == (4,)
    assert x.new(2, 3).shape == (2, 3)


@pytest.mark.parametrize("bounds, named", [((1, 5, 2), {"step": 3}), ((1, 5), {"end": 7}), ((1, 5), {"start": 0}),
                                           ((5,), {"start": 0, "end": 7, "step": 1})])  # fmt: skip
def test_arange_refuses_a_bound_that_is_given_twice(bounds, named):
    with pytest.raises(TypeError, match="arange"):
        torch.arange(*bounds, **named)


def test_randint_refuses_bounds_too_many_or_too_few():
    x = torch.zeros(2)
    for call in (
        lambda: torch.randint(3),
        lambda: torch.randint(1, 2, 3, (2,)),
        lambda: torch.randint_like(x),
        lambda: torch.randint_like(x, 1, 2, 3),
    ):
        with pytest.raises(TypeError, match="randint"):
            call()
    assert torch.randint(2, 3, (2,)).tolist() == torch.randint(3, low=2, size=(2,)).tolist()


def test_counts_are_ints():
    for call in (
        lambda n: torch.linspace(0, 1, n),
        lambda n: torch.logspace(0, 1, n),
        lambda n: torch.eye(n),
        lambda n: torch.eye(2, n),
        lambda n: torch.randperm(n),
        lambda n: torch.zeros(n),
        lambda n: torch.hann_window(n),
        lambda n: torch.randint(0, n, (2,)),
        lambda n: torch.zeros(2).random_(n),
    ):
        for wrong in (2.5, True, "3"):
            with pytest.raises(TypeError):
                call(wrong)
    for call in (torch.linspace, torch.logspace):
        with pytest.raises(TypeError):
            call(0, 1)
    assert torch.linspace(0, 1, torch.tensor(3)).tolist() == [0, 0.5, 1]


def test_ranges_that_a_dtype_does_not_hold_are_refused():
    for call in (
        lambda: torch.randperm(300, dtype=torch.uint8),
        lambda: torch.randperm(2050, dtype=torch.float16),
        lambda: torch.linspace(0, 300, 3, dtype=torch.uint8),
        lambda: torch.linspace(0, 1j, 3, dtype=torch.float32),
        lambda: torch.arange(2**64),
        lambda: torch.arange(0, 1, 1e-300),
        lambda: torch.zeros(2, dtype=torch.uint8).random_(0, 300),
        lambda: torch.zeros(2, dtype=torch.bool).random_(3),
        lambda: torch.zeros(2).uniform_(0, 1e39),
        lambda: torch.zeros(2).uniform_(float("nan"), 1),
        lambda: torch.complex(torch.ones(2).int(), torch.ones(2).int()),
        lambda: torch.polar(torch.ones(2), torch.ones(2).double()),
    ):
        with pytest.raises(RuntimeError):
            call()
    for dtype in (torch.bool, torch.complex64):
        with pytest.raises(NotImplementedError):
            torch.arange(3, dtype=dtype)
    assert torch.randperm(256, dtype=torch.uint8).sort()[0].tolist() == list(range(256))


def test_random_integers_reach_the_whole_range():
    x = torch.empty(4000, dtype=torch.int64).random_(-(2**63), None)
    assert x.min() < -(2**62) and x.max() > 2**62
    x = torch.empty(4000, dtype=torch.int64).random_(-(2**63), 2**63 - 1)
    assert x.min() < -(2**62) and x.max() > 2**62
    half = torch.empty(4000, dtype=torch.float16)
    with pytest.warns(UserWarning, match="holds exactly"):
        assert half.random_(0, 32752).max() < 32752


def test_an_out_of_as_many_elements_keeps_its_shape():
    x = torch.zeros(2, 3)
    torch.arange(4, out=x[:, 1:])
    assert x.tolist() == [[0, 0, 1], [0, 2, 3]]
    torch.linspace(4, 7, 4, out=x[:, 1:])
    assert x.tolist() == [[0, 4, 5], [0, 6, 7]]


def test_the_old_constructor_takes_a_tensor_of_any_dtype():
    x = torch.tensor([1, 2])
    assert torch.Tensor(x).dtype is torch.int64
    with pytest.raises(TypeError):
        torch.FloatTensor(x)
    with pytest.raises(RuntimeError):
        torch.Tensor(x, device="cpu")
    for wrong in (3.5, None):
        with pytest.raises(TypeError):
            torch.Tensor(wrong)


def test_options_of_a_wrong_type_are_refused():
    for options in ({"dtype": "float32"}, {"layout": "x"}, {"pin_memory": "x"}):
        for make in (torch.arange, torch.rand, torch.eye):
            with pytest.raises(TypeError):
                make(2, **options)
    for call in (
        lambda: torch.zeros(),
        lambda: torch.zeros(size=2),
        lambda: torch.zeros(2, requires_grad=5),
        lambda: torch.full(3, 1),
        lambda: torch.full((2,), torch.tensor([1])),
        lambda: torch.full_like(torch.ones(2), "a"),
        lambda: torch.full_like(5, 1),
        lambda: torch.scalar_tensor("a"),
        lambda: torch.hstack(torch.ones(2)),
        lambda: torch.vstack([torch.ones(2), 5]),
    ):
        with pytest.raises(TypeError):
            call()


def test_cat_of_nothing_but_skipped_parts():
    none = torch.empty(0)
    assert torch.cat([none, none], 1).shape == (0,)
    assert torch.cat([none, torch.ones(2, 3)], 1).shape == (2, 3)


def test_complex_fills_of_halves_are_complex64():
    torch.set_default_dtype(torch.float16)
    try:
        assert torch.full((2,), 1j).dtype is torch.complex64
        assert torch.tensor([1j]).dtype is torch.complex32
    finally:
        torch.set_default_dtype(torch.float32)


def test_new_takes_no_device_for_a_tensor():
    x = torch.tensor([1])
    with pytest.raises(RuntimeError, match="new: a tensor and device= do not go together"):
        x.new(x, device="cpu")


def test_what_needs_no_bytes_on_meta():
    x = torch.empty(10**8, 3, 10**8, device="meta")
    assert torch.nn.functional.interpolate(x, scale_factor=2).shape == (10**8, 3, 2 * 10**8)
    assert torch.nn.functional.pad(x, (1, 1)).shape == (10**8, 3, 10**8 + 2)
    number = torch.empty((), device="meta")
    assert format(number) == repr(number)
    with pytest.raises(RuntimeError, match="meshgrid: the tensors lie on cpu and meta"):
        torch.meshgrid(torch.ones(2), torch.ones(2, device="meta"))


@pytest.mark.parametrize(
    "call",
    [
        lambda **k: torch.empty_permuted((2,), (0,), **k),
        lambda **k: torch.hann_window(3, **k),
        lambda **k: torch.zeros(2, **k),
    ],
)
def test_requires_grad_may_be_none(call):
    assert not call(requires_grad=None).requires_grad
    assert call(requires_grad=True).requires_grad


@pytest.mark.parametrize("dtype", (None, torch.int64, torch.int32, torch.float32, torch.float64))
def test_arange_of_ints_in_any_dtype(dtype):
    for bounds in (
        (5,),
        (2, 9),
        (-3, 70, 7),
        (9, 2, -2),
        (9, 2, -7),
        (2**40, 2**40 + 3),
        (3, 3),
        (0,),
    ):
        if dtype is torch.int32 and bounds[0] > 2**31:
            continue
        got = torch.arange(*bounds, dtype=dtype)
        want = numpy.arange(*bounds)
        assert got.dtype is (dtype or torch.int64)
        assert (got.numpy() == want.astype(got.numpy().dtype)).all() and got.shape == want.shape


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"],
)
def test_arange_of_every_dtype(dtype):
    """The short way and the long one, which a keyword takes, count alike."""
    for bounds in ((5,), (0,), (2, 9), (2, 9, 3), (9, 2, -2), (0, 3000, 7)):
        start, end, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        got = torch.arange(*bounds, dtype=getattr(torch, dtype))
        assert got.equal(torch.arange(start=start, end=end, step=step, dtype=getattr(torch, dtype)))
        assert got.dtype is getattr(torch, dtype)


def test_arange_of_floats():
    for bounds in (
        (5.0,),
        (0.5,),
        (2, 9.5),
        (0, 1, 0.1),
        (1.0, 0.0, -0.25),
        (0.0, 0.0),
        (0.0, 1e-3, 1.0),
    ):
        start, end, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        got = torch.arange(*bounds)
        assert got.dtype is torch.float32
        assert got.equal(torch.arange(start=start, end=end, step=step))
    for bounds in ((1.0, 0.0), (0.0, 1.0, 0.0), (0.0, float("inf")), (0.0, float("nan"))):
        with pytest.raises(RuntimeError):
            torch.arange(*bounds)


@pytest.mark.parametrize(
    "bounds",
    [(2**62, 2**62 + 7, 3), (2**63 - 5, 2**63 - 1), (-(2**63), 5 - 2**63, 2), (2**62, 2**62)],
)
def test_arange_of_large_ints_is_exact(bounds):
    found = torch.arange(*bounds)
    assert found.dtype == torch.int64 and found.tolist() == list(range(*bounds))


@pytest.mark.parametrize("device", ("cpu", "cpu:0", "meta"))
def test_lines_are_made_where_it_is_said(device):
    for named in (device, torch.device(device)):
        for made in (torch.arange(5, device=named), torch.linspace(0, 4, 5, device=named)):
            assert made.device.type == device.removesuffix(":0")
            assert made.is_meta or made.tolist() == [0, 1, 2, 3, 4]
            assert made.dtype == (torch.float32 if made.is_floating_point() else torch.int64)
    with torch.device("meta"):
        assert not torch.arange(5, device="cpu").is_meta
        assert torch.arange(5).is_meta and torch.linspace(0, 4, 5).is_meta
    for made in (torch.arange, lambda n, **k: torch.linspace(0, 1, n, **k)):
        with pytest.raises((RuntimeError, TypeError)):
            made(5, device="nowhere")
