"""Window functions."""

import pytest

import flambeau


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("bartlett", {}),
        ("blackman", {}),
        ("cosine", {}),
        ("exponential", {"tau": 2.0}),
        ("gaussian", {"std": 1.5}),
        ("general_cosine", {"a": [0.5, 0.3, 0.2]}),
        ("general_hamming", {"alpha": 0.6}),
        ("hamming", {}),
        ("hann", {}),
        ("kaiser", {"beta": 8.0}),
        ("nuttall", {}),
    ],
)
@pytest.mark.parametrize("sym", [True, False])
def test_windows_are_those_of_scipy(agrees, name, arguments, sym):
    windows = pytest.importorskip("scipy.signal.windows")
    values = arguments.values()
    if name == "exponential":
        values = (None, *values)
    for M in (1, 7, 8):
        got = getattr(flambeau.signal.windows, name)(
            M, sym=sym, dtype=flambeau.float64, **arguments
        )
        agrees(got, getattr(windows, name)(M, *values, sym=sym))


def test_older_windows_are_periodic(agrees):
    windows = pytest.importorskip("scipy.signal.windows")
    agrees(flambeau.hann_window(8), windows.hann(8, sym=False).astype("float32"))
    agrees(flambeau.hamming_window(8, False), windows.hamming(8).astype("float32"))
    agrees(flambeau.kaiser_window(8, beta=5.0), windows.kaiser(8, 5.0, sym=False).astype("float32"))
    with pytest.raises(ValueError, match="hann: M is -1; it must be 0 or more"):
        flambeau.signal.windows.hann(-1)
