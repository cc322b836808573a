"""How a notebook shows a tensor: a table of its values and a histogram. May import: floors 1 to 4."""

import html
import math

from . import _core

_ROWS, _COLUMNS = 12, 12  # of the table; what is larger is cut in the middle
_BINS, _MOST = 40, 10_000_000  # of the histogram; tensors with more elements get none


def tensor_html(tensor):
    """A tensor as HTML: dtype, sizes, extrema, and its last two dimensions of the first matrix as a table."""
    tensor = tensor.detach()
    head = f"<code>{str(tensor.dtype).rpartition('.')[2]} {tuple(tensor.shape)}</code>"
    if tensor.is_meta or tensor.numel() == 0:
        return head
    return f"{head} {_statistics(tensor)}{_table(tensor)}"


def _statistics(tensor):
    if tensor.numel() > _MOST or not tensor.is_floating_point():
        return ""
    values = tensor.flatten().to(_core.float64)
    finite = values[values.isfinite()]
    odd = values.numel() - finite.numel()
    text = f"{odd} of {values.numel()} not finite " if odd else ""
    if not finite.numel():
        return text
    low, high = finite.min().item(), finite.max().item()
    text += f"min {low:.4g}, mean {finite.mean().item():.4g}, max {high:.4g} "
    return text + (_histogram(finite, low, high) if high > low else "")


def _histogram(values, low, high):
    counts = values.histc(_BINS, low, high).tolist()
    top = max(counts)
    bars = "".join(
        f'<rect x="{3 * i}" y="{24 - 24 * c / top:.1f}" width="2.5" height="{24 * c / top:.1f}" fill="#47a"/>'
        for i, c in enumerate(counts)
    )
    return f'<svg width="{3 * _BINS}" height="24" style="vertical-align:middle">{bars}</svg>'


def _shown(size, most):
    """The places of a dimension that are shown, None where some are left out."""
    if size <= most:
        return list(range(size))
    return [*range(most // 2), None, *range(size - most // 2, size)]


def _table(tensor):
    note = ""
    if tensor.dim() == 0:
        tensor = tensor.reshape(1, 1)
    elif tensor.dim() == 1:
        tensor = tensor.unsqueeze(0)
    elif tensor.dim() > 2:
        note = f"<div><code>[{', '.join('0' for _ in range(tensor.dim() - 2))}]</code> of {math.prod(tensor.shape[:-2])}</div>"
        tensor = tensor.reshape(-1, *tensor.shape[-2:])[0]
    rows, columns = _shown(tensor.size(0), _ROWS), _shown(tensor.size(1), _COLUMNS)
    lines = []
    for row in rows:
        if row is None:
            lines.append(["&#8942;"] * len(columns))
            continue
        values = tensor[row].tolist()
        lines.append(["&#8230;" if c is None else _number(values[c]) for c in columns])
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in lines
    )
    return f"{note}<table>{body}</table>"


def _number(value):
    return html.escape(f"{value:.4g}" if isinstance(value, float) else str(value))
