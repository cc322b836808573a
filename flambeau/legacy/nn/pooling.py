"""Pooling over sequences ([N,] T, C), images ([N,] C, H, W) and volumes ([N,] C, T, H, W), and back."""

import flambeau as torch
import flambeau.nn.functional as F

from .container import Sequential
from .layer import Layer
from .pointwise import MulConstant, Power, Sqrt, Square
from .start import reset_by_fan_in


class _Pooling(Layer):
    ceil_mode = False

    def ceil(self):
        """Let the last window reach over the border; returns self."""
        self.ceil_mode = True
        return self

    def floor(self):
        """Leave out a last window that would reach over the border; returns self."""
        self.ceil_mode = False
        return self

    def _of(self, prefix):
        return [getattr(self, prefix + letter) for letter in self._dims]

    def __repr__(self):
        letters = [letter for letter in "TWH" if letter in self._dims]
        kernel = "x".join(str(getattr(self, "k" + letter)) for letter in letters)
        numbers = [getattr(self, "d" + letter) for letter in letters]
        if any(getattr(self, "pad" + letter, 0) for letter in letters):
            numbers += [getattr(self, "pad" + letter) for letter in letters]
        return f"nn.{type(self).__name__}({kernel}, {', '.join(map(str, numbers))})"


class SpatialAveragePooling(_Pooling):
    """The mean of each window (kH, kW), in steps of dH and dW, with padding that counts by default."""

    _dims = "HW"

    def __init__(self, kW, kH, dW=1, dH=1, padW=0, padH=0):
        super().__init__()
        self.kW, self.kH, self.dW, self.dH, self.padW, self.padH = kW, kH, dW, dH, padW, padH
        self.count_include_pad = True
        self.divide = True

    def setCountIncludePad(self):
        """Divide by the size of the window at the borders, too; returns self."""
        self.count_include_pad = True
        return self

    def setCountExcludePad(self):
        """Divide by the number of pixels that are there; returns self."""
        self.count_include_pad = False
        return self

    def _compute(self, input):
        sizes = self._of("k"), self._of("d"), self._of("pad")
        means = F.avg_pool2d(input, *sizes, self.ceil_mode, self.count_include_pad)
        return means if self.divide else means * (self.kW * self.kH)


class VolumetricAveragePooling(_Pooling):
    """The mean of each window (kT, kH, kW), in steps of dT, dH and dW (by default the window's sizes)."""

    _dims = "THW"

    def __init__(self, kT, kW, kH, dT=None, dW=None, dH=None):
        super().__init__()
        self.kT, self.kW, self.kH = kT, kW, kH
        self.dT, self.dW, self.dH = dT or kT, dW or kW, dH or kH

    def _compute(self, input):
        return F.avg_pool3d(input, self._of("k"), self._of("d"))


class _MaxPooling(_Pooling):
    """Keeps where its maxima come from (`indices`) and the sizes of its input, for unpooling."""

    def _compute(self, input):
        function = F.max_pool2d if len(self._dims) == 2 else F.max_pool3d
        maxima, self.indices = function(
            input,
            self._of("k"),
            self._of("d"),
            self._of("pad"),
            ceil_mode=self.ceil_mode,
            return_indices=True,
        )
        self._input_size = input.shape
        self.iheight, self.iwidth = input.shape[-2:]
        if len(self._dims) == 3:
            self.itime = input.size(-3)
        return maxima

    def clearState(self):
        self.indices = torch.LongTensor()
        return super().clearState()


class SpatialMaxPooling(_MaxPooling):
    """The maximum of each window (kH, kW), in steps of dH and dW (by default the window's sizes)."""

    _dims = "HW"

    def __init__(self, kW, kH, dW=None, dH=None, padW=0, padH=0):
        super().__init__()
        self.kW, self.kH = kW, kH
        self.dW, self.dH = dW or kW, dH or kH
        self.padW, self.padH = padW, padH
        self.indices = torch.LongTensor()


class VolumetricMaxPooling(_MaxPooling):
    """The maximum of each window (kT, kH, kW), in steps of dT, dH and dW (by default the window's sizes)."""

    _dims = "THW"

    def __init__(self, kT, kW, kH, dT=None, dW=None, dH=None, padT=0, padW=0, padH=0):
        super().__init__()
        self.kT, self.kW, self.kH = kT, kW, kH
        self.dT, self.dW, self.dH = dT or kT, dW or kW, dH or kH
        self.padT, self.padW, self.padH = padT, padW, padH
        self.indices = torch.LongTensor()


class _MaxUnpooling(Layer):
    _pooling = None  # the class it undoes

    def __init__(self, poolingModule):
        super().__init__()
        if not isinstance(poolingModule, self._pooling):
            raise TypeError(
                f"nn.{type(self).__name__}: expected a {self._pooling.__name__}, got {poolingModule!r}."
            )
        if poolingModule._of("k") != poolingModule._of("d"):
            raise ValueError(
                f"nn.{type(self).__name__}: windows of {poolingModule!r} must not overlap or leave gaps."
            )
        self.pooling = poolingModule

    def __repr__(self):
        return f"nn.{type(self).__name__} associated to {self.pooling!r}"

    def _compute(self, input):
        pooling = self.pooling
        function = F.max_unpool2d if len(pooling._dims) == 2 else F.max_unpool3d
        size = pooling._input_size[-len(pooling._dims) :]
        return function(
            input, pooling.indices, pooling._of("k"), pooling._of("d"), pooling._of("pad"), size
        )


class SpatialMaxUnpooling(_MaxUnpooling):
    """Values put back to where the maxima of a SpatialMaxPooling came from, 0 elsewhere."""

    _pooling = SpatialMaxPooling


class VolumetricMaxUnpooling(_MaxUnpooling):
    """Values put back to where the maxima of a VolumetricMaxPooling came from, 0 elsewhere."""

    _pooling = VolumetricMaxPooling


class SpatialAdaptiveMaxPooling(Layer):
    """The maxima of h x w windows that cover the image evenly."""

    def __init__(self, w, h):
        super().__init__()
        self.w = w
        self.h = h

    def _compute(self, input):
        maxima, self.indices = F.adaptive_max_pool2d(input, (self.h, self.w), return_indices=True)
        return maxima


class SpatialFractionalMaxPooling(Layer):
    """Maxima of windows that lie at random distances. Source: Graham, 2014, arXiv:1412.6071.

    Args:
        poolSizeW, poolSizeH (int): the windows.
        arg1, arg2 (float or int): width and height of the output, or their ratio to the input's if below 1.
    """

    def __init__(self, poolSizeW, poolSizeH, arg1, arg2):
        super().__init__()
        if poolSizeW < 2 or poolSizeH < 2:
            raise ValueError(
                f"nn.SpatialFractionalMaxPooling: windows must be at least 2 x 2, got {poolSizeW}, {poolSizeH}."
            )
        self.poolSizeW, self.poolSizeH = poolSizeW, poolSizeH
        self.randomSamples = None
        self.newRandomPool = False
        self.outW = self.outH = self.ratioW = self.ratioH = None
        if arg1 >= 1 and arg2 >= 1:
            self.outW, self.outH = int(arg1), int(arg2)
        elif 0 < arg1 < 1 and 0 < arg2 < 1:
            self.ratioW, self.ratioH = arg1, arg2
        else:
            raise ValueError(
                f"nn.SpatialFractionalMaxPooling: expected two sizes or two ratios in (0, 1), got {arg1} and {arg2}."
            )

    def __repr__(self):
        width, height = self.outW or self.ratioW, self.outH or self.ratioH
        windows = f"{self.poolSizeW}, {self.poolSizeH}"
        return f"nn.SpatialFractionalMaxPooling({width}x{height}, {windows})"

    def fixPoolingRegions(self, val=True):
        """Use the same windows from the next forward on; returns self."""
        self.newRandomPool = val
        return self

    def updateOutput(self, input):
        sizes = (*input.shape[:-3], input.size(-3), 2)
        sizes = sizes if input.dim() == 4 else (1, *sizes)
        samples = self.randomSamples
        if samples is None or samples.shape != sizes or not self.newRandomPool:
            self.randomSamples = input.new_empty(sizes).uniform_()
        return super().updateOutput(input)

    def _compute(self, input):
        height, width = self.outH, self.outW
        if self.ratioW is not None:
            height, width = int(input.size(-2) * self.ratioH), int(input.size(-1) * self.ratioW)
        samples = self.randomSamples.to(input.dtype)
        window = (self.poolSizeH, self.poolSizeW)
        maxima, self.indices = F.fractional_max_pool2d(
            input, window, (height, width), return_indices=True, _random_samples=samples
        )
        return maxima

    def empty(self):
        """clearState."""
        return self.clearState()

    def clearState(self):
        self.indices = self.randomSamples = None
        return super().clearState()


class SpatialLPPooling(Sequential):
    """The p-norm of each window, as a Sequential of powers and a mean. A p of 2 is exact at 0."""

    def __init__(self, nInputPlane, pnorm, kW, kH, dW=None, dH=None):
        super().__init__()
        self.kW, self.kH = kW, kH
        self.dW, self.dH = dW or kW, dH or kH
        self.add(Square() if pnorm == 2 else Power(pnorm))
        self.add(SpatialAveragePooling(kW, kH, self.dW, self.dH))
        self.add(MulConstant(kW * kH))
        self.add(Sqrt() if pnorm == 2 else Power(1.0 / pnorm))


class _SubSampling(Layer):
    """Sums of windows times a weight, plus a bias, for each plane."""

    def _make(self, planes, window):
        self.weight, self.bias = torch.empty(planes), torch.empty(planes)
        self.gradWeight, self.gradBias = torch.zeros(planes), torch.zeros(planes)
        self._fan_in = window
        self.reset()

    reset = reset_by_fan_in


class SpatialSubSampling(_SubSampling):
    """weight[c] times the sum of each window (kH, kW) of plane c, plus bias[c]."""

    def __init__(self, nInputPlane, kW, kH, dW=1, dH=1):
        super().__init__()
        self.nInputPlane = nInputPlane
        self.kW, self.kH, self.dW, self.dH = kW, kH, dW, dH
        self._make(nInputPlane, kW * kH)

    def _compute(self, input):
        sums = F.avg_pool2d(input, (self.kH, self.kW), (self.dH, self.dW)) * (self.kW * self.kH)
        return sums * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


class TemporalSubSampling(_SubSampling):
    """weight[c] times the sum of kW frames of feature c, plus bias[c]: ([N,] T, inputFrameSize)."""

    def __init__(self, inputFrameSize, kW, dW=1):
        super().__init__()
        self.inputFrameSize, self.kW, self.dW = inputFrameSize, kW, dW
        self._make(inputFrameSize, kW)

    def _compute(self, input):
        return input.unfold(-2, self.kW, self.dW).sum(-1) * self.weight + self.bias


class TemporalMaxPooling(Layer):
    """The maximum of kW frames of each feature, in steps of dW (by default kW): ([N,] T, C)."""

    def __init__(self, kW, dW=None):
        super().__init__()
        self.kW = kW
        self.dW = dW or kW

    def _compute(self, input):
        return F.max_pool1d(input.mT, self.kW, self.dW).mT.contiguous()
