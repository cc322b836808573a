"""Whole programs: one training step of networks as people write them."""


def cases(T):
    for program in (resnet, unet, gpt, transformer, lstm, gru, autoencoder, physics, q_learning):
        T.manual_seed(0)
        yield program.__doc__, 1.0, program(T)


def training_step(T, parameters, loss_of, optimizer_class=None):
    optimizer = (optimizer_class or T.optim.Adam)(parameters, lr=1e-3)

    def step():
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def residual_block(T):
    """The class of blocks of two convolutions beside a shortcut, which is one where sizes change."""
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self, channels, out, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)
            self.shortcut = nn.Sequential()
            if channels != out:
                shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)
                self.shortcut = nn.Sequential(shortcut, nn.BatchNorm2d(out))

        def forward(self, x):
            y = F.relu(self.norm1(self.conv1(x)), inplace=True)
            return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))

    return Block


def resnet(T):
    """ResNet of 8 convolutions, 8 x 3x32x32"""
    nn, F, Block = T.nn, T.nn.functional, residual_block(T)
    net = nn.Sequential(
        nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True),
        Block(32, 32, 1), Block(32, 64, 2), Block(64, 128, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    x, y = T.randn(8, 3, 32, 32), T.randint(0, 10, (8,))
    return training_step(T, net.parameters(), lambda: F.cross_entropy(net(x), y), T.optim.SGD)


def unet(T):
    """U-net of 3 levels, 2 x 1x64x64"""
    nn, F = T.nn, T.nn.functional

    def double(channels, out):
        return nn.Sequential(
            nn.Conv2d(channels, out, 3, padding=1), nn.GroupNorm(4, out), nn.SiLU(),
            nn.Conv2d(out, out, 3, padding=1), nn.GroupNorm(4, out), nn.SiLU(),
        )  # fmt: skip

    down1, down2, down3 = double(1, 16), double(16, 32), double(32, 64)
    grow2, up2 = nn.ConvTranspose2d(64, 32, 2, 2), double(64, 32)
    grow1, up1 = nn.ConvTranspose2d(32, 16, 2, 2), double(32, 16)
    net = nn.ModuleList([down1, down2, down3, grow2, up2, grow1, up1, nn.Conv2d(16, 1, 1)])
    x, masks = T.randn(2, 1, 64, 64), T.randint(0, 2, (2, 1, 64, 64)).float()

    def loss():
        a = down1(x)
        b = down2(F.max_pool2d(a, 2))
        c = down3(F.max_pool2d(b, 2))
        y = up2(T.cat([grow2(c), b], 1))
        y = up1(T.cat([grow1(y), a], 1))
        return F.binary_cross_entropy_with_logits(net[-1](y), masks)

    return training_step(T, net.parameters(), loss)


def gpt(T):
    """GPT, 4 blocks of 64, 8 x 64 letters"""
    nn, F = T.nn, T.nn.functional
    size, heads, letters, context = 64, 4, 65, 64

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
            self.qkv, self.project = nn.Linear(size, 3 * size), nn.Linear(size, size)
            self.wide, self.narrow = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

        def forward(self, x):
            B, steps, _ = x.shape
            qkv = self.qkv(self.norm1(x)).split(size, 2)
            q, k, v = (part.view(B, steps, heads, -1).transpose(1, 2) for part in qkv)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.project(y.transpose(1, 2).reshape(B, steps, size))
            return x + self.narrow(F.gelu(self.wide(self.norm2(x)), approximate="tanh"))

    letter, place = nn.Embedding(letters, size), nn.Embedding(context, size)
    blocks = nn.Sequential(*[Block() for _ in range(4)], nn.LayerNorm(size))
    net = nn.ModuleList([letter, place, blocks])
    text = T.randint(0, letters, (8, context + 1))

    def loss():
        x = blocks(letter(text[:, :-1]) + place(T.arange(context)))
        return F.cross_entropy((x @ letter.weight.T).flatten(0, 1), text[:, 1:].flatten())

    return training_step(T, net.parameters(), loss, T.optim.AdamW)


def transformer(T):
    """nn.Transformer, 2 + 2 layers of 32, 8 x 12 words"""
    nn, F = T.nn, T.nn.functional
    net = nn.Transformer(32, 4, 2, 2, 64, 0.0, batch_first=True)
    source, target = nn.Embedding(60, 32), nn.Embedding(60, 32)
    all_of_it = nn.ModuleList([net, source, target])
    words, answer = T.randint(0, 60, (8, 12)), T.randint(0, 60, (8, 11))
    mask = nn.Transformer.generate_square_subsequent_mask(10)

    def loss():
        hidden = net(source(words), target(answer[:, :-1]), tgt_mask=mask)
        logits = hidden @ target.weight.T
        return F.cross_entropy(logits.flatten(0, 1), answer[:, 1:].flatten())

    return training_step(T, all_of_it.parameters(), loss)


def recurrent(T, layer):
    letters, output = T.nn.Embedding(40, 32), T.nn.Linear(64, 40)
    net = T.nn.ModuleList([letters, layer, output])
    text = T.randint(0, 40, (16, 33))

    def loss():
        hidden, _ = layer(letters(text[:, :-1]))
        logits = output(hidden).flatten(0, 1)
        return T.nn.functional.cross_entropy(logits, text[:, 1:].flatten())

    return training_step(T, net.parameters(), loss)


def lstm(T):
    """LSTM, 2 layers of 64, 16 x 32 letters"""
    return recurrent(T, T.nn.LSTM(32, 64, num_layers=2, batch_first=True))


def gru(T):
    """GRU, 2 layers of 64, 16 x 32 letters"""
    return recurrent(T, T.nn.GRU(32, 64, num_layers=2, batch_first=True))


def autoencoder(T):
    """variational autoencoder, 64 x 784"""
    nn, F = T.nn, T.nn.functional
    encode = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decode = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    x = T.rand(64, 784)

    def loss():
        mean, log_variance = encode(x).chunk(2, 1)
        numbers = mean + T.randn_like(mean) * (0.5 * log_variance).exp()
        drawing = F.binary_cross_entropy_with_logits(decode(numbers), x, reduction="sum")
        return drawing + 0.5 * (mean.pow(2) + log_variance.exp() - 1 - log_variance).sum()

    return training_step(T, [*encode.parameters(), *decode.parameters()], loss)


def physics(T):
    """equation of heat, second derivatives, 256 points"""
    nn = T.nn
    net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    points = T.rand(256, 2)

    def loss():
        at = points.clone().requires_grad_()
        (slope,) = T.autograd.grad(net(at).sum(), at, create_graph=True)
        (bend,) = T.autograd.grad(slope[:, 0].sum(), at, create_graph=True)
        return (slope[:, 1] - 0.1 * bend[:, 0]).pow(2).mean()

    return training_step(T, net.parameters(), loss)


def q_learning(T):
    """deep Q learning, batch 64"""
    nn, F = T.nn, T.nn.functional

    def make():
        return nn.Sequential(
            nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
        )

    net, target = make(), make()
    state, following, reward = T.randn(64, 4), T.randn(64, 4), T.rand(64)
    action, goes_on = T.randint(0, 2, (64, 1)), T.rand(64) > 0.1

    def loss():
        values = T.zeros(64)
        with T.no_grad():
            values[goes_on] = target(following[goes_on]).max(1).values
            for new, old in zip(net.parameters(), target.parameters()):
                old.lerp_(new, 0.005)
        chosen = net(state).gather(1, action).squeeze(1)
        return F.smooth_l1_loss(chosen, reward + 0.99 * values)

    return training_step(T, net.parameters(), loss, T.optim.AdamW)
