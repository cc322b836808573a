"""Timers, measurements, tables, operands by chance. No test judges a time."""

import pytest

import flambeau as torch
from flambeau.utils import benchmark
from flambeau.utils.benchmark import (
    Compare,
    FuzzedParameter,
    FuzzedTensor,
    Fuzzer,
    Measurement,
    ParameterAlias,
    TaskSpec,
    Timer,
)


class Clock:
    """A clock under which each run of the statement takes a second."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def run(self):
        self.now += 1.0


def timer(**options):
    clock = Clock()
    return Timer("run()", timer=clock, globals={"run": clock.run}, **options)


def test_timeit_divides_by_the_runs():
    result = timer().timeit(7)
    assert (
        result.number_per_run == 7 and result.times == [1.0] and result.median == result.mean == 1
    )
    assert result.iqr == 0 and not result.has_warnings


@pytest.mark.parametrize("method", ["blocked_autorange", "adaptive_autorange", "autorange"])
def test_ranges_are_found(method):
    told = []
    result = getattr(timer(), method)(callback=lambda number, taken: told.append((number, taken)))
    assert result.median == 1 and told[-1] == (result.number_per_run, result.raw_times[-1])
    real = Timer("x + y", "y = 2 * x", globals={"x": torch.ones(3)}, num_threads=1)
    options = {} if method == "autorange" else {"min_run_time": 0.005}
    if method != "autorange":
        assert len(getattr(real, method)(**options).times) >= 2


def test_threads_are_set_while_it_runs():
    before, seen = torch.get_num_threads(), set()
    Timer("see(torch.get_num_threads())", globals={"see": seen.add}, num_threads=3).timeit(2)
    assert seen == {3} and torch.get_num_threads() == before


def measurement(times, number=1, **task):
    task = {"stmt": "f(x)", "setup": "pass", **task}
    return Measurement(number, times, TaskSpec(**task))


def test_digits_follow_from_the_spread():
    assert measurement([1.0, 1.0, 1.0]).significant_figures == 5
    assert measurement([0.8, 1.0, 1.2, 0.9, 1.1]).significant_figures == 1
    assert measurement([1e-6]).significant_figures == 1  # the clock is off by 25 ns
    assert measurement([0.8, 1.0, 1.2]).has_warnings


def test_measurements_tell_themselves():
    text = repr(
        measurement(
            [2e-6, 2.2e-6, 2.1e-6], label="add", sub_label="4", description="here", setup="x = 1"
        )
    )
    lines = text.splitlines()
    assert lines[0].startswith("<flambeau.utils.benchmark.Measurement object at 0x")
    assert lines[1:4] == ["add: 4", "here", "setup: x = 1"]
    assert lines[4] == "  Median: 2 us" and lines[-1] == "  3 measurements, 1 runs each, 1 thread"
    assert "Noisy" in repr(measurement([1.0, 2.0, 3.0]))


def test_merging_joins_one_task():
    merged = Measurement.merge(
        [measurement([2.0], 2), measurement([1.0]), measurement([5.0], stmt="g(x)")]
    )
    assert [one.times for one in merged] == [[1.0, 1.0], [5.0]]


def test_tables():
    results = [
        measurement(
            [n * factor * 1e-6],
            label="work",
            sub_label=f"n = {n}",
            description=name,
            num_threads=threads,
        )
        for n in (1, 100)
        for name, factor in (("ours", 1), ("theirs", 3))
        for threads in (1, 2)
    ]
    table = Compare(results)
    text = str(table)
    assert text.count("thread") == 2 and "Times are in microseconds (us)." in text
    lines = text.splitlines()
    assert lines[0].startswith("[-") and " work " in lines[0]
    assert lines[1].split("|")[1:] == [
        part for part in lines[1].split("|")[1:] if part.strip() in ("ours", "theirs")
    ]
    row = next(line for line in lines if "n = 100" in line)
    assert [float(cell) for cell in row.split("|")[1:]] == [100, 300]
    assert len({len(line.rstrip("-]")) for line in lines if "|" in line}) == 1
    table.colorize()
    assert "\033[92m" in str(table)
    table.colorize(rowwise=True)
    table.trim_significant_figures()
    table.highlight_warnings()
    assert "\033[31m" in str(table) and "which is much" in str(table)
    with pytest.raises(ValueError, match="expected Measurements, got a int"):
        table.extend_results([3])


def test_numbers_and_units():
    assert benchmark.select_unit(2.0) == ("s", 1.0) and benchmark.select_unit(1e-10) == ("ns", 1e-9)
    assert benchmark.unit_to_english("ms") == "millisecond"
    assert benchmark.trim_sigfig(0.0012345, 2) == pytest.approx(0.0012)
    assert benchmark.trim_sigfig(0, 2) == 0


def test_operands_by_chance():
    fuzzer = Fuzzer(
        [
            FuzzedParameter("dim", distribution={1: 0.5, 2: 0.5}),
            [FuzzedParameter(f"k{i}", 1, 64, "loguniform") for i in range(2)],
            FuzzedParameter("same", distribution={ParameterAlias("k0"): 1.0}),
            FuzzedParameter("step", distribution={1: 0.5, 2: 0.5}),
        ],
        [
            FuzzedTensor("x", ("k0", "k1"), ("step",), 0.3, 4, 500, dim_parameter="dim"),
            FuzzedTensor("i", ("same",), dtype=torch.int64),
        ],
        constraints=[lambda k0, k1, **others: k0 != k1],
        seed=3,
    )
    drawn = list(fuzzer.take(20))
    for tensors, properties, params in drawn:
        assert tensors["x"].shape == (params["k0"], params["k1"])[: params["dim"]]
        assert 4 <= tensors["x"].numel() <= 500 and params["k0"] != params["k1"]
        assert tensors["i"].shape == (params["k0"],) and tensors["i"].dtype == torch.int64
        assert properties["x"]["is_contiguous"] == tensors["x"].is_contiguous()
    assert 0 < fuzzer.rejection_rate < 1
    assert {tensors["x"].is_contiguous() for tensors, _, _ in drawn} == {True, False}
    assert [params for _, _, params in fuzzer.take(3)] == [params for _, _, params in drawn[:3]]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Timer(print), ValueError, "stmt must be a str"),
        (lambda: Timer(language="c++"), NotImplementedError, "only Python"),
        (lambda: Timer(global_setup="x"), ValueError, "write setup"),
        (lambda: Timer().collect_callgrind(), NotImplementedError, "perf or valgrind"),
        (lambda: Timer().repeat(), NotImplementedError, "blocked_autorange"),
        (lambda: FuzzedParameter("n", distribution="normal"), ValueError, "unknown distribution"),
        (lambda: FuzzedParameter("n"), ValueError, "needs minval"),
        (lambda: FuzzedParameter("n", distribution={1: 0.5}), ValueError, "sum to 0.5"),
        (lambda: FuzzedTensor("x", (1,), cuda=True), NotImplementedError, "needs a GPU"),
        (
            lambda: next(Fuzzer([FuzzedParameter("n", 1, 2)], [], [lambda n: False]).take(1)),
            ValueError,
            "10000 draws",
        ),
        (lambda: Fuzzer([FuzzedParameter("n", 1, 2)] * 2, []), ValueError, "stands twice"),
    ],
)
def test_mistakes_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
