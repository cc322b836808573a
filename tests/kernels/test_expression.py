"""The expression graph: equal nodes are one object, and misuse says what to write instead."""

import pytest

from flambeau import kernels as k
from flambeau.kernels import expression


def test_equal_nodes_are_one_object():
    x, y = expression.input(0), expression.input(1)
    assert k.exp(x + y) is k.exp(x + y)
    assert (x + y) is not (y + x)


def test_constants_keep_their_type_and_sign():
    constants = [expression.const(v) for v in (0, 0.0, -0.0, False, 0j, float("nan"))]
    assert len({id(c) for c in constants}) == len(constants)


def test_condition_on_a_symbol_names_the_line_and_advises_where():
    def huber(x, y, delta):
        d = abs(x - y)
        if d < delta:
            return d * d
        return d

    with pytest.raises(TypeError) as error:
        expression.trace(huber, 3)
    message = str(error.value)
    assert message.startswith("kernel huber, test_expression.py line ")
    assert "`if d < delta` needs one True or False, but d is symbolic" in message
    assert message.endswith("Write where(d < delta, a, b).")


def test_unknown_operand_is_a_type_error():
    with pytest.raises(TypeError):
        expression.input(0) + "1"


def test_deep_expressions_do_not_recurse():
    x = expression.input(0)
    y = x
    for _ in range(20000):
        y = y + x
    assert len(expression.topological([y])) == 20001
    assert expression.substitute([y], {id(x): expression.input(1)})[0] is not y


def test_digest_tells_graphs_apart():
    x, y = expression.input(0), expression.input(1)
    texts = [expression.digest_text([e]) for e in (x + y, y + x, x + 1, x + 1.0, x + True, x - y)]
    assert len(set(texts)) == len(texts)


def test_power_of_small_constants_needs_no_pow():
    x = expression.input(0)
    assert x**2 is x * x
    assert (x**1.7).attr == "pow"
