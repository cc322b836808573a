"""Tests for each device and dtype: torch.testing._internal.common_device_type. The CPU is the one device."""

import functools
import unittest

import flambeau as torch

from .common_utils import _add_test, _short, instantiate_parametrized_tests

__all__ = [
    "dtypes", "dtypesIfCPU", "dtypesIfCUDA", "instantiate_device_type_tests", "largeTensorTest", "onlyCPU",
    "onlyCUDA", "onlyNativeDeviceTypes", "precisionOverride", "skipCPUIf", "skipCPUIfNoLapack", "skipCUDAIf",
    "skipCUDAIfNoMagma", "skipIf", "skipMeta", "toleranceOverride",
]  # fmt: skip


class dtypes:
    """Decorates a test that takes a dtype, or several, with those to run it for."""

    def __init__(self, *args, device_type="all"):
        self.args, self.device_type = args, device_type

    def __call__(self, fn):
        held = dict(getattr(fn, "dtypes", {}))
        held[self.device_type] = self.args
        fn.dtypes = held
        return fn


def dtypesIfCPU(*args):
    """The dtypes on the CPU."""
    return dtypes(*args, device_type="cpu")


def dtypesIfCUDA(*args):
    """The dtypes on CUDA devices, of which there are none."""
    return dtypes(*args, device_type="cuda")


def instantiate_device_type_tests(
    generic_test_class, scope, except_for=None, only_for=None, include_lazy=False, allow_mps=False,
    allow_xpu=False,
):  # fmt: skip
    """Puts into `scope` (globals()) a class of the tests for the CPU in the place of the generic one.

    Tests get device="cpu" and, where `dtypes` decorates them, dtype or dtypes.
    """
    only = [only_for] if isinstance(only_for, str) else only_for
    without = [except_for] if isinstance(except_for, str) else except_for or ()
    name = generic_test_class.__name__
    scope.pop(name, None)
    if (only is not None and "cpu" not in only) or "cpu" in without:
        return
    base = generic_test_class.__mro__[1]
    instantiate_parametrized_tests(generic_test_class)
    made = type(f"{name}CPU", (generic_test_class,), {"device_type": "cpu"})
    made.__module__ = scope.get("__name__", made.__module__)
    for test, function in list(vars(generic_test_class).items()):
        if not test.startswith("test") or not callable(function) or hasattr(base, test):
            continue
        setattr(made, test, None)  # the generic one is no test of the class
        held = getattr(function, "dtypes", {})
        for one in held.get("cpu", held.get("all", (None,))):
            values, end = {"device": "cpu"}, "_cpu"
            if isinstance(one, torch.dtype):
                values["dtype"], end = one, f"_cpu_{_short(one, 0)}"
            elif one is not None:
                values["dtypes"] = tuple(one)
                end = "_cpu_" + "_".join(_short(d, 0) for d in one)
            function.parametrize_fns = []
            _add_test(made, test + end, function, values, [])
    scope[made.__name__] = made


def onlyCPU(fn):
    """The test itself."""
    return fn


onlyNativeDeviceTypes = skipMeta = skipCPUIfNoLapack = skipCUDAIfNoMagma = onlyCPU


def onlyCUDA(fn):
    """A test that is skipped: there is no CUDA device."""
    return unittest.skip("there is no CUDA device")(fn)


def skipIf(dep, reason, device_type=None):
    """Skips a test where dep is true, of the CPU or of every device."""
    return unittest.skipIf(bool(dep) and device_type in (None, "cpu"), reason)


def skipCPUIf(dep, reason):
    """Skips a test on the CPU where dep is true."""
    return skipIf(dep, reason, "cpu")


def skipCUDAIf(dep, reason):
    """The test itself: it would be skipped on CUDA devices."""
    return onlyCPU


def largeTensorTest(size, device=None, inductor=False):
    """Skips a test unless the machine has so much memory: bytes, or a text such as "4GB"."""
    units = {"GB": 1 << 30, "MB": 1 << 20, "KB": 1 << 10}
    needed = size if isinstance(size, int) else int(float(size[:-2]) * units[size[-2:].upper()])

    def decorate(fn):
        @functools.wraps(fn)
        def test(self, *args, **kwargs):
            import os

            if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < needed:
                raise unittest.SkipTest(f"it takes {size} of memory")
            return fn(self, *args, **kwargs)

        return test

    return decorate


class _Override:
    """Sets tolerances of a test case by dtype, for one test."""

    def __init__(self, d):
        self.d = d

    def __call__(self, fn):
        @functools.wraps(fn)
        def test(self_, *args, **kwargs):
            before = self_.precision, self_.rel_tol
            self_.precision, self_.rel_tol = self._of(kwargs.get("dtype"), *before)
            try:
                return fn(self_, *args, **kwargs)
            finally:
                self_.precision, self_.rel_tol = before

        return test


class precisionOverride(_Override):
    """{dtype: absolute tolerance}."""

    def _of(self, dtype, precision, rel_tol):
        return self.d.get(dtype, precision), rel_tol


class toleranceOverride(_Override):
    """{dtype: (absolute, relative) tolerance}."""

    def _of(self, dtype, precision, rel_tol):
        return tuple(self.d.get(dtype, (precision, rel_tol)))[:2]
