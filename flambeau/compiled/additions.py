"""In which order the engine adds gradients up: of a value that three and more operators read, it decides last bits.

Eager mode takes operators from the last one to the first. A program does so with its steps, and a group adds its own
before the engine sees them.
"""

from .graph import Ref, each_ref
from .groups import Group, operands_of

__all__ = ["settle_additions"]

_CALLER = (-1, -1, 0)  # the use of a value that the function gives


def settle_additions(order, nodes, values, results):
    """Has groups hand over gradients one by one where they must; the values whose steps do not run in their order.

    Args:
        order (list of Node or Group): the steps. nodes (list of Node): as they were recorded.
        results (list of int): numbers of the values that the function gives.
    """
    live = _live(nodes, results)
    place = {id(node): k for k, node in enumerate(nodes) if id(node) in live}
    eager, compiled = {}, {}
    for index in set(results):
        eager[index], compiled[index] = [_CALLER], [([_CALLER], None)]
    for node in reversed(nodes):
        for index, uses in _uses(node, place, values).items():
            eager.setdefault(index, []).extend(uses)
    for step in reversed(order):
        found = {}
        for node in reversed(step.nodes) if isinstance(step, Group) else (step,):
            for index, uses in _uses(node, place, values).items():
                found.setdefault(index, []).extend(uses)
        for index, uses in found.items():
            compiled.setdefault(index, []).append((uses, step))
    wrong = set()
    for index, wanted in eager.items():
        if len(wanted) < 3:
            continue
        parts = compiled.get(index, [])
        flat = [use for uses, _ in parts for use in uses]
        if flat not in (wanted, [*wanted[1::-1], *wanted[2:]]):
            wrong.add(index)
            continue
        for uses, step in parts[1:]:
            if len(uses) > 1 and isinstance(step, Group) and index not in step.members:
                step.spread.add(index)
    return wrong


def _live(nodes, results):
    """The ids of the nodes whose results reach the caller: others get no gradients."""
    needed, live = set(results), set()
    for node in reversed(nodes):
        if node.writes or not needed.isdisjoint(node.outputs):
            live.add(id(node))
            needed.update(node.reads())
    return live


def _uses(node, place, values):
    """By number of a value that gets a gradient of a node: (the node's place, which operand, a number) of each use."""
    if id(node) not in place or not node.grad:
        return {}
    if not any(i >= 0 and values[i].requires_grad for i in node.outputs):
        return {}
    grouped = node.operator is not None or node.reduces is not None
    refs = operands_of(node) if grouped else each_ref((node.args, node.kwargs))
    found = {}
    for k, ref in enumerate(refs):
        if type(ref) is Ref and values[ref.index].requires_grad:
            # What is made of several operators may send several gradients: told as two.
            several = 1 if grouped or node.single else 2
            found.setdefault(ref.index, []).extend(
                [(place[id(node)], k, n) for n in range(several)]
            )
    return found
