"""Programs recorded as graphs."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.export.capture import SpecializationError, capture
from flambeau.export.sizes import SymFloat, SymInt
from flambeau.fx import GraphModule


def replay(captured, *args):
    """The results' leaves for other inputs."""
    return GraphModule(captured.attributes, captured.graph)(*args)


def test_views_that_are_written_in_place_are_followed():
    def program(x):
        y = x * 2
        row, block = y[0], y[:, 1:]
        row.mul_(3)
        block += 1
        flat = y.view(-1)
        flat[0] = 7
        return y, row, block + row[1:]

    captured = capture(program, (torch.ones(2, 3),))
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for one, two in zip(replay(captured, x.clone()), program(x.clone())):
        assert torch.equal(one, two)
    assert x.tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_the_caller_s_tensors_stay_as_they_are():
    x = torch.zeros(3)
    captured = capture(lambda x: x.add_(1) * 2, (x,))
    assert x.tolist() == [0, 0, 0]
    assert replay(captured, torch.ones(3))[0].tolist() == [4, 4, 4]


def test_sizes_stay_free():
    captured = capture(lambda x: x.reshape(x.size(1), -1) / x.size(0) ** 0.5, (torch.ones(4, 3),),
                       dynamic={0: {0: (1, None)}})  # fmt: skip
    x = torch.randn(9, 3)
    torch.testing.assert_close(replay(captured, x)[0], x.reshape(3, -1) / 3)


def test_a_size_that_is_fixed_is_an_error_with_its_line():
    with pytest.raises(SpecializationError, match=r"test_capture\.py"):
        capture(lambda x: x * float(x.size(0)), (torch.ones(4),), dynamic={0: {0: (1, None)}})


def test_what_is_computed_of_inputs_unseen_is_an_error():
    hidden = []

    def program(x):
        with torch._C.DisableTorchFunction():
            hidden[:] = [x + 1]
        return hidden[0] * x

    with pytest.raises(SpecializationError, match="ways that are not seen"):
        capture(program, (torch.tensor([1.0, 2.0]),))


def test_buffers_are_as_before():
    model = nn.BatchNorm1d(3)
    capture(model, (torch.randn(4, 3),))
    assert model.running_mean.tolist() == [0, 0, 0] and model.num_batches_tracked == 0


def test_symbols_are_numbers():
    captured = capture(lambda x: x.view(x.shape), (torch.ones(4),), dynamic={0: {0: (1, None)}})
    assert captured.inputs == ["x"]
    assert SymInt(3) == 3 and SymFloat(0.5) == 0.5
