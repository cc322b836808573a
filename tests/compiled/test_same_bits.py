"""Joined kernels give the bits of eager mode: sums over rows, functions of them, gradients that are added up."""

import pytest

import flambeau as torch


def layer_norm(x, w, column, one):
    apart = x - x.mean(-1, keepdim=True)
    return apart / torch.sqrt((apart * apart).mean(-1, keepdim=True) + 1e-5) * w + one


def logarithm_of_sum(x, w, column, one):
    return (x * 2).exp().sum(-1, keepdim=True).log() * w + column.sin()


def softmaxes(x, w, column, one):
    return torch.softmax(x * w, -1) * w - torch.log_softmax(x + column, -1)


def wide_sum(x, w, column, one):
    return x.to(torch.float64).sum(-1, keepdim=True) * w + x


def narrow_sum_beside_wide(x, w, column, one):
    return x * w.to(torch.float64) + (x * w).sum(-1, keepdim=True) * w


def sum_of_wide(x, w, column, one):
    return (x.to(torch.float64) * w - w * column).sum(-1, keepdim=True) * one


def read_often(x, w, column, one):
    return torch.tanh(x * w + w) * w + column * x + w * one + column * one


def row_values(x, w, column, one):
    mean = (x * one).mean(-1, keepdim=True) + one
    return (x - mean * w) * w * column + mean * column


def beside_others(x, w, column, one):
    y = x * w
    z = layer_norm(y, w, column, one) + y  # a residual connection
    return z.flip(0) * y + z


def beside_what_nobody_reads(x, w, column, one):
    y = x * w
    z = torch.lerp(y, y, 0.3)
    y.sin()
    return z * one + torch.softmax(y, -1) * column


PROGRAMS = (layer_norm, logarithm_of_sum, softmaxes, wide_sum, narrow_sum_beside_wide, sum_of_wide, read_often, row_values,
            beside_others, beside_what_nobody_reads)  # fmt: skip


def calls(function, tensors):
    """Results and gradients."""
    given = [t.clone().requires_grad_() for t in tensors]
    result = function(*given)
    result.backward(torch.arange(result.numel()).cos().to(result.dtype).reshape(result.shape))
    return [result, *(t.grad for t in given)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_results_and_gradients_are_the_bits_of_eager_mode(program):
    compiled = torch.compile(program)
    for width in (33, 64, 257, 512, 768, 1024, 1025, 2049, 5000):
        for rows in (1, 7, 33):
            tensors = (
                torch.randn(rows, width),
                torch.rand(width),
                torch.rand(rows, 1),
                torch.rand(1),
            )
            calls(compiled, tensors)
            for got, wanted in zip(calls(compiled, tensors), calls(program, tensors)):
                assert (got is None) == (wanted is None), (width, rows)
                assert got is None or torch.equal(got, wanted), (width, rows)


def test_functions_of_a_rows_value_have_the_bits_of_whole_vectors():
    x = torch.rand(1000, 33) + 0.01
    for function in (torch.log, torch.exp, torch.erf, torch.log1p, torch.tanh, torch.log2):
        program = lambda x: function(x.amax(-1, keepdim=True)) + x.sum(-1, keepdim=True)
        compiled = torch.compile(program)
        compiled(x)
        assert torch.equal(compiled(x), program(x)), function


def test_gradients_of_gradients_add_up_where_a_vector_is_read_often():
    compiled = torch.compile(read_often)
    given = [torch.randn(5, 40), torch.rand(40), torch.rand(5, 1), torch.rand(1)]
    given = [t.double().requires_grad_() for t in given]
    compiled(*given)
    assert torch.autograd.gradcheck(compiled, given)
    assert torch.autograd.gradgradcheck(compiled, given)
