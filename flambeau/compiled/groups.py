"""Which operators of a trace become one kernel.

A group holds pointwise operators of one shape, and for rows also what has one value a row and the reductions that
give it. It runs where its last member ran or later: at the first operator outside it that reads a result. An
operator that writes, or that may, ends all groups, so no read is moved across a write.
"""

import sys

from ..kernels.expression import topological
from ..kernels.targets.cpu import host
from ..kernels.types import DTYPES
from .graph import Ref
from .pointwise import FUSED_DTYPES, Applied, Number, compute_of, result_of, suits

__all__ = ["MOST_OPERANDS", "Group", "first_whole", "grouped", "is_costly", "operands_of"]

MOST_OPERANDS = 16  # of a kernel
# Elements: a longer row leaves the nearer caches, and a thread takes whole rows. Of shorter ones reductions take several
# at a time: x / rms(x) of rows of 16 takes 123 us as one kernel and 115 without, of 4 585 and 165.
LONGEST_ROW, SHORTEST_ROW = 1 << 16, 32


class Group:
    """Operators that become one kernel.

    Attributes:
        nodes (list of Node), in their order.
        rows (bool): whether it has reductions over the last dim.
        literal (bool): whether numbers are part of the kernel, for want of room for operands.
        outputs (list of int): numbers of the values that are read elsewhere, and behind the first `n_shown` of those
            that only backward reads.
        inputs (list of int), numbers (list of Number): values and Python numbers that come from elsewhere.
        ends (bool): whether nobody but the caller reads the outputs.
        total (Node): the sum or mean of the only output, which is given in its place, or None.
        reader (Node): the same of rows or columns, which large tensors are left to fused eager mode for, or None.
        spread (set of int): the inputs whose gradients are handed over one by one, as they come.
        computes (dict): number of a value -> the dtype that its operator computes in.
    """

    def __init__(self, key):
        self.key, self.nodes, self.members = key, [], set()
        self.outputs, self.inputs, self.numbers, self.spread = [], [], [], set()
        self.computes, self.apply = {}, Applied()
        self.rows = self.literal = False
        self.n_shown, self.ends, self.total, self.reader = 0, True, None, None

    @property
    def grad(self):
        return self.key[1]

    @property
    def gives(self):
        """The numbers of the values that it gives the program."""
        last = self.total or self.reader
        return self.outputs[: self.n_shown] if last is None else [last.results]

    def add(self, node, compute):
        self.nodes.append(node)
        self.members.add(node.results)
        self.computes[node.results] = compute
        self.rows |= node.reduces is not None
        return self

    def settle(self, users):
        """Finds inputs and outputs, given number of a value -> the nodes that read it (None: the caller)."""
        inside = set(map(id, self.nodes))
        for node in self.nodes:
            for i, operand in enumerate(_operands(node)):
                if type(operand) is Ref:
                    if operand.index not in self.members and operand.index not in self.inputs:
                        self.inputs.append(operand.index)
                    continue
                number = Number(operand, node.operator.spec, i, self.computes[node.results])
                if number not in self.numbers and not number.is_unit:
                    self.numbers.append(number)
            readers = [u for u in users.get(node.results, ()) if u is None or id(u) not in inside]
            if readers:
                self.outputs.append(node.results)
            self.ends &= all(user is None for user in readers)


def _operands(node):
    if node.operator is not None:
        return node.operands
    return [r for r in (node.args[0] if node.args else node.kwargs.get("input"),)]


def operands_of(node):
    """What a member of a group reads: Refs and numbers, by slots."""
    return _operands(node)


def grouped(nodes, values, results, apart=()):
    """The trace as a list of nodes and groups in the order they are to run.

    Args:
        nodes (list of Node), values (list of Value).
        results (list of int): numbers of the values that the function gives.
        apart (set of int): values that no group reads twice, and that steps read in the order of the trace.
    """
    users = {}
    for node in nodes:
        for index in node.reads():
            users.setdefault(index, []).append(node)
    for index in results:
        users.setdefault(index, []).append(None)
    # What autograd.grad walks stays the graph of single operators: its inputs may be values of any of them.
    walked = max((k for k, n in enumerate(nodes) if n.is_grad), default=-1)
    written = {
        values[i].storage for n in nodes if n.writes for i in (*n.reads(), *n.outputs) if i >= 0
    }
    written.discard(None)
    order, open_groups, where = [], [], {}

    def close(group):
        open_groups.remove(group)
        group.settle(users)
        made = _checked(group, values, users, written)
        order.extend(made)
        if group.total is not None and made != [group]:
            order.append(group.total)

    for k, node in enumerate(nodes):
        for index in apart and apart.intersection(node.reads()):
            for group in [g for g in open_groups if any(index in n.reads() for n in g.nodes)]:
                close(group)
        key, compute = _key(node, values)
        if key is None or (k < walked and key[2]):
            if node.writes or _may_write(node):
                for group in list(open_groups):
                    close(group)
            else:
                for index in node.reads():
                    group = where.get(index)
                    if group in open_groups:
                        if _ends_in(node, group, values, users):
                            group.total = node
                        close(group)
                        if group.total is None and _leads_to(node, group, order, values, users):
                            group.reader = node
                        if group.total or group.reader:
                            break
                else:
                    order.append(node)
                continue
            order.append(node)
            continue
        fitting = [g for g in open_groups if _fits(g, key, node, values)]
        reads = [r.index for r in _operands(node) if type(r) is Ref]
        holders = {id(where[i]): where[i] for i in reads if i in where and where[i] in open_groups}
        chosen = next(
            (g for g in fitting if id(g) in holders),
            fitting[0] if fitting and not holders else None,
        )
        for holder in holders.values():
            if holder is not chosen:
                close(holder)
        if chosen is None or len(chosen.nodes) >= 60:
            chosen = Group(key)
            open_groups.append(chosen)
        chosen.add(node, compute)
        where[node.results] = chosen
    for group in list(open_groups):
        close(group)
    return order


def _ends_in(node, group, values, users):
    """Whether a node is the sum or mean of all that nobody else reads of a group, which has no rows."""
    if node.total is None or group.rows or (values[node.results].requires_grad != group.key[2]):
        return False
    inside = {id(n) for n in group.nodes} | {id(node)}
    return node.grad == group.grad and all(
        user is not None and id(user) in inside
        for n in group.nodes
        for user in users.get(n.results, ())
    )


def _leads_to(node, group, order, values, users):
    """Whether all of a group, which has just become the last step, is for one sum or mean, and what waits gives it sooner.

    With backward that is where no more than one function of mathematics would be computed twice.
    """
    if not node.in_pieces or order[-1:] != [group] or group.rows:
        return False
    output = group.nodes[-1].results
    return (
        group.outputs == [output]
        and users[output] == [node]
        and first_whole(group, values) is not None
        and values[output].device.type == "cpu"
        and (not values[output].requires_grad or sum(map(is_costly, group.nodes)) <= 1)
    )


def is_costly(n):
    """Whether an operator reduces rows, or computes a function of mathematics."""
    return n.operator is None or any(
        m.op == "call" for m in topological(n.operator.spec.map.expressions)
    )


def first_whole(group, values):
    """The first input as large as what a group computes, and contiguous, or None."""
    shape = group.key[0]
    return next(
        (i for i in group.inputs if values[i].shape == shape and values[i].contiguous), None
    )


def _may_write(node):
    name = getattr(node.function, "__name__", "")
    return (
        (name.endswith("_") and name not in ("__getitem__", "__get__"))
        or name == "batch_norm"
        or node.kwargs.get("out") is not None
    )


def _facts(operand, values):
    if type(operand) is Ref:
        return values[operand.index].dtype, len(values[operand.index].shape)
    return operand


def _key(node, values):
    """(shape of rows, grad, requires_grad, device) of a node that may be grouped, and its dtype."""
    if node.writes or isinstance(node.results, tuple):
        return None, None
    result = values[node.results]
    if (
        not result.plain
        or not result.contiguous
        or result.dtype not in FUSED_DTYPES
        or not result.shape
    ):
        return None, None
    refs = [values[o.index] for o in _operands(node) if type(o) is Ref]
    device = result.device
    if not refs or not all(
        v.plain and v.dtype in FUSED_DTYPES and v.device == device for v in refs
    ):
        return None, None
    if 0 in result.shape:
        return None, None
    records = node.grad and any(v.requires_grad for v in refs)
    if records != result.requires_grad and result.dtype.startswith(("float", "bfloat")):
        return None, None
    if node.operator is not None:
        if not suits(node.operator):
            return None, None
        if any(type(o) is int and not -(1 << 24) <= o <= 1 << 24 for o in node.operands):
            return None, None
        spec = node.operator.spec
        compute = compute_of(spec, [_facts(o, values) for o in node.operands])
        if compute is None:
            return None, None
        if spec.name != "copy" and result_of(spec, compute) != result.dtype:
            return None, None
        return (result.shape, node.grad, records, device), compute
    if (
        node.reduces is not None
        and SHORTEST_ROW <= refs[0].shape[-1] <= LONGEST_ROW
        and refs[0].contiguous
    ):
        return (refs[0].shape, node.grad, records, device), result.dtype
    return None, None


def length_ranges(trace, arguments):
    """Which sizes of the arguments decide whether reductions are joined, flat: (which argument, dim, least, most) each.

    That are those that are the length of a row; beyond their range a program of its own is made.
    """
    read = [trace.values[_operands(n)[0].index] for n in trace.nodes if n.reduces is not None]
    lengths = {v.shape[-1] for v in read} if len(trace.nodes) > 1 else ()
    found = []
    for k, tensor in enumerate(arguments):
        for d, size in enumerate(tensor.shape):
            if size not in lengths:
                continue
            found += k, d
            if size < SHORTEST_ROW:
                found += 0, SHORTEST_ROW - 1
            elif size <= LONGEST_ROW:
                found += SHORTEST_ROW, LONGEST_ROW
            else:
                found += LONGEST_ROW + 1, sys.maxsize
    return tuple(found)


def _fits(group, key, node, values):
    shape, *rest = group.key
    if tuple(rest) != key[1:]:
        return False
    if shape == key[0]:
        if node.reduces and not group.rows and _is_apart(group, node, values):
            return False
        return not (
            node.reduces
            and not all(_row_input(values[i].shape, shape) for n in group.nodes for i in n.reads())
        )
    # One value a row, of a group that has rows.
    return group.rows and shape[-1] > 1 and key[0] == (*shape[:-1], 1)


def _is_apart(group, node, values):
    """Whether a chain is computed sooner before the rows that it leads to than with them.

    That is where it has several functions of mathematics, and the last vectors of rows are mostly empty.
    """
    length, dtype = group.key[0][-1], values[node.results].dtype
    lanes = host().vector_bytes // DTYPES[dtype].itemsize
    return (
        -(-length // lanes) * lanes > 1.2 * length
        and not group.key[2]
        and group.key[3].type == "cpu"
        and sum(map(is_costly, group.nodes)) > 1
    )


def _row_input(shape, full):
    """Whether an operand of this shape can be read row by row."""
    return shape == full or shape == (*full[:-1], 1) or all(n == 1 for n in shape[:-1])


def _checked(group, values, users, written):
    """The group, or the parts or nodes that it has to fall into."""
    group.outputs = list(dict.fromkeys(group.outputs))
    group.n_shown = len(group.outputs)
    if not group.outputs:
        return []  # nobody reads it
    if len(group.nodes) == 1 and group.total is None:
        return group.nodes
    records = group.key[2]
    if records and any(values[i].storage in written for i in group.inputs):
        return group.nodes
    operands = len(group.inputs) + len(group.numbers) + len(group.outputs)
    if records:
        operands += sum(values[i].requires_grad for i in group.inputs)
    if group.rows and not all(_row_input(values[i].shape, group.key[0]) for i in group.inputs):
        return _split(group, values, users, written)
    if operands > MOST_OPERANDS and operands - len(group.numbers) <= MOST_OPERANDS:
        group.literal, group.numbers, operands = True, [], 0
    if operands > MOST_OPERANDS:
        return _split(group, values, users, written)
    return [group]


def _split(group, values, users, written):
    """Two groups of half the members each."""
    made = []
    half = len(group.nodes) // 2
    for part in (group.nodes[:half], group.nodes[half:]):
        shape = group.key[0]
        smaller = Group((shape, *group.key[1:]))
        for node in part:
            smaller.add(node, group.computes[node.results])
        if not smaller.rows and len({values[n.results].shape for n in part}) > 1:
            made += part
            continue
        smaller.settle(users)
        made += _checked(smaller, values, users, written)
    return made
