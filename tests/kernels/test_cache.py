"""The cache of compiled kernels: used, shared, bounded, and harmless when the disk is not."""

import os
import subprocess
import sys
import textwrap

import pytest

from flambeau.kernels import Map, cache

PROGRAM = """
    import ctypes, sys
    from flambeau.kernels import Map, exp
    address = Map(lambda x: exp(x) + {constant}, "f").compile(["float32"], ["float32"], ["float32"], "cc")
    x, y = ctypes.c_float(0.0), ctypes.c_float(0.0)
    pointers = (ctypes.c_void_p * 2)(ctypes.addressof(y), ctypes.addressof(x))
    strides = (ctypes.c_int64 * 2)()
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3, *[ctypes.c_void_p] * 3)(address)(
        1, 1, 0, pointers, strides, strides)
    print(y.value, "llvmlite" in sys.modules)
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_addresses", {})
    return tmp_path / "cache" / "kernels"


def run_program(constant=1.0, **environment):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM.format(constant=constant))],
        text=True,
        env={**os.environ, "FLAMBEAU_LOG": "kernels", **environment},
        capture_output=True,
        check=True,
    )
    return done.stdout.split(), done.stderr


def compile_one(constant):
    return Map(lambda x: x + constant, "f").compile(["float32"], ["float32"], ["float32"], "cc")


def test_llvm_is_not_loaded_here(fresh):
    out, log = run_program()
    assert out == ["2.0", "False"] and "compiled in" in log
    out, log = run_program()
    assert out == ["2.0", "False"] and "f (float32) -> (float32) cc: from disk in" in log
    assert len(os.listdir(fresh)) == 1


def test_equal_kernels_are_compiled_once(fresh):
    assert compile_one(1.5) == compile_one(1.5) != compile_one(2.5)
    assert len(os.listdir(fresh)) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:40],
        lambda b: b"",
        lambda b: b[:-1] + bytes([b[-1] ^ 1]),
        lambda b: b"x" + b[1:],
    ],
)
def test_damaged_files_are_replaced(fresh, damage):
    run_program()
    (path,) = fresh.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    out, log = run_program()
    assert out[0] == "2.0" and "compiled in" in log
    assert path.read_bytes() == whole


def test_unusable_folder_costs_nothing_but_time(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert run_program(FLAMBEAU_CACHE_DIR=str(blocked))[0][0] == "2.0"
    assert run_program(FLAMBEAU_CACHE_DIR="/proc/nowhere")[0][0] == "2.0"


def test_no_disk_cache_if_its_size_is_zero(fresh):
    assert "compiled in" in run_program(FLAMBEAU_CACHE_MAX_BYTES="0")[1]
    assert not fresh.exists()


def test_levels_of_cpu_do_not_share_code(fresh):
    run_program(FLAMBEAU_CPU="portable")
    run_program(FLAMBEAU_CPU="avx2")
    assert len(os.listdir(fresh)) in (1, 2)  # 1 on a CPU without AVX2


def test_many_processes_at_once():
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM.format(constant=1.0))],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for _ in range(4)
    ]
    assert {p.communicate()[0].split()[0] for p in programs} == {"2.0"}


def test_trim_deletes_what_was_used_longest_ago(tmp_path):
    for i in range(10):
        path = tmp_path / f"kernel{i}"
        path.write_bytes(bytes(100))
        os.utime(path, (i, i))
    cache.trim(str(tmp_path), 1000)
    assert len(os.listdir(tmp_path)) == 10
    cache.trim(str(tmp_path), 800)
    assert sorted(os.listdir(tmp_path)) == [f"kernel{i}" for i in range(4, 10)]


def test_one_write_of_many_looks_at_all_files(fresh, monkeypatch):
    looked = []
    monkeypatch.setattr(cache, "trim", lambda where, limit: looked.append(cache._writes))
    monkeypatch.setattr(cache, "_writes", 5 * cache.TRIM_EVERY - 2)
    for i in range(4):
        compile_one(20.0 + i)
    assert looked == [5 * cache.TRIM_EVERY]


def test_files_of_others_are_not_run(fresh, monkeypatch):
    compile_one(7.0)
    (path,) = fresh.iterdir()
    assert cache.read(path.name) is not None
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    if path.stat().st_uid != 0:
        assert cache.read(path.name) is None


def test_fork_while_other_threads_compile():
    """The child once waited for ever for a lock of LLVM's that a thread of its parent had held."""
    program = """
        import os, threading
        from flambeau.kernels import Map, exp

        def work(i):
            for j in range(3):
                Map(lambda x: exp(x) + (10.0 * i + j), "f").compile(["float32"], ["float32"], ["float32"], "cc")

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        children = []
        for i in range(4):
            child = os.fork()
            if child == 0:
                work(50 + i)
                os._exit(0)
            children.append(child)
        for t in threads:
            t.join()
        print([os.waitpid(c, 0)[1] for c in children])
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        text=True,
        capture_output=True,
        timeout=100,
    )
    assert done.stdout.strip() == "[0, 0, 0, 0]", done.stderr
