"""Steps by a sparse gradient: rules applied to the rows that it names, and to no others."""

from .._core import _any_sparse, _is_sparse, _map_rows
from . import rule as rules


def without_sparse(pairs):
    """(those of the pairs whose gradient is strided, those whose gradient is sparse)."""
    if not _any_sparse():
        return pairs, []
    sparse = [pair for pair in pairs if _is_sparse(pair[1])]
    return ([pair for pair in pairs if not _is_sparse(pair[1])], sparse) if sparse else (pairs, [])


def step_rows(rule, tables, grad, **numbers):
    """The rule in place on the rows of the tables that a sparse gradient has entries for, and on no others.

    Args:
        tables (list): tensors of the gradient's shape; None among them stands for the gradient.
    """
    if not step_usual_rows(rule, tables, grad, **numbers):
        _Touched(grad).apply(rule, tables, **numbers)


def step_usual_rows(rule, tables, grad, **numbers):
    """The same of tensors that the core has a loop for; False, with nothing done, of others."""
    values = [numbers[name] for name in rule.numbers]
    operands = [grad if table is None else table for table in tables]
    if rules.sharded and any([isinstance(operand, rules.sharded) for operand in operands]):
        return False
    return _map_rows(rule.kernel(), rule.updates, [*operands, *values])


class _Touched:
    """The same for tensors of all kinds: the rows are read, changed and written back.

    grad (Tensor): sparse; duplicates are added together first.
    """

    def __init__(self, grad):
        if not grad.is_sparse:
            grad = grad.to_sparse()
        grad = grad.coalesce()
        self.values = grad._values()
        self.indices = grad._indices()
        self.dense = tuple(grad.shape[grad.sparse_dim() :])
        flat = self.indices[0] if len(self.indices) else None
        for row, extent in zip(self.indices[1:], grad.shape[1 : grad.sparse_dim()]):
            flat = flat * extent + row
        self.flat = flat

    def apply(self, rule, tables, **numbers):
        """The rule on the touched rows of the tables; `None` among them stands for the gradient's values."""
        if not self.values.numel():
            return
        rows = [self.values if table is None else self._read(table) for table in tables]
        rule.apply([[row] for row in rows], **numbers)
        for place in rule.updates:
            self._write(tables[place], rows[place])

    def _read(self, table):
        if self.flat is None:
            return table.reshape(1).expand(self.values.shape).clone()
        if table.is_contiguous():
            return table.view(-1, *self.dense).index_select(0, self.flat)
        return table[tuple(self.indices)]

    def _write(self, table, rows):
        if self.flat is None:
            table.copy_(rows[0])
        elif table.is_contiguous():
            table.view(-1, *self.dense).index_copy_(0, self.flat, rows)
        else:
            table[tuple(self.indices)] = rows
