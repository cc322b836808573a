"""Correctness and speed on a GPU, in one run of under ten minutes: python tools/gpu_check.py [FILE]

First correctness: operators, gradients and a training step on the device against the CPU, each check in a process of its
own, some at a time: a failure of the device ends a process, and only one check with it. What failed runs again under
compute-sanitizer, where that is installed. Then the rows of gpu_speeds.py: times beside PyTorch on the same card, where
it is installed and sees it, device events around many calls. Both tables go to FILE (gpu_check.txt), line by line. On the
simulated driver (FLAMBEAU_CUDA=simulated) the rows are run once, in small, and no time is told: it would mean nothing there.

On a card, with a wheel for its Python (python -m build, or pip wheel .):

    pip install flambeau-*-cp312-*.whl nvidia-cublas-cu12 nvidia-cudnn-cu12 nvidia-cusolver-cu12   (or CUDA 13's)
    python tools/gpu_check.py --minutes 8
    python tools/gpu_check.py --only matmul --skip-checks
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import traceback

import flambeau
import flambeau.nn.functional as F

CHECKS = {}


def check(function):
    CHECKS[function.__name__] = function
    return function


def near(there, here, tolerance=1e-4):
    """Raises unless all tensors agree."""
    for b, a in zip(_listed(there), _listed(here), strict=True):
        flambeau.testing.assert_close(b.cpu(), a, rtol=tolerance, atol=tolerance, equal_nan=True)


def _listed(value):
    return value if isinstance(value, (tuple, list)) else [value]


def both(function, *args, tolerance=1e-4):
    near(function(*[a.cuda() for a in args]), function(*args), tolerance)


# ------------------------------------------------------------------------------------------ correctness


@check
def pointwise():
    x = flambeau.linspace(-4, 4, 1001)
    for (
        name
    ) in "sin cos exp tanh sigmoid erf sqrt log abs floor round sign expm1 log1p atan gelu".split():
        function = getattr(flambeau, name, None) or getattr(F, name)
        both(function, x, tolerance=1e-5)
        both(lambda t, f=function: f(t.double()), x, tolerance=1e-10)
        both(lambda t, f=function: f(t.half()).float(), x, tolerance=1e-2)
    both(lambda a, b: a[:, None] * b[None, ::3] + 1, x, x)
    both(lambda a: a.reshape(7, 11, 13).permute(2, 0, 1).exp()[::2], x)


@check
def reductions():
    for shape in ((5,), (1000, 37), (3, 70000), (300000,), (20, 30, 40)):
        x = flambeau.randn(*shape)
        for name in "sum mean amax amin prod logsumexp".split():
            if name == "prod":
                continue
            for dim in range(len(shape)):
                both(lambda t, n=name, d=dim: getattr(t, n)(d), x)
        both(lambda t: t.sum(), x, tolerance=1e-3)
        both(lambda t: t.argmax(), x)
        both(lambda t: t.var(), x)


@check
def rows():
    x = flambeau.randn(33, 1000)
    both(lambda t: t.softmax(1), x)
    both(lambda t: t.log_softmax(0), x)
    both(lambda t: F.layer_norm(t, (1000,)), x)
    both(lambda t: F.rms_norm(t, (1000,)), x)
    target = flambeau.randint(1000, (33,))
    both(lambda t, i: F.cross_entropy(t, i), x, target)


@check
def products():
    for m, k, n in ((1, 1, 1), (5, 7, 3), (64, 64, 64), (65, 17, 130), (257, 300, 129)):
        a, b = flambeau.randn(m, k), flambeau.randn(k, n)
        both(lambda x, y: x @ y, a, b, tolerance=1e-3)
        both(lambda x, y: x.t().contiguous().t() @ y.t().contiguous().t(), a, b, tolerance=1e-3)
        both(lambda x, y: x.double() @ y.double(), a, b, tolerance=1e-9)
        both(lambda x, y: (x.half() @ y.half()).float(), a, b, tolerance=0.1)
        both(lambda x, y: (x.bfloat16() @ y.bfloat16()).float(), a, b, tolerance=0.5)
    both(lambda x, y: x @ y, flambeau.randn(6, 20, 30), flambeau.randn(6, 30, 40), tolerance=1e-3)


def with_gradients(function, *args, tolerance=1e-3):
    """The values and gradients on the device are the CPU's."""

    def run(device):
        leaves = [a.to(device).detach().clone().requires_grad_(a.is_floating_point()) for a in args]
        out = function(*leaves)
        (
            out.float() * flambeau.arange(out.numel()).reshape(out.shape).to(device).cos()
        ).sum().backward()
        return [out.detach(), *(t.grad for t in leaves if t.grad is not None)]

    near(run("cuda"), run("cpu"), tolerance)


@check
def tensor_cores():
    for dtype, tolerance in (
        (flambeau.float16, 0.05),
        (flambeau.bfloat16, 0.3),
        (flambeau.float32, 0.05),
    ):
        flambeau.backends.cuda.matmul.allow_tf32 = True
        try:
            for m, k, n in ((64, 32, 64), (130, 50, 72), (8, 16, 8), (1300, 40, 1290)):
                a, b = flambeau.randn(m, k).to(dtype), flambeau.randn(n, k).to(dtype)
                exact = a.double() @ b.double().t()
                for there in (a.cuda() @ b.cuda().t(), (b.cuda() @ a.cuda().t()).t()):
                    flambeau.testing.assert_close(
                        there.double().cpu(), exact, rtol=0.01, atol=tolerance
                    )
        finally:
            flambeau.backends.cuda.matmul.allow_tf32 = False


@check
def attention():
    for shape, width, options in (
        ((2, 3, 70, 40), 16, {}),
        ((1, 2, 33, 33), 64, {"is_causal": True}),
        ((1, 2, 20, 9), 128, {}),
    ):
        *batch, t, s = shape
        q, k, v = (flambeau.randn(*batch, n, width) for n in (t, s, s))
        attend = lambda *a, o=options: F.scaled_dot_product_attention(*a, **o)
        with_gradients(attend, q, k, v)
        with_gradients(lambda *a, f=attend: f(*(x.bfloat16() for x in a)), q, k, v, tolerance=0.1)


@check
def sampling_and_pooling():
    x = flambeau.randn(2, 3, 9, 11)
    with_gradients(lambda t: F.interpolate(t, (13, 5), mode="bilinear"), x)
    with_gradients(lambda t: F.interpolate(t, (5, 4), mode="bicubic", antialias=True), x)
    with_gradients(lambda t: F.adaptive_avg_pool2d(t, (4, 3)), x)
    with_gradients(lambda t: F.adaptive_max_pool2d(t, (4, 3)), x)
    with_gradients(lambda t: F.avg_pool2d(t, 3, 2, 1), x)
    grid = flambeau.rand(2, 5, 4, 2) * 2 - 1
    with_gradients(lambda t, g: F.grid_sample(t, g, align_corners=False), x, grid)


@check
def losses():
    x, t = flambeau.randn(40, 7), flambeau.randint(7, (40,))
    weight = flambeau.rand(7)
    with_gradients(lambda a, k: F.cross_entropy(a, k, label_smoothing=0.1), x, t)
    with_gradients(lambda a, k: F.cross_entropy(a, k, weight.to(a.device)), x, t)
    with_gradients(lambda a, k: F.nll_loss(a.log_softmax(1), k, reduction="none"), x, t)
    with_gradients(lambda i, w: F.embedding_bag(i.reshape(8, 5), w), t, flambeau.randn(7, 12))


@check
def sequences():
    for kind in ("LSTM", "GRU", "RNN"):
        flambeau.manual_seed(0)
        model, x = getattr(flambeau.nn, kind)(6, 5, num_layers=2), flambeau.randn(4, 3, 6)
        with_gradients(lambda t, m=model: m.to(t.device)(t)[0], x)


@check
def fourier():
    for n in (8, 60, 101, 4096):
        x = flambeau.randn(3, n)
        both(lambda t: flambeau.view_as_real(flambeau.fft.fft(t)), x, tolerance=1e-2)
        both(lambda t, n=n: flambeau.fft.irfft(flambeau.fft.rfft(t), n), x)


@check
def linear_algebra():
    a, b = flambeau.randn(5, 12, 12), flambeau.randn(5, 12, 3)
    definite = a @ a.mT + flambeau.eye(12)
    linalg = flambeau.linalg
    both(lambda t: linalg.cholesky(t), definite)
    both(lambda t, r: linalg.solve(t, r), definite, b)
    both(lambda t: linalg.inv(t), definite, tolerance=1e-2)
    both(lambda t: linalg.det(t.double()), a, tolerance=1e-6)
    both(lambda t: list(linalg.qr(t)), flambeau.randn(3, 9, 5))


@check
def searching():
    x, whole = flambeau.randn(200), flambeau.randint(30, (500,))
    both(lambda t: flambeau.searchsorted(t.sort()[0], t), x)
    both(lambda t: list(flambeau.unique(t, return_inverse=True, return_counts=True)), whole)
    both(lambda t: flambeau.bincount(t), whole)
    both(lambda t: flambeau.histc(t, 9), x)
    both(lambda t: t.reshape(20, 10).median(1), x)


@check
def lower_precision():
    flambeau.manual_seed(0)
    model = flambeau.nn.Sequential(
        flambeau.nn.Linear(16, 32), flambeau.nn.GELU(), flambeau.nn.Linear(32, 4)
    ).cuda()
    optimizer = flambeau.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    scaler, x = flambeau.amp.GradScaler("cuda"), flambeau.randn(64, 16, device="cuda")
    made = []
    for _ in range(8):
        optimizer.zero_grad()
        with flambeau.autocast("cuda"):
            out = model(x)
            loss = F.mse_loss(out, x[:, :4])
        assert out.dtype is flambeau.float16 and loss.dtype is flambeau.float32
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        made.append(loss.item())
    assert made[-1] < made[0], made


@check
def indexing():
    x = flambeau.randn(50, 20)
    i = flambeau.randint(50, (300,))
    both(lambda t, k: t[k], x, i)
    both(lambda t: t[t > 0], x)
    both(lambda t, k: t.gather(0, k[:40].reshape(2, 20)), x, i)
    there = x.cuda().index_add(0, i.cuda(), flambeau.ones(300, 20).cuda())
    assert flambeau.equal(there.cpu(), x.index_add(0, i, flambeau.ones(300, 20))), (
        "sums by index: other bits"
    )
    both(lambda t: t.sort(0), x)
    both(lambda t: t.cumsum(1), x)
    both(lambda t: t.topk(5), x)


@check
def convolution():
    x, w, b = flambeau.randn(4, 6, 15, 17), flambeau.randn(8, 6, 3, 3), flambeau.randn(8)

    def run(*args):
        leaves = [a.detach().clone().requires_grad_() for a in args]
        out = F.max_pool2d(F.conv2d(*leaves, padding=1, stride=2).relu(), 2)
        out.square().sum().backward()
        return [out.detach(), *(t.grad for t in leaves)]

    near(run(*[t.cuda() for t in (x, w, b)]), run(x, w, b), 1e-2)


@check
def random_numbers():
    for draw in (flambeau.rand, flambeau.randn):
        flambeau.manual_seed(3)
        here = draw(1000)
        flambeau.manual_seed(3)
        near(draw(1000, device="cuda"), here, 1e-6)


@check
def reported_faults():
    x = flambeau.randn(4, 3, device="cuda")
    x.index_select(0, flambeau.tensor([7], device="cuda"))
    try:
        flambeau.cuda.synchronize()
    except IndexError as error:
        assert "7" in str(error) and "gpu_check" in str(error), error
        return
    raise AssertionError("an index out of range was not reported")


@check
def training():
    def losses(device):
        flambeau.manual_seed(0)
        nn = flambeau.nn
        model = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10)
        ).to(device)
        x, t = flambeau.rand(32, 1, 8, 8).to(device), flambeau.arange(32).remainder(10).to(device)
        optimizer = flambeau.optim.AdamW(model.parameters(), lr=1e-2)
        found = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), t)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return flambeau.tensor(found)

    near(losses("cuda"), losses("cpu"), 1e-5)


@check
def kernels_of_one_operator():
    """What has a kernel written for it alone."""
    x = flambeau.randn(12, 3, 6)
    labels = flambeau.randint(1, 6, (3, 4))
    lengths = (12, 9, 12), (4, 3, 2)
    with_gradients(lambda t, k: F.ctc_loss(t.log_softmax(2), k, *lengths), x, labels)
    a, b = flambeau.rand(2, 200) * 20
    both(lambda s, t: flambeau.igamma(s, t), a, b, tolerance=1e-4)
    planes = flambeau.randn(2, 3, 9, 11)
    with_gradients(lambda t: F.unfold(t, 3, padding=1), planes)
    with_gradients(lambda t: F.interpolate(t, (13, 5)), planes)
    both(lambda t: flambeau.hash_tensor(t).long(), planes)


@check
def compiled_chains():
    """torch.compile: pointwise operators and rows as one kernel."""
    x, gate = flambeau.randn(64, 256), flambeau.randn(64, 256)

    def chain(x, gate):
        y = x * flambeau.sigmoid(gate) + flambeau.tanh(x)
        return y * flambeau.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)

    with_gradients(flambeau.compile(chain), x, gate)


@check
def with_and_without_libraries():
    """Products, convolutions and factorizations by NVIDIA's libraries, where they are, agree with our kernels."""
    from gpu_speeds import libraries

    a, w = flambeau.randn(300, 300), flambeau.randn(8, 6, 3, 3)
    x = flambeau.randn(2, 6, 20, 20)
    for state in ("on", "off"):
        with libraries(state):
            both(lambda s: s @ s.mT, a, tolerance=1e-3)
            both(lambda s, t: F.conv2d(s, t, padding=1), x, w, tolerance=1e-3)
            both(
                lambda s: flambeau.linalg.cholesky(
                    s @ s.mT + 300 * flambeau.eye(300, device=s.device)
                ),
                a,
                tolerance=1e-2,
            )


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", default="gpu_check.txt")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--skip-checks", action="store_true", help="times alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="checks at a time")
    parser.add_argument("--check", help="this check alone, in this process")
    return parser.parse_args()


def main():
    args, lines = parsed(), []
    if args.check:
        return not passes(args.check, CHECKS[args.check])
    end = time.time() + 60 * args.minutes

    def say(line):
        print(line, flush=True)
        lines.append(line)
        with open(args.file, "w") as file:
            file.write("\n".join(lines) + "\n")

    if not flambeau.cuda.is_available():
        flambeau.cuda.init()  # says why
    facts = flambeau.cuda.get_device_properties()
    say(f"device: {facts.name}, sm_{facts.major}{facts.minor}, {facts.total_memory >> 20} MiB")
    chosen = [] if args.skip_checks else [n for n in CHECKS if args.only in n]
    wrong = apart(chosen, args.jobs, time.time() + 40 * args.minutes, say)
    sanitizer = shutil.which("compute-sanitizer")
    if wrong and sanitizer:
        apart(wrong, args.jobs, time.time() + 6 * args.minutes, say, [sanitizer, "--print-limit=5"])
    import gpu_speeds

    small = facts.name == "Simulated GPU"
    failed = len(wrong) + gpu_speeds.run(args.only, say, end, small)
    if time.time() > end:
        say("the time is over")
    return failed


def apart(names, jobs, end, say, prefix=()):
    """Runs checks, each in a process, `jobs` at a time; the names of those that do not hold."""
    waiting, running, wrong = list(names), {}, []
    while waiting or running:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            command = [*prefix, sys.executable, __file__, "--check", name]
            running[name] = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        for name, process in list(running.items()):
            try:
                said = process.communicate(timeout=0.05)[0].strip()
            except subprocess.TimeoutExpired:
                if time.time() < end:
                    continue
                process.kill()
                said = process.communicate()[0].strip() + f"\nWRONG  {name}  not done in time"
            del running[name]
            good = process.returncode == 0
            wrong += [] if good else [name]
            say(
                said
                if said and (good or "WRONG" in said)
                else f"{said}\nWRONG  {name}  ended with {process.returncode}"
            )
    return wrong


def passes(name, run):
    """Whether a check holds; says so."""
    start = time.perf_counter()
    try:
        run()
        flambeau.cuda.synchronize()
    except Exception as error:
        traceback.print_exc()
        print(f"WRONG  {name}  {type(error).__name__}: {str(error)[:400]}")
        return False
    print(f"right  {name}  {time.perf_counter() - start:.1f} s")
    return True


if __name__ == "__main__":
    sys.exit(main())
