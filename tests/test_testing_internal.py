"""torch.testing._internal: test cases, parametrized tests, tests for each device and dtype."""

import unittest

import pytest

import flambeau as torch
from flambeau.testing._internal import common_dtype, common_utils
from flambeau.testing._internal.common_device_type import (
    dtypes,
    instantiate_device_type_tests,
    onlyCUDA,
    toleranceOverride,
)
from flambeau.testing._internal.common_utils import (
    TestCase as Case,
)
from flambeau.testing._internal.common_utils import (
    freeze_rng_state,
    instantiate_parametrized_tests,
    parametrize,
    subtest,
)


def ran(case):
    """(names of tests, names of failures, number skipped) of a class."""
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    names = sorted(test._testMethodName for test in suite)
    result = unittest.TestResult()
    suite.run(result)
    return (
        names,
        sorted(t._testMethodName for t, _ in result.failures + result.errors),
        len(result.skipped),
    )


def test_cases_compare_tensors():
    class One(Case):
        def test_equal(self):
            self.assertEqual(torch.ones(2), torch.ones(2) + 1e-7)
            self.assertEqual([torch.ones(2), {"a": 1.0}], [torch.ones(2), {"a": 1.0}])
            self.assertEqual(torch.ones(2), [1.0, 1.0])
            self.assertEqual(torch.tensor(3), 3)
            self.assertEqual("a", "a")
            self.assertEqual(1.0, 1.05, atol=0.1, rtol=0)
            self.assertNotEqual(torch.ones(2), torch.zeros(2))
            self.assertEqual(torch.ones(2), torch.ones(2, dtype=torch.float64), exact_dtype=False)

        def test_differs(self):
            self.assertEqual(torch.ones(2), torch.zeros(2))

        def test_another_dtype(self):
            self.assertEqual(torch.ones(2), torch.ones(2, dtype=torch.float64))

        def test_words(self):
            self.assertEqual("a", "b")

    names, failed, _ = ran(One)
    assert failed == ["test_another_dtype", "test_differs", "test_words"] and len(names) == 4


def test_parametrized_tests():
    seen = []

    @instantiate_parametrized_tests
    class Two(Case):
        @parametrize("a,b", [(1, 2), subtest((3, 4), name="named")])
        @parametrize("dtype", [torch.float32, torch.int64])
        def test_it(self, a, b, dtype):
            seen.append((a, b, dtype))

    names, failed, _ = ran(Two)
    assert not failed and len(seen) == 4 and (3, 4, torch.int64) in seen
    assert "test_it_dtype_float32_a_1_b_2" in names and "test_it_dtype_int64_named" in names


def test_tests_for_devices_and_dtypes():
    seen, scope = [], {}

    class Three(Case):
        @dtypes(torch.float32, torch.float64)
        @toleranceOverride({torch.float32: (1.0, 0.0)})
        def test_it(self, device, dtype):
            seen.append((device, dtype))
            if dtype is torch.float32:
                self.assertEqual(1.0, 1.5)

        def test_plain(self, device):
            seen.append(device)

        @onlyCUDA
        def test_cuda(self, device):
            seen.append("cuda")

    instantiate_device_type_tests(Three, scope)
    names, failed, skipped = ran(scope["ThreeCPU"])
    assert not failed and skipped == 1
    assert names == [
        "test_cuda_cpu",
        "test_it_cpu_float32",
        "test_it_cpu_float64",
        "test_plain_cpu",
    ]
    assert sorted(map(str, seen)) == sorted(
        map(str, [("cpu", torch.float32), ("cpu", torch.float64), "cpu"])
    )
    instantiate_device_type_tests(Three, scope := {"Three": Three}, only_for="cuda")
    assert scope == {}


def test_contexts():
    before = torch.get_rng_state()
    with freeze_rng_state():
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    with common_utils.set_default_dtype(torch.float64):
        assert torch.ones(1).dtype is torch.float64
    with common_utils.TemporaryFileName() as name:
        torch.save(torch.ones(1), name)
    with pytest.raises(FileNotFoundError):
        open(name)
    assert common_utils.is_iterable_of_tensors(
        [torch.ones(1)]
    ) and not common_utils.is_iterable_of_tensors([1])
    assert torch.bool in common_dtype.get_all_dtypes() and torch.half in common_dtype.all_types_and(
        torch.half
    )
    assert 0 < common_utils.find_free_port() < 65536
