"""start_processes, spawn and pools when processes fail."""

import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

import flambeau as torch
import flambeau.multiprocessing as mp

FORK = mp.get_context("fork")


def add_number(number, total):
    total[number] += number + 1


def raise_or_wait(number, failing, waits):
    if number == failing:
        raise ValueError(f"trouble in {number}")
    waits.wait()


def end_by_signal(number, signalled):
    if number == signalled:
        os.kill(os.getpid(), signal.SIGKILL)


def end_by_code(number):
    sys.exit(7)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_each_process_has_its_number(method):
    total = torch.zeros(3)
    total.share_memory_()
    assert mp.start_processes(add_number, (total,), nprocs=3, start_method=method) is None
    assert total.tolist() == [1, 2, 3]


def test_an_error_comes_with_its_traceback_and_ends_the_others():
    waits = FORK.Event()
    with pytest.raises(mp.ProcessRaisedException) as caught:
        mp.start_processes(raise_or_wait, (1, waits), nprocs=3, start_method="fork")
    error = caught.value
    assert error.error_index == 1 and error.error_pid == error.pid
    assert "trouble in 1" in str(error) and "in raise_or_wait" in str(error)
    assert not multiprocessing.active_children()
    again = pickle.loads(pickle.dumps(error))
    assert again.msg == error.msg and again.error_index == 1


def test_a_killed_process_is_named():
    with pytest.raises(mp.ProcessExitedException, match="ended by SIGKILL") as caught:
        mp.start_processes(end_by_signal, (0,), nprocs=2, start_method="fork")
    assert caught.value.signal_name == "SIGKILL" and caught.value.exit_code == -signal.SIGKILL
    assert pickle.loads(pickle.dumps(caught.value)).signal_name == "SIGKILL"
    with pytest.raises(mp.ProcessExitedException, match="exit code 7") as caught:
        mp.start_processes(end_by_code, nprocs=1, start_method="fork")
    assert caught.value.exit_code == 7


def test_a_context_can_be_polled():
    waits = FORK.Event()
    context = mp.start_processes(
        raise_or_wait, (-1, waits), nprocs=2, join=False, start_method="fork"
    )
    assert len(context.pids()) == 2 and context.join(timeout=0.01) is False
    waits.set()
    while not context.join():
        pass
    assert all(process.exitcode == 0 for process in context.processes)


def test_spawn_spawns():
    with pytest.raises(ValueError, match="start_processes"):
        mp.spawn(end_by_code, start_method="fork")


def test_a_killed_worker_ends_its_pool_with_an_error():
    with FORK.Pool(2) as pool:
        with pytest.raises(mp.ProcessExitedException, match="Pool: worker process .* -9"):
            pool.map(_die_at, range(8), chunksize=1)
        with pytest.raises(mp.ProcessExitedException):
            pool.apply(abs, (1,))
    pool.join()
    assert not multiprocessing.active_children()


def _die_at(i):
    if i == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return i


def test_join_does_not_wait_for_a_killed_worker():
    pool = FORK.Pool(2)
    assert pool.map(abs, [-1, 2]) == [1, 2]
    os.kill(pool._pool[0].pid, signal.SIGKILL)
    pool.close()
    pool.join()
    assert not multiprocessing.active_children()


def test_workers_killed_at_random_moments_leave_nothing():
    begun, pids = time.monotonic(), []
    numbers = random.Random(torch.initial_seed())
    for _ in range(20):
        with FORK.Pool(2) as pool:
            results = pool.imap(_work, range(200))
            next(results)
            pids += [process.pid for process in pool._pool]
            for _ in range(numbers.randrange(20)):
                next(results)
            victim = numbers.choice(pool._pool).pid
            threading.Timer(numbers.random() * 0.02, os.kill, (victim, signal.SIGKILL)).start()
            with pytest.raises(mp.ProcessExitedException):
                for _ in results:
                    pass
                while True:
                    pool.map(_work, range(100))
        pool.join()
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    assert time.monotonic() - begun < 120  # it would wait for ever


def _work(i):
    return torch.full((5000,), float(i))


_ORPHANS = """
import os, sys, time
import flambeau.multiprocessing as mp
def wait(number, pids):
    pids.put(os.getpid())
    time.sleep(600)
if __name__ == "__main__":
    pids = mp.get_context("fork").SimpleQueue()
    mp.start_processes(wait, (pids,), nprocs=2, join=False, start_method="fork")
    print(pids.get(), pids.get(), flush=True)
    os.kill(os.getpid(), 9)
"""


def test_processes_end_with_their_parent(tmp_path):
    program = tmp_path / "orphans.py"
    program.write_text(_ORPHANS)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120)
    pids = done.stdout.split()
    assert len(pids) == 2, done.stderr
    deadline = time.monotonic() + 60
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        os.sched_yield()


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
