"""The tutorial, construct by construct, in its own order, with the results it should print."""

import sys
import warnings

import pytest

import flambeau as torch
import flambeau.nn as nn
import flambeau.nn.functional as F
import flambeau.optim as optim
from flambeau.autograd import Variable

# Components


def test_components_are_there():
    for name in ("autograd", "nn", "optim", "utils"):
        assert hasattr(torch, name)
    assert hasattr(torch.utils, "data")


# Tensors


def test_uninitialized_and_random_tensors():
    x = torch.Tensor(4, 3)
    assert x.size() == (4, 3)
    assert x.dtype == torch.float32
    x = torch.rand(4, 3)
    assert 0 <= x.min() <= x.max() < 1
    assert str(x.size()) == "torch.Size([4, 3])"
    assert repr(x).startswith("tensor([[0.")
    assert len(str(x).splitlines()) == 4


def test_four_forms_of_addition():
    x = torch.rand(4, 3)
    y = torch.rand(4, 3)
    expected = [[a + b for a, b in zip(*rows)] for rows in zip(x.tolist(), y.tolist())]

    def check(result):
        assert result.size() == (4, 3)
        difference = result - torch.tensor(expected)
        assert difference.abs().max() < 1e-6

    check(x + y)
    check(torch.add(x, y))
    result = torch.Tensor(5, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # resized, which PyTorch warns of
        torch.add(x, y, out=result)
    check(result)
    same = y.add_(x)
    assert same is y
    check(y)


def test_numpy_like_indexing():
    x = torch.rand(4, 3)
    assert x[:, 1].tolist() == [row[1] for row in x.tolist()]


def test_resizing_with_view():
    x = torch.randn(4, 4)
    y = x.view(16)
    z = x.view(-1, 8)
    assert (x.size(), y.size(), z.size()) == ((4, 4), (16,), (2, 8))
    assert y.data_ptr() == x.data_ptr() == z.data_ptr()


def test_listed_operations():
    numpy = pytest.importorskip("numpy")
    assert torch.numel(torch.zeros(4, 3)) == 12
    assert torch.eye(2).tolist() == [[1, 0], [0, 1]]
    array = numpy.ones(3)
    tensor = torch.from_numpy(array)
    array[1] = 5
    tensor[2] = 7
    assert tensor.tolist() == array.tolist() == [1, 5, 7]
    assert torch.linspace(0, 10, 5).tolist() == [0, 2.5, 5, 7.5, 10]
    assert torch.ones(2, 2).tolist() == [[1, 1], [1, 1]]
    assert torch.zeros(2).tolist() == [0, 0]
    joined = torch.cat([torch.ones(1, 2), torch.zeros(2, 2)])
    assert joined.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert [c.tolist() for c in torch.chunk(torch.arange(5), 2)] == [[0, 1, 2], [3, 4]]


# CUDA tensors


def test_cuda_is_asked_for_before_use():
    x = torch.rand(4, 3)
    y = torch.rand(4, 3)
    if torch.cuda.is_available():
        on_device = x.cuda()
        assert (on_device + y.cuda()).device.type == "cuda"
        with pytest.raises(TypeError):
            on_device + y
    else:
        with pytest.raises((RuntimeError, AssertionError)):
            x.cuda()


# Autograd


def test_variable():
    x = Variable(torch.ones(2, 2), requires_grad=True)
    assert isinstance(x, torch.Tensor)
    assert x.grad_fn is None
    assert x.data.tolist() == [[1, 1], [1, 1]]
    y = x + 2
    assert str(y.grad_fn).startswith("<AddBackward0")
    z = y * y * 3
    out = z.mean()
    assert str(z) == ("tensor([[27., 27.],\n        [27., 27.]], grad_fn=<MulBackward0>)")
    assert str(out) == "tensor(27., grad_fn=<MeanBackward0>)"
    out.backward()
    assert str(x.grad) == "tensor([[4.5000, 4.5000],\n        [4.5000, 4.5000]])"


def test_the_slip_backwards_is_answered_with_advice(capsys):
    out = Variable(torch.ones(2, 2), requires_grad=True).mean()
    with pytest.raises(AttributeError) as caught:
        out.backwards()
    # The interpreter looks for advice when it prints the error, not when a program asks hasattr().
    sys.__excepthook__(caught.type, caught.value, caught.tb)
    assert "Did you mean: 'backward'?" in capsys.readouterr().err


def test_backward_needs_a_gradient_for_more_than_one_element():
    x = Variable(torch.ones(2, 2), requires_grad=True)
    with pytest.raises(
        RuntimeError,
        match=r"backward: float32 \(2, 2\) is not a single number, so its gradient must be given",
    ):
        (x * 3).backward()
    (x * 3).backward(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert x.grad.tolist() == [[3, 6], [9, 12]]


# Neural networks


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()  # noqa: UP008, as the tutorial writes it
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x

    def num_flat_features(self, x):
        size = x.size()[1:]
        num_features = 1
        for s in size:
            num_features *= s
        return num_features


def test_the_network_prints_its_layers():
    assert str(Net()) == (
        "Net(\n"
        "  (conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))\n"
        "  (conv2): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1))\n"
        "  (fc1): Linear(in_features=400, out_features=120, bias=True)\n"
        "  (fc2): Linear(in_features=120, out_features=84, bias=True)\n"
        "  (fc3): Linear(in_features=84, out_features=10, bias=True)\n"
        ")"
    )


def test_parameters():
    params = list(Net().parameters())
    assert len(params) == 10
    assert str(params[0].size()) == "torch.Size([6, 1, 5, 5])"


def test_forward_and_backward_with_a_given_gradient():
    net = Net()
    input = Variable(torch.randn(1, 1, 32, 32))
    out = net(input)
    assert out.size() == (1, 10)
    assert "grad_fn=<AddmmBackward0>" in str(out)
    net.zero_grad()
    out.backward(torch.randn(1, 10))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_a_single_sample_gets_a_fake_dimension():
    assert Net()(torch.randn(1, 32, 32).unsqueeze(0)).size() == (1, 10)


def dummy_loss(net, input):
    """The tutorial's loss: the target is int64 and has one dimension less than the output."""
    target = Variable(torch.arange(1, 11))
    criterion = nn.MSELoss()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the sizes, as PyTorch's
        return criterion(net(input), target)


def test_loss():
    net, input = Net(), torch.randn(1, 1, 32, 32)
    output = net(input).detach()
    loss = dummy_loss(net, input)
    expected = sum((o - t) ** 2 for o, t in zip(output[0].tolist(), range(1, 11))) / 10
    assert loss.size() == ()
    assert abs(loss.item() - expected) < 1e-4 * expected
    assert str(loss).startswith(f"tensor({int(loss.item())}.")
    assert "grad_fn=<MseLossBackward0>" in str(loss)


def test_the_graph_can_be_walked_from_the_loss():
    loss = dummy_loss(Net(), torch.randn(1, 1, 32, 32))
    assert type(loss.grad_fn).__name__ == "MseLossBackward0"
    linear = loss.grad_fn.next_functions[0][0]
    assert type(linear).__name__ == "AddmmBackward0"
    before = {type(node).__name__: node for node, _ in linear.next_functions}
    assert "ReluBackward0" in before
    assert before["AccumulateGrad"].variable.is_leaf
    seen, stack, leaves = set(), [loss.grad_fn], 0
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaves += hasattr(node, "variable")
        stack += [n for n, _ in node.next_functions]
    assert leaves == 10


def test_gradients_accumulate_unless_zeroed():
    net, input = Net(), torch.randn(1, 1, 32, 32)
    net.zero_grad()
    assert net.conv1.bias.grad is None
    dummy_loss(net, input).backward()
    once = net.conv1.bias.grad.clone()
    assert once.size() == (6,)
    assert once.abs().sum() > 0
    dummy_loss(net, input).backward()
    assert (net.conv1.bias.grad - 2 * once).abs().max() <= 1e-4 * once.abs().max()
    net.zero_grad()
    dummy_loss(net, input).backward()
    assert (net.conv1.bias.grad - once).abs().max() <= 1e-5 * once.abs().max()


def test_updating_the_weights_by_hand():
    net, input = Net(), torch.randn(1, 1, 32, 32)
    before_loss = dummy_loss(net, input)
    before_loss.backward()
    before = [p.detach().clone() for p in net.parameters()]
    learning_rate = 0.01
    for f in net.parameters():
        f.data.sub_(f.grad.data * learning_rate)
    for old, f in zip(before, net.parameters()):
        assert torch.allclose(f, old - learning_rate * f.grad)
    assert dummy_loss(net, input) < before_loss


def test_updating_the_weights_with_an_optimizer():
    net, input = Net(), torch.randn(1, 1, 32, 32)
    optimizer = optim.SGD(net.parameters(), lr=0.01)
    optimizer.zero_grad()
    loss = dummy_loss(net, input)
    loss.backward()
    before = [p.detach().clone() for p in net.parameters()]
    optimizer.step()
    for old, p in zip(before, net.parameters()):
        assert torch.allclose(p, old - 0.01 * p.grad)
    assert dummy_loss(net, input) < loss


# Handling data


def test_numpy_arrays_become_tensors_and_back():
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(6, dtype="float32").reshape(2, 3)
    tensor = torch.from_numpy(array)
    assert tensor.dtype == torch.float32
    back = tensor.numpy()
    assert back is not array
    assert back.ctypes.data == array.ctypes.data


def test_vision_loads_and_transforms():
    from flambeau.vision import datasets, transforms

    image, label = datasets.Digits(transform=transforms.ToTensor())[0]
    assert image.size() == (1, 8, 8)
    assert label in range(10)
