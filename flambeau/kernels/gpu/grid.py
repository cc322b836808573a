"""Which neighbours the points of a grid have in an image or a volume, with which weights and slopes; a thread a point.

    kernel(i64 sizes[4], i64 pointers[4])

sizes: points, and those of the image (1s in front where there are fewer dims than 3); pointers: grid (points, dims), keys
(points, neighbours), weights (points, neighbours), slopes (points, neighbours, dims) by the grid's coordinates. A key is a
place in the flattened image, -1 outside. What values come to that is ops/grid_sample.py, written out there once more.
"""

from .. import language
from .code import Code

NEIGHBOURS = {"bilinear": 2, "nearest": 1, "bicubic": 4}  # along each dim


def write(dtype, dims, mode, padding, align, with_slopes):
    """The LLVM IR."""
    return _Kernel(dtype, dims, mode, padding, align).text(with_slopes)


class _Kernel:
    def __init__(self, dtype, dims, mode, padding, align):
        self.dtype, self.dims, self.mode, self.padding, self.align = (
            dtype,
            dims,
            mode,
            padding,
            align,
        )
        self.k = Code(sizes=4, pointers=4)

    def text(self, with_slopes):
        k = self.k
        points, *sizes = k.integers("sizes")
        sizes = sizes[3 - self.dims :]
        grid, keys, weights, slopes = k.arrays(
            "pointers", self.dtype, "int64", self.dtype, self.dtype
        )
        count = NEIGHBOURS[self.mode] ** self.dims
        with k.threads(points) as i:
            taps = [
                self.taps(grid[i * self.dims + (self.dims - 1 - d)], size)
                for d, size in enumerate(sizes)
            ]
            for number in range(count):
                chosen, rest = [], number
                for line in reversed(taps):
                    chosen.insert(0, line[rest % len(line)])
                    rest //= len(line)
                self.put(
                    i * count + number,
                    chosen,
                    sizes,
                    keys,
                    weights,
                    slopes if with_slopes else None,
                )
        return k.text()

    def put(self, at, chosen, sizes, keys, weights, slopes):
        k = self.k
        inside, key, weight = None, k.number(0, "int64"), k.number(1.0, self.dtype)
        for (place, share, _, valid), size in zip(chosen, sizes):
            inside = valid if inside is None else inside & valid
            key = key * size + place
            weight = weight * share
        keys[at] = k.where(inside, key, -1)
        # Outside a weight counts for nothing, unless it is none: NaN times 0 stays NaN.
        weights[at] = k.where(inside, weight, weight * 0.0)
        for d in range(self.dims if slopes else 0):
            slope = k.number(1.0, self.dtype)
            for other, (_, share, by_place, _) in enumerate(chosen):
                slope = slope * (by_place if other == d else share)
            slopes[at * self.dims + (self.dims - 1 - d)] = k.where(inside, slope, slope * 0.0)

    def taps(self, coordinate, size):
        """(place, weight, slope of the weight, whether it is inside) of the neighbours along a dim."""
        k, real = self.k, size.cast(self.dtype)
        if self.align:
            at, step = (coordinate + 1.0) * 0.5 * (real - 1.0), (real - 1.0) * 0.5
        else:
            at, step = ((coordinate + 1.0) * real - 1.0) * 0.5, real * 0.5
        last = real - 1.0
        if self.mode != "bicubic":
            at, sign = self.brought_inside(at, real)
            step = step * sign
        if self.mode == "nearest":
            return [self.tap(k.of(language.round, at), 1.0, 0.0, last)]
        base = k.of(language.floor, at)
        part = at - base
        if self.mode == "bilinear":
            return [self.tap(base, 1.0 - part, -step, last), self.tap(base + 1.0, part, step, last)]
        found = []
        for i in range(4):
            place, _ = self.brought_inside(base + float(i - 1), real)
            weight, slope = self.cubic(
                part + 1.0 if i == 0 else k.larger(part - (i - 1.0), (i - 1.0) - part)
            )
            falls = 1.0 if i < 2 else -1.0  # the distance grows with the part, or shrinks
            found.append(self.tap(place, weight, slope * step * falls, last))
        return found

    def tap(self, place, weight, slope, last):
        k = self.k
        valid = (place >= 0.0) & (place <= last)
        if self.dims == 3:  # a place that is none counts for nothing
            weight, slope = k.where(valid, weight, 0.0), k.where(valid, slope, 0.0)
        where = k.where(valid, place, 0.0).cast("int64")
        return where, k.pair(weight, place)[0], k.pair(slope, place)[0], valid

    def cubic(self, distance, a=-0.75):
        """Keys' kernel and its slope at a distance in [0, 2]."""
        k = self.k
        near = ((a + 2) * distance - (a + 3)) * distance * distance + 1.0
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        near_slope = (3 * (a + 2) * distance - 2 * (a + 3)) * distance
        far_slope = (3 * a * distance - 10 * a) * distance + 8 * a
        close = distance <= 1.0
        return k.where(close, near, far), k.where(close, near_slope, far_slope)

    def brought_inside(self, at, real):
        """(the place, what its slope is multiplied by)"""
        k = self.k
        one = k.number(1.0, self.dtype)
        if self.padding == "zeros":
            return at, one
        last, sign = real - 1.0, one
        if self.padding == "reflection":
            low, span = (0.0, last) if self.align else (-0.5, real)
            single = span == 0.0
            away = at - low
            offset = k.of(language.abs, away)
            turns = k.of(language.floor, offset / k.where(single, 1.0, span))
            rest = offset - turns * span
            half = turns * 0.5
            even = k.of(language.floor, half) == half
            sign = k.where(even, 1.0, -1.0).cast(self.dtype) * k.where(away < 0.0, -1.0, 1.0).cast(
                self.dtype
            )
            at = k.where(even, rest + low, span - rest + low)
            at = k.where(single, k.where(at == at, 0.0, at), at)
            sign = k.where(single, 0.0, sign)
        none = at != at
        at = k.where(none, 0.0 if self.dims == 2 else last, at)
        within = (at > 0.0) & (at < last) & ~none
        at = k.smaller(k.larger(at, 0.0), last)
        return at, k.where(within, sign, 0.0)
