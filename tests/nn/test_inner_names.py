"""Helpers that layers of libraries import from PyTorch's files of functions and layers."""

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.nn.modules import module, rnn, transformer, utils


def test_attention_written_with_its_steps():
    """A layer of a library, put together from the pieces, gives what multi-head attention gives."""
    layer, x = nn.MultiheadAttention(8, 2, batch_first=True).eval(), torch.rand(2, 3, 8)
    hidden = torch.tensor([[False, False, True], [False, False, False]])
    q, k, v = F._in_projection_packed(x, x, x, layer.in_proj_weight, layer.in_proj_bias)
    heads = [part.unflatten(-1, (2, 4)).transpose(1, 2) for part in (q, k, v)]
    mask = F._canonical_mask(hidden, "key_padding_mask", F._none_or_dtype(None), "", x.dtype)
    mixed = F.scaled_dot_product_attention(*heads, attn_mask=mask[:, None, None])
    expected = layer(x, x, x, key_padding_mask=hidden, need_weights=False)[0]
    torch.testing.assert_close(layer.out_proj(mixed.transpose(1, 2).flatten(2)), expected)
    alone = F._in_projection(q, k, v, *torch.eye(8).repeat(3, 1).chunk(3))
    torch.testing.assert_close(alone, (q, k, v))


def test_masks_and_shapes_are_checked():
    floating = torch.zeros(2, 2)
    assert F._canonical_mask(floating, "m", None, "", torch.float32) is floating
    assert F._none_or_dtype(floating) is torch.float32
    with pytest.raises(RuntimeError, match="must be bool or floating"):
        F._canonical_mask(torch.zeros(2, dtype=torch.int64), "m", None, "", torch.float32)
    with pytest.raises(RuntimeError, match="takes a Tensor or None"):
        F._none_or_dtype(3)
    x = torch.zeros(3, 2, 4)
    assert F._mha_shape_check(x, x, x, None, None, 2) is True
    assert F._mha_shape_check(x[0], x[0], x[0], None, torch.zeros(2, 2, 2), 2) is False
    for wrong, name in (
        ((x[0, 0], x, x, None, None), "query"),
        ((x, x[0], x, None, None), "key"),
        ((x, x, x, x, None), "key_padding_mask"),
        ((x[0], x[0], x[0], None, torch.zeros(2, 3, 3)), "attn_mask"),
    ):
        with pytest.raises(AssertionError, match=name):
            F._mha_shape_check(*wrong, 2)
    with pytest.raises(ValueError, match="one value for each channel"):
        F._verify_batch_size([1, 3, 1])
    F._verify_batch_size([1, 3, 2])


def test_small_helpers():
    assert [F._get_softmax_dim("softmax", n, 3) for n in range(5)] == [0, 0, 1, 0, 1]
    assert (F._single(1), F._pair(1), F._triple((1, 2, 3))) == ((1,), (1, 1), (1, 2, 3))
    assert utils._list_with_default([None, 3], [5, 6, 7]) == [6, 3]
    assert utils._reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)
    with pytest.raises(ValueError, match="too few dims"):
        utils._list_with_default([None, 3], [5])
    assert module._addindent("a\nb", 2) == "a\n  b"
    clones = transformer._get_clones(nn.Linear(2, 2), 2)
    assert torch.equal(clones[0].weight, clones[1].weight) and clones[0] is not clones[1]
    mask = transformer._generate_square_subsequent_mask(3)
    assert transformer._detect_is_causal_mask(mask) and not transformer._detect_is_causal_mask(None)
    assert transformer._get_seq_len(torch.zeros(2, 5, 1), True) == 5
    assert transformer._get_seq_len(torch.zeros(5, 2, 1), False) == 5
    turned = rnn.apply_permutation(torch.tensor([[1, 2, 3]]), torch.tensor([2, 0, 1]))
    assert turned.tolist() == [[3, 1, 2]]


def test_questions_about_the_compiler():
    from flambeau._dynamo import list_backends
    from flambeau._dynamo.eval_frame import is_dynamo_supported
    from flambeau.utils._triton import has_triton, has_triton_package

    assert is_dynamo_supported() and not has_triton() and not has_triton_package()
    assert list_backends() == ["inductor"] and "eager" in list_backends(exclude_tags=())


def test_numbers_and_groups_of_tensors():
    from flambeau import _utils

    assert [_utils._get_device_index(d) for d in (2, "cuda:1", torch.device("cuda", 3))] == [
        2,
        1,
        3,
    ]
    assert _utils._get_device_index("cpu", allow_cpu=True) == -1
    assert _utils._get_device_index(None, optional=True) == 0
    for wrong in ("cpu", "cuda"):
        with pytest.raises(ValueError, match="_get_device_index"):
            _utils._get_device_index(wrong)
    a, b, c = torch.zeros(4), torch.zeros(2).double(), torch.zeros(4)
    groups = list(_utils._take_tensors([a, b, c], 32))
    assert [len(group) for group in groups] == [2, 1] and groups[1][0] is b
    assert _utils.is_compiling() is False

    class Named:
        name = _utils.classproperty(lambda owner: owner.__name__)

    assert Named.name == "Named"
