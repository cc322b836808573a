"""The programs in MLX: modules of mlx.nn, optimizers of mlx.optimizers, each step one function that mx.compile compiled.

Images have their channels last. What a step changes (parameters, statistics, moments, random numbers) is the state that
mx.compile is told of; mx.eval has it computed.
"""

import functools
import math

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_map

from .batches import NODES

cross_entropy = functools.partial(nn.losses.cross_entropy, reduction="mean")
binary_cross_entropy = nn.losses.binary_cross_entropy  # of logits


def training_step(net, loss, optimizer, *batch, kept=None, change=None):
    """A function that makes one step and gives the loss as a number; loss(*batch) reads net and may write kept."""
    gradients_of = nn.value_and_grad(net, loss)
    optimizer.init(net.trainable_parameters())

    def update(*batch):
        value, gradients = gradients_of(*batch)
        optimizer.update(net, change(gradients) if change else gradients)
        return value

    return stepping(update, [net.state, optimizer.state, mx.random.state, kept or {}], batch)


def stepping(update, state, batch):
    update = mx.compile(update, inputs=state, outputs=state)
    batch = [mx.array(a) for a in batch]
    mx.eval(state, batch)

    def step():
        loss = update(*batch)
        mx.eval(loss, state)
        return loss.item()

    return step


def adam(**options):
    return optim.Adam(1e-3, bias_correction=True, **options)


def adamw():
    return optim.AdamW(1e-3, weight_decay=0.01, bias_correction=True)


def embedding(*sizes):
    """Its numbers start with variance 1, as PyTorch's."""
    made = nn.Embedding(*sizes)
    made.weight = mx.random.normal(sizes)
    return made


# -- images


def flat(x):
    return x.reshape(len(x), -1)


def mlp(*batch):
    net = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )  # fmt: skip
    return training_step(net, lambda x, y: cross_entropy(net(x), y), adam(), *batch)


def lenet(*batch):
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), flat,
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    loss = lambda x, y: cross_entropy(net(x), y)
    return training_step(net, loss, optim.SGD(1e-3, momentum=0.9), *batch)


def normed(channels, out, size=3, stride=1, padding=1, bias=False):
    return [nn.Conv2d(channels, out, size, stride, padding, bias=bias), nn.BatchNorm(out)]


def cnn(*batch):
    layers, channels = [], 3
    for out in (32, 64, 128):
        for inputs in (channels, out):
            layers += [*normed(inputs, out, bias=True), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        channels = out
    net = nn.Sequential(*layers, flat, nn.Linear(2048, 10))
    return training_step(net, lambda x, y: cross_entropy(net(x), y), adamw(), *batch)


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.body = nn.Sequential(*normed(channels, out, 3, stride), nn.ReLU(), *normed(out, out))
        self.shortcut = nn.Identity()
        if channels != out:
            self.shortcut = nn.Sequential(*normed(channels, out, 1, stride, 0))

    def __call__(self, x):
        return nn.relu(self.body(x) + self.shortcut(x))


def resnet18(*batch):
    layers, channels = [*normed(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for out, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(channels, out, stride), Block(out, out, 1)]
        channels = out
    net = nn.Sequential(*layers, lambda x: x.mean((1, 2)), nn.Linear(512, 10))
    loss = lambda x, y: cross_entropy(net(x), y)
    return training_step(net, loss, optim.SGD(1e-3, momentum=0.9), *batch)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()

        def double(channels, out):
            parts = *normed(channels, out), nn.ReLU(), *normed(out, out), nn.ReLU()
            return nn.Sequential(*parts)

        self.down = [double(3, 16), double(16, 32), double(32, 64)]
        self.grow = [nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)]
        self.up = [double(64, 32), double(32, 16)]
        self.out, self.pool = nn.Conv2d(16, 2, 1), nn.MaxPool2d(2)

    def __call__(self, x):
        a = self.down[0](x)
        b = self.down[1](self.pool(a))
        c = self.down[2](self.pool(b))
        b = self.up[0](mx.concatenate([self.grow[0](c), b], -1))
        a = self.up[1](mx.concatenate([self.grow[1](b), a], -1))
        return self.out(a)


def unet(*batch):
    net = UNet()
    return training_step(net, lambda x, y: cross_entropy(net(x), y), adam(), *batch)


def dqn(*batch):
    def make():
        return nn.Sequential(
            nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
            flat, nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 6),
        )  # fmt: skip

    net, target = make(), make()
    target.update(net.parameters())

    def loss(seen, following, action, reward, ends):
        goal = reward + 0.99 * target(following / 255).max(1) * ~ends
        told = mx.take_along_axis(net(seen / 255), action, 1)[:, 0]
        return nn.losses.huber_loss(told, mx.stop_gradient(goal), reduction="mean")

    return training_step(net, loss, adam(), *batch, kept=target.state)


# -- images drawn


def vae(*batch):
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = nn.Sequential(
                nn.Conv2d(1, 16, 3, 2, 1), nn.SiLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.SiLU(), flat, nn.Linear(1568, 32)
            )  # fmt: skip
            self.decode = nn.Sequential(
                nn.Linear(16, 1568), nn.SiLU(), lambda x: x.reshape(-1, 7, 7, 32),
                nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1),
            )  # fmt: skip

    net = VAE()

    def loss(x):
        mean, log_variance = mx.split(net.encode(x), 2, 1)
        numbers = mean + mx.random.normal(mean.shape) * mx.exp(0.5 * log_variance)
        drawing = binary_cross_entropy(net.decode(numbers), x, reduction="sum")
        return drawing - 0.5 * mx.sum(1 + log_variance - mean**2 - mx.exp(log_variance))

    return training_step(net, loss, adam(), *batch)


def dcgan(*batch):
    pencil = nn.Sequential(
        nn.ConvTranspose2d(64, 128, 7, bias=False), nn.BatchNorm(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    judge = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1, bias=False),
        nn.BatchNorm(64), nn.LeakyReLU(0.2), nn.Conv2d(64, 1, 7), lambda x: x.reshape(-1),
    )  # fmt: skip
    rules = [optim.Adam(2e-4, betas=[0.5, 0.999], bias_correction=True) for _ in range(2)]
    for rule, net in zip(rules, (pencil, judge)):
        rule.init(net.trainable_parameters())
    ones, zeros = mx.ones(32), mx.zeros(32)

    def judged(real, drawn):
        return binary_cross_entropy(judge(real), ones) + binary_cross_entropy(judge(drawn), zeros)

    def fooled(noise):
        return binary_cross_entropy(judge(pencil(noise)), ones)

    judging, fooling = nn.value_and_grad(judge, judged), nn.value_and_grad(pencil, fooled)

    def update(real):
        noise = mx.random.normal((32, 1, 1, 64))
        rules[1].update(judge, judging(real, pencil(noise))[1])
        loss, gradients = fooling(noise)
        rules[0].update(pencil, gradients)
        return loss

    state = [net.state for net in (pencil, judge, *rules)]
    return stepping(update, [*state, mx.random.state], batch)


# -- transformers


class Attends(nn.Module):
    """A block of a transformer."""

    def __init__(self, size, heads, mask):
        super().__init__()
        self.heads, self.mask = heads, mask
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

    def __call__(self, x):
        B, length, size = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(B, length, 3, self.heads, -1)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        scale = 1 / math.sqrt(size // self.heads)
        y = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=self.mask)
        x = x + self.out(y.transpose(0, 2, 1, 3).reshape(B, length, size))
        return x + self.mlp(self.norm2(x))


def blocks(size, heads, mask=None):
    made = [Attends(size, heads, mask) for _ in range(4)]
    return nn.Sequential(*made, nn.LayerNorm(size))


class CharGPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.letter, self.place = embedding(65, 128), embedding(128, 128)
        self.blocks = blocks(128, 4, "causal")

    def __call__(self, text):
        x = self.letter(text) + self.place(mx.arange(128))
        return self.letter.as_linear(self.blocks(x))


def char_gpt(*batch):
    net = CharGPT()
    loss = lambda text: cross_entropy(net(text[:, :-1]), text[:, 1:])
    return training_step(net, loss, adamw(), *batch)


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.blocks = nn.Conv2d(3, 192, 8, 8), blocks(192, 3)
        self.place, self.first = mx.zeros((1, 65, 192)), mx.zeros((1, 1, 192))
        self.head = nn.Linear(192, 10)

    def __call__(self, x):
        words = self.patches(x).reshape(8, 64, 192)
        first = mx.broadcast_to(self.first, (8, 1, 192))
        words = mx.concatenate([first, words], 1) + self.place
        return self.head(self.blocks(words)[:, 0])


def vit(*batch):
    net = ViT()
    loss = lambda x, y: cross_entropy(net(x), y, label_smoothing=0.1)
    return training_step(net, loss, adamw(), *batch)


# -- recurrent


class WordLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.out, self.drop = (
            embedding(2000, 200),
            nn.Linear(200, 2000),
            nn.Dropout(0.2),
        )
        self.layers = [nn.LSTM(200, 200) for _ in range(2)]


def word_lstm(*batch):
    net = WordLSTM()
    kept = {"state": [(mx.zeros((20, 200)), mx.zeros((20, 200))) for _ in range(2)]}

    def loss(text):
        x = net.drop(net.words(text[:-1])).transpose(1, 0, 2)  # (B, length, inputs)
        for i, layer in enumerate(net.layers):
            hidden, cells = layer(x, *kept["state"][i])
            kept["state"][i] = tuple(mx.stop_gradient(a[:, -1]) for a in (hidden, cells))
            x = net.drop(hidden)
        return cross_entropy(net.out(x), text[1:].T)

    clip = lambda gradients: optim.clip_grad_norm(gradients, 0.25)[0]
    return training_step(net, loss, optim.SGD(0.1), *batch, kept=kept, change=clip)


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.GRU(64, 128), nn.GRU(192, 128)
        self.source, self.target = embedding(1000, 64), embedding(1000, 64)
        self.query, self.out = nn.Linear(128, 128, bias=False), nn.Linear(256, 1000)

    def __call__(self, words, answer):
        memory = self.encoder(self.source(words))
        hidden, told = memory[:, -1], []
        for t in range(12):
            scores = mx.softmax((memory @ self.query(hidden)[:, :, None])[:, :, 0], 1)
            seen = (scores[:, :, None] * memory).sum(1)
            inputs = mx.concatenate([self.target(answer[:, t]), seen], 1)
            hidden = self.decoder(inputs[:, None], hidden)[:, 0]
            told.append(self.out(mx.concatenate([hidden, seen], 1)))
        return mx.stack(told, 1)


def seq2seq(*batch):
    net = Seq2Seq()
    loss = lambda words, answer: cross_entropy(net(words, answer), answer[:, 1:])
    return training_step(net, loss, adam(), *batch)


# -- others


def reinforce(*batch):
    policy = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))

    def loss(push, change):
        state, told, rewards = mx.zeros((16, 4)), [], []
        for _ in range(50):
            logits = policy(state)
            action = mx.random.categorical(mx.stop_gradient(logits))
            told.append(-nn.losses.cross_entropy(logits, action))
            state = mx.tanh(state @ change + push[action])
            rewards.append(1 - mx.abs(state[:, 2]))
        earned = mx.cumsum(mx.stack(rewards), 0, reverse=True)
        earned = (earned - earned.mean()) / (mx.std(earned, ddof=1) + 1e-6)
        return -(mx.stack(told) * earned).mean()

    return training_step(policy, loss, adam(), *batch)


def pinn(*batch):
    layers = [nn.Linear(2, 32), nn.Tanh()]
    for _ in range(3):
        layers += [nn.Linear(32, 32), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Linear(32, 1))

    def u(x, t):
        return net(mx.concatenate([x, t], 1))

    def slopes(x, t):
        return mx.grad(lambda x, t: u(x, t).sum(), argnums=(0, 1))(x, t)

    def loss(x, t, begin):
        u_x, u_t = slopes(x, t)
        u_xx = mx.grad(lambda x: slopes(x, t)[0].sum())(x)
        inside = u_t + u(x, t) * u_x - 0.01 / math.pi * u_xx
        at_start = u(begin, mx.zeros_like(begin)) + mx.sin(math.pi * begin)
        return mx.square(inside).mean() + mx.square(at_start).mean()

    return training_step(net, loss, adam(), *batch)


def gcn(*batch):
    net = nn.Sequential(nn.Linear(500, 16), nn.Linear(16, 7))
    first, second = net.layers
    drop = nn.Dropout(0.5)

    def loss(source, target, weights, x, y):
        def spread(x):
            sent = x[source] * weights[:, None]
            return mx.zeros((NODES, x.shape[1])).at[target].add(sent)

        told = spread(second(drop(nn.relu(spread(first(drop(x)))))))
        return cross_entropy(told[:140], y[:140])

    decay = lambda gradients: tree_map(lambda g, p: g + 5e-4 * p, gradients, net.parameters())
    return training_step(net, loss, adam(), *batch, change=decay)


def factorisation(*batch):
    """Rows that are read are all that Adam touches, as PyTorch's SparseAdam has it."""
    state = {
        "t": mx.array(0.0),
        "moments": [[mx.zeros((100_000, 64)) for _ in range(2)] for _ in range(2)],
    }
    state["tables"] = [mx.random.normal((100_000, 64)) for _ in range(2)]
    gradients_of = mx.value_and_grad(lambda a, b, stars: mx.square((a * b).sum(1) - stars).mean(), (0, 1))  # fmt: skip

    def update(*batch):
        *places, stars = batch
        loss, gradients = gradients_of(*(t[at] for t, at in zip(state["tables"], places)), stars)
        t = state["t"] = state["t"] + 1
        rate = 1e-3 * mx.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for table, (mean, square), at, g in zip(
            state["tables"], state["moments"], places, gradients
        ):
            at, g = summed(at, g)
            m = mean[at] = 0.9 * mean[at] + 0.1 * g
            v = square[at] = 0.999 * square[at] + 0.001 * g * g
            table[at] = table[at] - rate * m / (mx.sqrt(v) + 1e-8)
        return loss

    def summed(at, g):
        """The places in order, each with the sum of its gradients, wherever it stands."""
        order = mx.argsort(at)
        at = at[order]
        group = mx.cumsum(mx.concatenate([mx.zeros(1, mx.int32), (at[1:] != at[:-1])]))
        return at, mx.zeros_like(g).at[group].add(g[order])[group]

    return stepping(update, state, batch)
