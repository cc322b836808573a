"""Module: registration, attributes, traversal, conversion, copies, text."""

import copy
import gc
import pickle
import weakref

import pytest

import flambeau as torch
from flambeau import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(4, 2, bias=False))
        self.register_buffer("scale", torch.ones(2))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)

    def forward(self, x):
        return self.rest(self.first(x)) * self.scale


def test_assignment_registers():
    net = Net()
    assert list(net._parameters) == []
    assert list(net._modules) == ["first", "rest"]
    assert list(net._buffers) == ["scale", "scratch"]
    names = [name for name, _ in net.named_parameters()]
    assert names == ["first.weight", "first.bias", "rest.1.weight"]
    assert [name for name, _ in net.named_modules()] == [
        "", "first", "rest", "rest.0", "rest.1",
    ]  # fmt: skip
    assert [name for name, _ in net.named_buffers()] == ["scale", "scratch"]


def test_assignment_of_the_wrong_kind_is_refused():
    net = Net()
    with pytest.raises(
        TypeError,
        match=r"Linear: 'weight' is a parameter and takes an nn\.Parameter or None, not torch\.FloatTensor\. del",
    ):
        net.first.weight = torch.zeros(4, 3)
    with pytest.raises(
        TypeError,
        match=r"Net: 'first' is a child module and takes an nn\.Module or None, not int\. del it first to put",
    ):
        net.first = 3
    with pytest.raises(
        TypeError,
        match=r"Net: 'scale' is a buffer and takes a Tensor or None, not str\. del it first to put something",
    ):
        net.scale = "text"
    net.first.bias = None
    assert net.first.bias is None and "bias" in net.first._parameters


def test_assignment_before_init_is_refused():
    class Early(nn.Module):
        def __init__(self, value):
            self.x = value

    with pytest.raises(
        AttributeError, match=r"Early: call super\(\)\.__init__\(\) before assigning parameters"
    ):
        Early(nn.Parameter(torch.zeros(1)))
    with pytest.raises(
        AttributeError, match=r"Early: call super\(\)\.__init__\(\) before assigning modules"
    ):
        Early(nn.ReLU())


def test_names_are_checked():
    module = nn.Module()
    parameter = nn.Parameter(torch.zeros(1))
    for name in ("a.b", "", "forward"):
        with pytest.raises(KeyError):
            module.register_parameter(name, parameter)
    with pytest.raises(TypeError):
        module.register_parameter(3, parameter)
    with pytest.raises(TypeError):
        module.register_buffer("b", [1])
    with pytest.raises(TypeError):
        module.add_module("m", torch.zeros(1))
    with pytest.raises(
        TypeError,
        match=r"Module: parameter 'p' must be an nn\.Parameter or None, not torch\.FloatTensor",
    ):
        module.register_parameter("p", parameter * 2)


def test_a_name_moves_between_kinds():
    module = nn.Module()
    module.x = 3
    module.x = nn.Parameter(torch.zeros(1))
    assert "x" in module._parameters
    module.x = None
    del module.x
    module.x = nn.ReLU()
    assert "x" in module._modules and not hasattr(module, "missing")
    module.y = nn.Buffer(torch.zeros(2), persistent=False)
    assert "y" in module._buffers and module.state_dict() == {}
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'missing'"):
        module.missing


def test_attributes_and_registries_say_the_same():
    linear = nn.Linear(2, 2)
    replacement = nn.Parameter(torch.ones(2, 2))
    linear._parameters["weight"] = replacement
    assert linear.weight is replacement
    del linear._parameters["bias"]
    assert not hasattr(linear, "bias")
    linear.bias = torch.zeros(2)  # now an ordinary attribute
    assert list(linear.state_dict()) == ["weight"]


def test_unused_modules_are_freed_at_once():
    net = Net()
    reference = weakref.ref(net.first.weight)
    gc.disable()
    try:
        del net
        assert reference() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_compute_the_same_and_share_nothing(duplicate):
    net = Net()
    x = torch.ones(5, 3)
    other = duplicate(net)
    assert (other(x) == net(x)).all()
    assert other.first.weight is other.first._parameters["weight"]
    with torch.no_grad():
        other.first.weight.zero_()
    assert bool((net.first.weight != 0).any())


def test_shallow_copy_has_its_own_registries():
    net = Net()
    other = copy.copy(net)
    assert other.first is net.first
    del other.first
    assert hasattr(net, "first") and not hasattr(other, "first")


def test_shared_modules_and_parameters_count_once():
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, shared)
    net.again = shared.weight
    assert len(list(net.parameters())) == 2
    assert len(list(net.modules())) == 2
    assert len(list(net.named_parameters(remove_duplicate=False))) == 5
    assert len(list(net.named_children())) == 1


def test_paths():
    net = Net()
    assert net.get_submodule("rest.1") is net.rest[1]
    assert net.get_submodule("") is net
    assert net.get_parameter("first.weight") is net.first.weight
    assert net.get_buffer("scale") is net.scale
    with pytest.raises(AttributeError, match="Sequential: has no submodule 'nothing'"):
        net.get_submodule("rest.nothing")
    with pytest.raises(AttributeError):
        net.get_parameter("scale")
    net.set_submodule("rest.0", nn.Tanh())
    assert isinstance(net.rest[0], nn.Tanh)


def test_conversion_keeps_parameters_and_integers():
    net = Net()
    net.register_buffer("count", torch.tensor(3))
    weight = net.first.weight
    net(torch.ones(1, 3)).sum().backward()
    assert net.double() is net
    assert net.first.weight is weight and weight.dtype == torch.float64
    assert weight.grad.dtype == torch.float64 and weight.is_leaf
    assert net.scale.dtype == torch.float64 and net.count.dtype == torch.int64
    net.to(torch.float32)
    assert weight.dtype == torch.float32
    net.to("cpu", torch.float16)
    assert weight.dtype == torch.float16
    net.to(torch.zeros(1))
    assert weight.dtype == torch.float32
    with pytest.raises(TypeError, match=r"Module\.to: dtype is torch\.int64"):
        net.to(torch.int64)


def test_train_and_requires_grad():
    net = Net()
    assert net.training and net.eval() is net
    assert not any(module.training for module in net.modules())
    with pytest.raises(ValueError):
        net.train("yes")
    net.requires_grad_(False)
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_zero_grad():
    net = Net()
    net(torch.ones(2, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert bool((net.first.weight.grad == 0).all())
    net.zero_grad()
    assert net.first.weight.grad is None


def test_apply_visits_children_first():
    visited = []
    Net().apply(lambda module: visited.append(type(module).__name__))
    assert visited == ["Linear", "ReLU", "Linear", "Sequential", "Net"]


def test_forward_is_required():
    with pytest.raises(NotImplementedError, match="Module: has no forward method"):
        nn.Module()(1)
    with pytest.raises(TypeError, match=r"Module: Module\.__init__ has no argument 'x'"):
        nn.Module(x=1)
    with pytest.raises(
        TypeError, match=r"Tanh: Module\.__init__ takes no arguments beside self but was given 1"
    ):
        nn.Tanh(1)


def test_repr():
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (rest): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Linear(in_features=4, out_features=2, bias=False)\n"
        "  )\n"
        ")"
    )


def test_parameter():
    data = torch.ones(2)
    parameter = nn.Parameter(data)
    assert parameter.requires_grad and parameter.is_leaf
    assert isinstance(parameter, torch.Tensor) and isinstance(parameter, nn.Parameter)
    assert not isinstance(parameter * 2, nn.Parameter)
    data.zero_()
    assert bool((parameter == 0).all())
    other = copy.deepcopy(parameter)
    assert type(other) is nn.Parameter and other is not parameter
    assert type(pickle.loads(pickle.dumps(parameter))) is nn.Parameter
    assert repr(nn.Parameter(torch.zeros(1))) == (
        "Parameter containing:\ntensor([0.], requires_grad=True)"
    )
    assert not nn.Parameter(torch.tensor([1, 2]), requires_grad=False).requires_grad


def test_to_refuses_what_would_be_ignored():
    layer = nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="in place"):
        layer.to("cpu", copy=True)
    for arguments in (("cpu", True), (None, True)):
        with pytest.raises(TypeError, match="dtype follows"):
            layer.to(*arguments)
    assert layer.to("cpu", torch.float64, True) is layer
    assert layer.to(torch.float32, True).weight.dtype == torch.float32


def test_an_attribute_that_is_no_parameter_outlives_a_pop_of_its_name():
    """Libraries put a tensor into __dict__ in a parameter's place, and ask the registry for the name before they take it out."""
    layer = nn.Linear(2, 2)
    weight = layer._parameters.pop("weight")
    layer.__dict__["weight"] = plain = torch.zeros(2, 2)
    assert layer._parameters.pop("weight", None) is None and layer._buffers.pop("weight", 1) == 1
    assert layer.__dict__.pop("weight") is plain
    layer._parameters["weight"] = weight
    assert layer.weight is weight


def test_a_recurrent_layer_computes_with_other_weights():
    layer, x = nn.LSTM(2, 3), torch.rand(4, 1, 2)
    layer._flat_weights = [torch.full_like(w, 0.1) for w in layer._flat_weights]
    other = nn.LSTM(2, 3)
    with torch.no_grad():
        for p in other.parameters():
            p.fill_(0.1)
    assert torch.equal(layer(x)[0], other(x)[0]) and len(layer.state_dict()) == 4
    layer._flat_weights = [layer._parameters[name] for name in layer._flat_weights_names]
    assert layer.weight_ih_l0 is layer._parameters["weight_ih_l0"]


def test_padding_layers_have_a_class_for_each_kind():
    from flambeau.nn.modules import padding

    assert issubclass(nn.ReflectionPad2d, padding._ReflectionPadNd)
    assert issubclass(nn.ReplicationPad3d, padding._ReplicationPadNd)
    x = torch.tensor([[1.0, 2.0, 3.0]])
    assert nn.ReflectionPad1d(1)(x).tolist() == [[2, 1, 2, 3, 2]]
    assert nn.ReplicationPad1d(1)(x).tolist() == [[1, 1, 2, 3, 3]]
