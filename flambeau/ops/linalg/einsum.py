"""Sums of products named by their subscripts: einsum and tensordot."""

import functools
import math

from ... import _core
from ..core import operators as fl
from ..core.arguments import few, wrap_dims
from ..core.declare import composite

_capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_numbered = _capitals + _capitals.lower()  # subscript 0 is A, 26 is a
_letters = frozenset(_numbered)
_ellipsis = "..."


def _parse_term(term, operand_name):
    """The labels of one comma-separated term: letters, and at most once an ellipsis."""
    labels = []
    rest = term.lstrip(" ")
    while rest:
        if rest.startswith(_ellipsis):
            labels.append(_ellipsis)
            rest = rest[3:].lstrip(" ")
        elif rest[0] in _letters:
            labels.append(rest[0])
            rest = rest[1:].lstrip(" ")
        elif rest[0] == ".":
            raise RuntimeError(
                f"einsum: {operand_name} has a lone '.'; an ellipsis is written '...'."
            )
        else:
            raise RuntimeError(
                f"einsum: {rest[0]!r} is no subscript; letters a to z and A to Z are."
            )
    if labels.count(_ellipsis) > 1:
        raise RuntimeError(f"einsum: {operand_name} has '...' twice; it may stand there once.")
    return labels


@functools.lru_cache(256)
def _parse_equation(equation, count):
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != count:
        fewer = "fewer" if count > len(terms) else "more"
        raise RuntimeError(
            f"einsum: the equation has subscripts for {len(terms)} operands, but {count} were "
            f"given: {fewer} subscripts than operands."
        )
    inputs = [_parse_term(term, f"operand {i}") for i, term in enumerate(terms)]
    return inputs, _parse_term(right, "the output") if arrow else None


def _parse_sublists(args):
    """The interleaved form: operand, its list of subscripts in [0, 52), ..., and maybe the output's list."""

    def labels(sublist):
        names = []
        for subscript in sublist:
            if subscript is Ellipsis:
                names.append(_ellipsis)
            elif 0 <= subscript < 52:
                names.append(_numbered[subscript])
            else:
                raise ValueError(
                    f"einsum(): a list of subscripts takes Ellipsis and whole numbers from 0 to 51, but got {subscript}."
                )
        return names

    pairs = len(args) // 2 * 2
    inputs = [labels(sublist) for sublist in args[1:pairs:2]]
    return list(args[0:pairs:2]), inputs, labels(args[-1]) if len(args) % 2 else None


def _expand_ellipsis(operands, inputs, output):
    """Give the dimensions under an ellipsis labels of their own, ('...', position from the last)."""
    most = 0
    expanded = []
    for position, (operand, labels) in enumerate(zip(operands, inputs)):
        hidden = operand.dim() - (len(labels) - labels.count(_ellipsis))
        if hidden < 0 or (hidden and _ellipsis not in labels):
            raise RuntimeError(
                f"einsum: operand {position} has {operand.dim()} dims, but the equation names "
                f"{len(labels)} for it. Name each dim, or write '...' for the rest."
            )
        if _ellipsis in labels:
            most = max(most, hidden)
            at = labels.index(_ellipsis)
            labels = labels[:at] + [(_ellipsis, i) for i in range(hidden, 0, -1)] + labels[at + 1 :]
        expanded.append(labels)
    hidden = [(_ellipsis, i) for i in range(most, 0, -1)]
    if output is None:
        every = [label for labels in expanded for label in labels if isinstance(label, str)]
        output = hidden + sorted(label for label in set(every) if every.count(label) == 1)
        return expanded, output
    if _ellipsis in output:
        at = output.index(_ellipsis)
        output = output[:at] + hidden + output[at + 1 :]
    known = {label for labels in expanded for label in labels}
    for label in output:
        if output.count(label) > 1:
            raise RuntimeError(
                f"einsum: {label} stands twice in the output; a subscript may stand there once."
            )
        if label not in known:
            raise RuntimeError(f"einsum: {label} stands in the output but with no operand.")
    return expanded, output


def _take_diagonals(operand, labels, position):
    """Replace dimensions of one label by their diagonal."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if operand.size(first) != operand.size(second):
                raise RuntimeError(
                    f"einsum: {label} stands twice with operand {position}, for sizes "
                    f"{operand.size(second)} and {operand.size(first)}, which must be equal."
                )
            operand = operand.diagonal(0, first, second)
            labels = [name for i, name in enumerate(labels) if i not in (first, second)] + [label]
    return operand, labels


def _sum_out(operand, labels, keep, output):
    """Sum over the dimensions whose label nothing else needs; those of the output come first, as it has them."""
    if keep.issuperset(labels):
        return operand, labels
    ordered = _in_order(labels, output)
    operand, labels = _arrange(operand, labels, ordered), ordered
    dims = [i for i, label in enumerate(labels) if label not in keep]
    return operand.sum(dims), [label for label in labels if label in keep]


def _drop_ones(operand, labels, sizes, needed):
    """Leave out dimensions of size 1 that stand for a larger one (broadcasting restores them) or that are not needed."""
    dims = [
        i
        for i, label in enumerate(labels)
        if operand.size(i) == 1 and (sizes[label] != 1 or label not in needed)
    ]
    if not dims:
        return operand, labels
    shape = [size for i, size in enumerate(operand.shape) if i not in dims]
    return operand.reshape(shape), [label for i, label in enumerate(labels) if i not in dims]


def _arrange(operand, labels, order):
    """Permute to `order`, which names every label of the operand and maybe others, as dimensions of size 1."""
    operand = operand.permute([labels.index(label) for label in order if label in labels])
    for i, label in enumerate(order):
        if label not in labels:
            operand = operand.unsqueeze(i)
    return operand


def _in_order(labels, output):
    """Those of the output first, as it has them, so that its dimensions lie in memory one after the other."""
    return [label for label in output if label in labels] + [
        label for label in labels if label not in output
    ]


def _comes_first(batch, first, second, output, sizes):
    """Whether the output, dims of 1 aside, is the batch, the labels of `first` alone and those of `second`."""
    made = [label for label in batch + first + second if sizes[label] != 1]
    return made == [label for label in output if sizes.get(label, 1) != 1]


def _contract(a, a_labels, b, b_labels, others, output):
    """The product of two operands, summed over the labels that are in both but neither in others nor output."""
    keep = others | set(output)
    sizes = {}
    for operand, labels in ((a, a_labels), (b, b_labels)):
        for i, label in enumerate(labels):
            sizes[label] = (
                max(operand.size(i), sizes.get(label, operand.size(i))) if operand.size(i) else 0
            )
    alike = a.dtype == b.dtype
    a, a_labels = _drop_ones(a, a_labels, sizes, keep | set(b_labels))
    b, b_labels = _drop_ones(b, b_labels, sizes, keep | set(a_labels))
    a, a_labels = _sum_out(a, a_labels, keep | set(b_labels), output)
    b, b_labels = _sum_out(b, b_labels, keep | set(a_labels), output)
    if alike and a.dtype != b.dtype:  # the sum of one is wider
        a, b = a.to(fl.result_type(a, b)), b.to(fl.result_type(a, b))
    shared = [label for label in a_labels if label in b_labels]
    batch = _in_order([label for label in shared if label in keep], output)
    summed = [label for label in shared if label not in keep]
    a_only = _in_order([label for label in a_labels if label not in shared], output)
    b_only = _in_order([label for label in b_labels if label not in shared], output)
    if _comes_first(batch, b_only, a_only, output, sizes):
        a, a_labels, a_only, b, b_labels, b_only = b, b_labels, b_only, a, a_labels, a_only
    labels = batch + a_only + b_only
    if not summed:
        labels = _in_order(labels, output)
        return _arrange(a, a_labels, labels) * _arrange(b, b_labels, labels), labels

    def count(group):
        product = 1
        for label in group:
            product *= sizes[label]
        return product

    left = _arrange(a, a_labels, batch + a_only + summed).reshape(
        count(batch), count(a_only), count(summed)
    )
    right = _arrange(b, b_labels, batch + summed + b_only).reshape(
        count(batch), count(summed), count(b_only)
    )
    product = fl.bmm(left, right) if batch else fl.mm(left[0], right[0])
    return product.reshape([sizes[label] for label in labels]), labels


def _next_pair(operands, sizes, output):
    """The two operands whose product is smallest, so that intermediate results stay small."""

    def result_size(i, j):
        others = {
            label for k, (_, labels) in enumerate(operands) if k not in (i, j) for label in labels
        }
        size = 1
        for label in {*operands[i][1], *operands[j][1]} & (others | set(output)):
            size *= sizes[label]
        return size

    if len(operands) == 2:
        return 0, 1
    pairs = [(i, j) for i in range(len(operands)) for j in range(i + 1, len(operands))]
    return min(pairs, key=lambda pair: result_size(*pair))


def _check_sizes(operands):
    sizes = {}
    for position, (operand, labels) in enumerate(operands):
        for i, label in enumerate(labels):
            size, known = operand.size(i), sizes.get(label, 1)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                raise RuntimeError(
                    f"einsum: {label} has size {size} with operand {position} but size {known} "
                    "before. They must be equal, or one of them 1."
                )
    return sizes


class _Plan:
    """How a product of two operands becomes one matrix product: orders and shapes before and after it."""

    swapped = False  # whether b stands left
    copied = False  # whether the result is laid out anew

    def __init__(self, a_order, a_shape, b_order, b_shape, batched, shape, order):
        self.a_order, self.a_shape = a_order, a_shape
        self.b_order, self.b_shape = b_order, b_shape
        self.batched, self.shape, self.order = batched, shape, order

    def run(self, a, b):
        if self.swapped:
            a, b = b, a
        left = _laid_out(a, self.a_order, self.a_shape)
        right = _laid_out(b, self.b_order, self.b_shape)
        product = _core.bmm(left, right) if self.batched else _core.mm(left, right)
        if product.shape != self.shape:
            product = _core.reshape(product, self.shape)
        if self.order is not None:
            product = _core.permute(product, self.order)
        return product.contiguous() if self.copied else product


class _Outer:
    """How two operands meet element by element: orders and shapes with sizes of 1, already as the output has them."""

    def __init__(self, a_order, a_shape, b_order, b_shape):
        self.a_order, self.a_shape = a_order, a_shape
        self.b_order, self.b_shape = b_order, b_shape

    def run(self, a, b):
        return _laid_out(a, self.a_order, self.a_shape) * _laid_out(b, self.b_order, self.b_shape)


def _laid_out(operand, order, shape):
    if order is not None:
        operand = _core.permute(operand, order)
    return operand if operand.shape == shape else _core.reshape(operand, shape)


def _hidden(labels, shape):
    """How many dimensions an ellipsis stands for; 0 where there is none."""
    return len(shape) - len(labels) + 1 if _ellipsis in labels else 0


def _named(labels, hidden):
    """The labels with `hidden` of their own in place of an ellipsis."""
    if _ellipsis not in labels:
        return labels
    at = labels.index(_ellipsis)
    return labels[:at] + [(_ellipsis, i) for i in range(hidden)] + labels[at + 1 :]


@functools.lru_cache(512)
def _pair_plan(equation, a_shape, b_shape):
    """The plan of an equation that needs nothing but one matrix product; None for all others.

    The general way below takes ten times as long to decide the same, which small operands notice.
    """
    (a, b), output = _parse_equation(equation, 2)
    if _ellipsis in a + b:
        if output is None or _ellipsis not in output:
            return None
        hidden = [_hidden(labels, shape) for labels, shape in ((a, a_shape), (b, b_shape))]
        if min(hidden) < 0 or 0 < hidden[0] != hidden[1] > 0:
            return None
        a, b, output = (_named(labels, max(hidden)) for labels in (a, b, output))
    elif output is None:
        output = sorted(label for label in {*a, *b} if (a + b).count(label) == 1)
    if _ellipsis in output or len(a) != len(a_shape) or len(b) != len(b_shape):
        return None
    if any(len(set(labels)) != len(labels) for labels in (a, b, output)):
        return None
    sizes = dict(zip(a, a_shape)) | dict(zip(b, b_shape))
    shared = [label for label in a if label in b]
    summed = [label for label in shared if label not in output]
    wanted = {*a, *b} - set(summed)
    if wanted != set(output) or sizes != dict(zip(b, b_shape)) | dict(zip(a, a_shape)):
        return None

    def order(labels, wanted):
        return None if labels == wanted else tuple(labels.index(label) for label in wanted)

    def count(labels):
        return math.prod(sizes[label] for label in labels)

    if not summed:
        orders = [order(x, [label for label in output if label in x]) for x in (a, b)]
        shapes = [tuple(sizes[label] if label in x else 1 for label in output) for x in (a, b)]
        return _Outer(orders[0], shapes[0], orders[1], shapes[1])
    batch = [label for label in output if label in shared]
    a_only, b_only = (
        [label for label in output if label in x and label not in batch] for x in (a, b)
    )
    swapped = _comes_first(batch, b_only, a_only, output, sizes)
    copied = False
    if swapped or _comes_first(batch, a_only, b_only, output, sizes):
        # Operands larger than the output keep their order, and the output is copied in their place.
        natural = [
            own if count(x) <= count(output) else [label for label in x if label in own]
            for x, own in ((a, a_only), (b, b_only))
        ]
        copied = natural != [a_only, b_only]
        a_only, b_only = natural
    if swapped:
        a, a_only, b, b_only = b, b_only, a, a_only
    front = (count(batch),) if batch else ()
    made = batch + a_only + b_only
    plan = _Plan(
        order(a, batch + a_only + summed),
        (*front, count(a_only), count(summed)),
        order(b, batch + summed + b_only),
        (*front, count(summed), count(b_only)),
        bool(batch),
        tuple(sizes[label] for label in made),
        order(made, output),
    )
    plan.swapped, plan.copied = swapped, copied
    return plan


@functools.lru_cache(256)
def _chain_plan(equation, shapes):
    """The plans of several operands, pair by pair: (one, other, plan), the result going to the end; or None."""
    inputs, output = _parse_equation(equation, len(shapes))
    terms = list(zip(inputs, shapes))
    if output is None or any(
        _ellipsis in labels or len(labels) != len(shape) for labels, shape in terms
    ):
        return None
    sizes = {label: size for labels, shape in terms for label, size in zip(labels, shape)}
    steps = []
    while len(terms) > 1:
        pairs = [(i, j) for i in range(len(terms)) for j in range(i + 1, len(terms))]
        kept = {pair: _kept(terms, pair, output) for pair in pairs}
        i, j = min(pairs, key=lambda pair: math.prod(sizes[label] for label in kept[pair]))
        labels = output if len(terms) == 2 else kept[i, j]
        (a, a_shape), (b, b_shape) = terms[i], terms[j]
        plan = _pair_plan(f"{''.join(a)},{''.join(b)}->{''.join(labels)}", a_shape, b_shape)
        if plan is None:
            return None
        steps.append((i, j, plan))
        terms = [term for k, term in enumerate(terms) if k not in (i, j)]
        terms.append((labels, tuple(sizes[label] for label in labels)))
    return steps


def _kept(terms, pair, output):
    """The labels of a pair that the others or the output need."""
    others = {label for k, (labels, _) in enumerate(terms) if k not in pair for label in labels}
    both = dict.fromkeys(terms[pair[0]][0] + terms[pair[1]][0])
    return _in_order([label for label in both if label in others or label in output], output)


def _run_chain(steps, operands):
    for i, j, plan in steps:
        result = plan.run(operands[i], operands[j])
        operands = [operand for k, operand in enumerate(operands) if k not in (i, j)]
        operands.append(result)
    return operands[0]


@composite(method=False, out=False, autocast="lower")
def einsum(*args):
    """The sum of products that an equation of subscripts names.

    einsum("bik,bkj->bij", a, b) is a batched matrix product. Each letter names a dimension; letters that
    the output leaves out are summed; a letter twice in one term takes the diagonal; "..." stands for
    dimensions that broadcast. Without "->" the output has the letters that occur once, in order.
    einsum(a, [0, 1], b, [1, 2], [0, 2]) names dimensions by numbers instead.
    """
    if not args:
        raise ValueError(
            "einsum: takes an equation and its operands, or operands each followed by a list of "
            "subscripts."
        )
    if isinstance(args[0], str):
        equation, operands = args[0], list(args[1:])
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = list(operands[0])
        for i, operand in enumerate(operands):
            if not hasattr(operand, "dim"):
                raise TypeError(
                    f"einsum: operand {i} must be a Tensor, not {type(operand).__name__}."
                )
        if not operands:
            raise ValueError("einsum: no operand was given.")
        if len(operands) == 2:
            plan = _pair_plan(equation, operands[0].shape, operands[1].shape)
            if plan:
                return plan.run(*operands)
        elif len(operands) > 2:
            steps = _chain_plan(equation, tuple(operand.shape for operand in operands))
            if steps:
                return _run_chain(steps, operands)
        inputs, output = _parse_equation(equation, len(operands))
    else:
        if not isinstance(args[0], _core.Tensor):
            raise TypeError(
                f"einsum: first comes an equation, or an operand that a list of subscripts follows, "
                f"not {type(args[0]).__name__}."
            )
        if len(args) < 2:
            raise ValueError("einsum: no operand was given, or no subscripts follow it.")
        operands, inputs, output = _parse_sublists(args)
    inputs, output = _expand_ellipsis(operands, inputs, output)
    work = [
        _take_diagonals(operand, labels, i)
        for i, (operand, labels) in enumerate(zip(operands, inputs))
    ]
    sizes = _check_sizes(work)
    while len(work) > 1:
        i, j = _next_pair(work, sizes, output)
        others = {
            label for k, (_, labels) in enumerate(work) if k not in (i, j) for label in labels
        }
        pair = _contract(*work[i], *work[j], others, output)
        work = [item for k, item in enumerate(work) if k not in (i, j)]
        work.insert(0, pair)
    result, labels = _sum_out(*work[0], set(output), output)
    return _arrange(result, labels, output)


@composite(method=False, out="same")
def tensordot(a, b, dims=2):
    """The products of a and b, summed over pairs of dimensions.

    Args:
        dims (int or pair of lists): how many of the last dimensions of `a` meet the first of `b`, or
            which dimensions of `a` and, in the same order, of `b`.

    Example:
        >>> torch.tensordot(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(30.)
    """
    if hasattr(dims, "tolist"):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot: dims is {dims}; it must be 0 or more.")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(
                f"tensordot: dims is {dims}, but a has {a.dim()} dims and b {b.dim()}."
            )
        dims_a, dims_b = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        dims = few(dims)
        if all(isinstance(one, int) for one in dims):
            raise TypeError(
                f"tensordot: dims is {dims}; it takes an int, or the dims of a and those of b: two sequences."
            )
        dims_a, dims_b = ([one] if isinstance(one, int) else few(one) for one in dims)
        dims_a = wrap_dims(dims_a, a.dim(), "tensordot")
        dims_b = wrap_dims(dims_b, b.dim(), "tensordot")
    if len(dims_a) != len(dims_b):
        raise RuntimeError(
            f"tensordot: {dims_a} and {dims_b} differ in length. Each dim of a needs one of b."
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"tensordot: a is {a.dtype} and b {b.dtype}. Convert one of them with .to()."
        )
    for m, n in zip(dims_a, dims_b):
        if a.size(m) != b.size(n) and 1 not in (a.size(m), b.size(n)):
            raise RuntimeError(
                f"tensordot: dim {m} of a has size {a.size(m)} but dim {n} of b has {b.size(n)}. "
                "Dims summed over must be equal."
            )
        if a.size(m) == 1 != b.size(n):
            b = b.sum(n, keepdim=True, dtype=b.dtype)
        elif b.size(n) == 1 != a.size(m):
            a = a.sum(m, keepdim=True, dtype=a.dtype)
    free_a = [i for i in range(a.dim()) if i not in dims_a]
    free_b = [i for i in range(b.dim()) if i not in dims_b]
    shape = [a.size(i) for i in free_a] + [b.size(i) for i in free_b]
    inner = 1
    for dim in dims_a:
        inner *= a.size(dim)
    rows = 1
    for i in free_a:
        rows *= a.size(i)
    columns = 1
    for i in free_b:
        columns *= b.size(i)
    left = a.permute(free_a + dims_a).reshape(rows, inner)
    right = b.permute(dims_b + free_b).reshape(inner, columns)
    return fl.mm(left, right).reshape(shape)
