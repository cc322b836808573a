"""ExportedProgram: runs as the module does, and is saved and loaded."""

import io

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.export import Dim, export


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.lstm = nn.LSTM(8, 5, batch_first=True)
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)

    def forward(self, x, *, flip=False, extra=None):
        y = self.norm(self.conv(x)).relu().mean(1)
        y, (h, _) = self.lstm(y * self.scale)
        z = y.flip(1) if flip else y
        return {"z": z[:, -1].T, "sizes": [z.shape[0], (h + extra["a"]).sum(dtype=torch.float64)]}


@pytest.fixture
def program():
    torch.manual_seed(0)
    model = Net().eval()
    batch = Dim("batch", min=1, max=32)
    args, kwargs = (torch.randn(3, 1, 6, 8),), {"flip": True, "extra": {"a": torch.randn(1, 3, 5)}}
    shapes = {"x": {0: batch}, "flip": None, "extra": {"a": {1: batch}}}
    return model, export(model, args, kwargs, dynamic_shapes=shapes)


def compare(model, module):
    x, a = torch.randn(5, 1, 6, 8), torch.randn(1, 5, 5)
    one, two = (m(x, flip=True, extra={"a": a}) for m in (model, module))
    assert one.keys() == two.keys() and one["sizes"][0] == two["sizes"][0] == 5
    torch.testing.assert_close(two["z"], one["z"])
    torch.testing.assert_close(two["sizes"][1], one["sizes"][1])


def test_it_runs_as_the_module_does(program):
    model, exported = program
    compare(model, exported.module())


def test_it_is_saved_and_loaded(program, tmp_path):
    model, exported = program
    torch.export.save(exported, tmp_path / "net.pt2", extra_files={"note": "hello"})
    extra = {"note": ""}
    loaded = torch.export.load(tmp_path / "net.pt2", extra_files=extra)
    assert extra == {"note": "hello"} and loaded.graph_signature == exported.graph_signature
    compare(model, loaded.module())
    assert loaded.range_constraints == {"batch": (1, 32)}
    with pytest.raises(ValueError, match="no program"):
        torch.export.load(io.BytesIO(b"nothing"))


def test_what_its_inputs_are(program):
    model, exported = program
    signature = exported.graph_signature
    assert set(signature.parameters) == {n for n, _ in model.named_parameters()}
    assert "scale" in signature.buffers and signature.non_persistent_buffers == {"scale"}
    assert set(exported.state_dict) == set(model.state_dict()) - {"norm.num_batches_tracked"}
    assert signature.user_inputs == ("x", True, "extra")
    assert exported.graph_signature.inputs_to_parameters["p_conv_weight"] == "conv.weight"
    lifted = [exported._attributes[s.target] for s in signature.input_specs if s.target is not None]
    args, kwargs = exported.example_inputs
    found = exported.graph_module(*lifted, *args, kwargs["extra"]["a"])
    torch.testing.assert_close(found[0], model(*args, **kwargs)["z"])


def test_gradients_reach_the_parameters(program):
    model, exported = program
    module = exported.module()
    module(torch.randn(2, 1, 6, 8), flip=True, extra={"a": torch.randn(1, 2, 5)})[
        "z"
    ].sum().backward()
    assert model.conv.weight.grad is not None and module.conv.weight is model.conv.weight


def test_arguments_that_were_not_exported_are_refused(program):
    module = program[1].module()
    x, extra = torch.randn(5, 1, 6, 8), {"a": torch.randn(1, 5, 5)}
    with pytest.raises(RuntimeError, match="exported as True"):
        module(x, flip=False, extra=extra)
    with pytest.raises(RuntimeError, match="size 7 in dim 2; it must be 6"):
        module(torch.randn(5, 1, 7, 8), flip=True, extra=extra)
    with pytest.raises(RuntimeError, match="as batch elsewhere"):
        module(torch.randn(4, 1, 6, 8), flip=True, extra=extra)
    with pytest.raises(TypeError, match="was exported"):
        module(x, flip=True)
    with pytest.raises(NotImplementedError, match="part of what was exported"):
        module.train()


def test_buffers_are_written_where_the_module_writes_them():
    class Count(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("n", torch.zeros(()))

        def forward(self, x):
            self.n += 1
            return x * self.n

    model = Count()
    module = export(model, (torch.ones(2),)).module()
    assert model.n.item() == 0
    assert module(torch.ones(2)).tolist() == [1, 1] and module(torch.ones(2)).tolist() == [2, 2]


def test_what_export_refuses():
    class Reads(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(RuntimeError, match=r"__bool__ at .*test_program\.py.*reads a number"):
        export(Reads(), (torch.ones(2),))
    with pytest.raises(ValueError, match="must be a Module"):
        export(lambda x: x, (torch.ones(2),))
    with pytest.raises(NotImplementedError, match="preserve_module_call_signature"):
        export(nn.ReLU(), (torch.ones(2),), preserve_module_call_signature=("a",))
    with pytest.raises(NotImplementedError, match="prefer_deferred_runtime_asserts"):
        export(nn.ReLU(), (torch.ones(2),), prefer_deferred_runtime_asserts_over_guards=True)
    exported = export(nn.ReLU(), (torch.ones(2),))
    with pytest.raises(RuntimeError, match=r"module\(\)"):
        exported(torch.ones(2))
    with pytest.raises(NotImplementedError, match="ATen"):
        exported.run_decompositions()
    with pytest.raises(NotImplementedError, match="Not offered"):
        torch.export.unflatten(exported)
    with pytest.raises(NotImplementedError, match="arithmetic"):
        Dim("a") * 2


def test_an_exported_program_is_written_as_onnx():
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    exported = export(nn.Linear(3, 2), (torch.ones(1, 3),))
    program = torch.onnx.export(exported)
    torch.testing.assert_close(
        program(torch.ones(1, 3))[0], exported.module()(torch.ones(1, 3)).detach()
    )
