"""Random functions of products, losses, containers, loops, writes and modes, compiled and eager: the same bits."""

import contextlib
import os
import random

import pytest

import flambeau as torch
from flambeau import nn
from tests.compiled.test_random_programs import load, same

SEEDS = int(os.environ.get("COMPILED_SEEDS", 30))
WIDTH = 40
F = "torch.nn.functional."

# Of (B, T, WIDTH) to the same sizes; {} is one of the values, {o} another, {c} a number.
PRODUCTS = [F + "linear({}, w, b)", F + "linear({}, w)", "{} @ w", "torch.matmul({}, w.mT) + b", "m.linear({})",
            "torch.baddbmm({o}, {} @ {o}.mT, {o}, beta={c})", "torch.einsum('btw,vw->btv', {}, w)", "m.conv({}.mT).mT",
            F + "scaled_dot_product_attention({}, {o}, {})", "torch.bmm({}, {o}.mT) @ {o} * {c}", "m.block({})",
            "torch.addmm(b, {}.reshape(-1, 40), w).view_as({})"]  # fmt: skip
EPILOGUES = ["torch.relu({p})", F + "gelu({p})", "{p} + {o}", "{o} + {c} * {p}", F + "silu({p} + b)", "{p}.tanh() * {o}",
             F + "dropout({p}, 0.3, flag)", F + "dropout(" + F + "gelu({p}), 0.5, True) + {o}", "{p} / {c}", "{p}.mul_({c}).relu_()",
             "torch.where({p} > 0, {p}, {p} * 0.1)", F + "layer_norm({p} + {o}, (40,), b, b)", "({p}).softmax(-1)",
             "m.drop({p}) + {o}", "{p}.clamp(min=0) ** 2", F + "glu(torch.cat([{p}, {o}], -1))"]  # fmt: skip
POINTWISE = ["{} * {o} + {c}", "({} - {o}).abs()", "{}.sigmoid() * {o}", "{} / (1 + {o} * {o})", "{}.exp().clamp(max=5)",
             "torch.lerp({}, {o}, {c})", "{}.float()", "{}.to(x.dtype)", F + "softplus({})", "-{}", "{} + x[:, :1]", "{} * b"]  # fmt: skip
REDUCTIONS = ["{} - {}.mean((0, 1))", "{} * {}.sum((1, 2), keepdim=True) * 0.01", "{} - {}.amax((0, 2), keepdim=True)",
              "{} / ({}.std(-1, keepdim=True) + 1)", "{} + {}.sum(1, keepdim=True) * 0.1", "{}.cumsum(1) * 0.1", "{} - {}.var((0, 1))",
              "{} * {}.norm(dim=(1, 2), keepdim=True) * 0.1", "{} + {}.mean()", "{} * {}.argmax(-1, keepdim=True) * 0.01",
              "{} - torch.logsumexp({}, (0, 1))", "{} * ({}.square().mean(-1, keepdim=True) + 1e-5).rsqrt()",
              "{} + {}.amin(0)", "{} * {}.prod(-1, keepdim=True)", "{} - {}.median(-1, keepdim=True).values",
              "{}.sort(-1).values * 0.5 + {} * 0.5"]  # fmt: skip
LOSSES = [F + "mse_loss({}, {o})", F + "cross_entropy({}.reshape(-1, 40), t.reshape(-1))", F + "smooth_l1_loss({}, {o})",
          F + "cross_entropy({}.mT, t, label_smoothing=0.1)", F + "nll_loss({}.log_softmax(-1).mT, t)", "({} - {o}).square().sum()",
          F + "kl_div({}.log_softmax(-1), {o}.softmax(-1), reduction='sum')", F + "binary_cross_entropy_with_logits({}, {o}.sigmoid())",
          F + "cosine_similarity({}, {o}, dim=-1).mean()", F + "mse_loss({}, {o}, reduction='none').mean((1, 2)).sum()",
          F + "cross_entropy({}[:, 0], t[:, 0], reduction='sum')"]  # fmt: skip
WRITES = ["{v} = {v} * 1\n    {v}[:, 0].mul_({c})", "{v} = {v} + 0\n    {v}[..., 1:3] = {o}[..., :2]", "{v} = {v}.clone()\n    {v}.add_({o})",
          "{v} = {v} * 2\n    {v}.mT[:, 0].add_({c})", "{v} = {v} * 1\n    {v}.view(-1)[3:7] *= {c}", "{v} = {v} * 1\n    {v}.select(1, 0).copy_({o}[:, 0])",
          "{v} = {v} * 1\n    {v}[{v}.detach() > 1] = {c}", "{v} = {v} * 1\n    {v}.unbind(0)[0].zero_()",
          "{v} = {v} * 1\n    {v}.masked_fill_({o} > 0.5, {c})", "{v} = {v} * 1\n    {v}.index_add_(1, torch.tensor([0]), {o}[:, :1])"]  # fmt: skip
PYTHON = ["{v} = sum([{}, {o}, {} * {c}])", "parts = {'a': {}, 'b': {o}}\n    {v} = parts['a'] * {c} + parts['b']",
          "{v} = {}\n    for k in range(n):\n        {v} = {v} * {c} + {o} / (k + 1)", "{v} = torch.stack([q * {c} for q in ({}, {o})]).mean(0)",
          "{v} = {}\n    for q in extra:\n        {v} = {v} + q * {c}", "{v} = (lambda q: q * {c} + 1)({})",
          "{v} = named['scale'] * {} + named['shift']", "{v} = {} if flag else {o} * {c}", "a, *rest = torch.split({}, 20, -1)\n    {v} = torch.cat([a * {c}, *rest], -1)",
          "{v} = {} * {}.shape[0] + {o}.numel() / 1000", "{v} = torch.cat(list(reversed({}.chunk(2, -1))), -1)",
          "extra.append({} * {c})\n    {v} = extra.pop() + {o}", "{v} = max((len(extra), 2)) * {}",
          "{v} = {}.masked_fill(torch.ones(40, 40, dtype=torch.bool).triu(3)[0], {c})"]  # fmt: skip
MODES = ["with torch.autocast('cpu', torch.bfloat16):\n        {v} = ({p}) * {c}\n    {v} = {v}.float()",
         "with torch.no_grad():\n        {v} = {p}", "with torch.autocast('cpu', torch.bfloat16, enabled=flag):\n        {v} = ({p}).float() + {o}",
         "with torch.enable_grad():\n        {v} = {p} + {o}", "{v} = ({}.bfloat16() @ w.bfloat16() + b.bfloat16()).relu().float()",
         "{v} = torch.utils.checkpoint.checkpoint(lambda q: (q @ w).relu(), {}, use_reentrant=False)"]  # fmt: skip


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.drop = nn.Linear(WIDTH, WIDTH), nn.Dropout(0.2)
        self.conv = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.block = nn.Sequential(
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, 64),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(64, WIDTH),
        )
        self.w, self.b = (
            nn.Parameter(torch.randn(WIDTH, WIDTH) / 6),
            nn.Parameter(torch.randn(WIDTH)),
        )


def write(seed):
    """The source of a random function of a module, tensors, classes, a list, a dict, a number and a flag."""
    draw = random.Random(seed)
    lines = ["def program(m, x, y, t, extra, named, n, flag):", "    w, b = m.w, m.b"]
    names, losses = ["x", "y"], []

    def fill(pattern, v="", p=""):
        for mark in ("{o}", "{c}"):
            while mark in pattern:
                one = draw.choice(names) if mark == "{o}" else draw.choice(["0.5", "2", "1.25"])
                pattern = pattern.replace(mark, one, 1)
        return pattern.replace("{v}", v).replace("{p}", p).replace("{}", draw.choice(names[-3:]))

    for k in range(draw.randint(3, 10)):
        v, kind = f"v{k}", draw.random()
        product = f"({fill(draw.choice(PRODUCTS))})"
        if kind < 0.35:
            text = f"{v} = " + fill(draw.choice(EPILOGUES), p=product)
        elif kind < 0.5:
            text = f"{v} = " + fill(draw.choice(POINTWISE))
        elif kind < 0.65:
            text = f"{v} = " + fill(draw.choice(REDUCTIONS))
        elif kind < 0.78:
            text = fill(draw.choice(PYTHON), v=v)
        elif kind < 0.88:
            text = f"{v} = {draw.choice(names)}\n    " + fill(draw.choice(WRITES), v=v)
        else:
            text = fill(draw.choice(MODES), v=v, p=product)
        lines.append("    " + text)
        names.append(v)
        if draw.random() < 0.25:
            lines.append(f"    l{k} = {fill(draw.choice(LOSSES))}")
            losses.append(f"l{k}")
    results = [*losses, names[-1], *draw.sample(names[2:], draw.choice([0, 0, 1]))]
    form = draw.choice(["({},)", "[{}]", "dict(zip('abcdefghijkl', ({},)))"])
    lines.append("    return " + form.format(", ".join(results)))
    return "\n".join(lines) + "\n"


def run(function, module, rows, how, seed):
    """What a call leaves: results, gradients of inputs and parameters, inputs."""
    requires_grad, flag, n, no_grad, layout = how
    torch.manual_seed(seed)
    x, y = torch.randn(2, rows, WIDTH), torch.randn(2, rows, WIDTH)
    if layout == "turned":
        x = torch.randn(2, WIDTH, rows).mT
    x.requires_grad_(requires_grad)
    t = torch.randint(0, WIDTH, (2, rows))
    extra, named = [y * 0.5, x.detach() + 1], {"scale": torch.rand(WIDTH), "shift": 0.25}
    module.zero_grad()
    torch.manual_seed(seed)
    try:
        with torch.no_grad() if no_grad else contextlib.nullcontext():
            results = function(module, x, y, t, extra, named, n, flag)
        kind = type(results)
        results = list(results.values()) if kind is dict else list(results)
        flags = [r.requires_grad for r in results]
        if any(flags):
            sum(r.float().square().mean() for r in results if r.requires_grad).backward()
    except RuntimeError as error:
        return [], (type(error), str(error).partition(":")[0])
    left = [r.detach() for r in results] + [x.grad] + [p.grad for p in module.parameters()]
    left += [y, *extra, torch.rand(1)]  # as many random numbers drawn
    return left, (kind, flags, len(extra))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_random_network_computes_what_it_computes_in_eager_mode(seed):
    source = write(seed)
    program = load(source, f"network {seed}")
    compiled = torch.compile(program)
    torch.manual_seed(seed)
    module = Parts()
    draw = random.Random(seed)
    for call in range(4):
        module.train(draw.random() < 0.7)
        how = (draw.random() < 0.7, draw.random() < 0.7, draw.choice([1, 3]), draw.random() < 0.2,
               draw.choice(["plain", "plain", "turned"]))  # fmt: skip
        rows = draw.choice([3, 5])
        for turn in range(
            3
        ):  # recorded, then computed by what was made of it, for another size too
            many = rows + 33 * (turn == 2)
            expected, facts = run(program, module, many, how, turn)
            got, found = run(compiled, module, many, how, turn)
            assert found == facts, (source, how)
            for place, (a, b) in enumerate(zip(got, expected, strict=True)):
                assert same(a, b), (source, how, call, turn, place, a, b)
