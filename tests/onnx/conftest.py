"""What the tests of the exporter share: a model against onnxruntime."""

import io

import numpy
import pytest

import flambeau as torch
from flambeau.utils._pytree import tree_leaves

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


def session_of(model, args, **options):
    """An onnxruntime session of what export writes."""
    file = io.BytesIO()
    torch.onnx.export(model, args, file, dynamo=False, **options)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(
        file.getvalue(), settings, providers=["CPUExecutionProvider"]
    )


def compare(session, model, args, tolerance=1e-5):
    """Asserts that the session gives what the model gives."""
    with torch.no_grad():
        wanted = [v for v in tree_leaves(model(*args)) if isinstance(v, torch.Tensor)]
    given = [a for a in tree_leaves(args) if isinstance(a, torch.Tensor)]
    feeds = {i.name: a.numpy() for i, a in zip(session.get_inputs(), given, strict=True)}
    found = session.run(None, feeds)
    assert len(found) == len(wanted)
    for one, two in zip(found, wanted):
        two = two.numpy()
        assert one.dtype == two.dtype and one.shape == two.shape, (
            one.dtype,
            two.dtype,
            one.shape,
            two.shape,
        )
        if one.dtype.kind == "f":
            scale = max(1.0, float(numpy.abs(two[numpy.isfinite(two)]).max(initial=0.0)))
            numpy.testing.assert_allclose(one, two, rtol=0, atol=tolerance * scale)
        else:
            numpy.testing.assert_array_equal(one, two)


@pytest.fixture
def check():
    """check(model, *args, dynamic={place: {dim: name}}, others=[args, ...]): exports, runs, compares."""

    def check(model, *args, dynamic=None, others=(), **options):
        if isinstance(model, torch.nn.Module):
            model.eval()
        if dynamic:
            names = [f"x{place}" for place in range(len(args))]
            options.update(
                input_names=names, dynamic_axes={names[p]: dims for p, dims in dynamic.items()}
            )
        session = session_of(model, args, **options)
        for given in (args, *others):
            compare(session, model, given)
        return session

    return check
