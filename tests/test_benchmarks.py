"""The benchmarks' programs run: their times are reported, never asserted."""

import pytest

import flambeau
from benchmarks import distributions, files, first_use, foreach, lenet, overhead, programs
from benchmarks.all import measure, report
from benchmarks.all.case import FAMILIES, filled, indices
from benchmarks.all.programs import PROGRAMS, reinforce
from benchmarks.beside import report as beside
from benchmarks.beside.batches import BATCHES
from benchmarks.random import calls
from benchmarks.random import report as drawn


def test_every_program_runs_once():
    for module in (lenet, overhead, programs):
        for name, _, step in module.cases(flambeau):
            assert callable(step), name
            step()


def test_first_use_is_measured_in_a_fresh_process(tmp_path):
    first_use.seconds(tmp_path)  # raises where the program in it fails
    assert any(tmp_path.rglob("*")), "no kernel was kept in the cache"


def test_lists_distributions_and_files_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(foreach, "LISTS", ((2, 3),))
    monkeypatch.setattr(distributions, "SIZE", 50)
    for module in (foreach, distributions):
        for name, _, step in module.cases(flambeau):
            assert callable(step), name
            step()
    assert len(files.resnet18_state(flambeau)) == 122


def test_every_row_of_all_families_runs():
    report.load()
    declared = 0
    for name, generators in FAMILIES.items():
        for rows, sizes in generators:
            names = []
            for row in rows(flambeau, sizes[0]):
                row.run()
                names.append(row.name)
            assert len(set(names)) == len(names), f"{name}: two rows have one name"
            declared += len(names) * len(sizes)
    assert declared >= 400


def test_rows_near_each_other_are_timed_again(monkeypatch):
    asked = []

    def blocks(functions, n_threads, rounds, block_s):
        asked.append(rounds)
        return [[first, 2 * first, 9 * first] for first in functions]

    monkeypatch.setattr(measure, "blocks", blocks)
    assert measure.times_of_both(1.0, 2.0, 2, quick=True) == [1.0, 2.0]
    assert asked == [measure.QUICK_ROUNDS]
    assert measure.times_of_both(1.0, 0.9, 2, quick=True) == [2.0, 1.8]
    assert asked[1:] == [measure.QUICK_ROUNDS, measure.NEAR_ROUNDS]


def test_summary_of_all_families_counts_what_is_slow(capsys):
    table = [("moving", f"row {r}", "1", 1.0, r, r, 0.5) for r in (0.5, 0.97, 2.0)]
    report.summary(table)
    printed = capsys.readouterr().out
    assert "moving                       3       1      2   0.99x   0.50x" in printed
    assert printed.index("row 0.5") < printed.index("row 0.97")
    assert "row 2.0" not in printed


def test_programs_beside_other_libraries_have_the_batches_of_ours(capsys):
    beside.main(["--list"])
    assert capsys.readouterr().out.split() == [p.__name__ for p in PROGRAMS[:16]]
    assert len(BATCHES) == 16
    for mine, theirs in (
        (filled(flambeau, 128, 784), BATCHES["mlp"]()[0]),
        (indices(flambeau, 1000, 16, 13), BATCHES["seq2seq"]()[1]),
        (filled(flambeau, 16, 4, 84, 84, dtype="uint8", low=1, high=255).permute(0, 2, 3, 1), BATCHES["dqn"]()[1]),
    ):  # fmt: skip
        assert (mine.numpy() == theirs).all()


def test_a_program_runs_beside_those_that_are_installed(capsys, tmp_path):
    none = tmp_path / "python"
    none.symlink_to("/bin/false")
    asked = ["--only", "reinforce", "--systems", "flambeau,JAX,MLX", "--python", str(none)]
    beside.main([*asked, "--rounds", "1"])
    printed = capsys.readouterr().out
    assert f"JAX: left out, {none} has no jax, optax." in printed
    assert "MLX: left out" in printed
    rows = [line.split() for line in printed.splitlines()]
    assert ["flambeau"] in rows
    (first,) = (row[-1] for row in rows if row[:2] == ["first", "loss"])
    assert float(first) == float(f"{first_loss():.4g}")


def first_loss():
    flambeau.manual_seed(0)
    return reinforce(flambeau)()


@pytest.mark.filterwarnings("ignore")
def test_random_calls_run_and_are_told_of(capsys):
    drawn.load()
    assert len(calls.OPERATORS) >= 570
    for number, (name, (dtypes, _, layouts)) in enumerate(calls.OPERATORS.items()):
        drawn.call(flambeau, name, dtypes[0], 1000, layouts[number % len(layouts)], False)()
    for layout in calls.MATRICES:
        x = calls.laid_out(flambeau, "float32", (4, 6), "x", layout)
        assert x.shape == (4, 6) and x.is_contiguous() == (layout in ("contiguous", "narrow", "wide"))  # fmt: skip
    drawn.summary([("one", 2.0, 1.0, 0.5), ("two", 1.0, 2.0, 2.0)], ["three: TypeError: no"])
    told = capsys.readouterr().out
    assert "2 calls: 1.00x in the mean, 1 below 1, 1 below 0.8" in told
    assert "one" in told and "three: TypeError: no" in told


def test_random_calls_are_drawn_by_seed():
    asked = ["--match", "^add$", "--dtypes", "float32,bool", "--sizes", "1000"]
    first, again, other = (
        list(drawn.cases(drawn.arguments([*asked, "--seed", seed]))) for seed in ("1", "1", "2")
    )
    assert first == again != other and sorted(first) == sorted(other)
    assert len(first) == 2 * len(calls.MATRICES)
