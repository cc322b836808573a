"""Programs that differentiate twice, or in their own way."""

import math


def physics_informed(T, start):
    """Burgers' equation u_t + u u_x = 0.01 u_xx, from derivatives of the network with respect to its input."""
    nn = T.nn
    net = start.weights(
        nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
    )
    optimizer = T.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(10):
        places = start.uniform(64, 2).requires_grad_()
        u = net(places)
        (slopes,) = T.autograd.grad(u, places, T.ones_like(u), create_graph=True)
        u_x, u_t = slopes[:, :1], slopes[:, 1:]
        u_xx = T.autograd.grad(u_x.sum(), places, create_graph=True)[0][:, :1]
        edge = T.cat([start.uniform(32, 1), T.zeros(32, 1)], 1)
        loss = (u_t + u * u_x - 0.01 * u_xx).pow(2).mean()
        loss = loss + (net(edge) + T.sin(math.pi * edge[:, :1])).pow(2).mean()
        start.step(optimizer, loss)
        yield loss


def learning_to_learn(T, start):
    """MAML: the loss after two steps of descent, differentiated through the steps."""
    nn, F = T.nn, T.nn.functional
    net = start.weights(nn.Sequential(nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 1)))
    optimizer = T.optim.Adam(net.parameters(), lr=1e-2)
    names = [name for name, _ in net.named_parameters()]
    near, far = start.uniform(10, 1) * 2 - 1, start.uniform(10, 1) * 2 - 1
    for _ in range(8):
        total = 0
        for height in (0.5, 1.0, 2.0):
            weights = list(net.parameters())
            for _ in range(2):
                output = T.func.functional_call(net, dict(zip(names, weights)), (near,))
                loss = F.mse_loss(output, height * T.sin(3 * near))
                grads = T.autograd.grad(loss, weights, create_graph=True)
                weights = [w - 0.1 * g for w, g in zip(weights, grads)]
            output = T.func.functional_call(net, dict(zip(names, weights)), (far,))
            total = total + F.mse_loss(output, height * T.sin(3 * far))
        start.step(optimizer, total)
        yield total


def quantized(T, start):
    """A Function with a gradient of its own, hooks on modules and tensors, a parametrized layer."""
    nn = T.nn

    class Rounded(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, steps):
            ctx.save_for_backward(x)
            return T.round(x * steps) / steps

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (x.abs() < 1).to(grad.dtype), None

    class Quantized(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(T.zeros(16, 8))
            self.register_buffer("calls", T.zeros((), dtype=T.long))

        def forward(self, x):
            self.calls += 1
            return x @ Rounded.apply(self.weight, 8.0)

    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

    net = nn.Sequential(Quantized(), nn.Tanh(), nn.Linear(8, 8))
    nn.utils.parametrize.register_parametrization(net[2], "weight", Symmetric())
    start.weights(net)
    seen = []
    net[0].register_forward_hook(lambda module, inputs, output: seen.append(output.detach().norm()))
    net[2].register_full_backward_hook(lambda module, gi, go: seen.append(go[0].norm()))
    net[2].register_forward_pre_hook(lambda module, inputs: (2 * inputs[0],))
    net[0].weight.register_hook(lambda grad: grad.clamp(-0.1, 0.1))
    optimizer = T.optim.SGD(net.parameters(), 0.1)
    for _ in range(6):
        x = start.normal(16, 16)
        loss = (net(x) - x[:, :8]).pow(2).mean()
        start.step(optimizer, loss)
        yield loss
        yield from seen
        seen.clear()
    weight = net[2].weight
    assert T.equal(weight, weight.T) and net[0].calls == 6


def test_quantized(follow):
    follow(quantized)


def test_physics_informed(follow):
    follow(physics_informed, falls_to=0.9)


def test_learning_to_learn(follow):
    follow(learning_to_learn, falls_to=1)
