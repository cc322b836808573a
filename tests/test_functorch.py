"""functorch, and the names under which libraries look for its parts."""

import pytest

import flambeau as torch
from flambeau import functorch
from flambeau._C import _functorch
from flambeau._functorch import apis, eager_transforms, make_functional
from flambeau._functorch import vmap as parts
from flambeau._functorch.functional_call import functional_call


def test_modules_as_functions_of_their_parameters():
    model = torch.nn.Linear(3, 2)
    f, params = functorch.make_functional(model)
    x = torch.ones(4, 3)
    assert torch.equal(functorch.vmap(f, (None, 0))(params, x), model(x))
    with pytest.raises(RuntimeError, match="make_functional: the model has buffers"):
        functorch.make_functional(torch.nn.BatchNorm1d(3))
    f, params, buffers = functorch.make_functional_with_buffers(
        torch.nn.BatchNorm1d(3).eval(), True
    )
    assert len(buffers) == 3 and not any(p.requires_grad for p in params)
    assert torch.allclose(f(params, buffers, x), x, atol=1e-4)
    models = [torch.nn.Linear(3, 2) for _ in range(3)]
    f, params, buffers = functorch.combine_state_for_ensemble(models)
    together = functorch.vmap(f, (0, 0, None))(params, buffers, x)
    assert torch.allclose(together, torch.stack([m(x) for m in models]))
    assert apis.vmap is functorch.vmap and eager_transforms.grad is functorch.grad
    assert make_functional.make_functional is functorch.make_functional
    assert functional_call is torch.func.functional_call


def test_what_a_tensor_inside_vmap_is():
    x = torch.arange(6.0).reshape(3, 2)
    seen = []

    def look(t):
        number = _functorch.maybe_current_level()
        seen.append(
            (
                _functorch.is_batchedtensor(t),
                _functorch.maybe_get_level(t) == number,
                _functorch.maybe_get_bdim(t),
                torch.equal(_functorch.get_unwrapped(t), x),
                torch._C._are_functorch_transforms_active(),
            )
        )
        return t

    torch.vmap(look)(x)
    assert seen == [(True, True, 0, True, True)]
    assert _functorch.maybe_current_level() is None and not _functorch.is_batchedtensor(x)
    with pytest.raises(RuntimeError, match="get_unwrapped: takes a tensor inside vmap"):
        _functorch.get_unwrapped(x)


def test_levels_opened_by_hand():
    x = torch.arange(6.0).reshape(3, 2)
    level = _functorch._vmap_increment_nesting(2, "error")
    try:
        t = parts._add_batch_dim(x, 1, level)
        assert t.shape == (3,)
        out = parts._remove_batch_dim(t * 2, level, 2, 0)
        assert torch.equal(parts._maybe_remove_batch_dim("f", t, level, 2, 1), x)
        with pytest.raises(ValueError, match="out_dims are None for an output that differs"):
            parts._maybe_remove_batch_dim("f", t, level, 2, None)
    finally:
        assert _functorch._vmap_decrement_nesting() == 1
    assert torch.equal(out, 2 * x.T)
    assert _functorch.is_dead_tensor_wrapper(t)
    with pytest.raises(RuntimeError, match="has left the function that vmap called"):
        t.tolist()
    with pytest.raises(RuntimeError, match="no vmap is active"):
        _functorch._vmap_decrement_nesting()


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_chunk_vmap_is_vmap_in_parts(n, chunks):
    from flambeau._functorch.apis import chunk_vmap

    x, y = torch.arange(3.0 * n).view(3, n), torch.ones(3)

    def f(x, y):
        return x * y, x.sum()

    expected = torch.vmap(f, (1, None), (1, 0))(x, y)
    for made, right in zip(
        chunk_vmap(f, (1, None), (1, 0), chunks=chunks)(x, y), expected, strict=True
    ):
        assert torch.equal(made, right)
