"""What export's arguments do, and what it refuses."""

import io

import pytest

import flambeau as torch
from flambeau import nn

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x, scale=1.0, *, bias=None):
        y = self.linear(x) * scale
        return {"out": y if bias is None else y + bias, "in": x}


def names(values):
    return [v.name for v in values]


def test_keyword_arguments_and_nested_results():
    x, bias = torch.randn(2, 3), torch.randn(2)
    model = Two()
    program = torch.onnx.export(
        model, (x,), kwargs={"scale": 2.0, "bias": bias}, output_names=["out", "same"]
    )
    graph = program.model_proto.graph
    assert names(graph.input) == ["x", "bias"] and names(graph.output) == ["out", "same"]
    out, same = program(x, bias)
    torch.testing.assert_close(out, model(x, 2.0, bias=bias)["out"].detach())
    assert torch.equal(same, x)
    older = torch.onnx.export(model, (x, {"bias": bias}))
    assert names(older.model_proto.graph.input) == ["x", "bias"]


def test_where_it_is_written(tmp_path):
    path, file = tmp_path / "model.onnx", io.BytesIO()
    model, args = nn.Linear(3, 2), (torch.randn(1, 3),)
    assert torch.onnx.export(model, args, path, dynamo=False) is None
    program = torch.onnx.export(model, args, file)
    assert path.read_bytes() == file.getvalue() == program.model_proto.SerializeToString()
    program.save(tmp_path / "again.onnx", external_data=True)
    assert (tmp_path / "again.onnx.data").exists()
    program.optimize()
    torch.testing.assert_close(program(*args)[0], model(*args).detach())
    with pytest.raises(TypeError, match="f is missing"):
        torch.onnx.export(model, args, dynamo=False)


@pytest.mark.parametrize("opset", [17, 18, 20, 23])
def test_opsets(opset):
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Softmax(-1))
    program = torch.onnx.export(
        lambda x: model(x).mean(1), (torch.randn(2, 3),), opset_version=opset, verify=True
    )
    assert {o.domain: o.version for o in program.model_proto.opset_import} == {"": opset}


def test_opsets_that_are_not_written():
    model, args = nn.Linear(3, 2), (torch.randn(1, 3),)
    with pytest.raises(ValueError, match="older than 17"):
        torch.onnx.export(model, args, opset_version=12)
    with pytest.raises(ValueError, match="newer than 23"):
        torch.onnx.export(model, args, opset_version=99)
    with pytest.warns(UserWarning, match="17 is written"):
        torch.onnx.export(model, args, io.BytesIO(), opset_version=11, dynamo=False)


@pytest.mark.parametrize(
    "name",
    [
        "report",
        "profile",
        "dump_exported_program",
        "keep_initializers_as_inputs",
        "export_modules_as_functions",
    ],
)
def test_arguments_that_are_refused(name):
    with pytest.raises(NotImplementedError, match=name):
        torch.onnx.export(nn.Linear(3, 2), (torch.randn(1, 3),), **{name: True})


def test_parameters_as_inputs_and_unfolded_constants():
    model, args = nn.Linear(3, 2), (torch.randn(2, 1, 3),)
    graph = torch.onnx.export(model, args, export_params=False).model_proto.graph
    assert names(graph.input) == ["input", "weight", "bias"] and not graph.initializer
    f = nn.ParameterList([torch.ones(3)])

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = f

        def forward(self, x):
            return x * (self.f[0] + 1)

    kinds = [
        [
            n.op_type
            for n in torch.onnx.export(Sum(), args, do_constant_folding=fold).model_proto.graph.node
        ]
        for fold in (True, False)
    ]
    assert kinds == [["Mul", "Identity"], ["Add", "Mul", "Identity"]]


def test_training_modes():
    model, args = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3)), (torch.randn(4, 3),)
    modes = {None: False, torch.onnx.TrainingMode.EVAL: False, torch.onnx.TrainingMode.TRAINING: True, True: True,
             torch.onnx.TrainingMode.PRESERVE: True}  # fmt: skip
    before = model[1].running_mean.clone()
    for mode, drops in modes.items():
        graph = torch.onnx.export(model, args, training=mode).model_proto.graph
        assert ("Dropout" in [n.op_type for n in graph.node]) is drops
    assert (
        model.training
        and torch.equal(model[1].running_mean, before)
        and model[1].num_batches_tracked == 0
    )


def test_names_of_dims():
    batch = torch.export.Dim("batch", min=1, max=64)
    args = (torch.randn(2, 3), torch.randn(2, 3))
    program = torch.onnx.export(
        lambda a, b: a + b, args, dynamic_shapes={"a": {0: batch}, "b": {0: batch}}
    )
    shapes = [
        [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim]
        for i in program.model_proto.graph.input
    ]
    assert shapes == [["batch", 3], ["batch", 3]]
    assert program(torch.ones(5, 3), torch.ones(5, 3))[0].shape == (5, 3)
    with pytest.raises(ValueError, match="not both"):
        torch.onnx.export(
            lambda a: a, args[:1], dynamic_shapes=({0: batch},), dynamic_axes={"a": [0]}
        )
    with pytest.warns(UserWarning, match="no input or output"):
        torch.onnx.export(lambda a: a + 1, args[:1], dynamic_axes={"z": [0]})


def test_an_operator_without_a_rule_is_named_with_its_line():
    with pytest.raises(torch.onnx.UnsupportedOperatorError, match=r"cumprod.*test_arguments\.py"):
        torch.onnx.export(lambda x: x.cumprod(0), (torch.ones(3),))
    with pytest.raises(torch.onnx.UnsupportedOperatorError, match=r"bincount"):
        torch.onnx.export(lambda x: torch.bincount(x), (torch.tensor([1, 2, 3]),))
    with pytest.raises(NotImplementedError, match=r"which is dynamic here.*test_arguments\.py"):
        torch.onnx.export(
            lambda x: nn.functional.glu(x, 0), (torch.ones(4, 2),), dynamic_axes={"x": [0]}
        )


def test_sizes_that_the_program_fixes_are_found():
    with pytest.raises(
        torch.onnx.OnnxExporterError, match=r"has other values|6 is 13|with other sizes"
    ):
        torch.onnx.export(
            lambda x: x.view(int(x.size(0)) * 2), (torch.ones(6, 2),), dynamic_axes={"x": [0]}
        )
    with pytest.raises(torch.onnx.OnnxExporterError, match="with other sizes"):
        torch.onnx.export(
            lambda x: sum(x[i] for i in range(x.size(0))),
            (torch.ones(3, 2),),
            dynamic_axes={"x": [0]},
        )


def test_numbers_that_the_program_reads_are_told():
    with pytest.warns(torch.jit.TracerWarning, match="reads a number"):
        torch.onnx.export(lambda x: x * x.sum().item(), (torch.ones(3),))


def test_values_that_the_recorder_cannot_see_are_found():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.from_numpy(x.numpy() * 2)

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    values = torch.tensor([1.0, 2.0, 3.0])
    with pytest.warns(torch.jit.TracerWarning, match="numpy"):
        torch.onnx.export(lambda x: Double.apply(x) + x, (values,))


def test_is_in_onnx_export():
    seen = []
    assert not torch.onnx.is_in_onnx_export()
    torch.onnx.export(
        lambda x: seen.append(torch.onnx.is_in_onnx_export()) or x + 1, (torch.ones(2),)
    )
    assert set(seen) == {True} and not torch.onnx.is_in_onnx_export()


def test_rules_of_ones_own():
    def symbolic(g, input, dim):
        return g.op("mine::CumProd", input, dim_i=dim)

    torch.onnx.register_custom_op_symbolic("aten::cumprod", symbolic, 9)
    try:
        program = torch.onnx.export(
            lambda x: x.cumprod(0), (torch.ones(3),), custom_opsets={"mine": 2}
        )
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::cumprod", 9)
    node = program.model_proto.graph.node[0]
    assert (node.domain, node.op_type, node.attribute[0].name) == ("mine", "CumProd", "dim")
    assert {o.domain: o.version for o in program.model_proto.opset_import} == {"": 18, "mine": 2}
    table = {torch.cumprod: lambda g, x, dim: g.op("Neg", x)}
    program = torch.onnx.export(
        lambda x: x.cumprod(0), (torch.ones(3),), custom_translation_table=table
    )
    assert program(torch.ones(3))[0].tolist() == [-1, -1, -1]
    with pytest.raises(ValueError, match="namespace::name"):
        torch.onnx.register_custom_op_symbolic("cumprod", symbolic, 9)


def test_sizes_as_tensors():
    from flambeau.onnx.operators import shape_as_tensor

    program = torch.onnx.export(
        shape_as_tensor, (torch.ones(2, 3),), input_names=["x"], dynamic_axes={"x": [0]}
    )
    assert program(torch.ones(7, 3))[0].tolist() == [7, 3]
    for name, value in onnx.TensorProto.DataType.items():
        if name in torch.onnx.TensorProtoDataType.__members__:
            assert torch.onnx.TensorProtoDataType[name] == value
    with pytest.raises(NotImplementedError, match="Not offered"):
        torch.onnx.ExportableModule()
