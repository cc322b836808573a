"""einsum and tensordot."""

import numpy
import pytest

import flambeau
from flambeau.autograd import gradcheck


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("ij,jk", [(2, 3), (3, 4)]),
        ("bik,bkj->bij", [(2, 3, 4), (2, 4, 5)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("iij->ji", [(3, 3, 2)]),
        ("i,j,k->kji", [(2,), (3,), (4,)]),
        ("abc,cd,de,b->ae", [(2, 3, 4), (4, 5), (5, 6), (3,)]),
        ("...", [(2, 3)]),
        ("...a->...", [(2, 3)]),
        ("ij,ij->", [(2, 3), (1, 3)]),
        ("bn,anm,bm->ba", [(2, 5), (3, 5, 4), (2, 4)]),
        ("Ba,aC", [(3, 2), (2, 4)]),
        (" i j , j -> i", [(2, 3), (3,)]),
        ("ij,kj->ki", [(2, 3), (4, 3)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("bhqk,bkhd->bqhd", [(2, 3, 4, 6), (2, 6, 3, 5)]),
        ("ij,j->i", [(2, 1), (3,)]),
        ("ab,bc->a", [(2, 3), (3, 4)]),
        ("zb,bA", [(2, 3), (3, 4)]),
        (",->", [(), ()]),
        ("ij,kl", [(2, 3), (4, 0)]),
        ("ij,jk->ik", [(2, 0), (0, 3)]),
        ("...ij,...jk->...ki", [(5, 2, 3), (5, 3, 4)]),
        ("i...j,j->...i", [(2, 5, 6, 3), (3,)]),
        ("...i,i...->i...", [(5, 2), (2, 5)]),
        ("bi,bj->jbi", [(2, 3), (2, 4)]),
        ("ij,ij->ji", [(2, 3), (2, 3)]),
        ("ij,jk,kl,lm->im", [(2, 3), (3, 4), (4, 5), (5, 6)]),
        ("i,ij,j->", [(2,), (2, 3), (3,)]),
        ("bij,bjk,bk->bi", [(2, 3, 4), (2, 4, 5), (2, 5)]),
    ],
)
def test_einsum_is_that_of_numpy(agrees, random, equation, shapes):
    operands = [random(*shape) for shape in shapes]
    expected = numpy.einsum(equation, *[operand.numpy() for operand in operands])
    agrees(flambeau.einsum(equation, *operands), expected)
    agrees(flambeau.einsum(equation, operands), expected)


def test_einsum_with_numbered_subscripts(agrees, random):
    a, b = random(7, 2, 3), random(3, 4)
    expected = numpy.einsum("...ij,jk->...ki", a.numpy(), b.numpy())
    agrees(flambeau.einsum(a, [..., 0, 1], b, [1, 2], [..., 2, 0]), expected)


def test_einsum_gradients(random):
    operands = [
        random(2, 3).requires_grad_(),
        random(3, 3).requires_grad_(),
        random(2).requires_grad_(),
    ]
    assert gradcheck(lambda a, b, c: flambeau.einsum("ij,jj,i->j", a, b, c), operands)


@pytest.mark.parametrize(
    "equation, shapes, sentence",
    [
        ("ij,jk", [(2, 3)], "more subscripts"),
        ("ij", [(2, 3), (3,)], "fewer subscripts"),
        ("ijk", [(2, 3)], "einsum: operand 0 has 2 dims, but the equation names 3 for it"),
        ("ij,jk", [(2, 3), (4, 5)], "einsum: j has size 4 with operand 1 but size 3 before"),
        (
            "ii",
            [(2, 3)],
            "einsum: i stands twice with operand 0, for sizes 3 and 2, which must be equal",
        ),
        ("ij->ik", [(2, 3)], "einsum: k stands in the output but with no operand"),
        ("ij->ii", [(2, 3)], "einsum: i stands twice in the output"),
        ("i1", [(2, 3)], "einsum: '1' is no subscript"),
        ("i.j", [(2, 3)], "ellipsis"),
        ("...i...", [(2, 3)], r"einsum: operand 0 has '\.\.\.' twice"),
    ],
)
def test_einsum_says_what_is_wrong(random, equation, shapes, sentence):
    with pytest.raises(RuntimeError, match=sentence):
        flambeau.einsum(equation, *[random(*shape) for shape in shapes])


def test_tensordot(agrees, random):
    a, b = random(2, 3, 4), random(4, 3, 5)
    agrees(
        flambeau.tensordot(a, b, dims=([1, 2], [1, 0])),
        numpy.tensordot(a.numpy(), b.numpy(), ([1, 2], [1, 0])),
    )
    agrees(flambeau.tensordot(a, b, dims=1), numpy.tensordot(a.numpy(), b.numpy(), 1))
    agrees(flambeau.tensordot(a, b, dims=0), numpy.tensordot(a.numpy(), b.numpy(), 0))
    with pytest.raises(RuntimeError, match="tensordot: dim 1 of a has size 3 but dim 0 of b has 4"):
        flambeau.tensordot(a, b, dims=2)


@pytest.mark.parametrize("operands", [([1],), ([1, 2],), (2.5, 1), ([[1], [2], None],)])
def test_operands_that_are_no_tensors(operands):
    with pytest.raises(TypeError, match="einsum: operand 0 must be a Tensor, not (int|float|list)"):
        flambeau.einsum(",".join("i" * len(operands)), *operands)


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("bmk,kn->nbm", [(2, 3, 4), (4, 5)]),
        ("ki,ij->jk", [(5, 3), (3, 4)]),
        ("zki,zij->zjk", [(2, 5, 3), (2, 3, 4)]),
        ("cba,a->bc", [(6, 2, 5), (5,)]),
        ("cba,an->bcn", [(6, 2, 5), (5, 40)]),
        ("bac,cn->nab", [(6, 2, 5), (5, 3)]),
        ("bmk,kn->nbm", [(2, 1, 4), (4, 5)]),
        ("bzmk,kn->nbm", [(2, 3, 3, 4), (4, 5)]),
        ("d,acb->cdb", [(2,), (4, 3, 6)]),
        ("eaf,bce->fe", [(4, 6, 2), (6, 6, 4)]),
        ("ab->b", [(3, 4)]),
        ("cab->ba", [(3, 4, 5)]),
        ("...mk,kn->n...m", [(2, 3, 4), (4, 5)]),
        ("ij,jk,kl->li", [(2, 3), (3, 4), (4, 5)]),
    ],
)
def test_results_are_laid_out_in_the_order_of_the_output(equation, shapes, random):
    arrays = [random(*shape) for shape in shapes]
    operands = [array.clone().requires_grad_() for array in arrays]
    result = flambeau.einsum(equation, *operands)
    assert result.is_contiguous()
    expected = numpy.einsum(equation, *(array.numpy() for array in arrays))
    numpy.testing.assert_allclose(result.detach().numpy(), expected)
    assert gradcheck(lambda *x: flambeau.einsum(equation, *x), operands)


@pytest.mark.parametrize("dtype", [flambeau.int8, flambeau.uint8, flambeau.int32, flambeau.int64])
@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->k", [(1, 3), (3, 2)]),
        ("ij,kj->j", [(1, 3), (1, 3)]),
        ("ij,ik->j", [(1, 3), (1, 2)]),
        ("ij,ik->j", [(3, 3), (3, 2)]),
        ("ij,jk->k", [(4, 3), (3, 2)]),
        ("ij,jk->ik", [(2, 1), (3, 4)]),
        ("ij,jk,kl->l", [(1, 3), (3, 2), (2, 2)]),
    ],
)
def test_integers_whose_sum_is_wider(dtype, equation, shapes):
    operands = [numpy.full(shape, 9, dtype=str(dtype)[6:]) for shape in shapes]
    wide = numpy.einsum(equation, *(operand.astype("int64") for operand in operands))
    result = flambeau.einsum(equation, *map(flambeau.from_numpy, operands))
    assert result.dtype in (dtype, flambeau.int64)
    assert result.tolist() == flambeau.from_numpy(wide).to(result.dtype).tolist()
    if shapes[0][0] == 1:  # what has size 1 is no sum
        assert result.dtype is (flambeau.int64 if equation == "ij,ik->j" else dtype)
