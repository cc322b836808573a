"""summary: a model as a table of its modules: shapes, parameters, operations, memory for backward, time."""

import dataclasses
import time

import flambeau as torch

from ..autograd.graph import saved_tensors_hooks
from .flop_counter import FlopCounterMode
from .recording import tensors_in


@dataclasses.dataclass
class Row:
    """A module in a call: `depth` in the tree; operations, bytes and seconds of it and what is inside it."""

    name: str
    kind: str
    depth: int
    shapes: list
    parameters: int
    trainable: int
    flops: int = 0
    kept_bytes: int = 0
    seconds: float = 0.0


@dataclasses.dataclass
class Summary:
    """What summary() found: `rows`, a Row for each call of a module, the first for the model.

    Attributes: total_parameters, trainable_parameters (each counted once), parameter_bytes (buffers included), flops,
    kept_bytes, seconds. str() is a table, of modules to max_depth.
    """

    rows: list
    total_parameters: int
    trainable_parameters: int
    parameter_bytes: int
    max_depth: int | None = None

    @property
    def flops(self):
        return self.rows[0].flops

    @property
    def kept_bytes(self):
        return self.rows[0].kept_bytes

    @property
    def seconds(self):
        return self.rows[0].seconds

    def _cells(self):
        """The table's head and lines, of text."""
        head = ("module", "output", "parameters", "FLOPs", "kept", "time")
        lines = []
        for row in self.rows:
            if self.max_depth is not None and row.depth > self.max_depth:
                continue
            name = "  " * row.depth + (f"{row.name}: {row.kind}" if row.name else row.kind)
            shapes = ", ".join("x".join(map(str, shape)) or "()" for shape in row.shapes)
            counts = (
                f"{row.parameters:,}",
                _scaled(row.flops, 1000, ""),
                _scaled(row.kept_bytes, 1024, "B"),
            )
            lines.append((name, shapes, *counts, f"{1e3 * row.seconds:.2f} ms"))
        return head, lines

    def __str__(self):
        head, lines = self._cells()
        widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
        shown = [
            "  ".join(_aligned(cell, w, i) for i, (cell, w) in enumerate(zip(line, widths)))
            for line in (head, *lines)
        ]
        shown.insert(1, "-" * len(shown[0]))
        shown.append(shown[1])
        frozen = self.total_parameters - self.trainable_parameters
        shown.append(
            f"{self.total_parameters:,} parameters ({frozen:,} frozen), {_scaled(self.parameter_bytes, 1024, 'B')}; "
            f"{_scaled(self.flops, 1000, 'FLOPs')} forwards; {_scaled(self.kept_bytes, 1024, 'B')} kept for backward; "
            f"{1e3 * self.seconds:.2f} ms"
        )
        return "\n".join(line.rstrip() for line in shown)

    __repr__ = __str__

    def _repr_html_(self):
        from html import escape

        head, lines = self._cells()
        row = lambda cells, tag: (
            "<tr>"
            + "".join(
                f'<{tag} style="text-align:{"left" if i < 2 else "right"};white-space:pre">{escape(cell)}</{tag}>'
                for i, cell in enumerate(cells)
            )
            + "</tr>"
        )
        last = escape(str(self).splitlines()[-1])
        return f"<table>{row(head, 'th')}{''.join(row(line, 'td') for line in lines)}</table><p>{last}</p>"


def _aligned(cell, width, place):
    return cell.ljust(width) if place < 2 else cell.rjust(width)


def _scaled(number, base, unit):
    """A number with a prefix that leaves it below the base."""
    prefixes = ("", "K", "M", "G", "T") if base == 1000 else ("", "Ki", "Mi", "Gi", "Ti")
    value, place = float(number), 0
    while value >= base and place < len(prefixes) - 1:
        value, place = value / base, place + 1
    text = f"{value:.3g}" if place and value < 100 else f"{value:.0f}"
    return f"{text} {prefixes[place]}{unit}".rstrip()


class _Watch:
    """Which modules are running, and the memory that was seen."""

    def __init__(self):
        self.running, self.seen = [], {}

    def keep(self, tensor):
        """A saved tensor; memory that was saved before, or is a parameter's, counts once."""
        if self.note(tensor.detach()):
            for row in self.running:
                row.kept_bytes += tensor.nbytes
        return tensor

    def note(self, tensor):
        """Whether a tensor's memory is seen for the first time; it stays alive, so that no other gets its address."""
        if tensor.is_meta:  # no address; the same elements of the same storage are the same
            flat = tensor.detach().view(-1) if tensor.is_contiguous() else tensor.detach()
            same = self.seen.setdefault(flat.shape, [])
            new = not any(other.is_set_to(flat) for other in same)
            same += [flat] if new else []
            return new
        start = tensor.data_ptr() - tensor.storage_offset() * tensor.element_size()
        return self.seen.setdefault(start, tensor) is tensor


def summary(model, input, depth=None, repeats=1):
    """Run a model once and tell, for each module, what comes out, what it has, and what it costs.

    Args:
        model (Module): in the mode it is in; a model on the meta device costs no memory and no time.
        input (Tensor, tuple, dict): its argument, arguments or keyword arguments; a tuple of int is a size, of which
            ones are made on the model's device.
        depth (int, optional): how deep the table goes.
        repeats (int): runs before the one that is measured, in which kernels compile.

    Returns:
        Summary: to be printed, or read: rows, total_parameters, flops (of products, forwards; a product and a sum are
        two), kept_bytes (what backward will need, parameters left out), seconds.

    Example:
        >>> from flambeau import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> result = nn.summary(model, (16, 4))
        >>> result.total_parameters, result.flops, result.rows[1].shapes
        (58, 1536, [(16, 8)])
    """
    args, kwargs = _arguments(model, input)
    watch, rows, handles = _Watch(), [], []
    counter = FlopCounterMode(display=False)
    for parameter in (*model.parameters(), *model.buffers()):
        watch.note(parameter)
    names = {id(module): name for name, module in model.named_modules()}

    def enter(module, inputs):
        own = list(module.parameters())
        counts = sum(p.numel() for p in own), sum(p.numel() for p in own if p.requires_grad)
        name = names[id(module)].rpartition(".")[2]
        row = Row(name, type(module).__name__, len(watch.running), [], *counts)
        rows.append(row)
        watch.running.append(row)
        row.flops = -counter.get_total_flops()
        row.seconds = -time.perf_counter()

    def leave(module, inputs, output):
        row = watch.running.pop()
        row.seconds += time.perf_counter()
        row.flops += counter.get_total_flops()
        row.shapes = [tuple(tensor.shape) for tensor in tensors_in(output)]

    for _ in range(repeats):
        model(*args, **kwargs)
    try:
        for module in model.modules():
            handles.append(module.register_forward_pre_hook(enter))
            handles.append(module.register_forward_hook(leave, always_call=True))
        with saved_tensors_hooks(watch.keep, lambda tensor: tensor), counter:
            model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    own = list(model.parameters())
    size = sum(t.numel() * t.element_size() for t in (*own, *model.buffers()))
    trainable = sum(p.numel() for p in own if p.requires_grad)
    return Summary(rows, sum(p.numel() for p in own), trainable, size, depth)


def _arguments(model, input):
    if isinstance(input, dict):
        return (), input
    if torch.is_tensor(input):
        return (input,), {}
    if all(isinstance(size, int) for size in input):
        device = next((p.device for p in model.parameters()), None)
        return (torch.ones(tuple(input), device=device),), {}
    return tuple(input), {}
