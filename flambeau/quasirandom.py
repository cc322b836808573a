"""Points that fill a cube more evenly than random ones."""

import functools
from pathlib import Path

import flambeau

_BITS = 30


@functools.cache
def _polynomials():
    """Joe and Kuo's primitive polynomials and initial numbers, (D) and (D, 18): a row a dimension.

    The table is new-joe-kuo-6.21201 (Joe, Kuo, SIAM J. Sci. Comput. 30 (2008) 2635), which SciPy carries.
    """
    import numpy as np

    try:
        import scipy.stats
    except ImportError:
        raise ImportError(
            "quasirandom.SobolEngine needs SciPy for its table of direction numbers, which is not "
            "installed. Run: pip install 'flambeau[quasirandom]'."
        ) from None
    with np.load(Path(scipy.stats.__file__).with_name("_sobol_direction_numbers.npz")) as table:
        return table["poly"].astype(np.int64), table["vinit"].astype(np.int64)


def _direction_numbers(dimension):
    """(dimension, _BITS) int64: by what a coordinate changes with each bit of the point's number.

    Source: Bratley, Fox, ACM Trans. Math. Softw. 14 (1988) 88.
    """
    import numpy as np

    polynomials, initial = _polynomials()
    polynomials = polynomials[:dimension]
    degrees = np.array([int(p).bit_length() - 1 for p in polynomials])
    numbers = np.ones((dimension, _BITS), np.int64)  # the first coordinate: the bits reversed
    for degree in set(degrees.tolist()) - {0}:
        rows = np.flatnonzero(degrees == degree)
        numbers[rows, :degree] = initial[rows, :degree]
        taps = (
            polynomials[rows, None] >> np.arange(degree - 1, -1, -1) & 1
        )  # of x**(degree-1) ... 1
        for j in range(degree, _BITS):
            value = numbers[rows, j - degree]
            for k in range(degree):
                value = value ^ (taps[:, k] * numbers[rows, j - k - 1] << k + 1)
            numbers[rows, j] = value
    return numbers << np.arange(_BITS - 1, -1, -1)


def _scramble(numbers, seed):
    """(shifts (D), numbers after a random unit lower triangular matrix over bits for each dimension).

    The bits are those of a Mersenne twister, drawn in the order in which PyTorch draws them.
    Source: Matousek, J. Complexity 14 (1998) 527.
    """
    import numpy as np

    twister = np.random.MT19937()
    twister._legacy_seeding(seed & 0xFFFFFFFF)
    dimension = len(numbers)
    shift = twister.random_raw(dimension * _BITS).reshape(dimension, _BITS).astype(np.int64) & 1
    matrices = twister.random_raw(dimension * _BITS**2).reshape(dimension, _BITS, _BITS) & 1
    matrices = np.tril(matrices.astype(np.int64), -1) + np.eye(_BITS, dtype=np.int64)
    places = np.arange(_BITS - 1, -1, -1)  # the first row and column are the highest bit
    bits = numbers[:, None, :] >> places[:, None] & 1  # (D, bit, number)
    mixed = matrices @ bits & 1
    return shift @ (1 << np.arange(_BITS)), (mixed << places[:, None]).sum(1)


class SobolEngine:
    """Draws the points of a Sobol sequence, which fill (0, 1)**dimension evenly.

    Args:
        dimension (int): 1 to 21,201.
        scramble (bool): mixes the bits of the coordinates at random; the points stay as even.
        seed (int, optional): of the scrambling; the points are those of PyTorch with this seed.

    Raises:
        ValueError: dimension is out of range.
        ImportError: SciPy, which has the table of direction numbers, is not installed.

    Example:
        >>> torch.quasirandom.SobolEngine(2).draw(4)
        tensor([[0.0000, 0.0000],
                [0.5000, 0.5000],
                [0.7500, 0.2500],
                [0.2500, 0.7500]])

    Source: Sobol, USSR Comput. Math. Math. Phys. 7 (1967) 86; drawn in the order of Antonov and
        Saleev, ibid. 19 (1980) 252, where each point differs from the last by one direction number.
    """

    MAXBIT = _BITS
    MAXDIM = 21201

    def __init__(self, dimension, scramble=False, seed=None):
        import numpy as np

        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(
                f"SobolEngine: dimension is {dimension}; it must be 1 to {self.MAXDIM}."
            )
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        numbers = _direction_numbers(dimension)
        shift = np.zeros(dimension, np.int64)
        if scramble:
            if seed is None:
                seed = int(flambeau.randint(2**32, ()))
            shift, numbers = _scramble(numbers, seed)
        self.sobolstate = flambeau.from_numpy(numbers)
        self.shift = flambeau.from_numpy(shift)
        self.reset()

    def reset(self):
        """Start again at the first point; returns self."""
        self.quasi = self.shift.clone()
        self.num_generated = 0
        return self

    def fast_forward(self, n):
        """Leave out the next n points; returns self."""
        if n < 0:
            raise ValueError(f"SobolEngine.fast_forward: n is {n}; it must not be negative.")
        self.num_generated += n
        last = max(self.num_generated - 1, 0)
        self.quasi = flambeau.from_numpy(self._point(last))
        return self

    def _point(self, number):
        """The point of this number, in units of 2**-MAXBIT."""
        import numpy as np

        changes = number ^ number >> 1  # the Gray code says which direction numbers it sums up
        places = [bit for bit in range(_BITS) if changes >> bit & 1]
        return (
            np.bitwise_xor.reduce(self.sobolstate.numpy()[:, places], axis=1, initial=0)
            ^ self.shift.numpy()
        )

    def draw(self, n=1, out=None, dtype=None):
        """The next n points.

        Args:
            n (int): how many.
            out (Tensor, optional): takes the points; it is resized.
            dtype (dtype): floating; the default dtype.

        Returns:
            Tensor: (n, dimension).
        """
        import numpy as np

        if n < 0:
            raise RuntimeError(f"SobolEngine.draw: n is {n}; it must not be negative.")
        if self.num_generated + n > 1 << _BITS:
            raise ValueError(
                f"SobolEngine.draw: {self.num_generated} + {n} points are more than the 2**{_BITS} "
                "that there are. reset() starts again."
            )
        dtype = dtype or flambeau.get_default_dtype()
        points = np.empty((n, self.dimension), np.int64)
        if n:
            points[0] = self._point(self.num_generated)
            numbers = np.arange(self.num_generated, self.num_generated + n - 1)
            # From one point to the next changes the number of its lowest bit that is 0.
            lowest = ~numbers & numbers + 1
            places = np.frexp(lowest.astype(np.float64))[1] - 1
            points[1:] = self.sobolstate.numpy().T[places]
            points = np.bitwise_xor.accumulate(points, axis=0)
            self.num_generated += n
            self.quasi = flambeau.from_numpy(points[-1].copy())
        result = flambeau.from_numpy(points * 2.0**-_BITS).to(dtype)
        return result if out is None else out.resize_(result.shape).copy_(result)

    def draw_base2(self, m, out=None, dtype=None):
        """The next 2**m points, as draw(); the count of all points must then be a power of 2."""
        n = 1 << m
        total = self.num_generated + n
        if total & total - 1:
            raise ValueError(
                f"SobolEngine.draw_base2: {self.num_generated} points were drawn, and 2**{m} more "
                f"make {total}, which is no power of 2, so they would not be evenly spread. Use draw()."
            )
        return self.draw(n, out, dtype)

    def __repr__(self):
        text = f"SobolEngine(dimension={self.dimension}"
        if self.scramble:
            text += ", scramble=True"
        return text + (f", seed={self.seed})" if self.seed is not None else ")")
