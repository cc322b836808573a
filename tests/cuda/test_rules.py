"""Each loop of the core has a way on GPUs, or is known to have none."""

import re
from pathlib import Path

import flambeau.ops.cuda as cuda
from flambeau.ops.cuda import uncovered

LOOPS = Path(__file__).parents[2] / "csrc" / "dispatch" / "raw"
DECLARED = re.compile(r'declare<\s*(?:\w+::)*\w+>\(\s*"(\w+)"')


def loops():
    """The names of functions that hold loops written by hand."""
    return {name for path in LOOPS.glob("*.h") for name in DECLARED.findall(path.read_text())}


def test_each_loop_has_a_rule_or_a_reason():
    known = {*cuda.RULES, *uncovered.COMPOSED, *uncovered.ON_THE_CPU}
    names = loops()
    assert len(names) > 100 and {"_ctc", "_eig", "sort", "_conv_forward"} <= names
    assert sorted(names - known) == [], "a rule in flambeau/ops/cuda, or a line in uncovered.py"


def test_what_has_no_rule_is_still_a_loop():
    for table in (uncovered.COMPOSED, uncovered.ON_THE_CPU):
        assert not set(table) & set(cuda.RULES) and set(table) <= loops()
