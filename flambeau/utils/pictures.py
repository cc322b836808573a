"""Pictures of models and of the autograd graph, as SVG, without another program.

In a notebook they show themselves; elsewhere picture.save("model.svg").
"""

from html import escape

import flambeau as torch

__all__ = ["Picture", "draw_graph", "draw_modules"]

_LETTER, _LINE, _PAD = 7.2, 18, 8  # of a monospace font of 12 pixels
_STYLE = (
    "text{font:12px monospace;fill:#222}rect{stroke:#789;stroke-width:1}path{stroke:#89a;fill:none;stroke-width:1.2}"
    ".leaf{fill:#dff0d8}.node{fill:#eef3fa}.module{fill:#4477aa;fill-opacity:.07}.result{fill:#fdebd0}"
)


class Picture:
    """An SVG: `svg` is its text, str() too."""

    def __init__(self, parts, width, height):
        size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
        self.svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{"".join(parts)}</svg>'

    def __str__(self):
        return self.svg

    def _repr_svg_(self):
        return self.svg

    def save(self, path):
        """Write the picture to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)


def _box(x, y, width, height, kind):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="4" class="{kind}"/>'


def _text(x, y, text, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def draw_modules(model):
    """The tree of a model's modules: boxes in boxes, with their settings and numbers of parameters.

    Args:
        model (Module).

    Returns:
        Picture.

    Example:
        >>> from flambeau.utils.pictures import draw_modules
        >>> str(draw_modules(torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU())))[:40]
        '<svg xmlns="http://www.w3.org/2000/svg" '
    """

    def measured(name, module):
        """(title, width, height, children) of a module's box."""
        count = sum(p.numel() for p in module.parameters())
        settings = module.extra_repr().replace("\n", " ")
        title = f"{name}: {type(module).__name__}" if name else type(module).__name__
        title += (f"({settings})" if settings else "") + (f"  {count:,}" if count else "")
        inner = [measured(n, m) for n, m in module.named_children()]
        width = max([len(title) * _LETTER] + [child[1] for child in inner]) + 2 * _PAD
        height = _LINE + _PAD + sum(child[2] + _PAD for child in inner)
        return title, width, height, inner

    parts = []

    def drawn(box, x, y, width):
        title, _, height, inner = box
        parts.extend((_box(x, y, width, height, "module"), _text(x + _PAD, y + _LINE - 4, title)))
        y += _LINE + _PAD
        for child in inner:
            drawn(child, x + _PAD, y, width - 2 * _PAD)
            y += child[2] + _PAD

    root = measured("", model)
    drawn(root, _PAD, _PAD, root[1])
    return Picture(parts, root[1] + 2 * _PAD, root[2] + 2 * _PAD)


def draw_graph(result, names=None, limit=2000):
    """The autograd graph behind a tensor: the operators that made it, down to the leaves.

    Args:
        result (Tensor): requires grad.
        names (Module or dict, optional): {name: leaf}; a module gives its parameters.
        limit (int): how many nodes at most.

    Returns:
        Picture: the result at the top, leaves (green) below what uses them.

    Raises:
        ValueError: the tensor has no graph, or a larger one.

    Example:
        >>> from flambeau.utils.pictures import draw_graph
        >>> model = torch.nn.Linear(3, 1)
        >>> "weight (1, 3)" in str(draw_graph(model(torch.ones(2, 3)), model))
        True
    """
    if not torch.is_tensor(result) or result.grad_fn is None:
        raise ValueError(
            "draw_graph: the result has no graph. Compute it from tensors that require grad."
        )
    if isinstance(names, torch.nn.Module):
        names = dict(names.named_parameters())
    known = {id(leaf): name for name, leaf in (names or {}).items()}
    nodes, edges, waiting = [result.grad_fn], [], [result.grad_fn]
    number = {result.grad_fn: 0}
    while waiting:
        node = waiting.pop()
        for source, _ in node.next_functions:
            if source is None:
                continue
            if source not in number:
                number[source] = len(nodes)
                nodes.append(source)
                waiting.append(source)
                if len(nodes) > limit:
                    raise ValueError(
                        f"draw_graph: more than {limit} nodes. Give a larger limit, or a smaller model."
                    )
            edges.append((number[node], number[source]))
    labels = [_label(node, known) for node in nodes]
    kinds = ["leaf" if hasattr(node, "variable") else "node" for node in nodes]
    labels.append(f"result {tuple(result.shape)}")
    kinds.append("result")
    edges.append((len(nodes), 0))
    return _layered(labels, kinds, list(dict.fromkeys(edges)))


def _label(node, known):
    variable = getattr(node, "variable", None)
    if variable is None:
        return node.name().removesuffix("0").removesuffix("Backward") or node.name()
    return f"{known.get(id(variable), 'leaf')} {tuple(variable.shape)}"


def _layered(labels, kinds, edges):
    """Boxes in layers, each below all that use it, those of a layer ordered by where their users are.

    Source: Sugiyama, Tagawa, Toda, IEEE Trans. Systems, Man, Cybernetics 11 (1981) 109, without dummy nodes.
    """
    users, uses = [[] for _ in labels], [[] for _ in labels]
    for a, b in edges:
        uses[a].append(b)
        users[b].append(a)
    depth, left = [0] * len(labels), [len(one) for one in users]
    ready = [i for i, count in enumerate(left) if count == 0]
    while ready:
        i = ready.pop()
        for j in uses[i]:
            depth[j] = max(depth[j], depth[i] + 1)
            left[j] -= 1
            if left[j] == 0:
                ready.append(j)
    layers = [[] for _ in range(max(depth) + 1)]
    for i, layer in enumerate(depth):
        layers[layer].append(i)
    place = {i: k for layer in layers for k, i in enumerate(layer)}

    def mean_place(i, near):
        return sum(place[j] for j in near[i]) / len(near[i]) if near[i] else place[i]

    for _ in range(4):
        for sweep, near in ((layers[1:], users), (layers[-2::-1], uses)):
            for layer in sweep:
                layer.sort(key=lambda i, near=near: mean_place(i, near))
                place.update({i: k for k, i in enumerate(layer)})
    widths = [len(label) * _LETTER + 2 * _PAD for label in labels]
    total = max(sum(widths[i] + 2 * _PAD for i in layer) for layer in layers)
    step, parts, boxes = 2.4 * _LINE, [], {}
    for row, layer in enumerate(layers):
        x = (total - sum(widths[i] + 2 * _PAD for i in layer)) / 2 + 2 * _PAD
        for i in layer:
            boxes[i] = (x, _PAD + row * step)
            x += widths[i] + 2 * _PAD
    for a, b in edges:
        x1, y1 = boxes[a][0] + widths[a] / 2, boxes[a][1] + _LINE
        x2, y2 = boxes[b][0] + widths[b] / 2, boxes[b][1]
        middle = (y1 + y2) / 2
        parts.append(
            f'<path d="M{x1:.1f} {y1:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"/>'
        )
    for i, (x, y) in boxes.items():
        parts.append(_box(x, y, widths[i], _LINE, kinds[i]))
        parts.append(_text(x + widths[i] / 2, y + _LINE - 5, labels[i], "middle"))
    return Picture(parts, total + 2 * _PAD, len(layers) * step + 2 * _PAD)
