"""The programs in JAX: layers by hand, optimizers of optax, each step one function that jax.jit compiled.

Parameters are trees of arrays, images have their channels last, loops over time are lax.scan. A loss is
loss(net, kept, key, *batch); what it writes into `kept` (statistics of batch norms, states) goes to the next step.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax, nn, random

from .batches import NODES

draw = np.random.default_rng(0)
cross_entropy = optax.softmax_cross_entropy_with_integer_labels
binary_cross_entropy = optax.sigmoid_binary_cross_entropy


def training_step(net, loss, optimizer, *batch, kept=None):
    """A function that makes one step and gives the loss as a number."""

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2, 3))
    def update(net, state, kept, key, *batch):
        key, drawn = random.split(key)

        def of(net):
            now = dict(kept)
            return loss(net, now, drawn, *batch), now

        (value, kept), gradients = jax.value_and_grad(of, has_aux=True)(net)
        changes, state = optimizer.update(gradients, state, net)
        return optax.apply_updates(net, changes), state, kept, key, value

    return stepping(update, net, optimizer.init(net), kept or {}, random.key(0), batch=batch)


def stepping(update, *now, batch):
    """What a step changes stays on the device between the steps: update(*now, *batch) gives it anew, and the loss."""
    now, batch = jax.tree.map(lambda a: jnp.array(a), (list(now), batch))

    def step():
        *now[:], loss = update(*now, *batch)
        return float(loss)

    return step


# -- layers


def uniform(fan_in, *sizes):
    bound = 1 / math.sqrt(fan_in)
    return draw.uniform(-bound, bound, sizes).astype(np.float32)


def linear(inputs, outputs, bias=True):
    made = {"w": uniform(inputs, inputs, outputs)}
    return {**made, "b": uniform(inputs, outputs)} if bias else made


def dense(p, x):
    y = x @ p["w"]
    return y + p["b"] if "b" in p else y


def kernel(inputs, outputs, size, bias=True, transposed=False):
    fan_in = size * size * (outputs if transposed else inputs)
    made = {"w": uniform(fan_in, size, size, inputs, outputs)}
    return {**made, "b": uniform(fan_in, outputs)} if bias else made


def conv(p, x, stride=1, padding=0):
    sides = [(padding, padding)] * 2
    order = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(x, p["w"], (stride,) * 2, sides, dimension_numbers=order)
    return y + p["b"] if "b" in p else y


def grow(p, x, stride=1, padding="VALID"):
    y = lax.conv_transpose(x, p["w"], (stride,) * 2, padding)
    return y + p["b"] if "b" in p else y


def max_pool(x, size, stride, padding=0):
    sides = ((0, 0), *[(padding, padding)] * 2, (0, 0))
    return lax.reduce_window(
        x, -jnp.inf, lax.max, (1, size, size, 1), (1, stride, stride, 1), sides
    )


def norm(size):
    return {"w": np.ones(size, np.float32), "b": np.zeros(size, np.float32)}


def layer_norm(p, x):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * p["w"] + p["b"]


def batch_norm(p, x, kept, name):
    """Training's; running statistics go to kept[name]."""
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    before = kept.get(name)
    count = x.size // x.shape[-1]
    now = jnp.stack([mean, variance * (count / (count - 1))])
    kept[name] = 0.9 * before + 0.1 * now
    return (x - mean) * (lax.rsqrt(variance + 1e-5) * p["w"]) + p["b"]


def statistics(**sizes):
    start = ((name, np.stack([np.zeros(n), np.ones(n)])) for name, n in sizes.items())
    return {name: value.astype(np.float32) for name, value in start}


def dropout(key, rate, x):
    return jnp.where(random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)


# -- images


def mlp(*batch):
    net = [linear(784, 256), linear(256, 128), linear(128, 10)]

    def loss(net, kept, key, x, y):
        hidden = dropout(key, 0.2, nn.relu(dense(net[0], x)))
        return cross_entropy(dense(net[2], nn.relu(dense(net[1], hidden))), y).mean()

    return training_step(net, loss, optax.adam(1e-3), *batch)


def lenet(*batch):
    net = [kernel(1, 6, 5), kernel(6, 16, 5), linear(400, 120), linear(120, 84), linear(84, 10)]

    def loss(net, kept, key, x, y):
        for p in net[:2]:
            x = max_pool(nn.relu(conv(p, x)), 2, 2)
        x = x.reshape(64, -1)
        for p in net[2:4]:
            x = nn.relu(dense(p, x))
        return cross_entropy(dense(net[4], x), y).mean()

    return training_step(net, loss, optax.sgd(1e-3, 0.9), *batch)


def cnn(*batch):
    sizes = [3, 32, 32, 64, 64, 128, 128]
    convs = [{"conv": kernel(a, b, 3), "norm": norm(b)} for a, b in zip(sizes, sizes[1:])]
    net = {"convs": convs, "out": linear(2048, 10)}

    def loss(net, kept, key, x, y):
        for i, p in enumerate(net["convs"]):
            x = nn.relu(batch_norm(p["norm"], conv(p["conv"], x, padding=1), kept, f"n{i}"))
            if i % 2:
                x = max_pool(x, 2, 2)
        return cross_entropy(dense(net["out"], x.reshape(32, -1)), y).mean()

    kept = statistics(**{f"n{i}": n for i, n in enumerate(sizes[1:])})
    return training_step(net, loss, optax.adamw(1e-3, weight_decay=0.01), *batch, kept=kept)


def resnet18(*batch):
    blocks, sizes, channels = {}, {"first": 64}, 64
    for out in (64, 128, 256, 512):
        for half in "ab":
            name = f"{out}{half}"
            blocks[name] = {"conv1": kernel(channels, out, 3, False), "norm1": norm(out),
                            "conv2": kernel(out, out, 3, False), "norm2": norm(out)}  # fmt: skip
            sizes |= {f"{name}1": out, f"{name}2": out}
            if channels != out:
                blocks[name] |= {"short": kernel(channels, out, 1, False), "norm3": norm(out)}
                sizes[f"{name}3"] = out
            channels = out
    net = {"conv": kernel(3, 64, 7, False), "norm": norm(64), "blocks": blocks, "out": linear(512, 10)}  # fmt: skip

    def block(p, x, kept, name):
        stride = 2 if "short" in p else 1
        y = conv(p["conv1"], x, stride, 1)
        y = nn.relu(batch_norm(p["norm1"], y, kept, f"{name}1"))
        y = batch_norm(p["norm2"], conv(p["conv2"], y, 1, 1), kept, f"{name}2")
        if "short" in p:
            x = batch_norm(p["norm3"], conv(p["short"], x, stride), kept, f"{name}3")
        return nn.relu(y + x)

    def loss(net, kept, key, x, y):
        x = nn.relu(batch_norm(net["norm"], conv(net["conv"], x, 2, 3), kept, "first"))
        x = max_pool(x, 3, 2, 1)
        for name in blocks:
            x = block(net["blocks"][name], x, kept, name)
        return cross_entropy(dense(net["out"], x.mean((1, 2))), y).mean()

    return training_step(net, loss, optax.sgd(1e-3, 0.9), *batch, kept=statistics(**sizes))


def unet(*batch):
    pairs = {"down0": (3, 16), "down1": (16, 32), "down2": (32, 64), "up0": (64, 32), "up1": (32, 16)}  # fmt: skip
    net = {
        name: {"conv1": kernel(a, b, 3, False), "norm1": norm(b),
               "conv2": kernel(b, b, 3, False), "norm2": norm(b)}
        for name, (a, b) in pairs.items()
    }  # fmt: skip
    net |= {"grow0": kernel(64, 32, 2, transposed=True), "grow1": kernel(32, 16, 2, transposed=True), "out": kernel(16, 2, 1)}  # fmt: skip

    def loss(net, kept, key, x, y):
        def double(name, x):
            for i in "12":
                x = conv(net[name][f"conv{i}"], x, padding=1)
                x = nn.relu(batch_norm(net[name][f"norm{i}"], x, kept, name + i))
            return x

        a = double("down0", x)
        b = double("down1", max_pool(a, 2, 2))
        c = double("down2", max_pool(b, 2, 2))
        b = double("up0", jnp.concatenate([grow(net["grow0"], c, 2), b], -1))
        a = double("up1", jnp.concatenate([grow(net["grow1"], b, 2), a], -1))
        return cross_entropy(conv(net["out"], a), y).mean()

    kept = statistics(**{name + i: b for name, (_, b) in pairs.items() for i in "12"})
    return training_step(net, loss, optax.adam(1e-3), *batch, kept=kept)


def dqn(*batch):
    net = [kernel(4, 32, 8), kernel(32, 64, 4), kernel(64, 64, 3), linear(3136, 512), linear(512, 6)]  # fmt: skip

    def values(net, frames):
        x = frames.astype(jnp.float32) / 255
        for p, stride in zip(net, (4, 2, 1)):
            x = nn.relu(conv(p, x, stride))
        return dense(net[4], nn.relu(dense(net[3], x.reshape(16, -1))))

    def loss(net, kept, key, seen, following, action, reward, ends):
        goal = reward + 0.99 * values(kept["target"], following).max(1) * ~ends
        told = jnp.take_along_axis(values(net, seen), action, 1)[:, 0]
        return optax.huber_loss(told, goal).mean()

    return training_step(net, loss, optax.adam(1e-3), *batch, kept={"target": net})


# -- images drawn


def vae(*batch):
    net = {
        "encode": [kernel(1, 16, 3), kernel(16, 32, 3), linear(1568, 32)],
        "decode": [linear(16, 1568), kernel(32, 16, 4, transposed=True), kernel(16, 1, 4, transposed=True)],
    }  # fmt: skip

    def loss(net, kept, key, x):
        hidden = x
        for p in net["encode"][:2]:
            hidden = nn.silu(conv(p, hidden, 2, 1))
        mean, log_variance = jnp.split(dense(net["encode"][2], hidden.reshape(64, -1)), 2, 1)
        hidden = mean + random.normal(key, mean.shape) * jnp.exp(0.5 * log_variance)
        hidden = nn.silu(dense(net["decode"][0], hidden)).reshape(64, 7, 7, 32)
        hidden = nn.silu(grow(net["decode"][1], hidden, 2, "SAME"))
        drawing = binary_cross_entropy(grow(net["decode"][2], hidden, 2, "SAME"), x).sum()
        return drawing - 0.5 * jnp.sum(1 + log_variance - mean**2 - jnp.exp(log_variance))

    return training_step(net, loss, optax.adam(1e-3), *batch)


def dcgan(*batch):
    pencil = {
        "grow1": kernel(64, 128, 7, False, True), "norm1": norm(128),
        "grow2": kernel(128, 64, 4, False, True), "norm2": norm(64), "grow3": kernel(64, 1, 4, True, True),
    }  # fmt: skip
    judge = {"conv1": kernel(1, 32, 4), "conv2": kernel(32, 64, 4, False), "norm": norm(64), "conv3": kernel(64, 1, 7)}  # fmt: skip
    kept = statistics(norm1=128, norm2=64, judge=64)
    optimizer = optax.adam(2e-4, b1=0.5)

    def drawing(p, kept, x):
        x = nn.relu(batch_norm(p["norm1"], grow(p["grow1"], x), kept, "norm1"))
        x = nn.relu(batch_norm(p["norm2"], grow(p["grow2"], x, 2, "SAME"), kept, "norm2"))
        return jnp.tanh(grow(p["grow3"], x, 2, "SAME"))

    def judged(p, kept, x, wanted):
        x = nn.leaky_relu(conv(p["conv1"], x, 2, 1), 0.2)
        x = nn.leaky_relu(batch_norm(p["norm"], conv(p["conv2"], x, 2, 1), kept, "judge"), 0.2)
        return binary_cross_entropy(conv(p["conv3"], x).reshape(-1), jnp.full(32, wanted)).mean()

    @functools.partial(jax.jit, donate_argnums=tuple(range(6)))
    def update(pencil, judge, drawn_state, judge_state, kept, key, real):
        key, drawn_key = random.split(key)
        now = dict(kept)
        noise = random.normal(drawn_key, (32, 1, 1, 64))

        def draws(p):
            mine = dict(now)
            return drawing(p, mine, noise), mine

        drawn, back, now = jax.vjp(draws, pencil, has_aux=True)

        def both(p, drawn):
            mine = dict(now)
            return judged(p, mine, real, 1.0) + judged(p, mine, drawn, 0.0), mine

        gradients, now = jax.grad(both, has_aux=True)(judge, drawn)
        changes, judge_state = optimizer.update(gradients, judge_state)
        judge = optax.apply_updates(judge, changes)

        def fooled(drawn):
            mine = dict(now)
            return judged(judge, mine, drawn, 1.0), mine

        (loss, now), gradient = jax.value_and_grad(fooled, has_aux=True)(drawn)
        changes, drawn_state = optimizer.update(back(gradient)[0], drawn_state)
        return optax.apply_updates(pencil, changes), judge, drawn_state, judge_state, now, key, loss

    states = optimizer.init(pencil), optimizer.init(judge)
    return stepping(update, pencil, judge, *states, kept, random.key(0), batch=batch)


# -- transformers


def blocks(size):
    def block():
        return {"norm1": norm(size), "norm2": norm(size), "qkv": linear(size, 3 * size), "out": linear(size, size),
                "wide": linear(size, 4 * size), "narrow": linear(4 * size, size)}  # fmt: skip

    return {"blocks": [block() for _ in range(4)], "norm": norm(size)}


def attend(net, x, heads, causal):
    B, length, size = x.shape
    for p in net["blocks"]:
        qkv = dense(p["qkv"], layer_norm(p["norm1"], x)).reshape(B, length, 3, heads, -1)
        y = nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2], is_causal=causal)
        x = x + dense(p["out"], y.reshape(B, length, size))
        wide = nn.gelu(dense(p["wide"], layer_norm(p["norm2"], x)), approximate=False)
        x = x + dense(p["narrow"], wide)
    return layer_norm(net["norm"], x)


def normal(*sizes):
    return draw.standard_normal(sizes, np.float32)


def char_gpt(*batch):
    net = {**blocks(128), "letter": normal(65, 128), "place": normal(128, 128)}

    def loss(net, kept, key, text):
        x = attend(net, net["letter"][text[:, :-1]] + net["place"], 4, True)
        return cross_entropy(x @ net["letter"].T, text[:, 1:]).mean()

    return training_step(net, loss, optax.adamw(1e-3, weight_decay=0.01), *batch)


def vit(*batch):
    net = {**blocks(192), "patches": kernel(3, 192, 8), "place": np.zeros((1, 65, 192), np.float32),
           "first": np.zeros((1, 1, 192), np.float32), "head": linear(192, 10)}  # fmt: skip

    def loss(net, kept, key, x, y):
        words = conv(net["patches"], x, 8).reshape(8, 64, 192)
        words = jnp.concatenate([jnp.broadcast_to(net["first"], (8, 1, 192)), words], 1)
        told = dense(net["head"], attend(net, words + net["place"], 3, False)[:, 0])
        wanted = optax.smooth_labels(nn.one_hot(y, 10), 0.1)
        return optax.softmax_cross_entropy(told, wanted).mean()

    return training_step(net, loss, optax.adamw(1e-3, weight_decay=0.01), *batch)


# -- recurrent


def recurrent(inputs, size, gates):
    return {"wx": uniform(size, inputs, gates * size), "wh": uniform(size, size, gates * size),
            "bx": uniform(size, gates * size), "bh": uniform(size, gates * size)}  # fmt: skip


def lstm(p, x, state):
    """x: (length, B, inputs)."""

    def cell(state, gates):
        h, c = state
        i, f, g, o = jnp.split(gates + h @ p["wh"], 4, -1)
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
        h = nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return lax.scan(cell, state, x @ p["wx"] + (p["bx"] + p["bh"]))


def gru_cell(p, h, gates):
    """gates: of the input, with its bias."""
    xr, xz, xn = jnp.split(gates, 3, -1)
    hr, hz, hn = jnp.split(h @ p["wh"] + p["bh"], 3, -1)
    z = nn.sigmoid(xz + hz)
    return (1 - z) * jnp.tanh(xn + nn.sigmoid(xr + hr) * hn) + z * h


def word_lstm(*batch):
    net = {"words": normal(2000, 200), "lstm": [recurrent(200, 200, 4) for _ in range(2)], "out": linear(200, 2000)}  # fmt: skip
    zeros = np.zeros((20, 200), np.float32)

    def loss(net, kept, key, text):
        keys = random.split(key, 3)
        x = net["words"][text[:-1]]
        for i, p in enumerate(net["lstm"]):
            kept[f"state{i}"], x = lstm(p, dropout(keys[i], 0.2, x), kept[f"state{i}"])
        return cross_entropy(dense(net["out"], dropout(keys[2], 0.2, x)), text[1:]).mean()

    optimizer = optax.chain(optax.clip_by_global_norm(0.25), optax.sgd(0.1))
    kept = {"state0": (zeros, zeros), "state1": (zeros, zeros)}
    return training_step(net, loss, optimizer, *batch, kept=kept)


def seq2seq(*batch):
    net = {
        "encoder": recurrent(64, 128, 3), "decoder": recurrent(192, 128, 3), "source": normal(1000, 64),
        "target": normal(1000, 64), "query": linear(128, 128, False), "out": linear(256, 1000),
    }  # fmt: skip

    def loss(net, kept, key, words, answer):
        def encode(h, gates):
            h = gru_cell(net["encoder"], h, gates)
            return h, h

        x = net["source"][words.T]  # (length, B, 64)
        hidden, memory = lax.scan(
            encode, jnp.zeros((16, 128)), x @ net["encoder"]["wx"] + net["encoder"]["bx"]
        )

        def decode(h, words):
            word, following = words
            scores = nn.softmax(jnp.einsum("tbh,bh->bt", memory, dense(net["query"], h)))
            seen = jnp.einsum("bt,tbh->bh", scores, memory)
            p = net["decoder"]
            h = gru_cell(p, h, jnp.concatenate([net["target"][word], seen], 1) @ p["wx"] + p["bx"])
            told = dense(net["out"], jnp.concatenate([h, seen], 1))
            return h, cross_entropy(told, following).mean()

        return lax.scan(decode, hidden, (answer[:, :-1].T, answer[:, 1:].T))[1].mean()

    return training_step(net, loss, optax.adam(1e-3), *batch)


# -- others


def reinforce(*batch):
    net = [linear(4, 64), linear(64, 2)]

    def loss(net, kept, key, push, change):
        def move(state, key):
            logits = dense(net[1], jnp.tanh(dense(net[0], state)))
            action = random.categorical(key, lax.stop_gradient(logits))
            told = jnp.take_along_axis(nn.log_softmax(logits), action[:, None], 1)[:, 0]
            state = jnp.tanh(state @ change + push[action])
            return state, (told, 1 - jnp.abs(state[:, 2]))

        _, (told, rewards) = lax.scan(move, jnp.zeros((16, 4)), random.split(key, 50))
        earned = jnp.cumsum(rewards[::-1], 0)[::-1]
        earned = (earned - earned.mean()) / (earned.std(ddof=1) + 1e-6)
        return -(told * earned).mean()

    return training_step(net, loss, optax.adam(1e-3), *batch)


def pinn(*batch):
    sizes = [2, 32, 32, 32, 32, 1]
    net = [linear(a, b) for a, b in zip(sizes, sizes[1:])]

    def u(net, x, t):
        hidden = jnp.stack([x, t])
        for p in net[:-1]:
            hidden = jnp.tanh(dense(p, hidden))
        return dense(net[-1], hidden)[0]

    u_x, u_t = jax.grad(u, 1), jax.grad(u, 2)

    def residual(net, x, t):
        bend = jax.grad(u_x, 1)(net, x, t)
        return u_t(net, x, t) + u(net, x, t) * u_x(net, x, t) - 0.01 / math.pi * bend

    def loss(net, kept, key, x, t, begin):
        inside = jax.vmap(residual, (None, 0, 0))(net, x[:, 0], t[:, 0])
        at_start = jax.vmap(lambda x: u(net, x, 0.0) + jnp.sin(math.pi * x))(begin[:, 0])
        return jnp.square(inside).mean() + jnp.square(at_start).mean()

    return training_step(net, loss, optax.adam(1e-3), *batch)


def gcn(*batch):
    net = [linear(500, 16), linear(16, 7)]

    def loss(net, kept, key, source, target, weights, x, y):
        def spread(x):
            sent = x[source] * weights[:, None]
            return jax.ops.segment_sum(sent, target, NODES, indices_are_sorted=True)

        keys = random.split(key)
        hidden = nn.relu(spread(dense(net[0], dropout(keys[0], 0.5, x))))
        told = spread(dense(net[1], dropout(keys[1], 0.5, hidden)))
        return cross_entropy(told[:140], y[:140]).mean()

    optimizer = optax.chain(optax.add_decayed_weights(5e-4), optax.adam(1e-3))
    return training_step(net, loss, optimizer, *batch)


def factorisation(*batch):
    """Rows that are read are all that Adam touches, as PyTorch's SparseAdam has it."""
    tables = [normal(100_000, 64) for _ in range(2)]
    moments = [[np.zeros((100_000, 64), np.float32) for _ in range(2)] for _ in range(2)]

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def update(tables, moments, t, *batch):
        *places, stars = batch
        rows = [table[at] for table, at in zip(tables, places)]
        loss, gradients = jax.value_and_grad(
            lambda rows: jnp.square((rows[0] * rows[1]).sum(1) - stars).mean()
        )(rows)
        t += 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for i, (at, g) in enumerate(zip(places, gradients)):
            at, g = summed(at, g)
            m = 0.9 * moments[i][0][at] + 0.1 * g
            v = 0.999 * moments[i][1][at] + 0.001 * g * g
            moments[i] = [moments[i][0].at[at].set(m), moments[i][1].at[at].set(v)]
            tables[i] = tables[i].at[at].set(tables[i][at] - rate * m / (jnp.sqrt(v) + 1e-8))
        return tables, moments, t, loss

    def summed(at, g):
        """The places in order, each with the sum of its gradients, wherever it stands."""
        order = jnp.argsort(at)
        at = at[order]
        group = jnp.cumsum(jnp.concatenate([jnp.zeros(1, bool), at[1:] != at[:-1]]))
        return at, jax.ops.segment_sum(g[order], group, len(at), indices_are_sorted=True)[group]

    return stepping(update, tables, moments, np.float32(0), batch=batch)
