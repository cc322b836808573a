"""Gradients of a group by operators: of gradients, where these are differentiable, and where no kernel gives them."""

import contextlib
import functools

from flambeau import _core

from ..kernels.expression import input as symbol

__all__ = ["evaluate", "evaluate_whole"]


def evaluate(derivative, leaves, sequence, roots=None):
    """The gradients as operators give them, which run in the order of eager mode.

    Args:
        leaves (dict): number of a symbol -> the value that it stands for.
        sequence (int): the first of the places that the engine keeps for the nodes of the group's operators.
        roots (list, optional): the gradients, of which None is left out; without it all.
    """
    done = {id(symbol(k)): value for k, value in leaves.items()}
    roots = derivative.roots if roots is None else roots
    needed = _needed(derivative, done, [root for root in roots if root is not None])
    noted = list(derivative.eager.items())
    with _placed(sequence):
        _run(noted[: derivative.n_forward], needed, done)
    _run(noted[derivative.n_forward :], needed, done)
    return [None if root is None else done[id(root)] for root in roots]


def evaluate_whole(derivative, leaves, sequence, node, inputs, recorded):
    """The same with all operators of the group, to which its node leads from the end of this pass on.

    So gradients of these gradients go through the graph of eager mode, and are added up as they are there. What was
    not kept for backward is read by no derivative: zeros stand for it. What was is put in place of what they give.

    Args:
        node: what the group left for backward.
        inputs (list): of each input its shape, its dtype and whether it gets a gradient.
        recorded (list of int): the outputs that do.
    """
    stored = {k: leaves[derivative.OUTPUT + k] for k in derivative.saved_outputs}
    done = {id(symbol(k)): v for k, v in leaves.items() if k - derivative.OUTPUT not in stored}
    for k, (shape, dtype, wanted) in enumerate(inputs):
        if id(symbol(k)) in done:
            continue
        if wanted:
            done[id(symbol(k))] = _core._stand_in(node, k)
        else:
            done[id(symbol(k))] = leaves[derivative.SIZES].new_zeros((), dtype=dtype).expand(shape)
    places = {id(result): k for k, result in enumerate(derivative.results)}
    noted = list(derivative.eager.items())
    with _placed(sequence):
        for key, (_, function, operands) in noted[: derivative.n_forward]:
            if key in done:
                continue
            done[key] = made = function(
                *[o.attr if o.op == "const" else done[id(o)] for o in operands]
            )
            if key in places:
                k = places[key]
                if k in stored:
                    made.data.copy_(stored[k])  # for its node too, and unseen
                done[id(symbol(derivative.OUTPUT + k))] = made
    # Derivatives read the results themselves: with what others read of them they go to the node.
    done.update((id(symbol(derivative.OUTPUT + k)), value) for k, value in stored.items())
    _run(noted[derivative.n_forward :], _needed(derivative, done, derivative.roots), done)
    results = [done[id(derivative.results[k])] for k in recorded]
    with contextlib.suppress(RuntimeError):  # no pass runs: somebody calls the node
        _core._queue_callback(functools.partial(_core._lead_to, node, results))
    return [done[id(root)] for root in derivative.roots]


@contextlib.contextmanager
def _placed(sequence):
    """Nodes that are made get the places from `sequence` on."""
    before = _core._set_next_sequence(sequence)
    try:
        yield
    finally:
        _core._set_next_sequence(before)


def _needed(derivative, done, roots):
    """The ids of the expressions that gradients are made of; constants among them are put into `done`."""
    needed, stack = set(), list(roots)
    while stack:
        expression = stack.pop()
        if expression.op == "const":
            done[id(expression)] = expression.attr
        elif id(expression) not in done and id(expression) not in needed:
            needed.add(id(expression))
            stack += derivative.eager[id(expression)][2]
    return needed


def _run(noted, needed, done):
    for key, (_, function, operands) in noted:
        if key in needed:
            done[key] = function(*[done[id(o)] for o in operands])
