"""What the CPU computes by loops written by hand, on a GPU by kernels: indexing, products, convolution, order."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F

X, Y = torch.randn(7, 5), torch.randn(7, 5)
IMAGES = torch.randn(2, 4, 6, 6)


def put(a, index, value, **options):
    return a.clone().index_put_((index,), value, **options)


CASES = {
    "matmul": (lambda a, b: a @ b.t(), X, Y),
    "bmm": (lambda a, b: a @ b, torch.randn(3, 20, 33), torch.randn(3, 33, 70)),
    "addmm": (lambda c, a, b: torch.addmm(c, a, b, alpha=0.5, beta=2), torch.randn(7, 7), X, Y.t()),
    "linear": (lambda a, w, b: F.linear(a, w, b), torch.randn(9, 33), torch.randn(17, 33), torch.randn(17)),
    "matmul_float64": (lambda a, b: a.double() @ b.double().t(), X, Y),
    "matmul_float16": (lambda a, b: (a.half() @ b.half().t()).float(), X, Y),
    "matmul_int64": (lambda a, b: (a * 10).long() @ (b * 10).long().t(), X, Y),
    "matmul_complex": (lambda a, b: torch.complex(a, b) @ torch.complex(b, a).t(), X, Y),
    "index_by_list": (lambda a: a[[0, 2, -1]], X),
    "index_by_tensors": (lambda a, i: a[i, :, i], torch.randn(4, 5, 6), torch.tensor([[1, 2], [3, 0]])),
    "index_by_mask": (lambda a: a[a > 0], X),
    "gather": (lambda a, i: a.gather(1, i), X, torch.randint(5, (7, 3))),
    "take": (lambda a, i: a.t().take(i), X, torch.randint(35, (7, 3))),
    "index_select": (lambda a, i: a.index_select(1, i), X, torch.randint(5, (9,))),
    "embedding": (lambda i, w: F.embedding(i, w), torch.randint(7, (3, 2)), X),
    "nonzero": (lambda a: (a > 0).nonzero(), X),
    "nonzero_of_many": (lambda a: (a > 1).nonzero(), torch.randn(9000)),
    "masked_scatter": (lambda a, b: a.masked_scatter(a > 0, b), X, Y),
    "write_mask": (lambda a: put(a, a > 0, torch.tensor(3.0, device=a.device)), X),
    "index_put_twice": (lambda a, i: put(a, i, torch.ones((), device=a.device), accumulate=True), X, torch.tensor([1, 1, 2])),
    "index_add": (lambda a, i, b: a.index_add(0, i, b), X, torch.tensor([1, 1, 2]), Y[:3]),
    "index_add_columns": (lambda a, i, b: a.t().index_add(1, i, b.t()), X, torch.tensor([1, 1, 2]), Y[:3]),
    "scatter": (lambda a, i, b: a.scatter(1, i, b), X, torch.tensor([[1, 3], [2, 0]]), Y),
    "scatter_add": (lambda a, i, b: a.scatter_add(1, i, b), X, torch.tensor([[1, 1], [2, 0]]), Y),
    "scatter_reduce": (lambda a, i, b: a.scatter_reduce(0, i, b, "amax"), X, torch.tensor([[1, 1], [1, 0]]), Y),
    "pad_reflect": (lambda a: F.pad(a[None], (1, 2), mode="reflect"), X),
    "pad_replicate": (lambda a: F.pad(a[None], (3, 2), mode="replicate"), X),
    "flip": (lambda a: a.flip(0, 1), X),
    "roll": (lambda a: a.roll((1, 2), (0, 1)), X),
    "sort": (lambda a: a.sort(0, descending=True), torch.randint(4, (9, 3)).float()),
    "sort_nan": (lambda a: (a / (a > 0)).sort(), X),
    "argsort": (lambda a: a.double().argsort(1), X),
    "topk": (lambda a: a.topk(3), X),
    "cumsum": (lambda a: a.cumsum(1), X),
    "cumprod": (lambda a: a.cumprod(0), X),
    "cummax": (lambda a: a.cummax(0), X),
    "logcumsumexp": (lambda a: a.logcumsumexp(1), X),
    "conv2d": (lambda a, w, b: F.conv2d(a, w, b, padding=1), IMAGES, torch.randn(3, 4, 3, 3), torch.randn(3)),
    "conv1d": (lambda a, w: F.conv1d(a, w, stride=2, dilation=2), torch.randn(2, 3, 16), torch.randn(4, 3, 3)),
    "conv_groups": (lambda a, w: F.conv2d(a, w, groups=2), IMAGES, torch.randn(6, 2, 3, 3)),
    "conv_transpose": (lambda a, w: F.conv_transpose2d(a, w, stride=2, padding=1), IMAGES, torch.randn(4, 3, 3, 3)),
    "max_pool": (lambda a: F.max_pool2d(a, 3, 2, 1, return_indices=True), IMAGES),
    "avg_pool": (lambda a: F.avg_pool2d(a, 3, 2, 1), IMAGES),
    "adaptive_avg_pool": (lambda a: F.adaptive_avg_pool2d(a, (3, 4)), IMAGES),
    "adaptive_max_pool": (lambda a: F.adaptive_max_pool2d(a, (4, 1), return_indices=True), IMAGES),
    "bilinear": (lambda a: F.interpolate(a, (9, 4), mode="bilinear"), IMAGES),
    "resize_row": (lambda a: F.interpolate(a[0], 9, mode="linear"), IMAGES),
    "trilinear": (lambda a: F.interpolate(a[None], (3, 9, 4), mode="trilinear"), IMAGES),
    "resize_width": (lambda a: F.interpolate(a, (a.shape[2], 9), mode="bilinear"), IMAGES),
    "bicubic": (lambda a: F.interpolate(a, scale_factor=1.5, mode="bicubic", align_corners=True), IMAGES),
    "antialias": (lambda a: F.interpolate(a, (2, 3), mode="bilinear", antialias=True), IMAGES),
    "grid_sample": (lambda a, g: F.grid_sample(a, g.tanh(), align_corners=False), IMAGES, torch.randn(2, 3, 3, 2)),
    "embedding_bag": (lambda i, w: F.embedding_bag(i, w), torch.randint(7, (3, 2)), X),
    "embedding_bag_weighted": (
        lambda i, w, f: F.embedding_bag(i, w, i[:2] * 0 + torch.tensor([0, 2]).to(i.device), mode="sum", per_sample_weights=f),
        torch.tensor([1, 5, 1, 0]), X, torch.rand(4),
    ),
    "cross_entropy": (lambda a, t: F.cross_entropy(a, t, label_smoothing=0.1), X, torch.tensor([0, -100, 4, 1, 2, 2, 3])),
    "cross_entropy_weighted": (lambda a, t, w: F.cross_entropy(a, t, w.detach()), X, torch.randint(5, (7,)), torch.rand(5)),
    "cross_entropy_of_images": (lambda a, t: F.cross_entropy(a, t), IMAGES, torch.randint(4, (2, 6, 6))),
    "nll_loss": (lambda a, t: F.nll_loss(a, t, reduction="none"), X, torch.tensor([0, -100, 4, 1, 2, 2, 3])),
    "split": (lambda a: torch.stack(a.split([2, 3], 1)[1].unbind(1)[::-1]), X),
    "batch_norm": (lambda a: F.batch_norm(a, None, None, training=True), IMAGES),
}  # fmt: skip


def same(here, there):
    for a, b in zip(
        *[v if isinstance(v, (tuple, list)) else (v,) for v in (here, there)], strict=True
    ):
        assert b.is_cuda and b.dtype is a.dtype and b.shape == a.shape
        torch.testing.assert_close(b.cpu(), a, rtol=1e-4, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_cpu(name):
    fn, *args = CASES[name]
    if name == "matmul_float16":
        here, there = fn(*args), fn(*[a.cuda() for a in args])
        torch.testing.assert_close(there.cpu(), here, rtol=1e-2, atol=1e-2)
        return
    same(fn(*args), fn(*[a.cuda() for a in args]))


GRADIENTS = """pad_reflect matmul linear gather index_by_list embedding index_add scatter_add sort cumsum conv2d conv_groups
conv_transpose avg_pool batch_norm adaptive_avg_pool adaptive_max_pool bilinear resize_row trilinear antialias grid_sample
embedding_bag embedding_bag_weighted cross_entropy cross_entropy_of_images nll_loss split""".split()


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_those_of_the_cpu(name):
    fn, *args = CASES[name]
    found = []
    for device in ("cpu", "cuda"):
        leaves = [a.to(device).detach().clone() for a in args]
        wanted = [t.requires_grad_() for t in leaves if t.is_floating_point()]
        out = fn(*leaves)
        (out[0] if isinstance(out, tuple) else out).square().sum().backward()
        found.append([t.grad for t in wanted])
    for a, b in zip(*found, strict=True):
        assert b.is_cuda
        torch.testing.assert_close(b.cpu(), a, rtol=1e-4, atol=1e-4)


def test_sums_by_index_are_the_same_bits_as_the_cpu_s():
    index, source = torch.randint(5, (200,)), torch.randn(200, 3)
    here = torch.zeros(5, 3).index_add_(0, index, source)
    there = torch.zeros(5, 3, device="cuda").index_add_(0, index.cuda(), source.cuda())
    assert torch.equal(here, there.cpu())


def test_an_index_out_of_range_names_operator_index_limit_and_line():
    x = torch.randn(4, 3, device="cuda")
    index = torch.tensor([0, 9], device="cuda")
    y = x.index_select(0, index)
    with pytest.raises(
        IndexError,
        match=r"index_select: index 9 is out of range for 4 on cuda:0.*test_on_operators",
    ):
        torch.cuda.synchronize()
    assert y.shape == (2, 3)
    torch.cuda.synchronize()  # told once


def test_lenet_trains_as_on_the_cpu():
    def losses(device):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(4, 6, 3),
            torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(24, 10),
        ).to(device)  # fmt: skip
        images = torch.rand(16, 1, 8, 8).to(device)
        labels = torch.arange(16).remainder(10).to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        made = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            made.append(loss.item())
        return made

    here, there = losses("cpu"), losses("cuda")
    assert max(abs(a - b) for a, b in zip(here, there, strict=True)) < 1e-5


def test_an_operator_without_a_kernel_is_told_by_name():
    with pytest.raises(NotImplementedError, match="eig.*cuda:0"):
        torch.linalg.eig(torch.eye(3, device="cuda"))


def test_a_target_that_is_no_class_is_named():
    for loss, name in ((F.cross_entropy, "cross_entropy"), (F.nll_loss, "nll_loss")):
        for wrong in (7, -1):
            made = loss(torch.zeros(2, 3, device="cuda"), torch.tensor([0, wrong], device="cuda"))
            with pytest.raises(
                IndexError, match=f"{name}: index {wrong} is out of range for 3.*test_on_op"
            ):
                made.item()


def attention(mask=None, causal=False, dtype=torch.float32):
    def run(q, k, v):
        q, k, v = (t.to(dtype) for t in (q, k, v))
        given = None if mask is None else mask.to(q.device)
        return F.scaled_dot_product_attention(q, k, v, given, is_causal=causal).float()

    return run


BLIND = torch.rand(9, 7) > 0.4
BLIND[2] = False


@pytest.mark.parametrize(
    "run, width, tolerance",
    [
        (attention(), 8, 1e-5),
        (attention(mask=BLIND), 5, 1e-5),
        (attention(mask=torch.randn(2, 1, 9, 7)), 8, 1e-5),
        (attention(causal=True, dtype=torch.float64), 8, 1e-5),
        # tensor cores: more rows than a block keeps, widths that are padded, rows that see nothing
        (attention(causal=True, dtype=torch.bfloat16), 16, 2e-2),
        (attention(mask=BLIND, dtype=torch.float16), 20, 1e-2),
    ],
)
def test_attention_and_its_gradients(run, width, tolerance):
    shapes = (2, 9, 3, width), (2, 7, 3, width), (2, 7, 3, width)
    tensors = [torch.randn(*s).transpose(1, 2) for s in shapes]  # (batch, heads, rows, width)
    found = []
    for device in ("cpu", "cuda"):
        leaves = [t.to(device).detach().requires_grad_() for t in tensors]
        out = run(*leaves)
        (out * torch.arange(out.numel()).reshape(out.shape).to(device).cos()).sum().backward()
        found.append([out.detach(), *[t.grad for t in leaves]])
    for here, there in zip(*found, strict=True):
        assert there.is_cuda
        torch.testing.assert_close(there.cpu(), here, rtol=tolerance, atol=tolerance)


def with_a_nan(x):
    x = x.clone()
    x[0, 0, 2, 3], x[0, 1], x[1, 0] = float("nan"), float("-inf"), 1.0
    return x


WINDOWS = {
    "steps": (F.max_pool2d, IMAGES, (3, 2, 1)),
    "dilated": (F.max_pool2d, IMAGES, (3, 1, 1, 2)),
    "oblong": (F.max_pool2d, IMAGES, ((3, 2), (1, 3), (1, 0), 1, True)),
    "nan_and_equals": (F.max_pool2d, with_a_nan(IMAGES), (3, 2, 1)),
    "channels_last": (F.max_pool2d, IMAGES.to(memory_format=torch.channels_last), (2,)),
    "line": (F.max_pool1d, torch.randn(2, 3, 17), (3, 2, 1)),
    "volume": (F.max_pool3d, torch.randn(2, 2, 5, 4, 3).double(), (2, 2, 1)),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_maxima_of_windows_and_their_gradients(name):
    pool, x, window = WINDOWS[name]
    made = []
    for device in ("cpu", "cuda"):
        given = x.to(device).detach().requires_grad_()
        values, indices = pool(given, *window, return_indices=True)
        values.backward(torch.arange(values.numel(), dtype=x.dtype).view(values.shape).to(device))
        made.append([values.detach(), indices, given.grad])
    for here, there in zip(*made, strict=True):
        torch.testing.assert_close(there.cpu(), here, rtol=0, atol=0, equal_nan=True)


def test_maxima_of_windows_of_integers():
    x = torch.arange(36).remainder(7).reshape(1, 6, 6).int()
    assert torch.equal(F.max_pool2d(x.cuda(), 2).cpu(), F.max_pool2d(x, 2))


PRODUCTS = {
    "rows": (70, 33, 50, False, False),
    "turned": (66, 72, 40, True, True),
    "one": (1, 5, 7, False, True),
}


@pytest.mark.parametrize(
    "dtype, tolerance", [(torch.float16, 1e-2), (torch.bfloat16, 7e-2), (torch.float32, 2e-2)]
)
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_by_tensor_cores(name, dtype, tolerance):
    M, N, K, left, right = PRODUCTS[name]
    a = (torch.randn(K, M).t() if left else torch.randn(M, K)).to(dtype)
    b = (torch.randn(N, K).t() if right else torch.randn(K, N)).to(dtype)
    exact = a.double() @ b.double()
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        assert torch.get_float32_matmul_precision() == "high"
        there = a.cuda() @ b.cuda()
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
    torch.testing.assert_close(there.double().cpu(), exact, rtol=0, atol=tolerance)
    if dtype is torch.float32:
        assert not torch.equal(there, a.cuda() @ b.cuda())
        torch.testing.assert_close(
            (a.cuda() @ b.cuda()).double().cpu(), exact, rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}])
def test_lstm_and_its_gradients(options):
    model, x = torch.nn.LSTM(5, 6, **options), torch.randn(4, 3, 5)
    found = []
    for device in ("cpu", "cuda"):
        copy = torch.nn.LSTM(5, 6, **options).to(device)
        copy.load_state_dict(model.state_dict())
        given = x.to(device).detach().requires_grad_()
        out, (h, c) = copy(given)
        (out.sum() + h.square().sum() + c.sum()).backward()
        found.append([out.detach(), given.grad, *[p.grad for p in copy.parameters()]])
    same(*found)
