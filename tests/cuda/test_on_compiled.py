"""torch.compile on a GPU: chains become one kernel there too, with the eager mode's values and gradients."""

import flambeau as torch


def chain(x, gate, weight):
    y = x * torch.sigmoid(gate) + torch.tanh(x) * 2.5
    return y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


def test_values_and_gradients():
    given = torch.randn(6, 40), torch.randn(6, 40), torch.randn(40)
    found = []
    for device, run in (("cpu", chain), ("cuda", torch.compile(chain))):
        leaves = [t.to(device).detach().requires_grad_() for t in given]
        out = run(*leaves)
        (out * torch.arange(240, device=device).reshape(6, 40).cos()).sum().backward()
        found.append([out, *[t.grad for t in leaves]])
    for here, there in zip(*found):
        assert there.is_cuda
        torch.testing.assert_close(there.cpu(), here, rtol=1e-5, atol=1e-5)


def test_layouts_sizes_and_numbers():
    run = torch.compile(lambda x, y: (x * 2 + y).sin() * 0.5 - x)
    for sizes in ((5, 7), (3, 4)):
        x, y = torch.randn(sizes), torch.randn(sizes)
        for a, b in ((x, y), (x.t(), y.t()), (x, y[:1]), (x, torch.tensor(2.0))):
            there = b if b.dim() == 0 else b.cuda()
            torch.testing.assert_close(run(a.cuda(), there).cpu(), run(a, b))


def test_a_chain_is_one_kernel_without_results_between():
    run = torch.compile(lambda x: ((x * 2).sin() + 1).exp() * x)
    x = torch.randn(64, 64, device="cuda")
    run(x), run(x)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    out = run(x)
    assert torch.cuda.max_memory_allocated() - before == out.nbytes


def test_both_devices_in_one_program():
    run = torch.compile(lambda x, y: (x * 2 + 1, y * 3 - 1))
    for _ in range(2):
        a, b = run(torch.ones(4, 3), torch.ones(4, 3, device="cuda"))
        assert a.is_cpu and b.is_cuda and a.sum().item() == 36 and b.sum().item() == 24


def test_autocast_is_heard():
    layer = torch.nn.Linear(4, 4).cuda()
    run = torch.compile(lambda x: layer(x) * 2)
    x = torch.randn(3, 4, device="cuda")
    assert run(x).dtype is torch.float32
    with torch.autocast("cuda"):
        assert run(x).dtype is torch.float16
    assert run(x).dtype is torch.float32
