"""The benchmarks' programs run: their times are reported, never asserted."""

import flambeau
from benchmarks import distributions, files, first_use, foreach, lenet, overhead, programs


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
