"""The rows of gpu_check.py's table of times: make(torch) -> function to time, bytes or operations a call, unit of the rate.

    python tools/gpu_speeds.py LIBRARY SECONDS ROW ...      of flambeau, or torch: a line of JSON for each row

A process is of one library, and ends with a failure of the device, which no call of it would outlive: gpu_check.py
begins another one for the rows that are left.
"""

import contextlib
import importlib.util
import json
import math
import os
import subprocess
import sys
import time

SPEEDS = {}
SMALL = False


def speed(make):
    SPEEDS[make.__name__] = make
    return make


def named(make, name):
    make.__name__ = name
    return make


def size(large, small):
    """A size of a row; in a trial on the simulated driver the small one."""
    return small if SMALL else large


@contextlib.contextmanager
def libraries(state):
    """NVIDIA's libraries for flambeau: "on" or "off"."""
    from flambeau.ops.cuda.libraries.open import library

    before = os.environ.get("FLAMBEAU_CUDA_LIBRARIES")
    os.environ["FLAMBEAU_CUDA_LIBRARIES"] = "off" if state == "off" else before or "on"
    library.cache_clear()
    try:
        yield
    finally:
        os.environ.pop("FLAMBEAU_CUDA_LIBRARIES")
        if before is not None:
            os.environ["FLAMBEAU_CUDA_LIBRARIES"] = before
        library.cache_clear()


# -- bandwidth: goal 90 % of copy


def _large():
    return size(64 << 20, 4096)


@speed
def copy_64M(torch):
    x = torch.empty(_large(), device="cuda")
    y = torch.empty_like(x)
    return lambda: y.copy_(x), 8 * x.numel(), "GB/s"


@speed
def add_64M(torch):
    x, y = (torch.ones(_large(), device="cuda") for _ in range(2))
    return lambda: x + y, 12 * x.numel(), "GB/s"


@speed
def gelu_64M(torch):
    x = torch.randn(_large(), device="cuda")
    return lambda: torch.nn.functional.gelu(x), 8 * x.numel(), "GB/s"


@speed
def exp_bfloat16_64M(torch):
    x = torch.randn(_large(), device="cuda").bfloat16()
    return lambda: x.exp(), 4 * x.numel(), "GB/s"


# -- reductions and rows: goal PyTorch's speed


@speed
def sum_64M(torch):
    x = torch.ones(_large(), device="cuda")
    return lambda: x.sum(), 4 * x.numel(), "GB/s"


def _square(torch):
    n = size(8192, 64)
    return torch.randn(n, n, device="cuda")


def _of_square(name, run, passes=1):
    """The speed of run(x) for a large square x, which is read or written `passes` times."""

    def make(torch):
        x = _square(torch)
        return lambda: run(x), 4 * passes * x.numel(), "GB/s"

    speed(named(make, name))


_of_square("sum_columns_8192", lambda x: x.sum(0))
_of_square("sum_rows_8192", lambda x: x.sum(1))
_of_square("var_rows_8192", lambda x: x.var(1))
_of_square("argmax_rows_8192", lambda x: x.argmax(1))
_of_square("softmax_8192", lambda x: x.softmax(1), passes=2)


@speed
def layer_norm_8192(torch):
    x = torch.randn(size(8192, 32), size(4096, 64), device="cuda")
    return lambda: torch.nn.functional.layer_norm(x, x.shape[1:]), 8 * x.numel(), "GB/s"


@speed
def cross_entropy_32k(torch):
    rows, classes = size(4096, 8), size(32000, 50)
    x = torch.randn(rows, classes, device="cuda").requires_grad_()
    t = torch.randint(classes, (rows,), device="cuda")
    return lambda: torch.nn.functional.cross_entropy(x, t).backward(), 16 * x.numel(), "GB/s"


# -- products: goal 70 % of PyTorch's with our kernels, 100 % with cuBLASLt


def _product(torch, n, dtype, tf32=False):
    n = size(n, 64)
    a, b = (torch.randn(n, n, device="cuda").to(getattr(torch, dtype)) for _ in range(2))
    torch.backends.cuda.matmul.allow_tf32 = tf32
    return lambda: a @ b, 2 * n**3, "GFLOP/s"


def _speed_of_product(name, *what):
    speed(named(lambda torch: _product(torch, *what), name))


_speed_of_product("matmul_float32_4096", 4096, "float32")
_speed_of_product("matmul_tf32_4096", 4096, "float32", True)
_speed_of_product("matmul_bfloat16_4096", 4096, "bfloat16")
_speed_of_product("matmul_bfloat16_8192", 8192, "bfloat16")


@speed
def own_matmul_bfloat16_4096(torch):
    return _product(torch, 4096, "bfloat16")


@speed
def own_matmul_bfloat16_8192(torch):
    return _product(torch, 8192, "bfloat16")


# -- attention: goal 70 %


def _attention(torch, backward):
    B, H, T, E = size((4, 16, 2048, 64), (1, 1, 40, 16))
    q, k, v = (
        torch.randn(B, H, T, E, device="cuda").bfloat16().requires_grad_(backward) for _ in range(3)
    )
    attend = lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    operations = 2 * B * H * T**2 * E * (3.5 if backward else 1)
    return (lambda: attend().sum().backward()) if backward else attend, operations, "GFLOP/s"


@speed
def attention_bfloat16(torch):
    return _attention(torch, False)


@speed
def attention_backward(torch):
    return _attention(torch, True)


# -- convolution, sequences, others


@speed
def conv_64_56(torch):
    n, c, side = size((32, 64, 56), (1, 4, 8))
    x, w = torch.randn(n, c, side, side, device="cuda"), torch.randn(c, c, 3, 3, device="cuda")
    call = lambda: torch.nn.functional.conv2d(x, w, padding=1)
    return call, 2 * n * c * c * 9 * side * side, "GFLOP/s"


@speed
def own_conv_64_56(torch):
    return conv_64_56(torch)


@speed
def adamw_200_tensors(torch):
    count, n = size((200, 100_000), (4, 100))
    parameters = [torch.randn(n, device="cuda").requires_grad_() for _ in range(count)]
    for p in parameters:
        p.grad = torch.ones_like(p)
    return torch.optim.AdamW(parameters).step, 28 * count * n, "GB/s"


@speed
def fft_4096(torch):
    n = size(4096, 64)
    x = torch.randn(n, n, device="cuda", dtype=torch.complex64)
    return lambda: torch.fft.fft(x), 16 * x.numel(), "GB/s"


@speed
def sort_4M(torch):
    x = torch.randn(size(4 << 20, 256), device="cuda")
    return lambda: x.sort(), x.numel(), "G elements/s"


@speed
def lstm_step(torch):
    T, B, H = size((64, 32, 256), (3, 2, 8))
    model = torch.nn.LSTM(H, H, num_layers=2, device="cuda")
    x = torch.randn(T, B, H, device="cuda")
    return lambda: model(x)[0].sum().backward(), 3 * 2 * 2 * T * B * 2 * 4 * H * H, "GFLOP/s"


@speed
def embedding_backward(torch):
    rows, width, n = size((50000, 256, 8192), (20, 8, 30))
    w = torch.randn(rows, width, device="cuda").requires_grad_()
    i = torch.randint(rows, (n,), device="cuda")
    call = lambda: torch.nn.functional.embedding(i, w).sum().backward()
    return call, 2 * 4 * n * width, "GB/s"


# -- calls: goal 2 us


@speed
def small_add(torch):
    x, y = (torch.ones(12, device="cuda") for _ in range(2))
    return lambda: x + y, 1e3, "M calls/s"


# -- ten chains: compiled here, PyTorch's eager mode beside; goal 2x


def _chain(function, *makes):
    def make(torch):
        def draw(kind):
            rows = size(16384, 8)
            sizes = {"x": (rows, 1024), "row": (1024,), "column": (rows, 1)}[kind]
            sizes = tuple(min(n, size(n, 32)) for n in sizes)
            return torch.rand(sizes, device="cuda")

        given = [draw(kind) for kind in makes]
        run = function(torch)
        run = torch.compile(run) if torch.__name__ == "flambeau" else run
        return lambda: run(*given), 8 * given[0].numel(), "GB/s"

    make.__name__ = f"chain_{function.__name__}"
    speed(make)
    return function


def chain(*makes):
    return lambda function: _chain(function, *makes)


@chain("x", "row")
def root_mean_square(T):
    return lambda x, w: x * T.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * w


@chain("x", "x", "x", "x")
def rotary(T):
    return lambda x, y, cos, sin: (x * cos - y * sin, y * cos + x * sin)


@chain("x")
def tanh_gelu(T):
    return lambda x: 0.5 * x * (1 + T.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@chain("x", "x")
def focal_loss(T):
    def run(x, target):
        p = T.sigmoid(x)
        loss = T.clamp(x, min=0) - x * target + T.log1p(T.exp(-T.abs(x)))
        right = p * target + (1 - p) * (1 - target)
        return (0.25 * target + 0.75 * (1 - target)) * (1 - right) ** 2 * loss

    return run


@chain("x", "x", "x", "x")
def adamw(T):
    def run(p, g, m, v):
        m, v = m * 0.9 + g * 0.1, v * 0.999 + g * g * 0.001
        return p * 0.99999 - 1e-3 * (m / 0.19) / ((v / 0.001999).sqrt() + 1e-8), m, v

    return run


@chain("x", "row", "row")
def mixture(T):
    def run(x, mean, scale):
        z = (x - mean) / T.nn.functional.softplus(scale)
        parts = -0.5 * z * z - 0.9189385
        return (parts - parts.amax(-1, keepdim=True)).exp().sum(-1, keepdim=True).log()

    return run


@chain("x", "x")
def swish_gate(T):
    return lambda x, gate: gate * T.sigmoid(gate) * x


@chain("x", "row", "row")
def layer_norm_by_hand(T):
    def run(x, weight, bias):
        apart = x - x.mean(-1, keepdim=True)
        return apart / T.sqrt((apart * apart).mean(-1, keepdim=True) + 1e-5) * weight + bias

    return run


@chain("x", "x")
def piecewise_loss(T):
    def run(x, y):
        apart = (x - y).abs()
        loss = T.where(apart < 1, 0.5 * apart * apart, apart - 0.5)
        return T.where(apart > 5, 4.5 + T.log(apart.clamp(min=1)), loss)

    return run


@chain("x", "x")
def logistic(T):
    def run(x, r):
        for _ in range(10):
            x = r * x * (1 - x)
        return x

    return run


# -- steps of training: goal PyTorch's eager mode


def _step(torch, model, x, target, loss=None):
    model = model.to("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, target = x.to("cuda"), target.to("cuda")

    def step():
        optimizer.zero_grad()
        out = model(x)
        torch.nn.functional.cross_entropy(out.flatten(0, -2), target.flatten()).backward()
        optimizer.step()

    return step, len(x), "G samples/s"


@speed
def step_mlp(torch):
    nn, wide = torch.nn, size(1024, 16)
    model = nn.Sequential(
        nn.Linear(784, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, 10)
    )
    n = size(256, 2)
    return _step(torch, model, torch.rand(n, 784), torch.randint(10, (n,)))


@speed
def step_lenet(torch):
    nn, n = torch.nn, size(256, 2)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    return _step(torch, model, torch.rand(n, 1, 28, 28), torch.randint(10, (n,)))


def _resnet_18(nn, torch, width):
    class Block(nn.Module):
        def __init__(self, had, wide, stride):
            super().__init__()
            conv = lambda a, b, k, s: nn.Conv2d(a, b, k, s, k // 2, bias=False)
            self.path = nn.Sequential(
                conv(had, wide, 3, stride),
                nn.BatchNorm2d(wide),
                nn.ReLU(),
                conv(wide, wide, 3, 1),
                nn.BatchNorm2d(wide),
            )
            same = had == wide and stride == 1
            self.skip = (
                nn.Identity()
                if same
                else nn.Sequential(conv(had, wide, 1, stride), nn.BatchNorm2d(wide))
            )

        def forward(self, x):
            return (self.path(x) + self.skip(x)).relu()

    layers = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    had = width
    for i in range(size(4, 1)):
        wide = width << i
        layers += [Block(had, wide, 1 if i == 0 else 2), Block(wide, wide, 1)]
        had = wide
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(had, 10))


@speed
def step_resnet_18(torch):
    n, side = size(64, 1), size(224, 32)
    model = _resnet_18(torch.nn, torch, size(64, 4))
    return _step(torch, model, torch.rand(n, 3, side, side), torch.randint(10, (n,)))


@speed
def step_char_gpt(torch):
    nn, (layers, heads, wide, T, B) = torch.nn, size((6, 6, 384, 256, 64), (1, 2, 16, 8, 2))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.before, self.between = nn.LayerNorm(wide), nn.LayerNorm(wide)
            self.heads, self.out = nn.Linear(wide, 3 * wide), nn.Linear(wide, wide)
            self.wide = nn.Sequential(
                nn.Linear(wide, 4 * wide), nn.GELU(), nn.Linear(4 * wide, wide)
            )

        def forward(self, x):
            shape = x.shape
            parts = self.heads(self.before(x)).view(*shape[:2], 3, heads, wide // heads)
            q, k, v = parts.permute(2, 0, 3, 1, 4)
            seen = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(seen.transpose(1, 2).reshape(shape))
            return x + self.wide(self.between(x))

    model = nn.Sequential(
        nn.Embedding(65, wide),
        *[Block() for _ in range(layers)],
        nn.LayerNorm(wide),
        nn.Linear(wide, 65),
    )
    return _step(torch, model, torch.randint(65, (B, T)), torch.randint(65, (B, T)))


# ---------------------------------------------------------------------------------------------------------


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


def names_of(only):
    """Rows whose names contain `only`, steps of training last."""
    return sorted((n for n in SPEEDS if only in n), key=lambda n: n.startswith("step_"))


def found():
    """NVIDIA's libraries that flambeau uses here, with their versions."""
    from flambeau.ops.cuda.libraries import cublaslt, cudnn, cusolver

    tables = {"cuBLASLt": cublaslt.lt(), "cuDNN": cudnn.dnn(), "cuSOLVER": cusolver.solver()}
    return [f"{name} {table.version or ''}".strip() for name, table in tables.items() if table]


def row(name, library, seconds):
    """What a row comes to: its time, or that it ran in small, or the error."""
    try:
        with (
            libraries("off")
            if name.startswith("own_") and library.__name__ == "flambeau"
            else contextlib.nullcontext()
        ):
            call, amount, unit = SPEEDS[name](library)
            if SMALL:
                call()
                library.cuda.synchronize()
                return {"name": name}
            taken = time_of(library, call, seconds)
        return {"name": name, "us": taken * 1e6, "rate": amount / taken / 1e9, "unit": unit}
    except Exception as error:
        return {"name": name, "error": f"{type(error).__name__}: {str(error)[:300]}"}


def main(library, seconds, names):
    """The rows of this process, a line each."""
    global SMALL
    library = importlib.import_module(library)
    SMALL = library.cuda.get_device_name() == "Simulated GPU"
    for name in names:
        made = row(name, library, seconds)
        print(json.dumps(made), flush=True)
        if "CUDA_ERROR" in made.get("error", "") or "CUDA error" in made.get("error", ""):
            return
        library.backends.cuda.matmul.allow_tf32 = False
        library.cuda.empty_cache()


def times_of(library, names, seconds, end):
    """{row: what main() says of it}; a process that dies costs the row that it was at."""
    made, left = {}, list(names)
    while left and time.time() < end:
        command = [sys.executable, __file__, library, str(seconds), *left]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            said = process.communicate(timeout=max(end - time.time(), 1))[0]
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[0]
        for line in said.splitlines():
            with contextlib.suppress(ValueError):
                fact = json.loads(line)
                made[fact["name"]] = fact
        rest = [n for n in left if n not in made]
        if rest and time.time() < end and len(rest) == len(left):
            made[rest[0]] = {
                "name": rest[0],
                "error": f"the process ended with {process.returncode}",
            }
            rest = rest[1:]
        left = rest
    return made


def run(only, say, end, small, seconds=0.5):
    """Says each row; how many could not be made by flambeau. `small`: each is only run once, in small."""
    say(f"libraries: {', '.join(found()) or 'none'}")
    names = names_of(only)
    half = time.time() + (end - time.time()) / 3
    other = (
        times_of("torch", names, seconds, half)
        if not small and importlib.util.find_spec("torch")
        else {}
    )
    ours = times_of("flambeau", names, seconds, end)
    for name in names:
        say(told(name, ours.get(name, {"error": "the time was over"}), other.get(name, {})))
    return sum("error" in ours.get(n, {}) for n in names)


def told(name, ours, other):
    """The line of a row."""
    line = f"{name:26}"
    for who, fact in (("flambeau", ours), ("PyTorch", other)):
        if "us" in fact:
            line += f"  {who} {fact['us']:10.1f} us {fact['rate']:9.1f} {fact['unit']}"
        elif fact:
            line += f"  {who} {fact.get('error', 'ran in small')}"
    if "us" in ours and "us" in other:
        line += f"  {other['us'] / ours['us']:.2f}x"
    return line


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
