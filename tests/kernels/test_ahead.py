"""Kernels compiled before they are wanted: the same code, and whatever goes wrong is made up for."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from flambeau.kernels import Map, ahead, cache
from flambeau.kernels.targets import cpu, process

DTYPES = ["float32"], ["float32"], ["float32"], "cc"


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """An empty cache, a process that has compiled once, and no second one, before and after."""
    monkeypatch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_addresses", {})
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.delenv("FLAMBEAU_VERIFY", raising=False)
    compile_at_once("define void @kernel() { ret void }")
    yield
    ahead.wait()
    ahead.reset()
    process._leave()


def compile_at_once(ir):
    return process.compile_ir(ir, cpu.host())


def one(number):
    return Map(lambda x: x * number + 0.75, f"kernel_{number}")


def foretell(kernel):
    with ahead.foretelling():
        assert kernel.compile(*DTYPES) == 0


def test_a_foretold_kernel_is_the_one_that_is_wanted():
    for attempt in range(
        3
    ):  # a machine without room for a second process loses it, and what it was asked for
        kernels = [one(5 * attempt + k) for k in range(5)]
        for kernel in kernels:
            foretell(kernel)
        ahead.wait()
        if all(job.blob for job in ahead._jobs.values()):
            break
        ahead.reset()
        compile_at_once("define void @kernel() { ret void }")
    made = cache.made
    digests = list(ahead._jobs)
    assert len(digests) == 5
    for digest, kernel in zip(digests, kernels):
        blob = ahead._jobs[digest].blob
        assert blob == compile_at_once(kernel.ir(*DTYPES)) == cache.read(digest)
        assert kernel.compile(*DTYPES)
    assert cache.made == made and not ahead._jobs


def test_one_that_was_begun_is_waited_for_and_one_that_was_not_is_made(monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    by = process.compile_by

    def slow(*arguments):
        begun.set()
        assert go_on.wait(20)
        return by(*arguments)

    monkeypatch.setattr(process, "compile_by", slow)
    first, second = one(10), one(11)
    foretell(first)
    foretell(second)
    assert begun.wait(20)
    made = cache.made
    assert second.compile(*DTYPES) and cache.made == made + 1
    threading.Timer(0.05, go_on.set).start()
    assert first.compile(*DTYPES) and cache.made == made + 1


def test_what_is_there_is_not_asked_for():
    kernel = one(20)
    address = kernel.compile(*DTYPES)
    foretell_again = lambda: kernel.compile(*DTYPES)
    with ahead.foretelling():
        assert foretell_again() == address
        cache._addresses.clear()  # as in another process, which finds it on disk
        assert foretell_again() == 0
    assert not ahead._jobs


@pytest.mark.parametrize("failure", [EOFError, OSError, ValueError, MemoryError])
def test_a_second_process_that_goes_costs_what_was_to_be_gained(monkeypatch, failure):
    def gone(*_):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(process, "compile_by", gone)
        kernels = [one(k) for k in (30, 31, 32)]
        for kernel in kernels:
            foretell(kernel)
        ahead.wait()
    assert ahead._channel is None
    assert all(kernel.compile(*DTYPES) for kernel in kernels)
    foretell(one(33))  # by another one
    ahead.wait()
    (job,) = ahead._jobs.values()
    assert job.blob is not None


def test_a_kernel_that_llvm_refuses_fails_where_it_is_wanted(monkeypatch):
    refused = one(40)
    monkeypatch.setattr(Map, "ir", lambda *_: "define nothing")
    foretell(refused)
    ahead.wait()
    with pytest.raises(RuntimeError, match="LLVM refuses"):
        refused.compile(*DTYPES)


def test_an_interpreter_that_has_one_core_or_no_process_foretells_nothing(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
        foretell(one(50))
    process._leave()
    foretell(one(51))
    assert not ahead._jobs and ahead._channel is None
    assert one(51).compile(*DTYPES)


def test_no_more_are_kept_than_are_bounded(monkeypatch):
    monkeypatch.setattr(ahead, "MOST", 3)
    for k in range(60, 70):
        foretell(one(k))
    ahead.wait()
    assert len(ahead._jobs) == 3
    assert all(one(k).compile(*DTYPES) for k in range(60, 70))


def test_a_forked_child_makes_its_own():
    for k in range(70, 76):
        foretell(one(k))
    mine, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        found = not ahead._jobs and ahead._channel is None and one(75).compile(*DTYPES)
        os.write(theirs, b"y" if found else b"n")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert os.read(mine, 1) == b"y"
    os.close(mine)
    os.close(theirs)
    assert all(one(k).compile(*DTYPES) for k in range(70, 76))


def test_a_program_ends_while_kernels_are_compiled():
    program = """
        import os
        from flambeau.kernels import Map, ahead
        os.sched_getaffinity = lambda _: {0, 1}
        kernel = lambda k: Map(lambda x: x * k + 0.5, "f")
        kernel(1.5).compile(["float32"], ["float32"], ["float32"], "cc")
        with ahead.foretelling():
            for k in range(40):
                kernel(k).compile(["float32"], ["float32"], ["float32"], "cc")
        print(len(ahead._jobs))
    """
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("40\n", "")
