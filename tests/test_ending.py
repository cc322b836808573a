"""Programs that end while their threads compute: with the exit code they have without threads, and at once."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

# Threads that are everywhere: in chains that wait, in loops without the GIL, in backward, in the compiler, in Python.
THREADS = """
    import os, sys, threading, warnings
    import flambeau as torch
    warnings.simplefilter("ignore")
    torch.set_num_threads(3)
    x, y = torch.randn(60_000), torch.randn(60_000)
    weight = torch.randn(60_000, requires_grad=True)
    factor = 1.0
    def chains():
        while True:
            z = ((x * factor + y).sigmoid() - x).tanh()
            z.cumsum(0).sort()
            z.add_(y).mul_(x)
            z.sum()
    def learn():
        while True:
            (weight * x).tanh().square().mean().backward()
            weight.grad = None
    def fail():
        while True:
            try: (x * 2).add(torch.zeros(3))
            except RuntimeError: pass
    def python():
        class Twice(torch.autograd.Function):
            @staticmethod
            def forward(ctx, a): return a * 2
            @staticmethod
            def backward(ctx, g): return g.exp() * 2
        while True:
            (Twice.apply(weight) + y).sum().backward()
            [t.item() for t in (x * y + 1)[:20]]
    def fresh():
        numbers = iter(range(1, 10**9))
        while True:
            chain = x
            for k in range(2 + next(numbers) % 7): chain = (chain * y).abs() if k % 2 else chain - y
            chain.amax()
    for work in (chains, chains, learn, fail, python, fresh):
        threading.Thread(target=work, daemon=True).start()
    for _ in range(6): ((x - y) * x).exp().sum()
"""

# How a program may end, and the exit code of that.
ENDINGS = {
    "last line": ("pass", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "exception": ("raise ValueError('meant')", 1),
    "os._exit": ("sys.stdout.flush(); os._exit(5)", 5),
    "sys.exit in a thread": (
        "t = threading.Thread(target=lambda: ((x * y).exp().sum(), sys.exit(7))); t.start(); t.join()",
        0,
    ),
    "a thread outlives the main one": (
        "threading.Thread(target=lambda: [(x * y + k).exp().cumsum(0) for k in range(20)]).start()",
        0,
    ),
    "results that wait": ("kept = [(x * k).tanh() + y for k in range(40)]", 0),
    "hooks at the exit": (
        """
        import atexit
        late = (x * y).sin() * 2
        def hook():
            threading.Thread(target=chains, daemon=True).start()
            if not torch.equal(late, (x * y).sin() * 2): os._exit(9)
            late.mul_(x).sum().item()
        atexit.register(hook)
        """,
        0,
    ),
    "finalizers": (
        """
        class Late:
            def __init__(self): self.kept, self.x = (x * y).sin() * 2, x
            def __del__(self):
                if not (self.kept / 2).abs().amax() <= 1: os._exit(9)
                (self.x * 3 + self.kept).exp().sum()
        sys.late = Late()  # as long as the interpreter
        late = Late()
        """,
        0,
    ),
    "a forked child": (
        """
        children = []
        for code in (4, 6):
            child = os.fork()
            if child == 0:
                ((x * y).exp() + x).cumsum(0)
                if code == 4: sys.exit(4)
                os._exit(6)
            children.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        assert children == [4, 6], children
        """,
        0,
    ),
    "a signal": ("import signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "an interrupt": (
        """
        import signal
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try:
            while True: ((x * y).exp() + 1).sum()
        except KeyboardInterrupt:
            sys.exit(8)
        """,
        8,
    ),
}


# Without fused eager mode, and with kernels of chains that are made at once, in each process anew.
OTHERWISE = [("last line", "0"), ("a forked child", "1:64:0"), ("finalizers", "1:64:0")]


@pytest.mark.parametrize("ending, fusion", [(ending, "1") for ending in ENDINGS] + OTHERWISE)
def test_programs_end_while_threads_compute(ending, fusion, tmp_path):
    source, code = ENDINGS[ending]
    program = textwrap.dedent(THREADS) + textwrap.dedent(source) + "\n"
    environment = {**os.environ, "FLAMBEAU_FUSION": fusion}
    if fusion == "1:64:0":
        environment["FLAMBEAU_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300,
        env=environment,
    )  # fmt: skip
    assert done.returncode == code, done.stderr


LOADER = """
    import itertools, threading
    import flambeau as torch
    class Numbers(torch.utils.data.IterableDataset):
        def __iter__(self): return itertools.count()
    first = threading.Event()
    def fetch():
        for batch in torch.utils.data.DataLoader(Numbers(), 4, num_workers=1): first.set()
    threading.Thread(target=fetch, daemon=True).start()
    first.wait()
"""


def test_a_loader_in_a_daemon_thread_ends_with_the_program_in_silence(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(LOADER))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
