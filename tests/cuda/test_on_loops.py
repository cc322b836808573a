"""Loops that the core has written by hand, on a GPU: values and gradients are the CPU's."""

import math

import pytest

import flambeau as torch
from flambeau import _core
from flambeau.vision import ops

F = torch.nn.functional
INF, NAN = math.inf, math.nan


def same_as_on_cpu(function, *tensors, tolerance=1e-5):
    here = [t.clone().requires_grad_(t.is_floating_point()) for t in tensors]
    there = [t.cuda().requires_grad_(t.is_floating_point()) for t in tensors]
    expected, found = function(*here), function(*there)
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, rtol=tolerance, atol=tolerance)
    weight = torch.randn(expected.shape, dtype=expected.dtype)
    (expected * weight).sum().backward()
    (found * weight.cuda()).sum().backward()
    for a, b in zip(here, there):
        if a.requires_grad:
            torch.testing.assert_close(b.grad.cpu(), a.grad, rtol=tolerance, atol=tolerance)


PLANES = {
    "unfold": (lambda t: F.unfold(t, (2, 3), (2, 1), (1, 0), (2, 1)), (2, 3, 7, 8)),
    "unfold_of_one": (lambda t: F.unfold(t, 3), (3, 7, 8)),
    "fold": (lambda t: F.fold(t, (7, 8), (2, 3), stride=(2, 1)), (2, 18, 18)),
    "nearest": (lambda t: F.interpolate(t, (13, 5), mode="nearest"), (2, 3, 7, 8)),
    "nearest_exact": (lambda t: F.interpolate(t, (3, 16), mode="nearest-exact"), (2, 3, 7, 8)),
    "nearest_line": (lambda t: F.interpolate(t, scale_factor=2.5), (2, 2, 5)),
    "nearest_space": (lambda t: F.interpolate(t, (3, 4, 5)), (1, 2, 4, 5, 3)),
    "affine_grid": (lambda t: F.affine_grid(t, (2, 3, 4, 5), align_corners=False), (2, 2, 3)),
    "affine_grid_3d": (lambda t: F.affine_grid(t, (1, 3, 2, 4, 1), align_corners=True), (1, 3, 4)),
}


@pytest.mark.parametrize("name", PLANES)
def test_planes(name):
    function, sizes = PLANES[name]
    same_as_on_cpu(function, torch.randn(sizes))


LABELS = torch.tensor([[1, 1, 2], [3, 4, 0], [2, 0, 0]])


@pytest.mark.parametrize("finite", [False, True])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_ctc_loss(reduction, finite):
    steps, counts = ((2, 6, 0), (3, 2, 0)) if finite else ((7, 6, 2), (3, 2, 1))
    for labels in (LABELS, torch.cat([row[:n] for row, n in zip(LABELS, counts)])):
        loss = lambda x, at=labels: F.ctc_loss(
            x.log_softmax(2), at.to(x.device), steps, counts, 0, reduction, finite
        )
        same_as_on_cpu(loss, torch.randn(7, 3, 5))
    same_as_on_cpu(loss, torch.randn(7, 3, 5).double(), tolerance=1e-10)


def test_ctc_loss_reports_a_label_that_is_no_class():
    x = torch.randn(7, 3, 5, device="cuda").log_softmax(2)
    F.ctc_loss(x, LABELS.cuda() * 3, (7, 6, 2), (3, 2, 1))
    with pytest.raises(IndexError, match="ctc_loss: index 6 is out of range for 5"):
        torch.cuda.synchronize()
    with pytest.raises(RuntimeError, match="input_lengths reach 9"):
        F.ctc_loss(x, LABELS.cuda(), (9, 6, 2), (3, 2, 1))


@pytest.mark.parametrize("function", [torch.igamma, torch.igammac])
def test_incomplete_gamma(function):
    a = [0.5, 1, 2, 10, 100, 1e8, 0, 0, INF, 3, -1, NAN, 30, 5e7]
    x = [0.3, 2, 1.5, 12, 90, 1e8 + 100, 0, 1, 2, 0, 2, 1, INF, 4e7]
    a, x = torch.tensor(a, dtype=torch.float64), torch.tensor(x, dtype=torch.float64)
    found, expected = function(a.cuda(), x.cuda()), function(a, x)
    torch.testing.assert_close(found.cpu(), expected, equal_nan=True)
    torch.testing.assert_close(
        function(a.float().cuda(), x.float().cuda()).cpu(),
        function(a.float(), x.float()),
        equal_nan=True,
    )


@pytest.mark.parametrize("dims", [(), (1,), (0, 2)])
def test_hash_tensor(dims):
    x = torch.randn(3, 5, 4)
    for keepdim in (False, True):
        here = torch.hash_tensor(x, dims, keepdim=keepdim)
        there = torch.hash_tensor(x.cuda(), dims, keepdim=keepdim)
        assert torch.equal(there.cpu(), here) and there.dtype is torch.uint64


def test_boxes_that_a_better_one_leaves_out():
    corners = torch.rand(300, 2) * 20
    boxes, scores = torch.cat([corners, corners + torch.rand(300, 2) * 8], 1), torch.rand(300)
    for threshold in (0.1, 0.5):
        here = ops.nms(boxes, scores, threshold)
        assert torch.equal(ops.nms(boxes.cuda(), scores.cuda(), threshold).cpu(), here)
        assert 10 < len(here) < 300
    assert ops.nms(boxes[:0].cuda(), scores[:0].cuda(), 0.5).numel() == 0


@pytest.mark.parametrize("rows, columns", [(5, 3), (3, 5), (4, 4)])
def test_least_squares(rows, columns):
    A, B = torch.randn(2, rows, columns), torch.randn(2, rows, 2)
    solve = lambda A, B: torch.linalg.lstsq(A, B).solution
    torch.testing.assert_close(solve(A.cuda(), B.cuda()).cpu(), solve(A, B), rtol=1e-3, atol=1e-4)


def test_rank_of_least_squares():
    A, B = torch.diag(torch.tensor([1.0, 2.0, 0.0])).cuda(), torch.ones(3, 1).cuda()
    solution, rank = _core._least_squares(A, B, 1e-5)
    assert rank.item() == 2 and solution.flatten().tolist() == pytest.approx([1, 0.5, 0])


INDICES = torch.tensor([[0, 0, 1, 2, 2, 2], [1, 3, 0, 0, 2, 4]])


def sparse(device):
    torch.manual_seed(0)
    return torch.sparse_coo_tensor(INDICES, torch.randn(6), (3, 5)).coalesce().to(device)


@pytest.mark.parametrize("function", [torch.sparse.softmax, torch.sparse.log_softmax])
def test_softmax_of_entries(function):
    here, there = function(sparse("cpu"), 1), function(sparse("cuda"), 1)
    torch.testing.assert_close(there.to_dense().cpu(), here.to_dense())


def test_entries_of_two():
    other = torch.sparse_coo_tensor(torch.tensor([[0, 1, 2], [1, 1, 4]]), torch.randn(3), (3, 5))
    for function in (torch.add, torch.mul, torch.sub):
        here, there = (function(sparse(d), other.to(d)) for d in ("cpu", "cuda"))
        torch.testing.assert_close(there.to_dense().cpu(), here.to_dense())
    rows = sparse("cuda").to_sparse_csr()
    assert torch.equal(rows.to_sparse_coo().indices().cpu(), INDICES)
