"""Test cases and decorators: torch.testing._internal.common_utils."""

import contextlib
import functools
import importlib.util
import os
import random
import sys
import tempfile
import unittest

import flambeau as torch

from .. import assert_close, make_tensor
from .common_dtype import get_all_dtypes  # noqa: F401 (programs take it from here)

__all__ = [
    "IS_CI", "IS_FBCODE", "IS_LINUX", "IS_MACOS", "IS_WINDOWS", "NO_MULTIPROCESSING_SPAWN", "SEED", "TEST_CUDA",
    "TEST_MKL", "TEST_NUMPY", "TEST_SCIPY", "TEST_WITH_ASAN", "TEST_WITH_CROSSREF", "TEST_WITH_ROCM",
    "TEST_WITH_SLOW", "TEST_WITH_TORCHDYNAMO", "TEST_WITH_TORCHINDUCTOR", "TemporaryDirectoryName",
    "TemporaryFileName", "TestCase", "decorateIf", "find_free_port", "freeze_rng_state", "gradcheck", "gradgradcheck",
    "instantiate_parametrized_tests", "is_iterable_of_tensors", "load_tests", "make_tensor", "parametrize",
    "run_tests", "set_default_dtype", "set_default_tensor_type", "set_rng_seed", "skipIfNoSciPy", "skipIfRocm",
    "skipIfTorchDynamo", "slowTest", "subtest",
]  # fmt: skip

SEED = 1234
IS_LINUX, IS_WINDOWS, IS_MACOS = (
    sys.platform.startswith(name) for name in ("linux", "win", "darwin")
)
IS_CI = bool(os.environ.get("CI"))
IS_FBCODE = NO_MULTIPROCESSING_SPAWN = False
TEST_CUDA = TEST_MKL = TEST_WITH_ASAN = TEST_WITH_ROCM = TEST_WITH_CROSSREF = False
TEST_WITH_TORCHDYNAMO = TEST_WITH_TORCHINDUCTOR = False
TEST_NUMPY = True
TEST_SCIPY = importlib.util.find_spec("scipy") is not None
TEST_WITH_SLOW = os.environ.get("PYTORCH_TEST_WITH_SLOW") == "1"

gradcheck = functools.partial(torch.autograd.gradcheck, fast_mode=False)
gradgradcheck = functools.partial(torch.autograd.gradgradcheck, fast_mode=False)


def run_tests(argv=None):
    """unittest.main() of the program."""
    unittest.main(argv=sys.argv if argv is None else argv)


def load_tests(loader, tests, pattern):
    """The tests as they are."""
    return tests


def set_rng_seed(seed=None):
    """The seed of flambeau's, Python's and NumPy's random numbers."""
    import numpy

    seed = SEED if seed is None else seed
    torch.manual_seed(seed)
    random.seed(seed)
    numpy.random.seed(seed)


class TestCase(unittest.TestCase):
    """unittest's, with assertEqual that compares tensors, and anything that holds some, as assert_close does.

    precision and rel_tol are least tolerances of all comparisons of the class.
    """

    maxDiff = None
    precision = rel_tol = 0.0

    def setUp(self):
        set_rng_seed()

    def assertEqual(
        self, x, y, msg=None, *, atol=None, rtol=None, equal_nan=True, exact_dtype=True, exact_device=False,
        exact_layout=False, exact_stride=False, exact_is_coalesced=False,
    ):  # fmt: skip
        """AssertionError unless x and y are close: tensors, numbers, arrays, and containers of them."""
        if exact_is_coalesced:
            raise NotImplementedError("TestCase.assertEqual: exact_is_coalesced is not offered.")
        if isinstance(x, torch.Tensor) != isinstance(y, torch.Tensor):
            one = x if isinstance(x, torch.Tensor) else y
            made = lambda v: v if v is one else torch.as_tensor(v, dtype=one.dtype)
            x, y = made(x), made(y)
        try:
            tolerances = self._tolerances(x, y, atol, rtol)
            assert_close(
                x, y, **tolerances, equal_nan=equal_nan, check_device=exact_device, check_dtype=exact_dtype,
                check_layout=exact_layout, check_stride=exact_stride, msg=msg,
            )  # fmt: skip
        except TypeError:  # of values that are no numbers
            super().assertEqual(x, y, msg)

    def _tolerances(self, x, y, atol, rtol):
        if atol is None and rtol is None and not (self.precision or self.rel_tol):
            return {}
        if atol is None and rtol is None:
            return {"atol": self.precision, "rtol": self.rel_tol}
        return {"atol": max(atol or 0.0, self.precision), "rtol": max(rtol or 0.0, self.rel_tol)}

    def assertNotEqual(self, x, y, msg=None, **options):
        """AssertionError if assertEqual of them passes."""
        with self.assertRaises(AssertionError, msg=msg):
            self.assertEqual(x, y, msg, **options)

    assertEqualIgnoreType = functools.partialmethod(assertEqual, exact_dtype=False)

    @contextlib.contextmanager
    def assertNotWarn(self, *args, **kwargs):
        """A block, or a callable, in which nothing warns."""
        import warnings

        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            yield
        self.assertFalse(seen, f"it warned: {[str(one.message) for one in seen]}")


# ------------------------------------------------------------------------------------------ parametrized


class subtest:
    """Values of one test of `parametrize`, with a name or decorators of its own."""

    def __init__(self, arg_values, name=None, decorators=None):
        self.arg_values, self.name, self.decorators = arg_values, name, decorators or []


class parametrize:
    """Decorates a test with values of an argument, or of several; `instantiate_parametrized_tests` makes tests of them.

    Args:
        arg_str (str): the names, with commas between them.
        arg_values (iterable): a value, a tuple of values or a subtest each.
        name_fn (callable, optional): the end of a test's name from its values.
    """

    def __init__(self, arg_str, arg_values, name_fn=None):
        self.names = [name.strip() for name in arg_str.split(",")]
        self.values, self.name_fn = list(arg_values), name_fn

    def __call__(self, function):
        function.parametrize_fns = [*getattr(function, "parametrize_fns", ()), self]
        return function

    def each(self):
        """(suffix of the name, {argument: value}, decorators) of each test."""
        for place, value in enumerate(self.values):
            test = value if isinstance(value, subtest) else subtest(value)
            values = (test.arg_values,) if len(self.names) == 1 else tuple(test.arg_values)
            if test.name is not None:
                suffix = test.name
            elif self.name_fn is not None:
                suffix = self.name_fn(*values)
            else:
                suffix = "_".join(
                    f"{name}_{_short(value, place)}" for name, value in zip(self.names, values)
                )
            yield suffix, dict(zip(self.names, values, strict=True)), test.decorators


def _short(value, place):
    if isinstance(value, torch.dtype):
        return str(value).rpartition(".")[2]
    if isinstance(value, type) or callable(value):
        return getattr(value, "__name__", str(place))
    if isinstance(value, (bool, int, float, str)) or value is None:
        return str(value).replace(".", "_").replace("-", "_")
    return str(place)


def instantiate_parametrized_tests(generic_cls):
    """The class, with a test for each combination of values in the place of each parametrized one."""
    for name, function in list(vars(generic_cls).items()):
        decorators = getattr(function, "parametrize_fns", None)
        if not decorators:
            continue
        delattr(generic_cls, name)
        tests = [("", {}, [])]
        for one in decorators:
            tests = [
                (f"{end}_{suffix}" if suffix else end, {**values, **more}, [*marks, *others])
                for end, values, marks in tests
                for suffix, more, others in one.each()
            ]
        for end, values, marks in tests:
            _add_test(generic_cls, name + end, function, values, marks)
    return generic_cls


def _add_test(cls, name, function, values, decorators):
    @functools.wraps(function)
    def test(self, *args, **kwargs):
        return function(self, *args, **values, **kwargs)

    del test.__wrapped__  # whose signature has the arguments that are given here
    del test.parametrize_fns
    test.__name__, test.__qualname__ = name, f"{cls.__qualname__}.{name}"
    for decorate in decorators:
        test = decorate(test)
    setattr(cls, name, test)


def is_iterable_of_tensors(iterable, include_empty=False):
    """Whether something gives tensors only, one or more."""
    if isinstance(iterable, torch.Tensor):
        return False
    try:
        items = list(iterable)
    except TypeError:
        return False
    return all(isinstance(item, torch.Tensor) for item in items) if items else include_empty


# ---------------------------------------------------------------------------------- decorators, contexts


def _skip_if(condition, reason):
    def decorate(function=None, msg=None):
        if callable(function) or isinstance(function, type):
            return unittest.skipIf(condition, reason)(function)
        return unittest.skipIf(condition, msg or function or reason)

    return decorate


skipIfTorchDynamo = _skip_if(False, "nothing is compiled")
skipIfRocm = _skip_if(False, "there is no ROCm")
slowTest = unittest.skipUnless(TEST_WITH_SLOW, "slow: PYTORCH_TEST_WITH_SLOW=1 runs it")


def skipIfNoSciPy(fn):
    """Skips a test where SciPy is not installed."""
    return unittest.skipUnless(TEST_SCIPY, "SciPy is not installed")(fn)


def decorateIf(decorator, predicate_fn):
    """Decorates a test where predicate_fn of its keyword arguments holds."""

    def decorate(function):
        @functools.wraps(function)
        def test(self, *args, **kwargs):
            run = decorator(function) if predicate_fn(kwargs) else function
            return run(self, *args, **kwargs)

        return test

    return decorate


@contextlib.contextmanager
def freeze_rng_state():
    """A block after which random numbers go on as if it had not run."""
    before = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(before)


@contextlib.contextmanager
def set_default_dtype(dtype):
    """A block with another default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def set_default_tensor_type(tensor_type):
    """The same by an old type of tensors."""
    with set_default_dtype(torch.get_default_dtype()):
        torch.set_default_tensor_type(tensor_type)
        yield


@contextlib.contextmanager
def TemporaryFileName(*args, **kwargs):
    """A block with the name of a new file, which is deleted afterwards."""
    handle, name = tempfile.mkstemp(*args, **kwargs)
    os.close(handle)
    try:
        yield name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


@contextlib.contextmanager
def TemporaryDirectoryName(suffix=None):
    """A block with the name of a new folder, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(suffix=suffix) as name:
        yield name


def find_free_port():
    """A number of a TCP port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
