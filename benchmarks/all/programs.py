"""Whole training steps of the programs that courses and papers are made of."""

import math

import numpy as np

from ..programs import residual_block
from .case import Row, family, filled, generator, indices


@family("programs", "step")
def programs(T, _):
    for program in PROGRAMS:
        T.manual_seed(0)
        yield Row(program.__doc__, program(T))


def prepared(T, function):
    """What of a program a compiler may take, as it is: benchmarks/compiled_programs.py puts T.compile here."""
    return function


def training_step(T, parameters, loss_of, rule="Adam", **options):
    """A function that makes one step and gives the loss as a number."""
    loss_of = prepared(T, loss_of)
    optimizer = getattr(T.optim, rule)(list(parameters), **{"lr": 1e-3, **options})

    def step():
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def mlp(T):
    """MLP 784-256-128-10, 128 images"""
    nn = T.nn
    net = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )  # fmt: skip
    x, y = filled(T, 128, 784), indices(T, 10, 128)
    return training_step(T, net.parameters(), lambda: nn.functional.cross_entropy(net(x), y))


def lenet(T):
    """LeNet, 64 x 1x32x32"""
    nn = T.nn
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    x, y = filled(T, 64, 1, 32, 32), indices(T, 10, 64)
    loss = lambda: nn.functional.cross_entropy(net(x), y)
    return training_step(T, net.parameters(), loss, "SGD", momentum=0.9)


def cnn(T):
    """VGG-like CNN, 32 x 3x32x32"""
    nn = T.nn

    def block(channels, out):
        return [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True),
                nn.Conv2d(out, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True), nn.MaxPool2d(2)]  # fmt: skip

    net = nn.Sequential(*block(3, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Linear(2048, 10))  # fmt: skip
    x, y = filled(T, 32, 3, 32, 32), indices(T, 10, 32)
    return training_step(T, net.parameters(), lambda: nn.functional.cross_entropy(net(x), y), "AdamW")  # fmt: skip


def resnet18(T):
    """ResNet-18, 4 x 3x64x64"""
    nn, F, Block = T.nn, T.nn.functional, residual_block(T)
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]  # fmt: skip
    channels = 64
    for out, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(channels, out, stride), Block(out, out, 1)]
        channels = out
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))
    x, y = filled(T, 4, 3, 64, 64), indices(T, 10, 4)
    return training_step(T, net.parameters(), lambda: F.cross_entropy(net(x), y), "SGD", momentum=0.9)  # fmt: skip


class Attends:
    """Blocks of a transformer, shared by the two programs below."""

    @staticmethod
    def block(T, size, heads, causal):
        nn, F = T.nn, T.nn.functional

        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
                self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
                self.mlp = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))  # fmt: skip

            def forward(self, x):
                B, length, _ = x.shape
                q, k, v = (
                    self.qkv(self.norm1(x)).view(B, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
                )
                y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
                x = x + self.out(y.transpose(1, 2).reshape(B, length, size))
                return x + self.mlp(self.norm2(x))

        return Block()


def char_gpt(T):
    """char GPT, 4 blocks of 128, 8 x 128 letters"""
    nn, F = T.nn, T.nn.functional
    letter, place = nn.Embedding(65, 128), nn.Embedding(128, 128)
    blocks = nn.Sequential(*[Attends.block(T, 128, 4, True) for _ in range(4)], nn.LayerNorm(128))
    net = nn.ModuleList([letter, place, blocks])
    text = indices(T, 65, 8, 129)

    def loss():
        x = blocks(letter(text[:, :-1]) + place(T.arange(128)))
        return F.cross_entropy((x @ letter.weight.T).flatten(0, 1), text[:, 1:].flatten())

    return training_step(T, net.parameters(), loss, "AdamW")


def vit(T):
    """ViT-tiny, 4 blocks of 192, 8 x 3x64x64"""
    nn, F = T.nn, T.nn.functional
    patches = nn.Conv2d(3, 192, 8, 8)
    place = nn.Parameter(T.zeros(1, 65, 192))
    blocks = nn.Sequential(*[Attends.block(T, 192, 3, False) for _ in range(4)], nn.LayerNorm(192))
    head = nn.Linear(192, 10)
    first = nn.Parameter(T.zeros(1, 1, 192))
    x, y = filled(T, 8, 3, 64, 64), indices(T, 10, 8)

    def loss():
        words = patches(x).flatten(2).transpose(1, 2)
        words = T.cat([first.expand(8, -1, -1), words], 1) + place
        return F.cross_entropy(head(blocks(words)[:, 0]), y, label_smoothing=0.1)

    parameters = [place, first, *nn.ModuleList([patches, blocks, head]).parameters()]
    return training_step(T, parameters, loss, "AdamW")


def word_lstm(T):
    """LSTM language model, 2 layers of 200, 20 x 35 words of 2,000"""
    nn, F = T.nn, T.nn.functional
    words, drop = nn.Embedding(2000, 200), nn.Dropout(0.2)
    lstm, out = nn.LSTM(200, 200, 2, dropout=0.2), nn.Linear(200, 2000)
    net = nn.ModuleList([words, lstm, out])
    text = indices(T, 2000, 36, 20)
    optimizer = T.optim.SGD(net.parameters(), lr=0.1)
    state = [(T.zeros(2, 20, 200), T.zeros(2, 20, 200))]

    def loss_of(state):
        hidden, (h, c) = lstm(drop(words(text[:-1])), state)
        loss = F.cross_entropy(out(drop(hidden)).view(-1, 2000), text[1:].flatten())
        return loss, (h.detach(), c.detach())

    loss_of = prepared(T, loss_of)

    def step():
        optimizer.zero_grad()
        loss, state[0] = loss_of(state[0])
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.25)
        optimizer.step()
        return loss.item()

    return step


def dcgan(T):
    """DCGAN, both steps, 32 x 1x28x28"""
    nn, F = T.nn, T.nn.functional
    draw = nn.Sequential(
        nn.ConvTranspose2d(64, 128, 7, bias=False), nn.BatchNorm2d(128), nn.ReLU(True),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
        nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    judge = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2, True), nn.Conv2d(32, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64), nn.LeakyReLU(0.2, True), nn.Conv2d(64, 1, 7), nn.Flatten(0),
    )  # fmt: skip
    rules = [T.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (draw, judge)]
    draw, judge = prepared(T, draw), prepared(T, judge)
    real, ones, zeros = filled(T, 32, 1, 28, 28), T.ones(32), T.zeros(32)

    def step():
        drawn = draw(T.randn(32, 64, 1, 1))
        judge.zero_grad()
        F.binary_cross_entropy_with_logits(judge(real), ones).backward()
        F.binary_cross_entropy_with_logits(judge(drawn.detach()), zeros).backward()
        rules[1].step()
        draw.zero_grad()
        loss = F.binary_cross_entropy_with_logits(judge(drawn), ones)
        loss.backward()
        rules[0].step()
        return loss.item()

    return step


def vae(T):
    """variational autoencoder with convolutions, 64 x 1x28x28"""
    nn, F = T.nn, T.nn.functional
    encode = nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1), nn.SiLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.SiLU(), nn.Flatten(), nn.Linear(1568, 32)
    )  # fmt: skip
    decode = nn.Sequential(
        nn.Linear(16, 1568), nn.SiLU(), nn.Unflatten(1, (32, 7, 7)), nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.SiLU(),
        nn.ConvTranspose2d(16, 1, 4, 2, 1),
    )  # fmt: skip
    x = filled(T, 64, 1, 28, 28, low=0)

    def loss():
        mean, log_variance = encode(x).chunk(2, 1)
        numbers = mean + T.randn_like(mean) * (0.5 * log_variance).exp()
        drawing = F.binary_cross_entropy_with_logits(decode(numbers), x, reduction="sum")
        return drawing - 0.5 * T.sum(1 + log_variance - mean.pow(2) - log_variance.exp())

    return training_step(T, [*encode.parameters(), *decode.parameters()], loss)


def dqn(T):
    """deep Q learning from pictures, 16 x 4x84x84"""
    nn, F = T.nn, T.nn.functional

    def make():
        return nn.Sequential(
            nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
            nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 6),
        )  # fmt: skip

    net, target = make(), make()
    target.load_state_dict(net.state_dict())
    seen, following = (filled(T, 16, 4, 84, 84, dtype="uint8", low=low, high=255) for low in (0, 1))
    action, reward, ends = indices(T, 6, 16, 1), filled(T, 16), filled(T, 16, dtype="bool")

    def loss():
        with T.no_grad():
            values = target(following.float() / 255).max(1).values
            goal = reward + 0.99 * values * ~ends
        told = net(seen.float() / 255).gather(1, action).squeeze(1)
        return F.smooth_l1_loss(told, goal)

    return training_step(T, net.parameters(), loss)


def reinforce(T):
    """REINFORCE, 50 moves of 16 poles on carts"""
    nn = T.nn
    policy = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
    push = filled(T, 2, 4)
    change = T.eye(4) + 0.02 * filled(T, 4, 4)

    def loss():
        state, log_probabilities, rewards = T.zeros(16, 4), [], []
        for _ in range(50):
            choice = T.distributions.Categorical(logits=policy(state))
            action = choice.sample()
            log_probabilities.append(choice.log_prob(action))
            state = T.tanh(state @ change + push[action])
            rewards.append(1 - state[:, 2].abs())
        earned = T.stack(rewards).flip(0).cumsum(0).flip(0)
        earned = (earned - earned.mean()) / (earned.std() + 1e-6)
        return -(T.stack(log_probabilities) * earned).mean()

    return training_step(T, policy.parameters(), loss)


def pinn(T):
    """Burgers' equation by a network (PINN), 1,000 points"""
    nn, grad = T.nn, T.autograd.grad
    layers = [nn.Linear(2, 32), nn.Tanh()]
    for _ in range(3):
        layers += [nn.Linear(32, 32), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Linear(32, 1))
    x = filled(T, 1000, 1).requires_grad_()
    t = filled(T, 1000, 1, low=0).requires_grad_()
    begin = filled(T, 100, 1, high=0.5)

    def loss():
        u = net(T.cat([x, t], 1))
        ones = T.ones_like(u)
        u_x, u_t = grad(u, (x, t), ones, create_graph=True)
        (u_xx,) = grad(u_x, x, ones, create_graph=True)
        inside = u_t + u * u_x - 0.01 / math.pi * u_xx
        at_start = net(T.cat([begin, T.zeros_like(begin)], 1)) + T.sin(math.pi * begin)
        return inside.pow(2).mean() + at_start.pow(2).mean()

    return training_step(T, net.parameters(), loss)


def unet(T):
    """U-net of 3 levels with batch norms, 2 x 3x96x96"""
    nn, F = T.nn, T.nn.functional

    def double(channels, out):
        return nn.Sequential(nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(True),
                             nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(True))  # fmt: skip

    down = nn.ModuleList([double(3, 16), double(16, 32), double(32, 64)])
    grow = nn.ModuleList([nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)])
    up = nn.ModuleList([double(64, 32), double(32, 16)])
    out = nn.Conv2d(16, 2, 1)
    x, y = filled(T, 2, 3, 96, 96), indices(T, 2, 2, 96, 96)

    def loss():
        a = down[0](x)
        b = down[1](F.max_pool2d(a, 2))
        c = down[2](F.max_pool2d(b, 2))
        b = up[0](T.cat([grow[0](c), b], 1))
        a = up[1](T.cat([grow[1](b), a], 1))
        return F.cross_entropy(out(a), y)

    return training_step(T, nn.ModuleList([down, grow, up, out]).parameters(), loss)


def gcn(T):
    """graph convolutions, 2,708 nodes, 10,556 edges, 500 features"""
    nn, F = T.nn, T.nn.functional
    n = 2708
    ends = generator((2, 10556)).integers(0, n, (2, 10556))
    places = T.from_numpy(np.unique(np.concatenate([ends, ends[::-1]], 1), axis=1))
    degree = T.bincount(places[0], minlength=n).float().clamp(min=1)
    values = (degree[places[0]] * degree[places[1]]).rsqrt()
    graph = T.sparse_coo_tensor(places, values, (n, n)).coalesce()
    first, second = nn.Linear(500, 16), nn.Linear(16, 7)
    x, y = filled(T, n, 500, low=0), indices(T, 7, n)

    def loss():
        hidden = F.relu(T.sparse.mm(graph, first(F.dropout(x, 0.5))))
        told = T.sparse.mm(graph, second(F.dropout(hidden, 0.5)))
        return F.nll_loss(F.log_softmax(told, 1)[:140], y[:140])

    return training_step(T, [*first.parameters(), *second.parameters()], loss, weight_decay=5e-4)


def factorisation(T):
    """matrix factorisation with sparse gradients, 1,024 of 100,000 x 64"""
    nn = T.nn
    users, items = (nn.Embedding(100_000, 64, sparse=True) for _ in range(2))
    user, item = indices(T, 100_000, 1024), indices(T, 99_999, 1024)
    stars = filled(T, 1024, low=1, high=5)
    loss = lambda: ((users(user) * items(item)).sum(1) - stars).pow(2).mean()
    return training_step(T, [users.weight, items.weight], loss, "SparseAdam")


def seq2seq(T):
    """seq2seq with attention, GRUs of 128, 16 x 15 to 12 words of 1,000"""
    nn, F = T.nn, T.nn.functional
    encoder, decoder = nn.GRU(64, 128, batch_first=True), nn.GRUCell(64 + 128, 128)
    source, target = nn.Embedding(1000, 64), nn.Embedding(1000, 64)
    query, out = nn.Linear(128, 128, bias=False), nn.Linear(256, 1000)
    net = nn.ModuleList([encoder, decoder, source, target, query, out])
    words, answer = indices(T, 1000, 16, 15), indices(T, 1000, 16, 13)

    def loss():
        memory, hidden = encoder(source(words))
        hidden, total = hidden[0], 0.0
        for t in range(12):
            scores = (memory @ query(hidden)[:, :, None]).squeeze(2).softmax(1)
            seen = (scores[:, :, None] * memory).sum(1)
            hidden = decoder(T.cat([target(answer[:, t]), seen], 1), hidden)
            total = total + F.cross_entropy(out(T.cat([hidden, seen], 1)), answer[:, t + 1])
        return total / 12

    return training_step(T, net.parameters(), loss)


def encoder(T):
    """classifier of texts, nn.TransformerEncoder 2 x 128, 16 x 64 words, padded"""
    nn, F = T.nn, T.nn.functional
    words, out = nn.Embedding(2000, 128, padding_idx=0), nn.Linear(128, 2)
    layer = nn.TransformerEncoderLayer(128, 4, 256, batch_first=True, dropout=0.1)
    layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    text, label = indices(T, 2000, 16, 64), indices(T, 2, 16)
    text[:, 48:] = 0

    def loss():
        hidden = layers(words(text), src_key_padding_mask=text == 0)
        return F.cross_entropy(out(hidden.mean(1)), label)

    return training_step(T, nn.ModuleList([words, layers, out]).parameters(), loss)


def word_vectors(T):
    """word2vec with negative samples, 256 x 6 of 50,000 x 100"""
    nn, F = T.nn, T.nn.functional
    inside, outside = (nn.Embedding(50_000, 100, sparse=True) for _ in range(2))
    word, near, far = indices(T, 50_000, 256), indices(T, 49_999, 256), indices(T, 50_000, 256, 5)

    def loss():
        at = inside(word)
        right = (at * outside(near)).sum(1)
        wrong = (outside(far) @ at[:, :, None]).squeeze(2)
        return -(F.logsigmoid(right).mean() + F.logsigmoid(-wrong).mean())

    return training_step(T, [inside.weight, outside.weight], loss, "SGD")


PROGRAMS = (
    mlp, lenet, cnn, resnet18, char_gpt, vit, word_lstm, dcgan, vae, dqn, reinforce, pinn, unet, gcn, factorisation,
    seq2seq, encoder, word_vectors,
)  # fmt: skip
