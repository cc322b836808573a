"""Every public function, method and property answers inspect.signature() and help()."""

import importlib
import inspect

import pytest

import flambeau

SPACES = (
    "flambeau special linalg fft nn.functional nn.init signal.windows random autograd autograd.functional func "
    "nn optim optim.lr_scheduler utils.data distributions serialization multiprocessing masked sparse amp "
    "nn.utils nn.parallel utils.checkpoint"
).split()


# A str with a version in it.
MADE_ELSEWHERE = {"TorchVersion"}


def public_names(module):
    return getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]


def without_signature(owner, names):
    for name in names:
        value = inspect.getattr_static(owner, name, None) or getattr(owner, name)
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        if (
            name in MADE_ELSEWHERE
            or not callable(value)
            or (isinstance(value, type) and issubclass(value, Exception))
        ):
            continue
        try:
            inspect.signature(value)
        except ValueError:
            yield name


@pytest.mark.parametrize("space", SPACES)
def test_functions_have_signatures(space):
    path = "flambeau" if space == "flambeau" else f"flambeau.{space}"
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError:
        pytest.skip(f"no {path}")
    assert not list(without_signature(module, public_names(module)))


def test_methods_have_signatures():
    names = [n for n in dir(flambeau.Tensor) if not n.startswith("__") and n not in dir(object)]
    assert not list(without_signature(flambeau.Tensor, names))


def test_methods_and_properties_have_docstrings():
    missing = [
        name
        for name in dir(flambeau.Tensor)
        if not name.startswith("_")
        and not (inspect.getattr_static(flambeau.Tensor, name).__doc__ or "").strip()
    ]
    assert not missing


@pytest.mark.parametrize(
    "function, text",
    [
        ("sum", "(input, dim=None, keepdim=False, *, dtype=None, out=None)"),
        ("transpose", "(input, dim0, dim1)"),
        ("split", "(tensor, split_size_or_sections, dim=0) -> tuple"),
        ("reshape", "(input, shape)"),
        ("is_grad_enabled", "() -> bool"),
        ("softmax", "(input, dim, dtype=None, *, out=None)"),
        ("add", "(input, other, *, alpha=1, out=None)"),
        ("stack", "(tensors, dim=0, *, out=None)"),
    ],
)
def test_signatures_are_what_calls_take(function, text):
    assert str(inspect.signature(getattr(flambeau, function))) == text


def test_the_core_s_defaults_are_those_of_their_signatures():
    x = flambeau.arange(24).reshape(2, 3, 4)
    assert flambeau.flatten(x).shape == flambeau.flatten(x, 0, -1).shape
    assert flambeau.diagonal(x).equal(flambeau.diagonal(x, 0, 0, 1))
    assert x.split(split_size=1)[0].equal(flambeau.split(x, split_size_or_sections=1, dim=0)[0])
    with pytest.raises(TypeError, match=r"transpose: argument 'dim1' is missing"):
        flambeau.transpose(x, 0)
    with pytest.raises(TypeError, match=r"transpose: has no argument 'dim2'"):
        flambeau.transpose(x, 0, dim2=1)
    with pytest.raises(
        TypeError, match=r"reshape: has no argument 'sizes'. It takes \(input, shape\)"
    ):
        flambeau.reshape(x, sizes=(24,))
