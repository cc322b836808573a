"""Many threads, forks and signals: results are those of one thread, and nothing hangs or dies."""

import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import flambeau as torch

N_THREADS = 6


@pytest.fixture(autouse=True)
def pool_of_four():
    """More threads than most machines of the checks have cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def together(work, n_threads=N_THREADS):
    """[work(i) for i in range(n_threads)], all at once; an exception in one is raised here."""
    results, errors = [None] * n_threads, []
    start = threading.Barrier(n_threads)

    def run(i):
        try:
            start.wait()
            results[i] = work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def program(source, timeout=120):
    """Run `source` in a process of its own, which a hang or a crash cannot take along."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


WORK = {
    "pointwise": lambda x: (x * 2 + 1).sigmoid(),
    "reduce": lambda x: torch.stack([x.sum(), x.amax(), x.logsumexp((0, 1))]),
    "rows": lambda x: torch.softmax(x, -1),
    "matmul": lambda x: x @ x.mT,
    "sort": lambda x: x.sort(-1).values,
    "scan": lambda x: x.cumsum(0),
    "index": lambda x: x[torch.arange(x.shape[0] - 1, -1, -1)],
    "conv2d": lambda x: torch.nn.functional.conv2d(
        x[:160].view(1, 16, 100, -1), x[0, :256, None].view(16, 16, 1, 1)
    ),
    "factorize": lambda x: torch.linalg.solve(x[:40, :40] + 40 * torch.eye(40), x[:40, :3]),
}


@pytest.mark.parametrize("name", WORK)
def test_threads_compute_what_one_computes(name):
    inputs = [torch.randn(300, 500) for _ in range(N_THREADS)]
    alone = [WORK[name](x) for x in inputs]
    for _ in range(3):
        for one, several in zip(alone, together(lambda i: WORK[name](inputs[i]))):
            assert torch.equal(one, several)


def test_threads_that_need_the_same_new_kernel():
    """The kernel's first compilation is asked for by all threads at once."""

    from flambeau.kernels import exp

    @torch.kernel
    def odd_one(x):
        return x * 3.25 + exp(-x * x) / 7.125

    x = torch.randn(70000)
    results = together(lambda i: odd_one(x))
    assert all(torch.equal(results[0], r) for r in results)


def test_backward_from_threads_adds_every_gradient_to_a_shared_leaf():
    """Integers stay exact in float32, so a lost or doubled addition shows."""
    weight = torch.zeros(100_000, requires_grad=True)

    def work(i):
        for _ in range(20):
            (weight * (i + 1)).sum().backward()

    together(work)
    assert torch.equal(weight.grad, torch.full((100_000,), 20.0 * sum(range(1, N_THREADS + 1))))


def test_backward_from_threads_through_one_shared_graph():
    x = torch.ones(5000, requires_grad=True)
    shared = (x * 3).exp()
    [expected] = torch.autograd.grad(shared.sum(), x, retain_graph=True)
    results = together(
        lambda i: torch.autograd.grad(shared.sum() * (i + 1), x, retain_graph=True)[0]
    )
    for i, got in enumerate(results):
        assert torch.allclose(got, expected * (i + 1), rtol=1e-6)


def test_threads_train_networks_of_their_own():
    def train(i):
        generator = torch.Generator().manual_seed(i)
        x, y = torch.randn(64, 20, generator=generator), torch.randn(64, 1, generator=generator)
        model = torch.nn.Sequential(
            torch.nn.Linear(20, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1)
        )
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(torch.randn(p.shape, generator=generator) * 0.1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(30):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
        return torch.nn.utils.parameters_to_vector(model.parameters()).detach()

    for one, several in zip([train(i) for i in range(N_THREADS)], together(train)):
        assert torch.equal(one, several)


def test_random_numbers_drawn_by_threads_are_all_different():
    drawn = together(
        lambda i: torch.cat([torch.rand(1000, dtype=torch.float64) for _ in range(20)])
    )
    assert torch.cat(drawn).unique().numel() == N_THREADS * 20_000


def test_grad_mode_and_default_generators_belong_to_threads():
    def work(i):
        with torch.set_grad_enabled(i % 2 == 0):
            for _ in range(200):
                assert (torch.ones(3, requires_grad=True) * 2).requires_grad == (i % 2 == 0)

    together(work)


def test_number_of_threads_may_change_while_others_compute():
    x = torch.randn(500_000)
    expected = x.exp().sum()
    stop = threading.Event()

    def change():
        while not stop.is_set():
            for n in (1, 16, 3):
                torch.set_num_threads(n)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(100):
            assert torch.equal(x.exp().sum(), expected)
    finally:
        stop.set()
        changer.join()


def test_a_library_of_threads_larger_than_the_machine_gives_the_same_bits():
    x = torch.randn(300_000)
    results = []
    for n in (1, 2, 16, 200):
        torch.set_num_threads(n)
        results.append((torch.softmax(x.view(300, 1000), 0) @ x[:1000]).sum())
    assert all(torch.equal(results[0], r) for r in results)


def test_children_forked_while_threads_compute_can_compute():
    """The child finds neither the pool's workers nor a lock that one of them held."""
    out = program("""
        import os, threading, warnings
        import flambeau as torch
        warnings.simplefilter("ignore")  # newer Pythons warn of forks in processes with threads
        torch.set_num_threads(4)
        a = torch.randn(400, 400)
        expected = (a @ a).exp().sum().item()
        def once():
            (a @ a).exp().sum(); torch.linalg.inv(a); a.sort(-1)
        def learn():
            x = torch.randn(300, 300, requires_grad=True)
            torch.linalg.inv(x).sum().backward()
            return x.grad
        once(); learn()  # what a thread imports while another forks, CPython leaves locked
        stop = threading.Event()
        def compute():
            while not stop.is_set(): once()
        threads = [threading.Thread(target=compute) for _ in range(3)]
        for t in threads: t.start()
        failed = 0
        for _ in range(20):
            child = os.fork()
            if child == 0:
                same = (a @ a).exp().sum().item() == expected
                os._exit(0 if same and learn() is not None else 1)
            failed += os.waitpid(child, 0)[1] != 0
        stop.set()
        for t in threads: t.join()
        print(failed, "failed")
    """)
    assert out == "0 failed\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")
def test_interrupted_programs_go_on_with_right_results():
    """A handler that raises may interrupt between any two operators, as Ctrl+C does."""
    out = program("""
        import signal
        import llvmlite.binding  # an exception while its classes are made comes out as a RuntimeError of CPython's
        import flambeau as torch
        class Tick(Exception): pass
        def tick(*_): raise Tick
        signal.signal(signal.SIGALRM, tick)
        x = torch.randn(200_000)
        weight = torch.randn(50, 50, requires_grad=True)
        expected = (x.exp().cumsum(0)[-1].item(), torch.linalg.det(weight).item())
        ticks = 0
        while ticks < 100:
            try:
                # Again after half a second: what is raised in a finalizer is only printed.
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.0001 * (ticks % 17), 0.5)
                while True:
                    y = x.exp().cumsum(0)
                    d = torch.linalg.det(weight)
                    d.backward()
                    weight.register_hook(lambda g: g).remove()
                    torch.nn.functional.conv1d(x.view(1, 4, -1), torch.ones(4, 4, 3))
            except Tick:
                ticks += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        got = (x.exp().cumsum(0)[-1].item(), torch.linalg.det(weight).item())
        assert got == expected, (got, expected)
        weight.grad = None
        torch.linalg.det(weight).backward()
        assert torch.allclose(weight.grad, expected[1] * torch.linalg.inv(weight.detach()).T, rtol=1e-2)
        print("sound")
    """)
    assert out == "sound\n"


# Indices, masks, counts and pointers that are read more than once: what was checked, or counted, is not
# what is there a moment later.
CHANGED_WHILE_READ = """
    import threading, time
    import flambeau as torch
    torch.set_num_threads(2)
    F = torch.nn.functional
    n, far = 40_000, 2**40
    x, rows, wide, v = torch.randn(1000), torch.randn(1000, 16), torch.randn(n // 50, 64), torch.randn(n)
    i = torch.randint(0, 1000, (n,))
    short = torch.randint(0, 64, (n // 50, 50))
    rising, halves = torch.arange(0, n + 1, 50), torch.rand(n) > 0.5
    columns = short.flatten()
    placed = torch.stack([torch.arange(n) // 50, columns])
    pooled, maxima = F.max_pool2d(torch.randn(4, 4, 60, 60), 2, return_indices=True)
    unchecked = {"size": (n // 50, 64), "check_invariants": False}
    cases = {
        "read": (i, far, lambda i: (x[i], rows[i], x.take(i), x.gather(0, i), rows.T[:, i])),
        "write": (i, far, lambda i: x.index_put_((i,), v)),
        "add": (i, far, lambda i: rows.index_add_(0, i, v[:, None].expand(n, 16))),
        "scatter": (i, far, lambda i: x.scatter(0, i, v)),
        "scatter_add_": (i, far, lambda i: x.scatter_add_(0, i, v)),
        "gather_rows": (short, far, lambda i: wide.gather(1, i)),
        "scatter_rows": (short, far, lambda i: wide.scatter(1, i, v.view(-1, 50))),
        "bags": (i, far, lambda i: F.embedding_bag(i.view(-1, 10), rows, mode="sum")),
        "bags_by_offsets": (rising[:-1].clone(), far, lambda o: F.embedding_bag(i, rows, o, mode="sum")),
        "nll": (short[:, 0].contiguous(), far, lambda t: F.nll_loss(wide, t)),
        "unpool": (maxima, far, lambda i: F.max_unpool2d(pooled, i, 2)),
        "mask": (halves, None, lambda m: (v[m], m.nonzero(), m.view(-1, 10).nonzero())),
        "masked_scatter": (halves, None, lambda m: torch.zeros(n, 2)[:, 0].masked_scatter_(m, v[: n // 2 + 999])),
        "bincount": (i, 2**20, lambda i: (torch.bincount(i), torch.bincount(i, v))),
        "sort": (i, far, lambda i: torch.sort(i)),
        "unique": (i, far, lambda i: torch.unique(i, return_inverse=True, return_counts=True)),
        "consecutive": (torch.zeros_like(i), 1, lambda i: torch.unique_consecutive(i)),
        "unique_rows": (i, far, lambda i: torch.unique(i.view(-1, 4), dim=0)),
        "sorter": (torch.argsort(x), far, lambda o: torch.searchsorted(x, v, sorter=o)),
        "pointers": (rising, far, lambda p: torch.sparse_csr_tensor(p, columns, v, **unchecked) @ wide.T[:, :8]),
        "columns": (columns, far, lambda c: torch.sparse_csr_tensor(rising, c, v, **unchecked) @ wide.T[:, 0]),
        "entries": (placed, far, lambda i: torch.sparse_coo_tensor(i, v, **unchecked).to_sparse_csr()),
    }
    for name, (index, bad, call) in cases.items():
        good, worse, over = index.clone(), index.clone(), False
        if bad is None:
            worse.fill_(True)
        else:
            worse.view(-1)[worse.numel() // 3 :: 7] = bad

        def write():
            while not over:
                index.copy_(worse)
                index.copy_(good)

        writer = threading.Thread(target=write)
        writer.start()
        end = time.monotonic() + 0.15
        while time.monotonic() < end:
            try:
                call(index)
            except (IndexError, RuntimeError):
                pass
        over = True
        writer.join()
"""


def test_indices_that_another_thread_writes_to_lead_nowhere_else():
    program(CHANGED_WHILE_READ)
