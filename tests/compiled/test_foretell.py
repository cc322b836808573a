"""What a cold first call foretells: kernels that it then wants, and no other results."""

import os
import subprocess
import sys
import textwrap

PROGRAM = """
    import os
    os.sched_getaffinity = lambda _: {0, 1}
    import flambeau as torch
    from flambeau.kernels import ahead, cache
    torch.ones(3).exp()  # the process that compiles is there

    def chain(x, scale, bias):
        y = (x - x.mean(-1, keepdim=True)) * scale + bias
        return (y.sigmoid() * torch.log_softmax(y, -1)).sum(-1).tanh().mean()

    def step(function):
        given = [torch.linspace(-1, 1, 6 * 40).view(6, 40), torch.full((40,), 1.5), torch.full((6, 1), 0.25)]
        given = [t.requires_grad_() for t in given]
        out = function(*given)
        out.backward()
        return [out.detach(), *(t.grad for t in given)]

    compiled = torch.compile(chain)
    taken = []
    take = ahead.take
    ahead.take = lambda digest: taken.append(take(digest)) or taken[-1]
    first, second = step(compiled), step(compiled)
    eager = step(chain)
    print(all(torch.equal(a, b) and torch.equal(c, b) for a, b, c in zip(first, eager, second)))
    print(sum(blob is not None for blob in taken) >= int(os.environ["LEAST"]), cache.made > 3)
"""


def run(folder, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(PROGRAM)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "FLAMBEAU_CACHE_DIR": str(folder), **environment},
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_kernels_of_backward_and_of_the_program_are_compiled_ahead(tmp_path):
    assert run(tmp_path, LEAST="3") == ["True", "True", "True"]
    assert run(tmp_path, LEAST="0") == [
        "True",
        "True",
        "False",
    ]  # all are on disk: none is asked for
    assert run(tmp_path / "other", LEAST="0", FLAMBEAU_VERIFY="1") == ["True", "True", "True"]
