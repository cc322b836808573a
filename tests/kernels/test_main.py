"""python -m flambeau.kernels shows each stage."""

from flambeau.kernels.__main__ import main


def test_stages_are_printed(capsys):
    assert main(["x / (2 + y)"]) == 0
    out = capsys.readouterr().out
    assert "# expression\nx / (2 + y)" in out and "# derivative by x" in out
    assert "define void @kernel" in out and ".globl" in out
    main(["x * y", "--stage", "ptx"])
    assert ".visible .entry kernel" in capsys.readouterr().out
