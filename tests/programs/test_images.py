"""Networks for images: residual, U-shaped, adversarial."""


def residual_network(T, start):
    # SiLU, for a last bit can move an input of ReLU to the other side of its kink.

    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self, channels, out, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(out)
            self.shortcut = nn.Sequential()
            if stride != 1 or channels != out:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
                )

        def forward(self, x):
            y = F.silu(self.norm1(self.conv1(x)), inplace=True)
            y = self.norm2(self.conv2(y))
            y += self.shortcut(x)
            return F.silu(y)

    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.SiLU(inplace=True),
        Block(8, 8, 1), Block(8, 16, 2), Block(16, 32, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    start.weights(net)
    optimizer = T.optim.SGD(net.parameters(), 0.02, momentum=0.9, weight_decay=5e-4)
    schedule = T.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=8)
    images, labels = start.normal(8, 3, 16, 16), start.integers(0, 10, 8)
    for _ in range(8):
        loss = F.cross_entropy(net(images), labels, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        yield loss
    net.eval()
    with T.no_grad():
        yield F.cross_entropy(net(images), labels)


def test_residual_network(follow):
    losses = follow(residual_network)
    assert losses[7] < 0.7 * losses[0]


def segmentation(T, start):
    """A U-net whose loss is cross entropy and overlap (Dice)."""
    nn, F = T.nn, T.nn.functional

    def double(channels, out):
        return nn.Sequential(
            nn.Conv2d(channels, out, 3, padding=1), nn.GroupNorm(4, out), nn.SiLU(inplace=True),
            nn.Conv2d(out, out, 3, padding=1), nn.InstanceNorm2d(out, affine=True), nn.SiLU(),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down1, self.down2, self.down3 = double(1, 8), double(8, 16), double(16, 32)
            self.grow2 = nn.ConvTranspose2d(32, 16, 2, 2)
            self.up2 = double(32, 16)
            self.grow1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.up1 = double(24, 8)
            self.out = nn.Conv2d(8, 1, 1)

        def forward(self, x):
            a = self.down1(x)
            b = self.down2(F.max_pool2d(a, 2))
            c = self.down3(F.max_pool2d(b, 2))
            y = self.up2(T.cat([self.grow2(c), b], 1))
            y = self.up1(T.cat([self.grow1(y), a], 1))
            return self.out(y)

    net = start.weights(UNet())
    optimizer = T.optim.AdamW(net.parameters(), lr=1e-2, amsgrad=True)
    images = start.normal(2, 1, 16, 16)
    masks = (images > 0.5).float()
    for _ in range(8):
        logits = net(images)
        inside = T.sigmoid(logits)
        both = (inside * masks).sum((1, 2, 3))
        dice = 1 - (2 * both + 1) / (inside.sum((1, 2, 3)) + masks.sum((1, 2, 3)) + 1)
        weight = T.tensor(2.0)
        loss = F.binary_cross_entropy_with_logits(logits, masks, pos_weight=weight) + dice.mean()
        start.step(optimizer, loss)
        yield loss


def test_segmentation(follow):
    losses = follow(segmentation)
    assert losses[-1] < 0.8 * losses[0]


def adversarial(T, start):
    """A generator against a discriminator, both made of layers that write in place."""
    nn = T.nn
    generator = nn.Sequential(
        nn.ConvTranspose2d(8, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
        nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
        nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(16, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
    )  # fmt: skip
    start.weights(generator)
    start.weights(discriminator)
    betas = (0.5, 0.999)
    for_generator = T.optim.Adam(generator.parameters(), lr=2e-3, betas=betas)
    for_discriminator = T.optim.Adam(discriminator.parameters(), lr=2e-3, betas=betas)
    entropy = nn.BCELoss()
    real, ones, zeros = start.uniform(8, 1, 16, 16) * 2 - 1, T.ones(8), T.zeros(8)
    for _ in range(6):
        discriminator.zero_grad()
        on_real = entropy(discriminator(real).view(-1), ones)
        on_real.backward()
        fake = generator(start.normal(8, 8, 1, 1))
        on_fake = entropy(discriminator(fake.detach()).view(-1), zeros)
        on_fake.backward()
        for_discriminator.step()
        generator.zero_grad()
        cheated = entropy(discriminator(fake).view(-1), ones)
        cheated.backward()
        for_generator.step()
        yield on_real + on_fake
        yield cheated


def test_adversarial(follow):
    losses = follow(adversarial, rtol=5e-3)
    assert losses[-2] < losses[0]
