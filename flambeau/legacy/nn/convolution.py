"""Convolutions over sequences (N, T, C), images ([N,] C, H, W) and volumes ([N,] C, D, H, W)."""

import flambeau as torch
import flambeau.nn.functional as F

from .layer import Layer
from .start import reset_by_fan_in, uniform


class _Convolution(Layer):
    """A convolution with weight and bias; subclasses set the attributes and say what they compute."""

    def _make(self, weight_sizes, outputs, fan_in):
        self.weight = torch.empty(weight_sizes)
        self.gradWeight = torch.zeros(weight_sizes)
        self.bias = torch.empty(outputs)
        self.gradBias = torch.zeros(outputs)
        self._fan_in = fan_in
        self.reset()

    reset = reset_by_fan_in

    def noBias(self):
        """Leave the bias out from here on; returns self."""
        self.bias = self.gradBias = None
        return self

    def _sizes(self, names):
        return [getattr(self, name) for name in names.split()]

    def _named(self, kernel, strides, padding):
        """The text of the module, with strides and padding where they are not the usual ones."""
        text = "x".join(map(str, self._sizes(kernel)))
        steps, pads = self._sizes(strides), self._sizes(padding)
        if any(step != 1 for step in steps) or any(pads):
            text += ", " + ", ".join(map(str, steps))
        if any(pads):
            text += ", " + ", ".join(map(str, pads))
        bias = "" if self.bias is not None else " without bias"
        return f"nn.{type(self).__name__}({self.nInputPlane} -> {self.nOutputPlane}, {text}){bias}"


class SpatialConvolution(_Convolution):
    """nOutputPlane planes, each the correlation of all planes with its kernels (kH, kW), plus its bias.

    Strides are dW and dH, zeros around the image padW and padH (by default padW). weight is
    (nOutputPlane, nInputPlane, kH, kW).

    Example:
        >>> from flambeau.legacy import nn
        >>> nn.SpatialConvolution(3, 8, 5, 5).forward(torch.ones(2, 3, 12, 12)).shape
        torch.Size([2, 8, 8, 8])
    """

    dilationW = dilationH = 1

    def __init__(self, nInputPlane, nOutputPlane, kW, kH, dW=1, dH=1, padW=0, padH=None):
        super().__init__()
        self.nInputPlane, self.nOutputPlane = int(nInputPlane), int(nOutputPlane)
        self.kW, self.kH, self.dW, self.dH = kW, kH, dW, dH
        self.padW, self.padH = padW, padW if padH is None else padH
        sizes = (self.nOutputPlane, self.nInputPlane, kH, kW)
        self._make(sizes, self.nOutputPlane, kW * kH * self.nInputPlane)

    def __repr__(self):
        return self._named("kW kH", "dW dH", "padW padH")

    def _compute(self, input):
        return F.conv2d(
            input,
            self.weight,
            self.bias,
            (self.dH, self.dW),
            (self.padH, self.padW),
            (self.dilationH, self.dilationW),
        )


class SpatialDilatedConvolution(SpatialConvolution):
    """SpatialConvolution whose kernels reach over gaps: taps are dilationH rows and dilationW columns apart."""

    def __init__(
        self, nInputPlane, nOutputPlane, kW, kH, dW=1, dH=1, padW=0, padH=None, dilationH=1,
        dilationW=None,
    ):  # fmt: skip
        super().__init__(nInputPlane, nOutputPlane, kW, kH, dW, dH, padW, padH)
        self.dilationH = dilationH
        self.dilationW = dilationH if dilationW is None else dilationW


class VolumetricConvolution(_Convolution):
    """SpatialConvolution with a third dimension, time: kernels (kT, kH, kW), input ([N,] C, T, H, W)."""

    def __init__(
        self, nInputPlane, nOutputPlane, kT, kW, kH, dT=1, dW=1, dH=1, padT=0, padW=None, padH=None
    ):
        super().__init__()
        self.nInputPlane, self.nOutputPlane = nInputPlane, nOutputPlane
        self.kT, self.kW, self.kH, self.dT, self.dW, self.dH = kT, kW, kH, dT, dW, dH
        self.padT = padT
        self.padW = padT if padW is None else padW
        self.padH = self.padW if padH is None else padH
        self._make(
            (nOutputPlane, nInputPlane, kT, kH, kW), nOutputPlane, kT * kW * kH * nInputPlane
        )

    def __repr__(self):
        return self._named("kT kW kH", "dT dW dH", "padT padW padH")

    def _compute(self, input):
        strides, padding = self._sizes("dT dH dW"), self._sizes("padT padH padW")
        return F.conv3d(input, self.weight, self.bias, strides, padding)


class _FullConvolution(_Convolution):
    """The transpose of a convolution; in a table [input, like], `like` gives the size of the output."""

    _dims = ""  # the letters of the dimensions, outermost first

    def _of(self, prefix):
        return self._sizes(" ".join(prefix + letter for letter in self._dims))

    def _check_adjustment(self):
        for dim, adj, step in zip(self._dims, self._of("adj"), self._of("d")):
            if adj > step - 1:
                raise ValueError(
                    f"nn.{type(self).__name__}: adj{dim} must be below d{dim}, got {adj} and {step}."
                )

    def _compute(self, input):
        adjust, table = self._of("adj"), isinstance(input, list)
        if table:
            input, like = input
            sizes = zip(
                like.shape[-len(self._dims) :], self._of("k"), self._of("pad"), self._of("d")
            )
            adjust = [(size + 2 * pad - kernel) % step for size, kernel, pad, step in sizes]
        function = F.conv_transpose2d if len(self._dims) == 2 else F.conv_transpose3d
        return function(input, self.weight, self.bias, self._of("d"), self._of("pad"), adjust)


class SpatialFullConvolution(_FullConvolution):
    """The transpose of a SpatialConvolution, which enlarges an image; adjW and adjH add to its sizes.

    weight is (nInputPlane, nOutputPlane, kH, kW). The input may be a table [image, like]: then the output has
    the height and width of `like`, whose gradient is 0.
    """

    _dims = "HW"

    def __init__(
        self, nInputPlane, nOutputPlane, kW, kH, dW=1, dH=1, padW=0, padH=None, adjW=0, adjH=0
    ):
        super().__init__()
        self.nInputPlane, self.nOutputPlane = nInputPlane, nOutputPlane
        self.kW, self.kH, self.dW, self.dH = kW, kH, dW, dH
        self.padW, self.padH = padW, padW if padH is None else padH
        self.adjW, self.adjH = adjW, adjH
        self._check_adjustment()
        self._make((nInputPlane, nOutputPlane, kH, kW), nOutputPlane, kW * kH * nInputPlane)

    def __repr__(self):
        return self._named("kW kH", "dW dH", "padW padH")


class VolumetricFullConvolution(_FullConvolution):
    """SpatialFullConvolution with a third dimension, time: weight (nInputPlane, nOutputPlane, kT, kH, kW)."""

    _dims = "THW"

    def __init__(
        self, nInputPlane, nOutputPlane, kT, kW, kH, dT=1, dW=1, dH=1, padT=0, padW=0, padH=0,
        adjT=0, adjW=0, adjH=0,
    ):  # fmt: skip
        super().__init__()
        self.nInputPlane, self.nOutputPlane = nInputPlane, nOutputPlane
        self.kT, self.kW, self.kH, self.dT, self.dW, self.dH = kT, kW, kH, dT, dW, dH
        self.padT, self.padW, self.padH = padT, padW, padH
        self.adjT, self.adjW, self.adjH = adjT, adjW, adjH
        self._check_adjustment()
        self._make(
            (nInputPlane, nOutputPlane, kT, kH, kW), nOutputPlane, kT * kW * kH * nInputPlane
        )

    def __repr__(self):
        return self._named("kT kW kH", "dT dW dH", "padT padW padH")


class TemporalConvolution(_Convolution):
    """The convolution of a sequence ([N,] T, inputFrameSize) over time: kW frames at a time, in steps of dW.

    weight is (outputFrameSize, kW * inputFrameSize), frame by frame.
    """

    def __init__(self, inputFrameSize, outputFrameSize, kW, dW=1):
        super().__init__()
        self.inputFrameSize, self.outputFrameSize = inputFrameSize, outputFrameSize
        self.kW, self.dW = kW, dW
        self._make((outputFrameSize, inputFrameSize * kW), outputFrameSize, kW * inputFrameSize)

    def __repr__(self):
        text = f"{self.inputFrameSize} -> {self.outputFrameSize}, {self.kW}"
        return f"nn.TemporalConvolution({text}{f', {self.dW}' if self.dW != 1 else ''})"

    def _compute(self, input):
        weight = self.weight.view(self.outputFrameSize, self.kW, self.inputFrameSize).mT
        return F.conv1d(input.mT, weight, self.bias, self.dW).mT.contiguous()


class SpatialConvolutionLocal(_Convolution):
    """A SpatialConvolution with kernels of their own at every pixel: weight (oH, oW, outputs, inputs, kH, kW)."""

    def __init__(self, nInputPlane, nOutputPlane, iW, iH, kW, kH, dW=1, dH=1, padW=0, padH=None):
        super().__init__()
        self.nInputPlane, self.nOutputPlane = nInputPlane, nOutputPlane
        self.iW, self.iH, self.kW, self.kH, self.dW, self.dH = iW, iH, kW, kH, dW, dH
        self.padW, self.padH = padW, padW if padH is None else padH
        self.oW = (2 * self.padW + iW - kW) // dW + 1
        self.oH = (2 * self.padH + iH - kH) // dH + 1
        if self.oW < 1 or self.oH < 1:
            raise ValueError(
                f"nn.SpatialConvolutionLocal: an image of {iH} x {iW} has no place for the kernel."
            )
        sizes = (self.oH, self.oW, nOutputPlane, nInputPlane, kH, kW)
        self._make(sizes, (nOutputPlane, self.oH, self.oW), kW * kH * nInputPlane)

    def __repr__(self):
        return self._named("kW kH", "dW dH", "padW padH")

    def _compute(self, input):
        if input.shape[-3:] != (self.nInputPlane, self.iH, self.iW) or input.dim() not in (3, 4):
            raise RuntimeError(
                f"{self!r}: input must be ([N,] {self.nInputPlane}, {self.iH}, {self.iW}), "
                f"got {tuple(input.shape)}."
            )
        batch = input if input.dim() == 4 else input.unsqueeze(0)
        patches = F.unfold(batch, (self.kH, self.kW), 1, (self.padH, self.padW), (self.dH, self.dW))
        kernels = self.weight.reshape(self.oH * self.oW, self.nOutputPlane, -1)
        output = torch.einsum("nkp,pok->nop", patches, kernels)
        output = output.reshape(-1, self.nOutputPlane, self.oH, self.oW) + self.bias
        return output if input.dim() == 4 else output[0]


class _Maps:
    """Tables of connections (planes from, planes to), one pair a row, for SpatialConvolutionMap."""

    @staticmethod
    def full(nin, nout):
        """Every input with every output."""
        pairs = [(i, j) for j in range(nout) for i in range(nin)]
        return torch.tensor(pairs, dtype=torch.get_default_dtype())

    @staticmethod
    def oneToOne(nfeat):
        """Each input with the output of its number."""
        numbers = torch.arange(nfeat, dtype=torch.get_default_dtype())
        return torch.stack([numbers, numbers], 1)

    @staticmethod
    def random(nin, nout, nto):
        """Each output with nto inputs by chance, all inputs used about equally often."""
        if not 0 < nto <= nin:
            raise ValueError(
                f"nn.SpatialConvolutionMap.maps.random: nto must be 1 to {nin}, got {nto}."
            )
        rounds = nin // nto  # outputs served by one shuffling of the inputs
        sources = []
        for first in range(0, nout, rounds):
            count = min(rounds, nout - first)
            sources.append(torch.randperm(nin)[: count * nto])
        sources = torch.cat(sources).to(torch.get_default_dtype())
        targets = torch.arange(nout, dtype=sources.dtype).repeat_interleave(nto)
        return torch.stack([sources, targets], 1)


class SpatialConvolutionMap(_Convolution):
    """A SpatialConvolution with some of the connections: conMatrix has a row (input, output) for each.

    weight is (connections, kH, kW). `maps` has functions that make tables: full, oneToOne, random.
    """

    maps = _Maps

    def __init__(self, conMatrix, kW, kH, dW=1, dH=1):
        super().__init__()
        self.kW, self.kH, self.dW, self.dH = kW, kH, dW, dH
        self.padW = self.padH = 0
        self.connTable = conMatrix
        self.nInputPlane = int(conMatrix[:, 0].max()) + 1
        self.nOutputPlane = int(conMatrix[:, 1].max()) + 1
        self._make((conMatrix.size(0), kH, kW), self.nOutputPlane, kW * kH)

    def reset(self, stdv=None):
        if stdv is not None:
            return super().reset(stdv)
        target = self.connTable[:, 1].long()
        fans = self.kW * self.kH * target.bincount(minlength=self.nOutputPlane)
        bounds = fans.clamp(min=1).to(self.weight.dtype).rsqrt()
        uniform(1.0, self.weight, self.bias)
        self.weight *= bounds[target].view(-1, 1, 1)
        self.bias *= bounds
        return self

    def __repr__(self):
        return self._named("kW kH", "dW dH", "padW padH")

    def _dense(self):
        """The kernels of all pairs of planes, 0 where there is no connection: (outputs, inputs, kH, kW)."""
        source, target = self.connTable.long().unbind(1)
        sizes = (self.nOutputPlane, self.nInputPlane, self.kH, self.kW)
        return self.weight.new_zeros(sizes).index_put(
            (target, source), self.weight, accumulate=True
        )

    def _compute(self, input):
        return F.conv2d(input, self._dense(), self.bias, (self.dH, self.dW))


class SpatialFullConvolutionMap(SpatialConvolutionMap):
    """A SpatialFullConvolution with some of the connections."""

    def _compute(self, input):
        weight = self._dense().transpose(0, 1)
        return F.conv_transpose2d(input, weight, self.bias, (self.dH, self.dW))
