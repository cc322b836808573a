"""Fused eager mode: operators that wait give the bits that they give at once, whatever happens meanwhile."""

import os
import random
import subprocess
import sys
import threading

import numpy as np
import pytest

import flambeau as torch
from flambeau import _core
from flambeau.compiled import eager


@pytest.fixture
def fused(request):
    """Everything waits from 1 element on; a kernel of its own for each group at once."""
    was = _core._fusion_settings()
    _core._set_fusion(1, getattr(request, "param", 0))
    yield
    _core._set_fusion(*was)


def singly(function, *args):
    was = _core._fusion_settings()
    _core._set_fusion(0, 0)
    try:
        return function(*args)
    finally:
        _core._set_fusion(*was)


def fused_runs(function):
    """How many groups a call ran as one kernel, and what the call gives."""
    before = _core._fusion_counters()["fused"]
    result = function()
    _core._settle()
    return _core._fusion_counters()["fused"] - before, result


# -- random programs

SEEDS = int(os.environ.get("FUSED_SEEDS", 3))

_UNARY = "neg abs exp sigmoid tanh sin relu square floor isnan sqrt log1p".split()
_BINARY = "add sub mul div maximum minimum lt ge".split()


class Program:
    """Steps drawn from a seed, on tensors that the same seed makes."""

    def __init__(self, seed, grad):
        self.draw = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.grad = grad
        self.shapes = [(6, 8), (8,), (6, 1), (8, 8)]
        self.leaves = []
        self.pool = [self.fresh() for _ in range(4)]
        self.kept = []

    def fresh(self):
        shape = self.draw.choice(self.shapes)
        t = torch.randn(shape, generator=self.generator)
        if self.grad and self.draw.random() < 0.5:
            t.requires_grad_()
            self.leaves.append(t)
        return t

    def one(self):
        return self.draw.choice(self.pool)

    def operand(self):
        return self.one() if self.draw.random() < 0.7 else self.draw.choice([2, 0.5, -1.25, True])

    def step(self):
        draw = self.draw
        kind = draw.random()
        x = self.one()
        if kind < 0.3:
            made = getattr(torch, draw.choice(_UNARY))(x)
        elif kind < 0.55:
            made = getattr(torch, draw.choice(_BINARY))(x, self.operand())
        elif kind < 0.6:
            made = getattr(torch, draw.choice(_BINARY))(
                x, x.mT if x.ndim == 2 else x.flip(0) if x.ndim else x
            )
        elif kind < 0.66:
            made = torch.where(x > 0, self.one(), self.operand())
        elif kind < 0.74:
            made = draw.choice(
                [
                    lambda: x.t() if x.ndim == 2 else x.view(-1, 1),
                    lambda: (
                        x.reshape(-1)[: x.numel() // 2 * 2].view(2, -1).t() if x.numel() > 1 else x
                    ),
                    lambda: x.reshape(-1),
                    lambda: x[..., ::2],
                    lambda: x.detach(),
                    lambda: x.expand(2, *x.shape),
                    lambda: x.contiguous(),
                ]
            )()
        elif kind < 0.82:
            made = draw.choice(
                [
                    lambda: x.sum(),
                    lambda: x.mean(-1, keepdim=True),
                    lambda: x.float() @ x.float().mT if x.ndim == 2 else x.float().cumsum(0),
                    lambda: torch.cat([x, x]),
                    lambda: x.double(),
                    lambda: torch.softmax(x.float(), 0),
                ]
            )()
        elif kind < 0.94:
            made = self.write(x)
        else:
            self.pool[draw.randrange(len(self.pool))] = self.fresh()
            return
        if draw.random() < 0.3:
            self.kept.append(made)
        if len(self.pool) < 8:
            self.pool.append(made)
        else:
            self.pool[draw.randrange(8)] = made

    def write(self, x):
        """A write in place: of the tensor, of a part of it, through .data or through NumPy."""
        draw = self.draw
        value = self.operand()
        choice = draw.randrange(6)
        if choice == 0 and not x.requires_grad:
            x.numpy()[...] = 0.25
        elif choice == 1:
            x.data.mul_(2)
        elif choice == 2:
            with torch.no_grad():
                x[..., :1] = 3
        elif choice == 3:
            torch.neg(x.detach(), out=torch.empty(0))
            x.detach().clamp_(-1, 1) if x.dtype.is_floating_point else x
        elif choice == 4 and not x.requires_grad:
            x.add_(value)
        else:
            x = x * 1
            x.tanh_() if x.dtype.is_floating_point else x
        return x

    def run(self, steps):
        for _ in range(steps):
            try:
                self.step()
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                self.kept.append(torch.tensor(float(len(str(error)))))
        results = [*self.pool, *self.kept]
        if self.grad:
            loss = sum(
                (t.double().nan_to_num(0, 0, 0).sum() for t in results if t.requires_grad),
                torch.zeros(()),
            )
            try:
                if loss.requires_grad:
                    loss.backward()
            except RuntimeError as error:
                results.append(torch.tensor(float(len(str(error)))))
            # Their versions tell only whether gradients were added up in place.
            results += [t.grad.clone() for t in self.leaves if t.grad is not None]
        return [
            (tuple(t.shape), tuple(t.stride()), str(t.dtype), t._version, bits(t)) for t in results
        ]


def bits(t):
    """The bytes of a tensor, with one NaN for all: of the sign of a NaN LLVM promises nothing."""
    values = t.detach().numpy().copy()
    if t.dtype.is_floating_point:
        values[np.isnan(values)] = np.nan
    return values.tobytes()


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("fused", [0, 1], indirect=True)
def test_random_programs_give_the_bits_of_unfused_ones(fused, grad):
    for seed in range(SEEDS):
        expected = singly(lambda: Program(seed, grad).run(40))
        assert Program(seed, grad).run(40) == expected, f"program {seed}"
    eager.wait()


# -- what is fused


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x**3)))


def test_a_chain_is_one_kernel_and_only_its_end_is_stored(fused):
    x = torch.randn(7, 33)
    expected = singly(gelu, x)
    before = _core._fusion_counters()
    result = gelu(x)
    assert _core._fusion_counters()["runs"] == before["runs"]  # nothing has run yet
    assert (result.shape, result.stride(), result.dtype) == ((7, 33), (33, 1), torch.float32)
    _core._settle()
    after = _core._fusion_counters()
    assert torch.equal(result, expected)
    assert (after["runs"] - before["runs"], after["fused"] - before["fused"]) == (1, 1)
    assert after["unseen"] - before["unseen"] == after["postponed"] - before["postponed"] - 1


@pytest.mark.parametrize("threads", [1, 3])
def test_sums_read_chains_as_they_are_computed(fused, threads):
    """In the chunks of a sum of what is stored, so the bits are the same."""
    x, y = torch.randn(600, 1001), torch.randn(600, 1001)
    a, b = x.view(20, 30, 1001), y.view(20, 30, 1001)
    stored = "several dims", "a few columns", "many rows", "the same rows", "functions of rows"
    calls = {
        "whole": lambda: ((x - y) ** 2).sum(),
        "mean": lambda: (x * y).exp().mean(),
        "rows": lambda: (x - y).abs().sum(-1),
        "kept": lambda: x.pow(2).mean(1, keepdim=True),
        "several dims": lambda: (x * 2 - y).view(60, 10, 77, 13).sum((2, 3)),
        "double": lambda: (x.double() * 3).mean(),
        "half": lambda: (x.half() * 3).sum(),
        "columns": lambda: (a * b - 1).sum(0),
        "columns of two dims": lambda: (a.view(4, 5, 30030) * 2).mean((0, 1), keepdim=True),
        "a few columns": lambda: (x[:, :2].contiguous() * 2).sum(0),
        "many rows": lambda: (x * 2).sum(0),
        "a row for all": lambda: (x * y[0]).sum(-1),
        "a value for each row": lambda: (x * y[:, :1] - x).mean(),
        "a value for all": lambda: (a * y[3, 3]).sum(0),
        "the same columns": lambda: (a * b[0]).sum(0),
        "the same rows": lambda: (a * b[:, :1, :] - a).sum(0),
        "functions of rows": lambda: (x * y[0]).exp().sum(-1),
    }
    was = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for name, call in calls.items():
            before = _core._fusion_counters()["in_pieces"]
            found = call()
            pieces = _core._fusion_counters()["in_pieces"] - before
            assert torch.equal(found, singly(call)), name
            assert pieces == (name not in stored), name
    finally:
        torch.set_num_threads(was)


def test_what_somebody_holds_is_stored_for_its_sum(fused):
    x = torch.randn(1000, 300)
    y = x * 2 + 1
    before = _core._fusion_counters()["in_pieces"]
    total = y.sum()
    assert _core._fusion_counters()["in_pieces"] == before
    assert torch.equal(total, singly(lambda: (x * 2 + 1).sum())) and y[0, 0] == x[0, 0] * 2 + 1
    assert (x * 2).T.sum(0).shape == (1000,) and (x[:, :5] * 2).sum(-1).shape == (1000,)


def test_gradients_of_sums_that_were_never_stored(fused):
    def step():
        x = torch.linspace(-2, 2, 300_000).requires_grad_()
        ((x.sigmoid() * x) ** 2).mean().backward()
        return x.grad

    assert torch.equal(step(), singly(step))


def test_numbers_are_operands_so_one_kernel_serves_all(fused):
    x = torch.randn(50)
    (x * 2 + 1).tolist()
    asked = []
    for k in range(3, 6):
        before = _core._fusion_counters()["fused"]
        assert torch.equal(x * k + k / 2, singly(lambda k=k: x * k + k / 2))
        asked.append(_core._fusion_counters()["fused"] - before)
    assert asked == [1, 1, 1]


def test_broadcast_operands_and_two_results_are_one_kernel(fused):
    x, y = torch.randn(2, 6, 8), torch.randn(2, 6, 8)
    cos, sin = torch.rand(6, 8), torch.rand(6, 1)

    def rotate():
        return x * cos - y * sin, y * cos + x * sin

    expected = singly(rotate)
    runs, results = fused_runs(rotate)
    assert runs == 1 and all(map(torch.equal, results, expected))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_dtypes_and_mixtures_of_them(fused, dtype):
    x, y = torch.randn(40).to(dtype), torch.randn(40)

    def chain():
        z = (x * 3 + 0.1).sigmoid() - x
        return z, z * y, torch.where(z > 0, z, 2 * x), (z > 0).to(torch.float32) * y

    for a, b in zip(chain(), singly(chain), strict=True):
        assert a.dtype == b.dtype and torch.equal(a, b)


def test_functions_of_two_widths_are_no_kernel(fused):
    """Vectors as long as float64 wants would give the float32 ones another form, and other last bits."""
    x, wide = torch.randn(4000), torch.randn(4000, dtype=torch.float64)

    def chain():
        return x.exp() + wide.exp()

    expected = singly(chain)
    assert torch.equal(chain(), expected) and torch.equal(torch.compile(chain)(), expected)
    compiled = torch.compile(lambda x, y: (x * 2).exp() + (y * 2).exp())
    for _ in range(3):
        found = compiled(x, wide)
    assert torch.equal(found, singly(lambda: (x * 2).exp() + (wide * 2).exp()))


def test_small_tensors_do_not_wait():
    was = _core._fusion_settings()
    _core._set_fusion(16384, 2)
    try:
        before = _core._fusion_counters()["postponed"]
        torch.ones(128, 127) * 2 + 1
        torch.ones(16384, dtype=torch.int64) * 2  # integers do not either
        assert _core._fusion_counters()["postponed"] == before
        torch.ones(128, 128) * 2
        assert _core._fusion_counters()["postponed"] == before + 1
    finally:
        _core._set_fusion(*was)


@pytest.mark.parametrize("fused", [1], indirect=True)
def test_functions_one_after_another_run_singly_in_the_caches(fused):
    x = torch.rand(64)

    def run(chain):
        for _ in range(4):
            count, result = fused_runs(lambda: chain(x))
            assert torch.equal(result, singly(chain, x))
            (x + x).sum()
            eager.wait()
        return count

    assert run(lambda x: x.tanh().tanh().tanh().tanh()) == 0
    assert run(lambda x: (x.tanh() * 2 + 1) * x - x * 3) == 1


@pytest.mark.parametrize("fused", [2], indirect=True)
def test_kernels_come_from_the_background(fused):
    x = torch.randn(30)

    def chain(x):
        return (x * 1.5 - 0.25).cos().square() * x

    expected = singly(chain, x)
    runs = []
    for _ in range(6):
        count, result = fused_runs(lambda: chain(x))
        assert torch.equal(result, expected)
        runs.append(count)
        (x + x).sum()  # the next operator asks for the kernel
        eager.wait()
    assert runs[:2] == [0, 0] and runs[-1] == 1


# -- what must not be seen


def test_a_write_to_an_operand_comes_after_those_who_wait_to_read_it(fused):
    x = torch.arange(6.0)
    y = x * 2 + 1
    x.zero_()
    assert y.tolist() == [1, 3, 5, 7, 9, 11] and x.tolist() == [0] * 6
    x = torch.arange(6.0)
    y, part = x * 2 + 1, x[2:4]
    part.fill_(100)
    assert y.tolist() == [1, 3, 5, 7, 9, 11] and x.tolist() == [0, 1, 100, 100, 4, 5]
    x = torch.arange(6.0)
    y = x * 2
    z = y + 1
    y.add_(x)
    assert z.tolist() == [1, 3, 5, 7, 9, 11] and y.tolist() == [0, 3, 6, 9, 12, 15]


def test_views_of_what_waits(fused):
    x = torch.arange(12.0).view(3, 4)
    y = x * 2
    rows, columns = y[1], y.t()
    assert rows.tolist() == [8, 10, 12, 14] and columns[3].tolist() == [6, 14, 22]
    y = x * 2
    view = y.view(-1)
    view[0] = -1
    assert y[0, 0] == -1 and (y.t() + 1)[0].tolist() == [0, 9, 17]
    square = torch.arange(4.0).view(2, 2) * 2
    assert (square + square.t()).tolist() == [[0, 6], [6, 12]]  # both of one storage that waits


def test_loops_that_have_given_up_the_lock_find_their_operands(fused):
    count = torch.full((5000,), 7.9, dtype=torch.float64)
    assert 1 < torch.binomial(count.floor(), torch.full_like(count, 0.5)).mean() < 6


def test_writes_to_what_waits_join_it(fused):
    x = torch.randn(50)

    def chain():
        y = x * 2
        y.add_(x).mul_(y)
        return y.tanh_()

    expected = singly(chain)
    runs, result = fused_runs(chain)
    assert runs == 1 and torch.equal(result, expected) and result._version == 3


def test_memory_that_others_see_is_read_at_once(fused):
    x = torch.arange(4.0)
    seen = x.numpy()
    y = x * 2
    seen[:] = 0
    assert y.tolist() == [0, 2, 4, 6]
    z = torch.from_numpy(np.arange(4, dtype=np.float32))
    made = z + 1
    z.numpy()[:] = 9
    assert made.tolist() == [1, 2, 3, 4]
    y = x + 1
    assert np.array_equal(np.from_dlpack(y), [1, 1, 1, 1])
    y = x - 1
    y.untyped_storage()
    assert y.data_ptr() and y.tolist() == [-1] * 4


def test_errors_are_raised_where_the_operator_stands(fused):
    x = torch.ones(3)
    with pytest.raises(RuntimeError, match="broadcast"):
        (x * 2) + torch.ones(4)
    with pytest.raises(TypeError):
        x * "2"
    with pytest.raises(RuntimeError, match="no_grad|in place|inplace|leaf"):
        torch.ones(3, requires_grad=True).add_(x * 2)


def test_gradients_hooks_and_saved_values(fused):
    def step():
        x = torch.linspace(-2, 2, 24).view(4, 6).requires_grad_()
        weight = torch.linspace(0.5, 1, 6).requires_grad_()
        seen = []
        middle = (x * weight).tanh()
        middle.register_hook(lambda g: seen.append(g.clone()) or g * 2)
        middle.retain_grad()
        loss = (middle.exp() * x).sigmoid().sum()
        loss.backward()
        return [loss.detach(), x.grad, weight.grad, middle.grad, *seen]

    for a, b in zip(step(), singly(step), strict=True):
        assert torch.equal(a, b)


def test_a_saved_result_that_is_written_is_an_error_still(fused):
    x = torch.ones(5, requires_grad=True)
    y = x.exp()
    z = y * 2
    y.detach().add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        z.sum().backward()


def test_packed_values_anomaly_mode_and_the_profiler(fused):
    def packed():
        x = torch.ones(6, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy().copy(), torch.from_numpy):
            y = (x * 3).exp().sin()
        y.sum().backward()
        return x.grad

    assert torch.equal(packed(), singly(packed))
    with pytest.raises(RuntimeError, match="nan|NaN"), torch.autograd.set_detect_anomaly(True):
        x = torch.full((4,), -1.0, requires_grad=True)
        (x.sqrt() * 2).sum().backward()
    waits = torch.ones(8) * 2
    with torch.profiler.profile() as seen:
        torch.ones(8) * 3 + waits
    assert {e.key for e in seen.key_averages()} >= {"mul", "add"} or seen.key_averages()


def test_threads_share_what_waits(fused):
    x = torch.randn(1000)
    expected = singly(lambda: [(x * k).exp() + x for k in range(8)])
    results = [None] * 8

    def work(k):
        y = (x * k).exp()
        results[k] = y + x

    for _ in range(5):
        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert all(map(torch.equal, results, expected))


def test_one_thread_asks_for_what_another_is_computing(fused):
    x = torch.randn(1 << 18)
    for _ in range(5):
        y = ((x * 2).exp() + 1).log()
        sums = []
        threads = [threading.Thread(target=lambda: sums.append(float(y.sum()))) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(set(sums)) == 1 and sums[0] == singly(
            lambda: float(((x * 2).exp() + 1).log().sum())
        )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork() here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_finds_what_waited_in_its_parent(fused):
    x = torch.arange(5.0)
    y = x * 2 + 1
    child = os.fork()
    if child == 0:
        os._exit(0 if y.tolist() == [1, 3, 5, 7, 9] and (y * 2).tolist()[0] == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert y.tolist() == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("fused", [0, 1000000], indirect=True)
def test_the_peak_of_memory_is_not_higher(fused):
    def peak():
        _core.reset_peak_memory_stats()
        before = torch.randn(1 << 20)
        for _ in range(4):
            before = before * 2
            before = before + 1
        before = torch.cat([before[:10], torch.randn(1 << 20)])
        before = (before * 2).exp().sin() * 3 + 1  # whose steps nobody holds
        x = torch.randn(1 << 20) * torch.randn(1 << 20)
        x = x + torch.randn(1 << 20)
        return float(x.sum()) * 0 + _core.memory_stats()["allocated_bytes.peak"]

    expected = singly(peak)
    assert peak() <= expected + 4096


def test_operators_that_nothing_joins_are_computed_at_once():
    was = _core._fusion_settings()
    _core._set_fusion(100, 1, True)
    try:
        x = torch.rand(300)
        for _ in range(12):  # always in the same place of the program
            x.erfc().sum()
        before = _core._fusion_counters()
        for _ in range(3):
            x.erfc().sum()
        after = _core._fusion_counters()
        assert after["alone"] == before["alone"] + 3 and after["postponed"] == before["postponed"]
        for _ in range(12):  # now something joins it
            torch.log1p(x.erfc()).sum()
        before = _core._fusion_counters()
        torch.log1p(x.erfc()).sum()
        after = _core._fusion_counters()
        assert after["alone"] == before["alone"] and after["postponed"] == before["postponed"] + 2
    finally:
        _core._set_fusion(*was)


def test_what_nobody_asks_for_is_never_computed(fused):
    before = _core._fusion_counters()["runs"]
    x = torch.ones(9)
    y = x * 2 + 1
    del y
    x.add_(1)
    assert _core._fusion_counters()["runs"] == before and x.tolist() == [2] * 9


def test_programs_may_switch_it_off():
    program = (
        "import flambeau as t; t.ones(99999) * 2; print(t._core._fusion_counters()['postponed'])"
    )
    for value, expected in (("0", 0), ("1", 1), ("", 1)):
        done = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "FLAMBEAU_FUSION": value},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert int(done.stdout) == expected
