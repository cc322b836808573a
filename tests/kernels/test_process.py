"""Kernels made in another process: it comes and goes, and where there is none they are made here."""

import gc
import os
import signal
import socket
import subprocess
import sys
import textwrap
import warnings

import pytest

from flambeau.kernels import Map, cache
from flambeau.kernels.targets import cpu, process

IR = "define void @kernel() {{ {} }}"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No process, before and after."""
    process._leave()
    monkeypatch.setattr(process, "_refused", False)
    yield
    process._leave()


def test_both_make_the_same_code():
    ir = IR.format("ret void")
    assert process.compile_ir(ir, cpu.host()) == cpu.compile_ir(ir, cpu.host())
    assert process._channel is not None


def test_strength_reduction_is_chosen_for_each_kernel():
    square = Map(lambda x: x * x, "square")
    kernels = {
        modes: square.ir(["float32"], ["float32"], ["float32"], modes)
        for modes in ("cc", "cg", "gc", "cs")
    }
    assert cpu.EVEN_STEPS not in square.ir(["float32"], ["float64"], ["float64"], "cc")
    assert [cpu.EVEN_STEPS in ir for ir in kernels.values()] == [True, False, False, True]
    made = {modes: process.compile_ir(ir, cpu.host()) for modes, ir in kernels.items()}
    for modes in reversed(kernels):  # whatever came before
        assert process.compile_ir(kernels[modes], cpu.host()) == made[modes]
    assert made["cg"] == cpu.compile_ir(kernels["cg"], cpu.host())


def test_errors_of_llvm_arrive_and_the_next_kernel_is_made():
    with pytest.raises(RuntimeError, match="(?s)LLVM refuses one.*expected"):
        process.compile_ir(IR.format("nothing"), cpu.host())
    channel = process._channel
    assert process.compile_ir(IR.format("ret void"), cpu.host()).code
    assert process._channel is channel


def test_a_process_that_ended_is_started_again():
    assert process.compile_ir(IR.format("ret void"), cpu.host()).code
    process._channel.shutdown(2)
    assert process.compile_ir(IR.format("ret void"), cpu.host()).code


def test_what_ends_the_process_twice_is_an_error(monkeypatch):
    monkeypatch.setattr(process, "_ask", lambda *_: process._leave())
    with pytest.raises(RuntimeError, match="ended twice"):
        process.compile_ir(IR.format("ret void"), cpu.host())


@pytest.mark.parametrize("program", [None, "", "/nowhere/python", "/bin/cat", "/bin/echo"])
def test_without_a_process_kernels_are_made_here(monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)
    assert process.compile_ir(IR.format("ret void"), cpu.host()).code
    assert process._channel is None and process._refused


def test_a_process_let_go_by_another_thread_is_one_that_ended(monkeypatch):
    answers = process._answers
    gone = iter([True, False])

    def answers_and_goes():
        there = answers()
        if next(gone):
            process._leave()
        return there

    monkeypatch.setattr(process, "_answers", answers_and_goes)
    assert process.compile_ir(IR.format("ret void"), cpu.host()).code


def test_a_program_packed_with_its_python_is_not_started_again(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert process.compile_ir(IR.format("ret void"), cpu.host()).code
    assert process._channel is None and process._refused


def test_a_call_that_is_interrupted_leaves_no_answer_for_the_next(monkeypatch):
    from flambeau.kernels.targets import serve

    process.start()
    assert process._answers()
    with monkeypatch.context() as patch:

        def interrupted(_):
            raise KeyboardInterrupt

        patch.setattr(serve, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.compile_ir(IR.format("unreachable"), cpu.host())
    assert process._channel is None


def test_no_child_is_left_to_the_program_and_none_outlives_it():
    program = """
        import os
        from flambeau.kernels.targets import cpu, process
        process.compile_ir("define void @kernel() { ret void }", cpu.host())
        try:
            os.wait()
        except ChildProcessError:
            print("none")
    """
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("none\n", "")


def test_a_forked_child_starts_its_own():
    assert process.compile_ir(IR.format("ret void"), cpu.host()).code
    mine, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        found = process._channel is None and process.compile_ir(IR.format("ret void"), cpu.host())
        os.write(theirs, b"y" if found else b"n")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert os.read(mine, 1) == b"y"
    os.close(mine)
    os.close(theirs)


def test_kernels_that_are_on_disk_start_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path))
    made = lambda: Map(lambda x: x + 4.25, "f").compile(["float32"], ["float32"], ["float32"], "cc")
    made()
    process._leave()
    monkeypatch.setattr(cache, "_addresses", {})
    made()
    assert process._channel is None


def test_a_twin_that_cannot_be_asked_for_leaves_no_socket(monkeypatch):
    gone, other = socket.socketpair()
    gone.close()
    monkeypatch.setattr(process, "_channel", gone)
    monkeypatch.setattr(process, "_ready", True)
    monkeypatch.setattr(process.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    with other, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert process.twin() is None
        gc.collect()
