"""Random programs, compiled and eager: the same bits, whatever changes between their calls."""

import linecache
import random

import pytest

import flambeau as torch
from flambeau import nn

WIDTH = 40  # so that reductions are joined
UNARY = ["torch.exp({} * 0.1)", "torch.tanh({})", "{}.sigmoid()", "{}.abs()", "-{}", "{} * {c}", "{c} - {}", "{} / {c}",
         "torch.relu({})", "torch.nn.functional.silu({})", "torch.nn.functional.gelu({})", "{}.clamp(-1, {c})",
         "({} ** 2)", "torch.where({} > 0, {}, {} * {c})", "{}.sin()", "torch.nn.functional.softplus({})",
         "{}.to(torch.float64).float()", "{} + torch.ones_like({}) * {c}", "{}.masked_fill({} > 1, {c})",
         "{}.sign() * {}", "torch.nn.functional.logsigmoid({})", "{}.half().float()", "{}.detach() * {c}"]  # fmt: skip
BINARY = ["{} + {}", "{} - {}", "{} * {}", "torch.maximum({}, {})", "{} / ({}.abs() + 1)", "torch.add({}, {}, alpha={c})",
          "torch.where({} < {}, 1.0, 0.5)", "torch.lerp({}, {}, 0.3)", "torch.lerp({}, {}, {})",
          "({}.double() * {}).float()", "torch.hypot({}, {} + 2)", "torch.addcmul({}, {}, {}, value={c})"]  # fmt: skip
ROWS = ["{} - {}.mean(-1, keepdim=True)", "{} * {}.sum(-1, keepdim=True)", "torch.softmax({}, -1)",
        "{} - {}.amax(-1, keepdim=True)", "torch.nn.functional.layer_norm({}, {}.shape[-1:])",
        "{} @ {}.mT @ {}", "torch.nn.functional.normalize({}, dim=-1)", "{} - {}.logsumexp(-1, keepdim=True)",
        "{} + {}.amin(-1, keepdim=True)", "{} * {}.sum() * 0.01", "torch.log_softmax({}, -1) * {}", "{} - {}.mean(0)",
        "({} - {}.mean(-1, keepdim=True)).exp().sum(-1, keepdim=True).log() + {}", "{} - {}.var(-1, keepdim=True)"]  # fmt: skip
LOSSES = ["mse_loss({}, {})", "l1_loss({}, {})", "huber_loss({}, {}, reduction='sum')", "soft_margin_loss({}, {}.sign())",
          "kl_div({}, {}, reduction='batchmean')", "binary_cross_entropy_with_logits({}, {}.sigmoid())"]  # fmt: skip
VIEWS = ["{}.mT.contiguous().mT", "{}.flip(0)", "{}.reshape(-1).view({}.shape)", "torch.cat([{}, {}])[: {}.shape[0]]",
         "{}.unsqueeze(0)[0]", "{}.mT.exp().mT"]  # fmt: skip
IN_PLACE = ["{v}.mul_({c})", "{v}.add_({o})", "{v}[0] = {c}", "{v}[:, 0] += 1", "torch.relu_({v})",
            "w = {v}[0]\n    w.mul_(2)"]  # fmt: skip


class Nested(nn.Module):
    """Modules within modules; `scale` and `noisy` are changed by the test."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.LayerNorm(WIDTH))
        self.norm, self.drop = nn.BatchNorm1d(WIDTH), nn.Dropout(0.3)
        self.scale, self.noisy = 2.0, False

    def forward(self, x):
        if x.dim() == 1:
            return x * self.scale
        y = self.inner(x) * self.scale + x
        y = self.drop(self.norm(y).tanh() * 0.5 + y)
        return y.exp() if self.noisy else y


def write(seed):
    """The source of a random function of two tensors, a module and a flag."""
    draw = random.Random(seed)
    lines, names = ["def program(x, y, module, flag):"], ["x", "y"]

    def fill(pattern, one=None):
        count = pattern.count("{}")
        name = one or draw.choice(names)
        chosen = (
            [name] * count
            if pattern not in BINARY + LOSSES
            else [draw.choice(names) for _ in range(count)]
        )
        return pattern.replace("{c}", draw.choice(["0.5", "2", "1.25", "3"])).format(*chosen)

    writes = draw.random() < 0.5
    for k in range(draw.randint(4, 14)):
        kind = draw.random()
        if kind < 0.4:
            text = fill(draw.choice(UNARY))
        elif kind < 0.7:
            text = fill(draw.choice(BINARY))
        elif kind < 0.82:
            text = fill(draw.choice(ROWS))
        elif kind < 0.88:
            text = fill(draw.choice(VIEWS))
        elif kind < 0.92:
            text = f"{draw.choice(names)} * torch.nn.functional.{fill(draw.choice(LOSSES))}"
        elif kind < 0.96:
            text = f"module({draw.choice(names)})"
        else:
            text = f"({fill(draw.choice(UNARY))}) if flag else ({fill(draw.choice(BINARY))})"
        lines.append(f"    v{k} = {text}")
        names.append(f"v{k}")
        if writes and draw.random() < 0.3:
            pattern = draw.choice(IN_PLACE)
            lines.append(f"    v{k} = v{k} * 1")
            lines.append(
                "    "
                + pattern.format(v=f"v{k}", o=draw.choice(["x", "y"]), c=draw.choice(["0.5", "2"]))
            )
        if draw.random() < 0.1:
            lines.append(
                "    with torch.no_grad():\n        " + f"n{k} = {fill(draw.choice(UNARY))}"
            )
            names.append(f"n{k}")
    results = draw.sample(names[2:], min(len(names) - 2, draw.choice([1, 1, 2, 3])))
    if names[-1] not in results:
        results.append(names[-1])
    lines.append("    return " + ", ".join(results))
    return "\n".join(lines) + "\n"


def load(source, seed):
    name = f"<random program {seed}>"
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    space = {"torch": torch}
    exec(compile(source, name, "exec"), space)
    return space["program"]


def inputs(rows, requires_grad, layout, seed):
    torch.manual_seed(seed)
    x, y = torch.rand(rows, WIDTH) * 2 - 1, torch.rand(rows, WIDTH) * 2 - 1
    if layout == "turned":
        x = (torch.rand(WIDTH, rows) * 2 - 1).mT
    elif layout == "sliced":
        x = (torch.rand(rows, 2 * WIDTH) * 2 - 1)[:, ::2]
    return x.requires_grad_(requires_grad), y


def run(function, module, rows, requires_grad, layout, flag, no_grad, seed):
    """What a call leaves: results, gradients of inputs and parameters, buffers."""
    x, y = inputs(rows, requires_grad, layout, seed)
    module.zero_grad()
    torch.manual_seed(seed)
    with torch.set_grad_enabled(not no_grad):
        try:
            results = function(x, y, module, flag)
        except RuntimeError as error:
            return type(error), str(error).partition(":")[0]
    results = results if isinstance(results, tuple) else (results,)
    left = [r.detach() for r in results]
    flags = [r.requires_grad for r in results]
    if any(flags):
        torch.stack(
            [r.float().square().mean() for r in results if r.requires_grad]
        ).sum().backward()
    left += (
        [x.grad]
        + [p.grad for p in module.parameters()]
        + [b.clone() for b in module.buffers()]
        + [y]
    )
    return left, flags


def same(a, b):
    if a is None or b is None:
        return a is b
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return bool((a.isnan() & b.isnan() | (a == b)).all())


@pytest.mark.parametrize("seed", range(40))
def test_a_random_program_computes_what_it_computes_in_eager_mode(seed):
    source = write(seed)
    program = load(source, seed)
    compiled = torch.compile(program)
    torch.manual_seed(seed)
    module, twin = Nested(), Nested()
    twin.load_state_dict(module.state_dict())
    draw = random.Random(seed)
    for call in range(8):
        changes = draw.choice(["none", "scale", "noisy", "train", "none", "none"])
        for m in (module, twin):
            if changes == "scale":
                m.scale = 1.0 + call % 3
            elif changes == "noisy":
                m.noisy = call % 2 == 0
            elif changes == "train":
                m.train(call % 4 < 2)
        how = (draw.choice([5, 5, 7, 2]), draw.random() < 0.6, draw.choice(["plain", "plain", "turned", "sliced"]),
               draw.random() < 0.7, draw.random() < 0.3)  # fmt: skip
        for turn in range(
            3
        ):  # recorded, then computed by what was made of it, for another size too
            rows = (*how[:1], how[0], how[0] + 3)[turn]
            expected = run(program, twin, rows, *how[1:], turn)
            got = run(compiled, module, rows, *how[1:], turn)
            assert got[1] == expected[1], (source, how)
            if isinstance(expected[0], list):
                for place, (a, b) in enumerate(zip(got[0], expected[0], strict=True)):
                    assert same(a, b), (source, how, call, turn, place, a, b)
            else:
                assert got == expected
