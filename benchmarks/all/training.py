"""Chains with their gradients, optimizers, whole steps of small networks."""

from .case import Row, backward, family, filled, indices

SIZES = (1_000, 100_000, 2_000_000)


@family("autograd", *SIZES)
def autograd(T, n):
    F = T.nn.functional
    x, y = filled(T, n, low=0.1), filled(T, n, low=0.2)
    rows, w = x.view(-1, 100), filled(T, 100)
    yield backward(T, "x * y + y", lambda x, y: x * y + y, x, y)
    yield backward(T, "tanh chain of 10", chain(T), x)
    yield backward(T, "gelu written out", lambda x: 0.5 * x * (1 + T.tanh(0.79788 * (x + 0.044715 * x**3))), x)  # fmt: skip
    yield backward(T, "rms norm written out", lambda x, w: x * T.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w, rows, w)  # fmt: skip
    yield backward(T, "softmax written out", lambda x: (x - x.amax(-1, keepdim=True)).exp() / (x - x.amax(-1, keepdim=True)).exp().sum(-1, keepdim=True), rows)  # fmt: skip
    yield backward(T, "rotary embedding", rotary(T, filled(T, 100)), rows)
    yield backward(T, "focal loss", lambda x, y: ((1 - T.sigmoid(x)) ** 2 * F.softplus(-x) * y).mean(), x, y)  # fmt: skip
    yield backward(T, "swiglu", lambda x: F.silu(x[:, :50]) * x[:, 50:], rows)
    yield backward(T, "mean of squares", lambda x: (x**2).mean(), x)
    yield backward(T, "sum of a matrix product", lambda x, w: (x @ w).sum(), rows, w)
    yield backward(T, "split, sum", lambda x: sum(part.sum() for part in x.split(25, 1)), rows)
    leaf = x.clone().requires_grad_()

    def second(x):
        first = T.autograd.grad((x**3).sum(), x, create_graph=True)[0]
        return T.autograd.grad(first.sum(), x)[0]

    yield Row("second derivative", second, leaf)


def chain(T):
    def call(x):
        for _ in range(10):
            x = T.tanh(x)
        return x

    return call


def rotary(T, angles):
    cos, sin = T.cos(angles[:50]), T.sin(angles[:50])

    def call(x):
        a, b = x[:, :50], x[:, 50:]
        return T.cat((a * cos - b * sin, a * sin + b * cos), 1)

    return call


@family("optimizers", *SIZES)
def optimizers(T, n):
    rules = (
        ("SGD", {"lr": 1e-3}), ("SGD", {"lr": 1e-3, "momentum": 0.9}), ("Adam", {}), ("AdamW", {}), ("RMSprop", {}),
        ("Adagrad", {}), ("Adadelta", {}), ("Adamax", {}), ("NAdam", {}), ("RAdam", {}),
    )  # fmt: skip
    for name, options in rules:
        parameters = [T.nn.Parameter(filled(T, n // 10)) for _ in range(10)]
        for p in parameters:
            p.grad = filled(T, n // 10, low=0)
        rule = getattr(T.optim, name)(parameters, **options)
        yield Row(f"{name}{' momentum' if 'momentum' in options else ''}", lambda *_, r=rule: r.step(), *parameters, *parameters)  # fmt: skip
    yield Row("clip_grad_norm_", lambda *p: T.nn.utils.clip_grad_norm_(p, 1.0), *parameters)
    yield Row("zero_grad, kept", lambda *_: rule.zero_grad(set_to_none=False), *parameters)


@family("steps", 4, 32, 128)
def steps(T, n):
    nn = T.nn
    x, labels = filled(T, n, 784), indices(T, 10, n)
    models = (
        ("MLP", nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)), x),
        ("CNN", nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                              nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                              nn.Linear(784, 10)), x.view(n, 1, 28, 28)),
        ("norms", nn.Sequential(nn.Linear(784, 64), nn.LayerNorm(64), nn.GELU(), nn.Dropout(0.1), nn.Linear(64, 10)), x),
    )  # fmt: skip
    for name, model, inputs in models:
        rule = T.optim.Adam(model.parameters())

        def step(inputs, model=model, rule=rule):
            rule.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            rule.step()
            return loss.item()

        yield Row(f"{name} with Adam", step, inputs)
        with T.no_grad():
            yield Row(f"{name}, inference", model, inputs)
