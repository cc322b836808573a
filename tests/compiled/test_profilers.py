"""Recording a call listens to Python's own calls, as profilers do: theirs go on behind it."""

import cProfile
import sys
import threading

import flambeau as torch
from flambeau.compiled.report import watch


def twice(x):
    return x * 2 + 1


def test_cprofile_goes_on_behind_a_recorded_call():
    profile = cProfile.Profile()
    profile.enable()
    try:
        result = torch.compile(twice)(torch.ones(3))
        sorted([3, 1, 2])
    finally:
        profile.disable()
    assert torch.equal(result, torch.full((3,), 3.0))
    assert any("sorted" in str(entry.code) for entry in profile.getstats())


def test_a_profile_function_goes_on_behind_a_recorded_call():
    seen = []
    sys.setprofile(lambda frame, event, argument: seen.append(event))
    try:
        torch.compile(twice)(torch.ones(3))
        seen.clear()
        sorted([3, 1, 2])
        assert "c_call" in seen
    finally:
        sys.setprofile(None)


def test_code_of_the_program_that_the_package_calls_is_seen():
    """A function that an operator of the package calls: what it does is noticed, in a second recording too."""
    log = []

    def note(values):
        log.append(len(values))
        return values

    class Values(list):
        def __iter__(self):
            return iter(note([2.0, 3.0]))

    def program(x):
        return x * torch.tensor(Values([1, 2])).sum()

    for _ in range(2):
        with watch() as seen:
            compiled = torch.compile(program)
            for _ in range(2):
                compiled(torch.ones(2))
        assert len(seen.breaks) == 1


def test_two_threads_record_at_once():
    def work(k):
        compiled = torch.compile(lambda x: (x * k).exp().sum(-1, keepdim=True) + x)
        for n in (3, 40, 5):
            x = torch.rand(2, n)
            results.append(torch.equal(compiled(x), (x * k).exp().sum(-1, keepdim=True) + x))

    results = []
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 12
