"""What modules do beside forward and backward: parameters, sharing, walks, special layers."""

import pytest

import flambeau as torch
from flambeau.legacy import nn
from flambeau.legacy.nn import utils


def network():
    return (
        nn.Sequential()
        .add(nn.Concat(1).add(nn.Linear(2, 5)).add(nn.Linear(2, 5)))
        .add(nn.ReLU())
        .add(nn.Linear(10, 20))
    )


def test_flattened_parameters_are_views_of_two_vectors():
    net = network()
    x, before = torch.randn(3, 2), None
    before = net.forward(x).clone()
    own, gradients = net.parameters()
    flat, flat_gradients = net.flattenParameters()
    assert flat.shape == flat_gradients.shape == (250,)
    assert all(a is b for a, b in zip(net.parameters()[0], own))
    assert torch.equal(net.forward(x), before)
    net.zeroGradParameters()
    net.backward(x, torch.ones(3, 20))
    assert flat_gradients.abs().sum() > 0
    flat.zero_()
    assert all(not p.any() for p in own) and not net.forward(x).any()
    assert nn.ReLU().flattenParameters() is None


def test_shared_parameters_stay_shared_when_flattened():
    first, second = nn.Linear(4, 3), nn.Linear(4, 3)
    second.share(first, "weight", "gradWeight")
    flat, flat_gradients = nn.Parallel(0, 0).add(first).add(second).getParameters()
    assert flat.shape == flat_gradients.shape == (12 + 3 + 3,)
    first.weight.fill_(2)
    assert (second.weight == 2).all() and flat.sum() == 24 + first.bias.sum() + second.bias.sum()
    twice = nn.Linear(2, 2)
    assert nn.Sequential(twice, twice).flattenParameters()[0].shape == (6,)


def test_flattening_refuses_gradients_that_are_not_shared_alike():
    first, second = nn.Linear(4, 3), nn.Linear(4, 3)
    second.share(first, "weight")
    with pytest.raises(RuntimeError, match="flattenParameters: the gradients do not share"):
        nn.Sequential(first, second).flattenParameters()


def test_clone_copies_and_shares_what_is_named():
    module = nn.Linear(2, 2)
    twin = module.clone("weight", "gradWeight")
    module.weight.fill_(3)
    module.bias.fill_(3)
    assert (twin.weight == 3).all() and not (twin.bias == 3).all()


def test_walks_over_modules():
    net = network()
    modules, containers = net.findModules(nn.Linear)
    assert len(modules) == 3 and containers == [net.get(0), net.get(0), net]
    seen = []
    net.apply(seen.append)
    assert seen == net.listModules() and len(seen) == 6
    net.replace(lambda module: nn.Tanh() if isinstance(module, nn.ReLU) else module)
    assert isinstance(net.get(1), nn.Tanh)
    net.evaluate()
    assert not any(module.train for module in net.listModules())


def test_sequential_is_a_list():
    net = nn.Sequential(nn.Linear(2, 3)).add(nn.Tanh())
    net.insert(nn.Sigmoid(), 1)
    assert len(net) == net.size() == 3 and repr(net.get(1)) == "nn.Sigmoid"
    net.remove().remove(0)
    assert repr(net) == "nn.Sequential {\n  [input -> (0) -> output]\n  (0): nn.Sigmoid\n}"


def test_repr_of_branches():
    text = repr(nn.ConcatTable().add(nn.Tanh()).add(network()))
    assert text.startswith("nn.ConcatTable {\n  input\n    |`-> (0): nn.Tanh\n")
    assert text.endswith("... -> output\n}") and "(0): nn.Linear(2 -> 5)" in text


def test_update_and_shared_update_agree():
    x, grad = torch.randn(4, 3), torch.randn(4, 2)
    one = nn.Linear(3, 2)
    two = one.clone()
    for module in (one, two):
        module.forward(x)
        module.zeroGradParameters()
    one.accUpdateGradParameters(x, grad, 0.1)
    two.sharedAccUpdateGradParameters(x, grad, 0.1)
    torch.testing.assert_close(one.weight, two.weight)
    torch.testing.assert_close(one.bias, two.bias)


def test_a_module_of_ones_own():
    class Twice(nn.Module):
        def updateOutput(self, input):
            self.output = input * 2
            return self.output

        def updateGradInput(self, input, gradOutput):
            self.gradInput = gradOutput * 2
            return self.gradInput

    net = nn.Sequential(Twice(), nn.Linear(2, 2))
    x = torch.randn(3, 2)
    net.forward(x)
    net.zeroGradParameters()
    grad = torch.ones(3, 2)
    torch.testing.assert_close(net.backward(x, grad), 2 * grad @ net.get(1).weight)
    assert nn.Module().parameters() is None and nn.Module().updateParameters(1) is None


def test_gradients_are_of_the_input_given_to_backward():
    module = nn.Square()
    first, second = torch.tensor([1.0]), torch.tensor([5.0])
    module.forward(first)
    assert module.backward(second, torch.ones(1)).item() == 10
    first += 1  # written since forward
    module.forward(first)
    first.fill_(7)
    assert module.backward(first, torch.ones(1)).item() == 14


def test_wrong_gradients_are_named():
    module = nn.Linear(3, 2)
    x = torch.ones(4, 3)
    module.forward(x)
    with pytest.raises(RuntimeError, match=r"nn.Linear\(3 -> 2\): gradOutput is \(4, 3\)"):
        module.backward(x, torch.ones(4, 3))
    with pytest.raises(RuntimeError, match="needs forward before backward"):
        nn.ReLU(True).backward(x, x)


def test_lookup_table():
    table = nn.LookupTable(5, 3, paddingValue=2)
    words = torch.tensor([[1, 2], [1, 4]])
    assert table.forward(words).shape == (2, 2, 3)
    table.zeroGradParameters()
    assert torch.equal(
        table.backward(words, torch.ones(2, 2, 3)), torch.zeros(2, 2, dtype=torch.int64)
    )
    assert table.gradWeight[:, 0].tolist() == [0, 2, 0, 0, 1]
    table.scaleGradByFreq().zeroGradParameters()
    table.forward(words)
    table.backward(words, torch.ones(2, 2, 3))
    assert table.gradWeight[:, 0].tolist() == [0, 1, 0, 0, 1]
    table.setMaxNorm(0.5).setNormType(1).forward(words)
    norms = table.weight.norm(1, 1)
    assert (norms[[1, 2, 4]] <= 0.5001).all()
    light = nn.LookupTable(5, 3).accUpdateOnly()
    light.weight.fill_(2)
    light.forward(words[0])
    light.backwardUpdate(words[0], torch.full((2, 3), 2.0), 0.1)
    assert light.weight[:, 0].tolist() == pytest.approx([2, 1.8, 1.8, 2, 2])


def test_penalty_and_reversal():
    x = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    module = nn.L1Penalty(0.5, sizeAverage=False, provideOutput=False)
    assert module.forward(x) is x and module.loss == 3
    assert torch.equal(module.backward(x, torch.ones(2, 2)), x.sign() * 0.5)
    assert torch.equal(nn.L1Penalty(4, True).backward(x, torch.ones(2, 2)), x.sign() + 1)
    module = nn.GradientReversal()
    module.setLambda(3)
    assert torch.equal(module.backward(x, torch.ones(2, 2)), torch.full((2, 2), -3.0))


def test_criterion_table():
    module = nn.CriterionTable(nn.MSECriterion())
    pair = [torch.ones(2), torch.zeros(2)]
    assert module.forward(pair) == 1
    gradients = module.backward(pair, torch.tensor([2.0]))
    assert [g.tolist() for g in gradients] == [[2, 2], [0, 0]]


def test_dropout_scales_and_rests():
    x = torch.ones(1000)
    module = nn.Dropout(0.2)
    output = module.forward(x)
    assert abs(output.mean() - 1) < 0.1 and torch.equal(module.backward(x, x), output)
    module.evaluate()
    assert torch.equal(module.forward(x), x)
    planes = nn.SpatialDropout(0.2)
    planes.evaluate()
    assert torch.equal(planes.forward(torch.ones(2, 3, 4, 4)), torch.full((2, 3, 4, 4), 0.8))
    planes.setp(0.5)
    assert planes.forward(torch.ones(1, 1, 1, 1)).item() == 0.5


def test_running_statistics_move_once_a_forward():
    module, x = nn.BatchNormalization(3), torch.randn(8, 3)
    module.forward(x)
    module.backward(x, x)
    torch.testing.assert_close(module.running_mean, 0.1 * x.mean(0))
    torch.testing.assert_close(module.running_var, 0.9 + 0.1 * x.var(0))
    module.evaluate()
    expected = torch.nn.functional.batch_norm(
        x, module.running_mean, module.running_var, module.weight, module.bias
    )
    torch.testing.assert_close(module.forward(x), expected)


def test_average_pooling_switches():
    module, x = nn.SpatialAveragePooling(2, 2, 2, 2, 1, 1), torch.ones(1, 1, 4, 4)
    assert module.forward(x)[0, 0, 0, 0] == 0.25
    assert module.setCountExcludePad().forward(x)[0, 0, 0, 0] == 1
    module.divide = False
    assert module.setCountIncludePad().forward(x)[0, 0, 1, 1] == 4


def test_simplex_corners_are_equally_far_apart():
    criterion = nn.ClassSimplexCriterion(5)
    products = criterion.simplex @ criterion.simplex.t()
    expected = torch.full((5, 5), -0.25).fill_diagonal_(1)
    torch.testing.assert_close(products, expected, atol=1e-6, rtol=0)
    assert criterion.getTopPrediction(criterion.simplex).tolist() == [0, 1, 2, 3, 4]


def test_types_keep_shared_memory():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.share(first, "weight")
    net = nn.Sequential(first, second)
    assert net.type() == "torch.FloatTensor"
    net.double()
    assert net.type() == "torch.DoubleTensor" and first.weight.dtype == torch.float64
    first.weight.fill_(4)
    assert (second.weight == 4).all()
    cache = {}
    third = utils.recursiveType(first.weight, "torch.FloatTensor", cache)
    assert utils.recursiveType(first.weight, "torch.FloatTensor", cache) is third


def test_a_file_of_another_structure_is_refused(tmp_path):
    nn.Linear(2, 2).write(tmp_path / "linear.pt")
    with pytest.raises(RuntimeError, match="does not hold the tensors of 3 modules"):
        nn.Sequential(nn.Linear(2, 2), nn.Tanh()).read(tmp_path / "linear.pt")


@pytest.mark.parametrize(
    "function",
    [
        utils.recursiveFill,
        lambda a, b: utils.recursiveCopy(b, a),
        lambda a, b: utils.recursiveAdd(b, a),
    ],
)
def test_tables_of_other_things_are_refused(function):
    with pytest.raises(RuntimeError, match="expected tensors or lists of tensors, got"):
        function("text", 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Threshold(0, 1, True), "in place, value"),
        (lambda: nn.HardTanh(1, 1), "max_value must be above"),
        (lambda: nn.SpatialFullConvolution(1, 1, 3, 3, 2, 2, 0, 0, 2), "adjW must be below dW"),
        (lambda: nn.SpatialMaxUnpooling(nn.Tanh()), "expected a SpatialMaxPooling"),
        (lambda: nn.View(-1, -1), "at most one size may be -1"),
        (lambda: nn.Dropout(1), "p must be at least 0 and below 1"),
        (lambda: nn.SpatialSubtractiveNormalization(1, torch.ones(4)), "odd sizes"),
        (lambda: nn.Parallel(0, 0).forward(torch.ones(2, 2)), "2 slices"),
        (lambda: nn.SelectTable(3).forward([1, 2]), "the table has 2 entries"),
    ],
)
def test_mistakes_are_refused(make, words):
    with pytest.raises((RuntimeError, ValueError, TypeError), match=words):
        make()
