"""Run the tests on a core built with sanitizers; `make sanitize` and `make sanitize KIND=thread` call this.

    python tools/sanitize.py address tests/ops -k gather

The instrumented core lies in build/sanitize-KIND/flambeau beside links to the Python files, so the
core that `make build` left in flambeau/ stays as it is. KIND address is AddressSanitizer and
UndefinedBehaviorSanitizer; KIND thread is ThreadSanitizer, by default over the tests with threads.
The first report ends the run with an error. Kernels compiled at run time are not instrumented, but
what they write must lie in blocks that the core allocated, each of which is checked when freed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# ThreadSanitizer does not follow a child that makes threads after a fork, and one test is a race by intent: a program
# that writes to an index while it is used.
THREADED = ["tests/test_concurrency.py", "-k", "not forked and not another_thread_writes"]
OPTIONS = {
    # CPython itself leaks by design. Memory that cannot be had must be answered, not aborted on.
    "address": {
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    },
    "thread": {"TSAN_OPTIONS": f"suppressions={ROOT}/tools/thread.supp:history_size=4"},
}
LIBRARIES = {"address": ["libasan.so", "libubsan.so"], "thread": ["libtsan.so"]}


def build(kind, folder):
    """Configure and build the instrumented core in `folder`."""
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja"]
    configure += [f"-DFLAMBEAU_SANITIZE={kind}", f"-DPython_EXECUTABLE={sys.executable}"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    jobs = os.environ.get("JOBS", "2")
    subprocess.run(["cmake", "--build", str(folder), "-j", jobs, "--target", "_core"], check=True)


def overlay(folder):
    """`folder`/flambeau: the instrumented core beside links to everything else of the package."""
    package = folder / "flambeau"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir()
    for entry in (ROOT / "flambeau").iterdir():
        if not entry.name.startswith(("_core", "__pycache__")):
            (package / entry.name).symlink_to(entry)
    for core in folder.glob("_core*.so"):
        (package / core.name).symlink_to(core)


def preloaded(kind):
    """Run-time libraries that must be there before Python's own allocations; the compiler knows where."""
    compiler = os.environ.get("CXX", "c++")
    names = [*LIBRARIES[kind], "libstdc++.so"]  # the last, so that thrown exceptions are seen
    ask = [[compiler, f"-print-file-name={name}"] for name in names]
    return " ".join(subprocess.check_output(question, text=True).strip() for question in ask)


def main():
    kind, *tests = sys.argv[1:] or ["address"]
    if kind not in OPTIONS:
        sys.exit(f"sanitize: KIND is address or thread, not {kind}")
    folder = ROOT / "build" / f"sanitize-{kind}"
    build(kind, folder)
    overlay(folder)
    if not any("tests" in argument for argument in tests):
        tests += THREADED if kind == "thread" else ["tests"]
    environment = {
        **os.environ,
        **OPTIONS[kind],
        # The folder before the one that programs run in, which has the core of `make build`.
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "PYTHONSAFEPATH": "1",
        "PYTHONMALLOC": "malloc",
    }
    environment["LD_PRELOAD"] = preloaded(kind)
    environment.setdefault("FLAMBEAU_NUM_THREADS", "4" if kind == "thread" else "2")
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-o",
        f"pythonpath={folder}",
        "-p",
        "no:cacheprovider",
    ]
    sys.exit(subprocess.run([*pytest, *tests], cwd=ROOT, env=environment).returncode)


if __name__ == "__main__":
    main()
