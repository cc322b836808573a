"""Training programs beside JAX on the CPU, each a function that jax.jit compiled: python -m benchmarks jax_programs [--threads 1]

Those of benchmarks/all/programs.py that JAX has layers or a line for. Its initial weights are other random numbers;
shapes, losses and optimizers are the same. Skipped where JAX is not installed.
"""

import importlib.util
import math
import os
import statistics
import time

import numpy as np

from . import harness
from .all import programs as ours
from .all.case import generator
from .all.measure import least_times


def report(only=None):
    """Seconds of a step in both, after compilation, and how long JAX's first step takes."""
    if importlib.util.find_spec("jax") is None:
        print("JAX is not installed: nothing to compare with. pip install jax")
        return
    import flambeau

    n_threads = flambeau.get_num_threads()
    if n_threads == 1:  # read when JAX starts
        os.environ["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    print(f"{'':62}{'flambeau':>10}{'JAX':>10}  times{'first':>10}{'JAX':>10}")
    ratios = []
    for make in PROGRAMS:
        counterpart = getattr(ours, make.__name__)
        if only is not None and only not in counterpart.__doc__:
            continue
        flambeau.manual_seed(0)
        steps, first = [], []
        for made in (lambda f=counterpart: f(flambeau), make):
            start = time.perf_counter()
            steps.append(made())
            assert math.isfinite(steps[-1]())
            first.append(time.perf_counter() - start)
        taken = least_times(steps, n_threads)
        ratios.append(taken[1] / taken[0])
        times = "".join(f"{harness.in_units(t):>10}" for t in taken)
        starts = "".join(f"{harness.in_units(t):>10}" for t in first)
        print(f"{counterpart.__doc__:62}{times}  {ratios[-1]:.2f}x{starts}", flush=True)
    if ratios:
        print(f"geometric mean: {statistics.geometric_mean(ratios):.2f}x, the least {min(ratios):.2f}x")  # fmt: skip


# -- what the programs are made of


def numbers(*sizes, low=-1.0, high=1.0):
    """Uniform numbers of the generator that feeds the other libraries."""
    values = generator(sizes, low, high).random(sizes, dtype=np.float32)
    return values * np.float32(high - low) + np.float32(low)


def integers(high, *sizes):
    return generator(sizes, 0, high).integers(0, high, sizes).astype(np.int32)


def linear(inputs, outputs):
    bound = 1 / math.sqrt(inputs)
    draw = np.random.default_rng(inputs * 1000 + outputs)
    return {
        "w": draw.uniform(-bound, bound, (inputs, outputs)).astype(np.float32),
        "b": draw.uniform(-bound, bound, outputs).astype(np.float32),
    }


def convolution(inputs, outputs, size):
    made = linear(inputs * size * size, outputs)
    return {**made, "w": made["w"].T.reshape(outputs, inputs, size, size)}


def apply_linear(p, x):
    return x @ p["w"] + p["b"]


def cross_entropy(logits, labels):
    import jax
    import jax.numpy as jnp

    told = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(told, labels[:, None], 1).mean()


def layer_norm(p, x):
    import jax
    import jax.numpy as jnp

    mean = x.mean(-1, keepdims=True)
    var = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(var + 1e-5) * p["w"] + p["b"]


def adam(decay=0.0, lr=1e-3):
    """(state of parameters, rule): rule(parameters, gradients, state) gives new parameters and state."""
    import jax
    import jax.numpy as jnp

    def start(parameters):
        zeros = jax.tree_util.tree_map(jnp.zeros_like, parameters)
        return zeros, zeros, jnp.zeros(())

    def rule(parameters, gradients, state):
        each = jax.tree_util.tree_map
        m = each(lambda m, g: m + 0.1 * (g - m), state[0], gradients)
        v = each(lambda v, g: 0.999 * v + 0.001 * g * g, state[1], gradients)
        t = state[2] + 1
        rate, root = lr / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        new = each(
            lambda p, m, v: p * (1 - lr * decay) - rate * m / (jnp.sqrt(v) / root + 1e-8),
            parameters, m, v,
        )  # fmt: skip
        return new, (m, v, t)

    return start, rule


def momentum(lr=1e-3, factor=0.9):
    import jax
    import jax.numpy as jnp

    def start(parameters):
        return jax.tree_util.tree_map(jnp.zeros_like, parameters)

    def rule(parameters, gradients, state):
        state = jax.tree_util.tree_map(lambda v, g: factor * v + g, state, gradients)
        return jax.tree_util.tree_map(lambda p, v: p - lr * v, parameters, state), state

    return start, rule


def training_step(parameters, loss_of, optimizer):
    """A function that makes one step and gives the loss as a number; loss_of(parameters, key)."""
    import jax

    start, rule = optimizer

    @jax.jit
    def update(parameters, state, key):
        key, drawn = jax.random.split(key)
        loss, gradients = jax.value_and_grad(loss_of)(parameters, drawn)
        parameters, state = rule(parameters, gradients, state)
        return parameters, state, key, loss

    parameters = jax.tree_util.tree_map(jax.numpy.asarray, parameters)
    now = [parameters, start(parameters), jax.random.PRNGKey(0)]

    def step():
        *now[:], loss = update(*now)
        return float(loss)

    return step


# -- the programs, by the names they have in benchmarks/all/programs.py


def mlp():
    import jax

    net = [linear(784, 256), linear(256, 128), linear(128, 10)]
    x, y = numbers(128, 784), integers(10, 128)

    def loss(net, key):
        hidden = jax.nn.relu(apply_linear(net[0], x))
        hidden *= jax.random.bernoulli(key, 0.8, hidden.shape) / 0.8
        return cross_entropy(apply_linear(net[2], jax.nn.relu(apply_linear(net[1], hidden))), y)

    return training_step(net, loss, adam())


def lenet():
    import jax
    import jax.numpy as jnp

    net = [convolution(1, 6, 5), convolution(6, 16, 5), linear(400, 120), linear(120, 84), linear(84, 10)]  # fmt: skip
    x, y = numbers(64, 1, 32, 32), integers(10, 64)

    def block(p, x):
        x = jax.lax.conv(x, p["w"], (1, 1), "VALID") + p["b"][:, None, None]
        window = (1, 1, 2, 2)
        return jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, window, window, "VALID")

    def loss(net, key):
        hidden = block(net[1], block(net[0], x)).reshape(64, -1)
        for p in net[2:4]:
            hidden = jax.nn.relu(apply_linear(p, hidden))
        return cross_entropy(apply_linear(net[4], hidden), y)

    return training_step(net, loss, momentum())


def _block(size):
    norm = {"w": np.ones(size, np.float32), "b": np.zeros(size, np.float32)}
    return {
        "norm1": norm, "norm2": norm, "qkv": linear(size, 3 * size), "out": linear(size, size),
        "wide": linear(size, 4 * size), "narrow": linear(4 * size, size),
    }  # fmt: skip


def _apply_block(p, x, heads, causal):
    import jax
    import jax.numpy as jnp

    B, length, size = x.shape
    qkv = apply_linear(p["qkv"], layer_norm(p["norm1"], x)).reshape(B, length, 3, heads, -1)
    q, k, v = (qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(size // heads)
    if causal:
        scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
    y = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(B, length, size)
    x = x + apply_linear(p["out"], y)
    hidden = jax.nn.gelu(apply_linear(p["wide"], layer_norm(p["norm2"], x)), approximate=False)
    return x + apply_linear(p["narrow"], hidden)


def char_gpt():
    draw = np.random.default_rng(0)
    norm = {"w": np.ones(128, np.float32), "b": np.zeros(128, np.float32)}
    net = {
        "letter": draw.standard_normal((65, 128), np.float32),
        "place": draw.standard_normal((128, 128), np.float32),
        "blocks": [_block(128) for _ in range(4)], "norm": norm,
    }  # fmt: skip
    text = integers(65, 8, 129)

    def loss(net, key):
        x = net["letter"][text[:, :-1]] + net["place"]
        for p in net["blocks"]:
            x = _apply_block(p, x, 4, True)
        logits = layer_norm(net["norm"], x) @ net["letter"].T
        return cross_entropy(logits.reshape(-1, 65), text[:, 1:].reshape(-1))

    return training_step(net, loss, adam(decay=0.01))


def vit():
    import jax
    import jax.numpy as jnp

    norm = {"w": np.ones(192, np.float32), "b": np.zeros(192, np.float32)}
    net = {
        "patches": convolution(3, 192, 8), "place": np.zeros((1, 65, 192), np.float32),
        "first": np.zeros((1, 1, 192), np.float32), "blocks": [_block(192) for _ in range(4)],
        "norm": norm, "head": linear(192, 10),
    }  # fmt: skip
    x, y = numbers(8, 3, 64, 64), integers(10, 8)

    def loss(net, key):
        p = net["patches"]
        words = jax.lax.conv(x, p["w"], (8, 8), "VALID") + p["b"][:, None, None]
        words = words.reshape(8, 192, 64).transpose(0, 2, 1)
        words = jnp.concatenate([jnp.broadcast_to(net["first"], (8, 1, 192)), words], 1)
        words = words + net["place"]
        for p in net["blocks"]:
            words = _apply_block(p, words, 3, False)
        told = jax.nn.log_softmax(apply_linear(net["head"], layer_norm(net["norm"], words)[:, 0]))
        wanted = jax.nn.one_hot(y, 10) * 0.9 + 0.01
        return -(told * wanted).sum(1).mean()

    return training_step(net, loss, adam(decay=0.01))


def pinn():
    import jax
    import jax.numpy as jnp

    sizes = [2, 32, 32, 32, 32, 1]
    net = [linear(a, b) for a, b in zip(sizes, sizes[1:])]
    x, t = numbers(1000), numbers(1000, low=0.0)
    begin = numbers(100, high=0.5)

    def u(net, x, t):
        hidden = jnp.stack([x, t])
        for p in net[:-1]:
            hidden = jnp.tanh(apply_linear(p, hidden))
        return apply_linear(net[-1], hidden)[0]

    u_x = jax.grad(u, 1)

    def residual(net, x, t):
        now = u(net, x, t)
        first, second = u_x(net, x, t), jax.grad(u_x, 1)(net, x, t)
        return jax.grad(u, 2)(net, x, t) + now * first - 0.01 / math.pi * second

    def loss(net, key):
        inside = jax.vmap(residual, (None, 0, 0))(net, x, t)
        at_start = jax.vmap(lambda x: u(net, x, 0.0) + jnp.sin(math.pi * x))(begin)
        return jnp.square(inside).mean() + jnp.square(at_start).mean()

    return training_step(net, loss, adam())


PROGRAMS = (mlp, lenet, char_gpt, vit, pinn)
