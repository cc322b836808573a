"""What a call costs: 4x3 float32 tensors, one thread."""

from .programs import training_step

THREADS = 1


def cases(T):
    T.manual_seed(0)
    a, b = T.rand(4, 3), T.rand(4, 3)
    p = T.rand(4, 3, requires_grad=True)
    relu = T.relu
    yield "a + b", 4, lambda: a + b
    yield "a.add_(b)", 4, lambda: a.add_(b)
    yield "torch.relu(a)", 4, lambda: relu(a)
    yield "a[0]", 4, lambda: a[0]
    yield "a.view(12)", 4, lambda: a.view(12)
    yield "a.sum()", 4, lambda: a.sum()
    yield "p + b, recording", 3, lambda: p + b
    yield "MLP 16-64-64-1 step with Adam", 4, mlp_step(T)


def mlp_step(T):
    nn = T.nn
    model = nn.Sequential(
        nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)
    )
    x, y = T.rand(32, 16), T.rand(32, 1)
    return training_step(T, model.parameters(), lambda: nn.functional.mse_loss(model(x), y))
