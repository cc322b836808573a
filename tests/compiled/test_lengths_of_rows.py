"""Whether reductions are joined is decided by the sizes of each call."""

import pytest

import flambeau as torch
from flambeau.kernels.targets.cpu import host


def rooted(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


def along_the_first(x, weight):
    return (x.mT.contiguous() + 1).softmax(-1) * 2


def kernels(compiled):
    return [
        entry[-1].kernels for entries in compiled._compiled.programs.values() for entry in entries
    ]


@pytest.mark.parametrize("lengths", [(8, 64), (64, 8), (16, 300, 20, 33)])
def test_rows_are_joined_from_their_least_length_on_whatever_came_first(lengths):
    compiled = torch.compile(rooted)
    for length in (*lengths, *lengths):
        x, weight = torch.rand(5, length), torch.rand(length)
        assert torch.equal(compiled(x, weight), rooted(x, weight))
    assert sorted(kernels(compiled)) == [1, 2]
    assert [
        p.joined
        for p in (e[-1] for es in compiled._compiled.programs.values() for e in es)
        if p.kernels == 1
    ] == [6]


def test_another_number_of_rows_is_no_reason():
    compiled = torch.compile(rooted)
    for rows in (3, 3, 40, 100, 5):
        compiled(torch.rand(rows, 64), torch.rand(64))
    assert len(kernels(compiled)) == 1


def test_the_size_that_becomes_a_row_counts():
    compiled = torch.compile(along_the_first)
    for rows in (8, 50, 9, 70):
        x = torch.rand(rows, 100)
        assert torch.equal(compiled(x, x), along_the_first(x, x))
    assert len(kernels(compiled)) == 2


def test_arguments_by_name_and_in_lists_find_theirs():
    def program(pair, scale=1.0):
        return rooted(*pair) * scale

    compiled = torch.compile(program)
    for length in (8, 64, 8, 64):
        pair = [torch.rand(5, length), torch.rand(length)]
        assert torch.equal(compiled(pair, scale=2.0), program(pair, scale=2.0))
    assert len(kernels(compiled)) == 2


def gumbel(x, noise):
    return (x - torch.log(-torch.log(noise))).softmax(-1)


def joined(compiled):
    return [p.joined for es in compiled._compiled.programs.values() for *_, p in es]


@pytest.mark.parametrize("length", [33, 50, 64, 100, 1024])
def test_functions_of_mathematics_go_before_rows_whose_last_vectors_would_be_empty(length):
    x, noise = torch.randn(5, length), torch.rand(5, length) * 0.9 + 0.05
    compiled = torch.compile(gumbel)
    assert torch.equal(compiled(x, noise), gumbel(x, noise))
    assert torch.equal(compiled(x, noise), gumbel(x, noise))
    lanes = host().vector_bytes // 4
    assert joined(compiled) == [4 if -(-length // lanes) * lanes > 1.2 * length else 5]
    x.requires_grad_()
    compiled(x, noise)
    assert joined(compiled)[-1] == 5
