"""torch._check and its kin."""

import pytest

import flambeau as torch


@pytest.mark.parametrize(
    "check, error",
    [
        (torch._check, RuntimeError),
        (torch._check_index, IndexError),
        (torch._check_value, ValueError),
        (torch._check_type, TypeError),
        (torch._check_not_implemented, NotImplementedError),
    ],
)
def test_conditions(check, error):
    assert check(True) is None
    with pytest.raises(error, match="does not hold"):
        check(False)
    with pytest.raises(error, match="because 3"):
        check(False, lambda: f"because {3}")
    with pytest.raises(TypeError, match="cond must be a bool"):
        check(torch.ones(1))
    with pytest.raises(TypeError, match="function"):
        check(False, "text")


def test_conditions_of_tensors():
    torch._check_tensor_all(torch.tensor([True, True]))
    with pytest.raises(RuntimeError, match="does not hold"):
        torch._check_tensor_all(torch.tensor([True, False]))
    for bad in (True, torch.ones(2)):
        with pytest.raises(TypeError):
            torch._check_tensor_all(bad)
    torch._assert_async(torch.tensor(0.1))
    with pytest.raises(RuntimeError, match="zero"):
        torch._assert_async(torch.tensor(0j))
    with pytest.raises(RuntimeError):
        torch._assert_async(torch.tensor([0, 1]))
    torch._check_is_size(3, max=3)
    with pytest.raises(RuntimeError):
        torch._check_is_size(-1)


def test_overlap_within_a_tensor():
    overlap = torch._debug_has_internal_overlap
    assert overlap(torch.ones(3, 3).t()) == 0 and overlap(torch.ones(1, 3).expand(4, 3)) == 1
    assert overlap(torch.ones(10).as_strided((2, 5), (2, 1))) == 2


def test_arguments_of_another_kind_are_type_errors():
    x = torch.ones(3)
    for call, message in (
        (lambda: x.index_put((0,), torch.tensor(1.0)), "index_put: item 0 of indices must be a Tensor or None, not int"),
        (lambda: x.index_put_(3, torch.tensor(1.0)), "index_put_: indices must be a tuple of Tensors, not int"),
        (lambda: torch.set_printoptions(profile=3), "set_printoptions: profile must be a str, not int"),
        (lambda: torch.nn.functional.pad(x, "a"), "pad: pad must be a sequence of ints, not str"),
        (lambda: torch.linalg.vector_norm(x, "fro"), "linalg.vector_norm: the order of a vector's norm is a number"),
        (lambda: torch.set_deterministic_debug_mode(3.5), "set_deterministic_debug_mode: takes a str or an int, not float"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=message):
            call()


def test_options_without_effect_are_refused():
    from flambeau.nn.attention.flex_attention import create_block_mask

    with pytest.raises(NotImplementedError, match="dq_kv_order=False"):
        create_block_mask(lambda b, h, q, k: q >= k, None, None, 8, 8, dq_kv_order=False)
    stance = torch.compiler.set_stance
    with (
        stance("default", force_backend="eager"),
        stance("force_eager", skip_guard_eval_unsafe=True),
    ):
        pass
    with pytest.raises(NotImplementedError, match="set_stance: force_backend='inductor'"):
        stance(force_backend="inductor")
    with pytest.raises(RuntimeError, match="force_backend goes with stance 'default'"):
        stance("force_eager", force_backend="eager")
