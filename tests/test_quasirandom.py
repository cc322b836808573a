"""SobolEngine: the points of SciPy's and PyTorch's sequences."""

import pytest

import flambeau as torch

qmc = pytest.importorskip("scipy.stats").qmc
Engine = torch.quasirandom.SobolEngine


@pytest.mark.parametrize("dimension", [1, 2, 40, 1111])
def test_points_are_scipys(dimension):
    engine = Engine(dimension)
    reference = qmc.Sobol(dimension, scramble=False, bits=30)
    points = engine.draw(16, dtype=torch.float64)
    assert points.tolist() == reference.random(16).tolist()
    engine.fast_forward(1000)
    reference.fast_forward(1000)
    assert engine.draw(3, dtype=torch.float64).tolist() == reference.random(3).tolist()
    assert engine.num_generated == 1019


@pytest.mark.parametrize("seed", [0, 7, 2**33 + 5])
def test_scrambled_points_are_pytorchs(seed):
    reference = pytest.importorskip("torch").quasirandom.SobolEngine(5, scramble=True, seed=seed)
    engine = Engine(5, scramble=True, seed=seed)
    assert engine.draw(9).tolist() == reference.draw(9).tolist()
    assert engine.shift.tolist() == reference.shift.tolist()
    assert engine.sobolstate.tolist() == reference.sobolstate.tolist()
    assert repr(engine) == repr(reference)


def test_scrambled_points_are_even():
    torch.manual_seed(3)
    points = Engine(6, scramble=True).draw(256, dtype=torch.float64)
    for column in points.T:  # one point in each of 256 equal parts, in every dimension
        assert sorted((column * 256).long().tolist()) == list(range(256))
    torch.manual_seed(3)
    assert torch.equal(Engine(6, scramble=True).draw(256, dtype=torch.float64), points)


def test_drawing_in_parts():
    engine = Engine(3, scramble=True, seed=1)
    whole = engine.draw(8)
    engine.reset()
    parts = [engine.draw(3), engine.draw(0), engine.fast_forward(2).draw(), engine.draw(2)]
    assert torch.equal(torch.cat(parts), torch.cat([whole[:3], whole[5:]]))
    out = torch.empty(0)
    assert engine.reset().draw(8, out=out) is out and torch.equal(out, whole)
    assert torch.equal(engine.reset().draw_base2(2), whole[:4])
    assert torch.equal(engine.draw_base2(2), whole[4:])


def test_what_cannot_be_drawn():
    for dimension in (0, Engine.MAXDIM + 1):
        with pytest.raises(ValueError, match=rf"dimension is {dimension}; it must be 1 to 21201"):
            Engine(dimension)
    engine = Engine(2)
    engine.draw(3)
    with pytest.raises(ValueError, match=r"3 points were drawn, and 2\*\*2 more make 7"):
        engine.draw_base2(2)
    with pytest.raises(RuntimeError, match="n is -1"):
        engine.draw(-1)
    engine.fast_forward(2**30 - 4)
    with pytest.raises(ValueError, match="are more than the 2"):
        engine.draw(2)
