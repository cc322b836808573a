"""vmap and derivatives of functions: per-sample gradients, Jacobians, Hessians, ensembles."""


def cases(T):
    T.manual_seed(0)
    nn, func = T.nn, T.func
    F = nn.functional

    def per_sample(model, loss, x, y):
        params = {k: v.detach() for k, v in model.named_parameters()}

        def of_one(params, x, y):
            out = func.functional_call(model, params, (x.unsqueeze(0),))
            return loss(out, y.unsqueeze(0))

        gradients = func.vmap(func.grad(of_one), in_dims=(None, 0, 0))
        return lambda: gradients(params, x, y)

    mlp = nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    yield (
        "per-sample gradients, MLP 64-128-128-10, 64 samples",
        1.5,
        per_sample(mlp, F.cross_entropy, T.rand(64, 64), T.randint(0, 10, (64,))),
    )
    cnn = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(16 * 11 * 11, 10),
    )  # fmt: skip
    yield (
        "per-sample gradients, CNN 8-16, 32 images of 28x28",
        1.5,
        per_sample(cnn, F.cross_entropy, T.rand(32, 1, 28, 28), T.randint(0, 10, (32,))),
    )
    small = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    params = {k: v.detach() for k, v in small.named_parameters()}

    def value(x):
        return func.functional_call(small, params, (x,)).squeeze(-1)

    points = T.rand(64, 8)
    hessians = func.vmap(func.hessian(value))
    yield "batched hessian, MLP 8-32-1, 64 points", 1.5, lambda: hessians(points)
    hessian = func.hessian(lambda x: (x.sin() * x.roll(1)).sum())
    x = T.rand(100)
    yield "hessian of 100 variables", 1.5, lambda: hessian(x)
    wide = nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 64))
    wide_params = {k: v.detach() for k, v in wide.named_parameters()}

    def map_of(x):
        return func.functional_call(wide, wide_params, (x,))

    x64 = T.rand(64)
    rows, columns = func.jacrev(map_of), func.jacfwd(map_of)
    yield "jacrev, MLP 64-128-64", 1.5, lambda: rows(x64)
    yield "jacfwd, MLP 64-128-64", 1.5, lambda: columns(x64)
    batch = T.rand(32, 64)
    batched_rows = func.vmap(rows)
    yield "vmap of jacrev, 32 points", 1.5, lambda: batched_rows(batch)
    models = [nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10)) for _ in range(16)]
    stacked, buffers = func.stack_module_state(models)
    together = func.vmap(
        lambda p, b, x: func.functional_call(models[0], (p, b), (x,)), (0, 0, None)
    )
    inputs = T.rand(64, 32)
    yield "ensemble of 16 MLPs, 64 inputs", 1.5, lambda: together(stacked, buffers, inputs)
    elementwise = func.vmap(lambda a, b: (a * b).sum() + a.exp().mean())
    a, b = T.rand(64, 32), T.rand(64, 32)
    yield "vmap of five small operators", 1.5, lambda: elementwise(a, b)
    q, k = T.rand(16, 32, 16), T.rand(16, 32, 16)
    attention = func.vmap(lambda q, k: (q @ k.mT / 4).softmax(-1) @ k)
    yield "vmap of attention, 16 of 32x16", 1.5, lambda: attention(q, k)
