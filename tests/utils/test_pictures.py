"""Pictures are SVG that holds what it should; notebooks get tables."""

from xml.etree import ElementTree

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.utils.pictures import draw_graph, draw_modules

SPACE = "{http://www.w3.org/2000/svg}"


def texts(picture):
    return [node.text for node in ElementTree.fromstring(str(picture)).iter(SPACE + "text")]


def test_boxes_of_modules(tmp_path):
    picture = draw_modules(nn.Sequential(nn.Linear(4, 2), nn.Sequential(nn.ReLU())))
    assert texts(picture) == [
        "Sequential  10",
        "0: Linear(in_features=4, out_features=2, bias=True)  10",
        "1: Sequential",
        "0: ReLU",
    ]
    boxes = [
        [float(box.get(name)) for name in ("x", "y", "width", "height")]
        for box in ElementTree.fromstring(str(picture)).iter(SPACE + "rect")
    ]
    outer = boxes[0]
    for x, y, width, height in boxes[1:]:
        assert outer[0] < x and x + width < outer[0] + outer[2]
        assert outer[1] < y and y + height < outer[1] + outer[3]
    picture.save(tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text() == picture._repr_svg_()


def test_the_graph_leads_down_to_the_leaves():
    model = nn.Sequential(nn.Linear(4, 2), nn.Tanh())
    x = torch.ones(3, 4, requires_grad=True)
    h = model(x)
    picture = draw_graph((h * h).sum(), {**dict(model.named_parameters()), "x": x})
    found = texts(picture)
    assert sorted(found) == sorted(
        ["result ()", "Sum", "Mul", "Tanh", "Addmm", "0.weight (2, 4)", "0.bias (2,)", "x (3, 4)"]
    )
    height = {
        node.text: float(node.get("y"))
        for node in ElementTree.fromstring(str(picture)).iter(SPACE + "text")
    }
    assert height["result ()"] == min(height.values())
    assert height["x (3, 4)"] == max(height.values())
    assert str(picture).count("<path") == 7


def test_what_has_no_graph_is_refused():
    with pytest.raises(ValueError, match="no graph"):
        draw_graph(torch.ones(2))
    x = torch.ones(2, requires_grad=True)
    y = x
    for _ in range(20):
        y = y * 2
    with pytest.raises(ValueError, match="more than 10 nodes"):
        draw_graph(y, limit=10)


def test_tensors_in_a_notebook():
    html = torch.linspace(-1, 1, 100).view(10, 10)._repr_html_()
    assert (
        "float32 (10, 10)" in html
        and "min -1, mean" in html
        and html.count("<td>") == 100
        and "<svg" in html
    )
    large = torch.zeros(3, 50, 60)._repr_html_()
    assert large.count("<tr>") == 13 and "&#8942;" in large and "<code>[0]</code> of 3" in large
    for tensor in (
        torch.tensor(2),
        torch.ones(0, 3),
        torch.ones(3, requires_grad=True),
        torch.tensor([1j]),
        torch.tensor([True]),
    ):
        assert f"{tuple(tensor.shape)}" in tensor._repr_html_()
    assert "1 of 2 not finite" in torch.tensor([1.0, float("nan")])._repr_html_()
    assert "<td>2 &lt;" not in torch.ones(2).to("meta")._repr_html_()


def test_modules_in_a_notebook():
    html = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))._repr_html_()
    assert (
        html.count("<details") == 2
        and "0: <b>Linear</b>(in_features=2" in html
        and "<small>9</small>" in html
    )
