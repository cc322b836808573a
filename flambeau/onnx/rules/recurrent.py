"""RNN, LSTM and GRU."""

import flambeau

from . import rule

# The order of the gates in flambeau's weights, as ONNX wants them.
_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}


def _reordered(g, weight, mode, hidden):
    """A weight or bias with its gates in ONNX's order."""
    order = _GATES[mode]
    if order == tuple(range(len(order))):
        return weight
    parts = g.op("Split", weight, g.axes(*[hidden] * len(order)), axis=0, outputs=len(order))
    return g.op("Concat", *(parts[i] for i in order), axis=0)


@rule("recurrence")
def recurrence(g, input, state, weights, mode, options):
    if options["proj_size"]:
        raise NotImplementedError(
            "onnx.export: LSTM with proj_size; ONNX's LSTM has no projection."
        )
    if options["training"] and options["dropout"]:
        raise NotImplementedError(f"onnx.export: {mode} with dropout in training.")
    hidden, directions = options["hidden_size"], 2 if options["bidirectional"] else 1
    batched = input.ndim == 3
    first = options["batch_first"] and batched
    value = g.permute(input, (1, 0, 2)) if first else input if batched else g.unsqueeze(input, 1)
    lstm = mode == "LSTM"
    if state is not None:
        state = [part if batched else g.unsqueeze(part, 1) for part in state]
    each = 4 if options["bias"] else 2
    finals = []
    for layer in range(options["num_layers"]):
        stacked = []  # W, R and B, of both directions
        for direction in range(directions):
            at = (layer * directions + direction) * each
            part = [_reordered(g, w, mode, hidden) for w in weights[at : at + each]]
            part = [
                *part[:2],
                *([g.op("Concat", part[2], part[3], axis=0)] if options["bias"] else []),
            ]
            stacked.append([g.unsqueeze(p, 0) for p in part])
        both = [
            parts[0] if directions == 1 else g.op("Concat", *parts, axis=0)
            for parts in zip(*stacked)
        ]
        start = [None] * (2 if lstm else 1)
        if state is not None:
            start = [g.slice(p, 0, layer * directions, (layer + 1) * directions) for p in state]
        activation = {"RNN_TANH": ["Tanh"], "RNN_RELU": ["Relu"]}.get(mode)
        outputs = g.op(
            "RNN" if activation else mode, value, *both, *([None] if not options["bias"] else []), None, *start,
            outputs=3 if lstm else 2, hidden_size=hidden, direction="bidirectional" if directions == 2 else "forward",
            activations=activation and activation * directions, linear_before_reset=1 if mode == "GRU" else None,
        )  # fmt: skip
        steps, *final = outputs  # (T, directions, B, hidden)
        finals.append(final)
        if directions == 1:
            value = g.squeeze(steps, 1)
        else:
            value = g.op(
                "Reshape",
                g.permute(steps, (0, 2, 1, 3)),
                g.constant([0, 0, 2 * hidden], flambeau.int64),
            )
    final = [
        parts[0] if len(parts) == 1 else g.op("Concat", *parts, axis=0) for parts in zip(*finals)
    ]
    if not batched:
        return (g.squeeze(value, 1), *(g.squeeze(part, 1) for part in final))
    return (g.permute(value, (1, 0, 2)) if first else value, *final)


# ---------------------------------------------------- one step: the gates of a cell (nn/modules/recurrences.py)


def _gate(g, value):
    return g.op("Sigmoid", value)


@rule("lstm_c")
def _(g, i, f, gate, c):
    return g.op("Add", g.op("Mul", _gate(g, f), c), g.op("Mul", _gate(g, i), g.op("Tanh", gate)))


@rule("lstm_h")
def _(g, o, c):
    return g.op("Mul", _gate(g, o), g.op("Tanh", c))


@rule("gru_n")
def _(g, x, r, h):
    return g.op("Tanh", g.op("Add", x, g.op("Mul", _gate(g, r), h)))


@rule("gru_h")
def _(g, z, n, h):
    return g.op("Add", n, g.op("Mul", _gate(g, z), g.op("Sub", h, n)))
