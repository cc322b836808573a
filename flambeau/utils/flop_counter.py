"""Floating-point operations of a program: products, convolutions and attention, forward and backward.

A multiplication with its addition counts as two, as everywhere; everything else counts as none.
"""

from math import prod

import flambeau

from .. import _core
from ..ops.core import observers

__all__ = [
    "FlopCounterMode",
    "addmm_flop",
    "baddbmm_flop",
    "bmm_flop",
    "conv_backward_flop",
    "conv_flop",
    "conv_flop_count",
    "convert_num_with_suffix",
    "convert_to_percent_str",
    "flop_registry",
    "get_shape",
    "get_suffix_str",
    "mm_flop",
    "register_flop_formula",
    "sdpa_flop",
    "sdpa_flop_count",
]

aten = flambeau.ops.aten

flop_registry = {}  # packet of torch.ops.aten -> formula


def get_shape(i):
    """The shape of a tensor; anything else as it is."""
    return i.shape if isinstance(i, flambeau.Tensor) else i


def register_flop_formula(targets, get_raw=False):
    """Decorates formula(*shapes, out_shape=...) as that of one packet of torch.ops.aten, or several.

    Tensors come as their shapes; with `get_raw` as themselves, and the result as out_val.
    """

    def decorate(formula):
        def on_tensors(*args, out_val=None, **kwargs):
            if get_raw:
                return formula(*args, out_val=out_val, **kwargs)
            shapes = [get_shape(arg) for arg in args]
            return formula(
                *shapes,
                out_shape=get_shape(out_val),
                **{k: get_shape(v) for k, v in kwargs.items()},
            )

        for target in targets if isinstance(targets, (tuple, list)) else (targets,):
            flop_registry[target] = on_tensors
        return formula

    return decorate


@register_flop_formula(aten.mm)
def mm_flop(a_shape, b_shape, *args, out_shape=None, **kwargs):
    """2 M K N of (M, K) @ (K, N)."""
    (m, k), (_, n) = a_shape, b_shape
    return 2 * m * k * n


@register_flop_formula(aten.addmm)
def addmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs):
    """That of the product."""
    return mm_flop(a_shape, b_shape)


@register_flop_formula(aten.bmm)
def bmm_flop(a_shape, b_shape, out_shape=None, **kwargs):
    """2 B M K N of (B, M, K) @ (B, K, N)."""
    (b, m, k), (_, _, n) = a_shape, b_shape
    return 2 * b * m * k * n


@register_flop_formula(aten.baddbmm)
def baddbmm_flop(self_shape, a_shape, b_shape, out_shape=None, **kwargs):
    """That of the products."""
    return bmm_flop(a_shape, b_shape)


def conv_flop_count(x_shape, w_shape, out_shape, transposed=False):
    """2 N (positions) (elements of the weight): each position meets the whole weight once.

    The positions are those of the result; of a transposed convolution those of the input.
    """
    positions = (x_shape if transposed else out_shape)[2:]
    return 2 * x_shape[0] * prod(positions) * prod(w_shape)


@register_flop_formula(aten.convolution)
def conv_flop(
    x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, *args, out_shape=None, **kwargs
):  # fmt: skip
    """`conv_flop_count` of one call."""
    return conv_flop_count(x_shape, w_shape, out_shape, transposed)


@register_flop_formula(aten.convolution_backward)
def conv_backward_flop(
    grad_out_shape, x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, _output_padding,
    _groups, output_mask, out_shape=None, **kwargs,
):  # fmt: skip
    """As much again for each gradient that is computed, of the input and of the weight."""
    once = conv_flop_count(x_shape, w_shape, grad_out_shape, transposed)
    return once * (bool(output_mask[0]) + bool(output_mask[1]))


def sdpa_flop_count(query_shape, key_shape, value_shape):
    """The two products of attention: 2 B H S T (D + E)."""
    *batch, s, d = query_shape
    t, e = key_shape[-2], value_shape[-1]
    return 2 * prod(batch) * s * t * (d + e)


def sdpa_flop(query_shape, key_shape, value_shape, *args, out_shape=None, **kwargs):
    """`sdpa_flop_count` of one call."""
    return sdpa_flop_count(query_shape, key_shape, value_shape)


def _product(a, b):
    """(packet, shapes for its formula) of matmul, which is one product of two matrices or of stacks of them."""
    a, b = tuple(a), tuple(b)
    a = (1, *a) if len(a) == 1 else a
    b = (*b, 1) if len(b) == 1 else b
    (*batch_a, m, k), (*batch_b, _, n) = a, b
    if not batch_b:
        return aten.mm, ((prod(batch_a) * m, k), (k, n))
    batch = prod(flambeau.broadcast_shapes(tuple(batch_a), tuple(batch_b)))
    return aten.bmm, ((batch, m, k), (batch, k, n))


# ------------------------------------------------------------------------ what the core tells of


def _of_linear(input, weight, bias=None):
    rows = prod(input.shape[:-1])
    shapes = ((rows, input.shape[-1]), (weight.shape[-1], weight.numel() // weight.shape[-1]))
    if bias is None:
        return aten.mm, flop_registry[aten.mm](*shapes)
    return aten.addmm, flop_registry[aten.addmm](None, *shapes)


def _of_matmul(input, other, out=None):
    packet, shapes = _product(input.shape, other.shape)
    return packet, flop_registry[packet](*shapes)


def _of_addmm(input, mat1, mat2, *args, **kwargs):
    packet = aten.addmm if mat1.dim() == 2 else aten.baddbmm
    return packet, flop_registry[packet](input, mat1, mat2)


def _of_addbmm(input, batch1, batch2, *args, **kwargs):
    return aten.bmm, flop_registry[aten.bmm](batch1, batch2)


def _of_convolution(transposed):
    def count(result, input, weight, *rest):
        packet = aten.convolution_backward if _core._backward_depth() else aten.convolution
        return packet, conv_flop_count(input.shape, weight.shape, result.shape, transposed)

    return count


def _of_correlation(result, output, input, *rest):
    return aten.convolution_backward, conv_flop_count(input.shape, result.shape, output.shape)


def _of_attention(query, key, value, *args, **kwargs):
    packet = aten.scaled_dot_product_attention
    return packet, sdpa_flop_count(query.shape, key.shape, value.shape)


def _of_attention_node(grad, gradients):
    """The scores again, and the four products of the gradients."""
    query, key = gradients[0].shape, gradients[1].shape
    packet = aten.scaled_dot_product_attention
    return packet, 2 * sdpa_flop_count(query, key, grad.shape) + 2 * query.numel() * key[-2]


def _of_node(name, grad, gradients):
    """(packet, flops) of a product's backward: one product more for each operand whose gradient is computed.

    `grad` is (*B, M, N). The gradient of the first operand is (*B, M, K); that of the second has K N
    elements to a matrix, in either order.
    """
    first, second = gradients[-2:]
    inner = 0
    if first is not None:
        inner += first.shape[-1]
    if second is not None:
        inner += second.shape[-1] * second.shape[-2] // max(grad.shape[-1], 1)
    packet = aten.mm if name in ("MmBackward0", "AddmmBackward0") else aten.bmm
    return packet, 2 * grad.numel() * inner


# Operators (by name) that have a formula and are counted whole: those inside are not counted again.
_WHOLE = {
    "linear": _of_linear,
    "scaled_dot_product_attention": _of_attention,
    **dict.fromkeys("matmul mm bmm mv".split(), _of_matmul),
    **dict.fromkeys("addmm addmm_ baddbmm baddbmm_".split(), _of_addmm),
    **dict.fromkeys("addbmm addbmm_".split(), _of_addbmm),
}
_BY_RESULT = {
    "_conv_forward": _of_convolution(False),
    "_conv_transposed": _of_convolution(True),
    "_conv_correlate": _of_correlation,
}
_PRODUCT_NODES = {"MmBackward0", "BmmBackward0", "AddmmBackward0", "BaddbmmBackward0", "MatmulBackward0"}  # fmt: skip


class FlopCounterMode:
    """Counts while in force (`with`): in all, and for each module that is called.

    Args:
        mods: not needed.
        depth (int): how deep the table goes into modules.
        display (bool): print the table at the end.
        custom_mapping (dict, optional): formulas by packet of torch.ops.aten; with an attribute `_get_raw`
            they get tensors instead of shapes.

    Example:
        >>> with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> counter.get_total_flops()
        48
    """

    def __init__(self, mods=None, depth=2, display=True, custom_mapping=None):
        self.depth, self.display = depth, display
        self.flop_registry = dict(flop_registry)
        for packet, formula in (custom_mapping or {}).items():
            register = register_flop_formula(packet, get_raw=getattr(formula, "_get_raw", False))
            kept = flop_registry.get(packet)
            register(formula)
            self.flop_registry[packet] = flop_registry.pop(packet)
            if kept is not None:
                flop_registry[packet] = kept
        self._custom = set(custom_mapping or {})
        self.flop_counts = {"Global": {}}
        self._modules = []
        self._whole = []  # for each call that runs: what it counts, or None
        self._counting = 0

    # ---------------------------------------------------------------------------------- switches

    def __enter__(self):
        from ..nn.modules import module

        self.flop_counts = {"Global": {}}
        self._hooks = (
            module.register_module_forward_pre_hook(self._enter_module),
            module.register_module_forward_hook(self._leave_module, always_call=True),
        )
        observers.add(self)
        return self

    def __exit__(self, *exception):
        observers.remove(self)
        for hook in self._hooks:
            hook.remove()
        if self.display:
            print(self.get_table(self.depth))

    def _enter_module(self, module, args):
        name = type(module).__name__
        if self._modules:
            parent, path = self._modules[-1]
            found = next((n for n, m in parent.named_modules() if m is module), name)
            name = f"{path}.{found}"
        self._modules.append((module, name))

    def _leave_module(self, module, args, result):
        if self._modules:
            self._modules.pop()

    # ------------------------------------------------------------------------- what the core tells

    def enter(self, operator, args, kwargs):
        whole = None
        name = operator.__name__
        if not self._counting and (name in _WHOLE or name in _BY_RESULT or self._custom):
            whole = (name, args, kwargs)
        counts = whole is not None and name in _WHOLE
        self._counting += counts
        self._whole.append((whole, counts))

    def leave(self, operator, result):
        whole, counts = self._whole.pop()
        self._counting -= counts
        if self._modules and isinstance(result, flambeau.Tensor) and result.grad_fn is not None:
            names = tuple(name for _, name in self._modules)
            result.grad_fn.metadata.setdefault("modules", names)
        if whole is None or result is None:
            return
        name, args, kwargs = whole
        if name in _WHOLE:
            self._add(*_WHOLE[name](*args, **kwargs))
        elif name in _BY_RESULT:
            self._add(*_BY_RESULT[name](result, *args))
        elif self._custom:
            packet = getattr(aten, name, None) if not name.startswith("_") else None
            if packet in self._custom:
                self._add(packet, self.flop_registry[packet](*args, **kwargs, out_val=result))

    def node(self, node, grad_outputs, grad_inputs):
        if grad_outputs[0] is None:
            return
        if node.name() in _PRODUCT_NODES:
            self._add(*_of_node(node.name(), grad_outputs[0], grad_inputs), node)
        elif node.name() == "ScaledDotProductAttentionBackward0":
            self._add(*_of_attention_node(grad_outputs[0], grad_inputs), node)

    def _add(self, packet, flops, node=None):
        if node is None and _core._backward_depth():
            node = _core._running_node()
        if node is None:
            modules = [name for _, name in self._modules]
        else:  # a backward belongs to the modules that its forward call was in
            modules = node.metadata.get("modules", ())
        for place in dict.fromkeys(("Global", *modules)):
            counts = self.flop_counts.setdefault(place, {})
            counts[packet] = counts.get(packet, 0) + flops

    # ------------------------------------------------------------------------------- the outcome

    def get_flop_counts(self):
        """{module: {packet: operations}}; "Global" is everything."""
        return {place: dict(counts) for place, counts in self.flop_counts.items()}

    def get_total_flops(self):
        """All operations."""
        return sum(self.flop_counts["Global"].values())

    def get_table(self, depth=None):
        """The counts as text, modules no deeper than `depth`."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        rows = []
        for place, counts in self.flop_counts.items():
            level = 0 if place == "Global" else place.count(".") + 1
            if level > depth:
                continue
            own = sum(counts.values())
            rows.append((" " * level + place, own))
            rows += [(" " * (level + 1) + f"- {packet}", n) for packet, n in counts.items()]
        suffix = get_suffix_str(total)
        cells = [("Module", "FLOP", "% Total")] + [
            (name, convert_num_with_suffix(n, suffix), convert_to_percent_str(n, total))
            for name, n in rows
        ]
        widths = [max(len(row[i]) for row in cells) for i in range(3)]
        lines = [
            "  ".join(
                c.ljust(w) if not i else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))
            )
            for row in cells
        ]
        return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


_SUFFIXES = ("", "K", "M", "B", "T")


def get_suffix_str(number):
    """The suffix in which a number has 1 to 4 digits: K, M, B, T."""
    index = max(0, min(len(_SUFFIXES) - 1, (len(str(number)) - 2) // 3))
    return _SUFFIXES[index]


def convert_num_with_suffix(number, suffix):
    """1500, "K" -> 1.500K"""
    return f"{number / 1000 ** _SUFFIXES.index(suffix):.3f}{suffix}"


def convert_to_percent_str(num, denom):
    """1, 4 -> 25.00%"""
    return f"{num / denom:.2%}" if denom else "0%"
