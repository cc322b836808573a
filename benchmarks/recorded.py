"""What a recorded call costs: tiny softmax, norms, losses and indexing, one thread."""

THREADS = 1


def cases(T):
    F = T.nn.functional
    T.manual_seed(0)
    x = T.rand(4, 8, requires_grad=True)
    y, v = T.rand(4, 8), T.rand(8, requires_grad=True)
    classes, places = T.tensor([1, 0, 3, 2]), T.tensor([2, 0, 1])
    spread = T.randint(0, 4, (4, 8))
    table = T.rand(10, 4, requires_grad=True)
    logs = T.rand(4, 8).log_softmax(1).requires_grad_()
    mask = x.detach() > 0.5
    yield "softmax", 5, lambda: x.softmax(1)
    yield "log_softmax", 5, lambda: x.log_softmax(1)
    yield "layer_norm", 5, lambda: F.layer_norm(x, (8,), v, v)
    yield "rms_norm", 5, lambda: F.rms_norm(x, (8,), v)
    yield "mse_loss", 5, lambda: F.mse_loss(x, y)
    yield "l1_loss", 5, lambda: F.l1_loss(x, y)
    yield "smooth_l1_loss", 5, lambda: F.smooth_l1_loss(x, y)
    yield "binary_cross_entropy_with_logits", 5, lambda: F.binary_cross_entropy_with_logits(x, y)
    yield "cross_entropy", 5, lambda: F.cross_entropy(x, classes)
    yield "nll_loss", 5, lambda: F.nll_loss(logs, classes)
    yield "x[places]", 5, lambda: x[places]
    yield "x[1:3]", 5, lambda: x[1:3]
    yield "x[mask]", 5, lambda: x[mask]
    yield "index_select", 5, lambda: x.index_select(0, places)
    yield "gather", 5, lambda: x.gather(0, spread)
    yield "embedding", 5, lambda: F.embedding(classes, table)
    yield "amax over a dim", 5, lambda: x.amax(1)
    yield "max over a dim", 5, lambda: x.max(1)
    yield "norm", 5, lambda: x.norm()
    yield "linalg.vector_norm over a dim", 5, lambda: T.linalg.vector_norm(x, dim=1)
    yield "var over a dim", 5, lambda: x.var(1)
    yield "logsumexp", 5, lambda: x.logsumexp(1)
    yield "group_norm", 5, lambda: F.group_norm(x, 2)
