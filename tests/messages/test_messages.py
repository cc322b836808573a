"""Messages are behaviour: those of typical mistakes stand in messages.txt, word for word.

After a change that is meant: python -m tests.messages.test_messages --write, then read the diff.
"""

import sys
from pathlib import Path

import pytest

import flambeau
from tests.messages.mistakes import MISTAKES, message_of

GOLDEN = Path(__file__).with_name("messages.txt")


def golden():
    """Name to message; a message takes one line and more, each behind four spaces."""
    messages, name = {}, None
    for line in GOLDEN.read_text().splitlines():
        if line.startswith("    "):
            messages[name] = f"{messages[name]}\n{line[4:]}" if messages[name] else line[4:]
        elif line:
            name = line
            messages[name] = ""
    return messages


def written():
    """What the golden file should hold."""
    parts = (
        "\n".join([call.__name__, *(f"    {line}" for line in message_of(call).splitlines())])
        for call in MISTAKES
    )
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("call", MISTAKES, ids=lambda call: call.__name__)
def test_message(call):
    assert message_of(call) == golden()[call.__name__]


def test_every_message_has_its_mistake():
    assert list(golden()) == [call.__name__ for call in MISTAKES]
    assert len(MISTAKES) >= 80


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        GOLDEN.write_text(written())
    else:
        sys.exit(__doc__)


@pytest.mark.parametrize(
    "call, beginning",
    [
        (lambda x: flambeau.cumsum(x, 0, out="no"), "cumsum: out must be a Tensor, not str"),
        (lambda x: flambeau.amax(x, 0, out="no"), "amax: out must be a Tensor, not str"),
        (lambda x: flambeau.median("no"), "median: input must be a Tensor, not str"),
        (
            lambda x: flambeau.put(x, flambeau.tensor([0]), 3),
            "put: source must be a Tensor, not int",
        ),
        (lambda x: flambeau.bernoulli("no"), "bernoulli: input must be a Tensor, not str"),
        (
            lambda x: flambeau.logit(x.to("meta"), out=x.clone()),
            "logit: its tensors lie on different devices",
        ),
    ],
)
def test_inner_functions_speak_for_the_operator(call, beginning):
    with pytest.raises((TypeError, RuntimeError), match="^" + beginning):
        call(flambeau.rand(3, 4))


@pytest.mark.parametrize(
    "name",
    "mse_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss soft_margin_loss hinge_embedding_loss "
    "cosine_similarity pairwise_distance multilabel_soft_margin_loss isclose dist polar complex gcd "
    "masked_scatter".split(),
)
@pytest.mark.filterwarnings("ignore")
def test_shapes_that_do_not_broadcast(name):
    # What they are made of met the shapes first, and spoke of sub, mul or broadcast_shapes.
    call = getattr(flambeau.nn.functional, name, None) or getattr(flambeau, name)
    a, b = flambeau.ones(4, 3), flambeau.ones(4, 2)
    more = {"gcd": (a.long(), b.long()), "masked_scatter": (a, b > 0, b)}
    with pytest.raises(RuntimeError, match=rf"^{name}: shape \(4, [23]\) has size [23] where"):
        call(*more.get(name, (a, b)))
