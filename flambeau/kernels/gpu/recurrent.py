"""The cell of a long short-term memory on a GPU, a thread for each unit of each row; products come before and behind.

Gates lie as (rows, 4, units): input, forget, candidate, output.
"""

from .. import language
from .code import Code


def write_forward(dtype, with_bias, keep):
    """kernel(i64 sizes[2], i64 pointers[9]): rows, units; inputs, h @ weight.T, bias, h, c, output, gates, had_h, had_c."""
    k = Code(sizes=2, pointers=9)
    rows, units = k.integers("sizes")
    inputs, product, bias, h, c, output, gates, had_h, had_c = k.arrays("pointers", *[dtype] * 9)
    sigmoid = lambda x: 1 / (1 + language.exp(-x))
    with k.threads(rows * units) as i:
        row, unit = i // units, i % units
        made = []
        for gate in range(4):
            at = (row * 4 + gate) * units + unit
            total = inputs[at] + product[at]
            if with_bias:
                total = total + bias[units * gate + unit]
            made.append(k.of(language.tanh if gate == 2 else sigmoid, total))
            if keep:
                gates[at] = made[-1]
        before = c[i]
        if keep:
            had_h[i], had_c[i] = h[i], before
        now = k.fma(made[1], before, made[0] * made[2])
        shown = made[3] * k.of(language.tanh, now)
        c[i] = now
        h[i] = shown
        output[i] = shown
    return k.text()


def write_backward(dtype):
    """kernel(i64 sizes[2], i64 pointers[6]): rows, units; grad_output, gates, had_c, grad_h, grad_c, grad_gates."""
    k = Code(sizes=2, pointers=6)
    rows, units = k.integers("sizes")
    grad_output, gates, had_c, grad_h, grad_c, grad_gates = k.arrays("pointers", *[dtype] * 6)
    with k.threads(rows * units) as i:
        row, unit = i // units, i % units
        places = [(row * 4 + gate) * units + unit for gate in range(4)]
        enter, keep, new, show = (gates[at] for at in places)
        before = had_c[i]
        tanh = k.of(language.tanh, k.fma(keep, before, enter * new))
        of_h = grad_h[i] + grad_output[i]
        of_c = grad_c[i] + of_h * show * (1.0 - tanh * tanh)
        grad_gates[places[0]] = of_c * new * enter * (1.0 - enter)
        grad_gates[places[1]] = of_c * before * keep * (1.0 - keep)
        grad_gates[places[2]] = of_c * enter * (1.0 - new * new)
        grad_gates[places[3]] = of_h * tanh * show * (1.0 - show)
        grad_c[i] = of_c * keep
    return k.text()
