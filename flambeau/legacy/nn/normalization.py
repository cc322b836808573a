"""Normalization: by the statistics of a batch, of neighbouring planes, or of the surrounding pixels."""

import flambeau as torch
import flambeau.nn.functional as F

from .layer import Layer


class BatchNormalization(Layer):
    """Each feature of a batch (N, nOutput) with mean 0 and variance 1, times weight, plus bias if affine.

    running_mean and running_var move by `momentum` towards each batch's statistics, which they replace after
    evaluate(). Source: Ioffe, Szegedy, "Batch Normalization", 2015, arXiv:1502.03167.
    """

    nDim = 2

    def __init__(self, nOutput, eps=1e-05, momentum=0.1, affine=True):
        super().__init__()
        self.affine = affine
        self.eps = eps
        self.momentum = momentum
        self.running_mean = torch.zeros(nOutput)
        self.running_var = torch.ones(nOutput)
        self.weight = torch.empty(nOutput) if affine else None
        self.bias = torch.empty(nOutput) if affine else None
        self.gradWeight = torch.zeros(nOutput) if affine else None
        self.gradBias = torch.zeros(nOutput) if affine else None
        self.reset()

    def reset(self, stdv=None):
        if self.affine:
            self.weight.uniform_()
            self.bias.zero_()
        self.running_mean.zero_()
        self.running_var.fill_(1)

    def __repr__(self):
        return f"nn.{type(self).__name__}({self.running_mean.numel()})"

    def updateOutput(self, input):
        features = self.running_mean.numel()
        if input.dim() != self.nDim or input.size(1) != features:
            raise RuntimeError(
                f"{self!r}: input must be {self.nDim}-D with {features} features in dim 1, "
                f"got {tuple(input.shape)}."
            )
        output = super().updateOutput(input)
        if self.train:
            dims = [d for d in range(input.dim()) if d != 1]
            with torch.no_grad():
                for running, now in (
                    (self.running_mean, input.mean(dims)),
                    (self.running_var, input.var(dims, unbiased=True)),
                ):
                    running.lerp_(now, self.momentum)
        return output

    def _compute(self, input):
        # running statistics are updated once a forward, not once a record: see updateOutput
        if self.train:
            return F.batch_norm(input, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )

    def read(self, file, version=2):
        """Read what write() has written; version 1 kept 1 / sqrt(var + eps) as running_std."""
        super().read(file)
        if version < 2 and getattr(self, "running_std", None) is not None:
            self.running_var = self.running_std.pow(-2).sub(self.eps)
            del self.running_std
        return self


class SpatialBatchNormalization(BatchNormalization):
    """BatchNormalization of planes: (N, C, H, W)."""

    nDim = 4


class VolumetricBatchNormalization(BatchNormalization):
    """BatchNormalization of volumes: (N, C, D, H, W)."""

    nDim = 5


class SpatialCrossMapLRN(Layer):
    """x / (k + alpha / size * sum of squares over `size` neighbouring planes)^beta, for (N, C, H, W).

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural
    Networks", 2012, section 3.3.
    """

    def __init__(self, size, alpha=0.0001, beta=0.75, k=1):
        super().__init__()
        self.size = size
        self.alpha, self.beta, self.k = alpha, beta, k

    def _compute(self, input):
        if input.dim() != 4:
            raise RuntimeError(f"{self!r}: input must be 4-D, got {tuple(input.shape)}.")
        before = (self.size - 1) // 2  # planes on either side; an even size ends there, too
        squares = F.pad(input * input, (0, 0, 0, 0, before, before))
        windows = squares.unfold(1, 2 * before + 1, 1).sum(-1)
        return input * (self.k + self.alpha / self.size * windows).pow(-self.beta)


class _LocalNormalization(Layer):
    """What the three normalizations by surrounding pixels share: a kernel, and means weighted by it."""

    def __init__(self, nInputPlane, kernel):
        super().__init__()
        self.nInputPlane = nInputPlane
        kernel = torch.ones(9, 9) if kernel is None else kernel
        if kernel.dim() not in (1, 2) or any(size % 2 == 0 for size in kernel.shape):
            raise ValueError(
                f"nn.{type(self).__name__}: the kernel must be 1-D or 2-D with odd sizes, "
                f"got {tuple(kernel.shape)}."
            )
        self.kernel = kernel / (kernel.sum() * nInputPlane if kernel.dim() == 2 else kernel.sum())

    def _weights(self):
        """The kernel over all planes, (1, C, KH, KW), of sum 1."""
        kernel = self.kernel
        if kernel.dim() == 1:
            kernel = torch.outer(kernel, kernel) / self.nInputPlane
        return kernel.expand(1, self.nInputPlane, *kernel.shape)

    def _means(self, input):
        """The weighted mean of all planes around each pixel, over the pixels that are there: (N, 1, H, W)."""
        weights = self._weights()
        padding = [size // 2 for size in weights.shape[2:]]
        there = F.conv2d(torch.ones_like(input[:1]), weights, padding=padding)
        return F.conv2d(input, weights, padding=padding), there

    def _checked(self, input):
        """The input as a batch."""
        batch = input if input.dim() == 4 else input.unsqueeze(0)
        if batch.dim() != 4 or batch.size(1) != self.nInputPlane:
            raise RuntimeError(
                f"{self!r}: input must be ([N,] {self.nInputPlane}, H, W), got {tuple(input.shape)}."
            )
        return batch

    def _subtracted(self, batch):
        sums, there = self._means(batch)
        return batch - sums / there

    def _divided(self, batch):
        sums, there = self._means(batch * batch)
        deviations = sums.sqrt() / there
        return batch / F.threshold(deviations, self.threshold, self.thresval)


class SpatialSubtractiveNormalization(_LocalNormalization):
    """x minus the mean of all planes around each pixel, weighted by a kernel (9 x 9 of ones by default).

    At the borders only pixels that are there count. The input is (N, C, H, W) or (C, H, W).
    """

    def __init__(self, nInputPlane=1, kernel=None):
        super().__init__(nInputPlane, kernel)

    def _compute(self, input):
        return self._subtracted(self._checked(input)).view(input.shape)


class SpatialDivisiveNormalization(_LocalNormalization):
    """x divided by the deviation of all planes around each pixel, weighted by a kernel.

    Args:
        nInputPlane (int): C of the input (N, C, H, W) or (C, H, W).
        kernel (Tensor, optional): (KH, KW), or (K,) for its outer product with itself; 9 x 9 of ones by default.
        threshold, thresval (float): deviations up to threshold become thresval (by default the threshold).
    """

    def __init__(self, nInputPlane=1, kernel=None, threshold=0.0001, thresval=None):
        super().__init__(nInputPlane, kernel)
        self.threshold = threshold
        self.thresval = threshold if thresval is None else thresval

    def _compute(self, input):
        return self._divided(self._checked(input)).view(input.shape)


class SpatialContrastiveNormalization(_LocalNormalization):
    """SpatialSubtractiveNormalization, then SpatialDivisiveNormalization, with one kernel."""

    def __init__(self, nInputPlane=1, kernel=None, threshold=0.0001, thresval=0.0001):
        super().__init__(nInputPlane, kernel)
        self.threshold = threshold
        self.thresval = thresval or threshold

    def _compute(self, input):
        return self._divided(self._subtracted(self._checked(input))).view(input.shape)
