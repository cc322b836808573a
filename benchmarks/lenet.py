"""The tutorial's LeNet: training steps, as the digits demo makes them."""

from .programs import training_step


def cases(T):
    for batch in (4, 32, 128):
        yield f"LeNet step, batch {batch}", 1.5, lenet_step(T, batch, T.optim.SGD)
    yield "digits demo's step (batch 32, Adam)", 1.5, lenet_step(T, 32, T.optim.Adam)
    model, x = lenet(T), T.rand(128, 1, 32, 32)

    def forward():
        with T.no_grad():
            return model(x)

    yield "LeNet forward, batch 128", None, forward


def lenet_step(T, batch, optimizer_class):
    T.manual_seed(0)
    model = lenet(T)
    x = T.rand(batch, 1, 32, 32)
    y = T.randint(0, 10, (batch,))
    cross_entropy = T.nn.functional.cross_entropy

    return training_step(T, model.parameters(), lambda: cross_entropy(model(x), y), optimizer_class)


def lenet(T):
    nn, F = T.nn, T.nn.functional

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(16 * 5 * 5, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = x.view(x.size(0), -1)
            x = F.relu(self.fc1(x))
            x = F.relu(self.fc2(x))
            return self.fc3(x)

    return LeNet()
