"""Correctness and speed on a GPU, in one run of under ten minutes: python tools/gpu_check.py [FILE]

First correctness: operators, gradients and a training step on the device against the CPU. Then, where PyTorch
is installed and sees the same card, times of both, device events around many calls, interleaved. Both tables go to
FILE (gpu_check.txt). On the simulated driver (FLAMBEAU_CUDA=simulated) times are left out: they mean nothing there.

    python tools/gpu_check.py --minutes 8 --only pointwise
"""

import argparse
import math
import sys
import time
import traceback
import warnings

import flambeau
import flambeau.nn.functional as F

CHECKS, SPEEDS = {}, {}


def check(function):
    CHECKS[function.__name__] = function
    return function


def speed(make):
    SPEEDS[make.__name__] = make
    return make


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


# ---------------------------------------------------------------------------------------------- speed
# make(torch, big) -> function to time, bytes moved or operations (for a rate), unit of the rate


@speed
def copy_64M(torch):
    x = torch.empty(64 << 20, device="cuda")
    y = torch.empty_like(x)
    return lambda: y.copy_(x), 8 * x.numel(), "GB/s"


@speed
def add_64M(torch):
    x, y = (torch.ones(64 << 20, device="cuda") for _ in range(2))
    return lambda: x + y, 12 * x.numel(), "GB/s"


@speed
def gelu_64M(torch):
    x = torch.randn(64 << 20, device="cuda")
    return lambda: torch.nn.functional.gelu(x), 8 * x.numel(), "GB/s"


@speed
def sum_64M(torch):
    x = torch.ones(64 << 20, device="cuda")
    return lambda: x.sum(), 4 * x.numel(), "GB/s"


@speed
def sum_columns_8192(torch):
    x = torch.ones(8192, 8192, device="cuda")
    return lambda: x.sum(0), 4 * x.numel(), "GB/s"


@speed
def softmax_8192(torch):
    x = torch.randn(8192, 8192, device="cuda")
    return lambda: x.softmax(1), 8 * x.numel(), "GB/s"


@speed
def layer_norm_8192(torch):
    x = torch.randn(8192, 4096, device="cuda")
    return lambda: torch.nn.functional.layer_norm(x, (4096,)), 8 * x.numel(), "GB/s"


@speed
def matmul_float32_4096(torch):
    a, b = (torch.randn(4096, 4096, device="cuda") for _ in range(2))
    return lambda: a @ b, 2 * 4096**3, "GFLOP/s"


@speed
def matmul_bfloat16_4096(torch):
    a, b = (torch.randn(4096, 4096, device="cuda").bfloat16() for _ in range(2))
    return lambda: a @ b, 2 * 4096**3, "GFLOP/s"


@speed
def matmul_bfloat16_8192(torch):
    a, b = (torch.randn(8192, 8192, device="cuda").bfloat16() for _ in range(2))
    return lambda: a @ b, 2 * 8192**3, "GFLOP/s"


@speed
def matmul_tf32_4096(torch):
    a, b = (torch.randn(4096, 4096, device="cuda") for _ in range(2))

    def call():
        torch.backends.cuda.matmul.allow_tf32 = True
        a @ b
        torch.backends.cuda.matmul.allow_tf32 = False

    return call, 2 * 4096**3, "GFLOP/s"


def _attention(torch, backward):
    q, k, v = (
        torch.randn(4, 16, 2048, 64, device="cuda").bfloat16().requires_grad_(backward)
        for _ in range(3)
    )
    attend = lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    operations = 2 * 4 * 16 * 2048**2 * 64 * (3.5 if backward else 1)
    return (lambda: attend().sum().backward()) if backward else attend, operations, "GFLOP/s"


@speed
def attention_bfloat16(torch):
    return _attention(torch, False)


@speed
def attention_backward(torch):
    return _attention(torch, True)


@speed
def cross_entropy_32k(torch):
    x = torch.randn(4096, 32000, device="cuda").requires_grad_()
    t = torch.randint(32000, (4096,), device="cuda")
    return lambda: torch.nn.functional.cross_entropy(x, t).backward(), 16 * x.numel(), "GB/s"


@speed
def adamw_200_tensors(torch):
    parameters = [torch.randn(100_000, device="cuda").requires_grad_() for _ in range(200)]
    for p in parameters:
        p.grad = torch.ones_like(p)
    optimizer = torch.optim.AdamW(parameters)
    return optimizer.step, 28 * 200 * 100_000, "GB/s"


@speed
def fft_4096(torch):
    x = torch.randn(4096, 4096, device="cuda", dtype=torch.complex64)
    return lambda: torch.fft.fft(x), 16 * x.numel(), "GB/s"


@speed
def sort_4M(torch):
    x = torch.randn(4 << 20, device="cuda")
    return lambda: x.sort(), x.numel(), "G elements/s"


@speed
def lstm_step(torch):
    model = torch.nn.LSTM(256, 256, num_layers=2, device="cuda")
    x = torch.randn(64, 32, 256, device="cuda")
    return lambda: model(x)[0].sum().backward(), 3 * 2 * 2 * 64 * 32 * 2 * 4 * 256 * 256, "GFLOP/s"


@speed
def embedding_backward(torch):
    w = torch.randn(50000, 256, device="cuda").requires_grad_()
    i = torch.randint(50000, (8192,), device="cuda")
    return lambda: torch.nn.functional.embedding(i, w).sum().backward(), 2 * 4 * 8192 * 256, "GB/s"


@speed
def conv_64_56(torch):
    x, w = torch.randn(32, 64, 56, 56, device="cuda"), torch.randn(64, 64, 3, 3, device="cuda")
    return (
        lambda: torch.nn.functional.conv2d(x, w, padding=1),
        2 * 32 * 64 * 64 * 9 * 56 * 56,
        "GFLOP/s",
    )


@speed
def small_add(torch):
    x, y = (torch.ones(12, device="cuda") for _ in range(2))
    return lambda: x + y, 1e3, "M calls/s"


def time_of(torch, call, seconds):
    """Seconds a call, by device events around a batch; the least of three batches."""
    call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    once = max(time.perf_counter() - start, 1e-6)
    count = max(3, min(2000, int(seconds / 3 / once)))
    best = math.inf
    for _ in range(3):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(count):
            call()
        end.record()
        torch.cuda.synchronize()
        best = min(best, begin.elapsed_time(end) / 1e3 / count)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", default="gpu_check.txt")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--only", help="names that contain this")
    args = parser.parse_args()
    lines, end = [], time.time() + 60 * args.minutes

    def say(line):
        print(line, flush=True)
        lines.append(line)
        with open(args.file, "w") as file:
            file.write("\n".join(lines) + "\n")

    if not flambeau.cuda.is_available():
        flambeau.cuda.init()  # says why
    facts = flambeau.cuda.get_device_properties()
    say(f"device: {facts.name}, sm_{facts.major}{facts.minor}, {facts.total_memory >> 20} MiB")
    warnings.simplefilter("always")
    failed = 0
    for name, run in CHECKS.items():
        if args.only and args.only not in name:
            continue
        start = time.perf_counter()
        try:
            run()
            flambeau.cuda.synchronize()
            say(f"right  {name}  {time.perf_counter() - start:.1f} s")
        except Exception as error:
            failed += 1
            say(f"WRONG  {name}  {type(error).__name__}: {str(error)[:400]}")
            traceback.print_exc()
        if time.time() > end:
            say("the time is over")
            return 1
    if facts.name == "Simulated GPU":
        say("times: left out on a simulated device")
        return failed
    try:
        import torch as reference  # PyTorch, if it is installed beside
    except ImportError:
        reference = None
    if reference is not None and not reference.cuda.is_available():
        reference = None
    for name, make in SPEEDS.items():
        if args.only and args.only not in name:
            continue
        if time.time() > end:
            say("the time is over")
            break
        row = f"{name:24}"
        for who, library in (("flambeau", flambeau), ("PyTorch", reference)):
            if library is None:
                continue
            try:
                call, amount, unit = make(library)
                seconds = time_of(library, call, 2.0)
                row += f"  {who} {seconds * 1e6:10.1f} us {amount / seconds / 1e9:9.1f} {unit}"
                del call
            except Exception as error:
                row += f"  {who} {type(error).__name__}: {str(error)[:80]}"
            library.cuda.empty_cache()
        say(row)
    return failed


if __name__ == "__main__":
    sys.exit(main())
