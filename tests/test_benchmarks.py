"""The benchmarks' programs run: their times are reported, never asserted."""

import flambeau
from benchmarks import first_use, lenet, overhead, programs


def test_every_program_runs_once():
    for module in (lenet, overhead, programs):
        for name, _, step in module.cases(flambeau):
            assert callable(step), name
            step()


def test_first_use_is_measured_in_a_fresh_process(tmp_path):
    first_use.seconds(tmp_path)  # raises where the program in it fails
    assert any(tmp_path.rglob("*")), "no kernel was kept in the cache"
