"""The row functions that operators are made of, forward and backward.

A quotient by a row value is written as a product with its reciprocal: one division per row.
"""

from ..language import exp, log, logical_and, sqrt, where
from .row_language import length, pick, position, rmax, rmean, rsum
from .rows import Rows


def softmax_of(x):
    e = exp(x - rmax(x))
    return e * (1 / rsum(e))


def log_softmax_of(x):
    top = rmax(x)
    return x - top - log(rsum(exp(x - top)))


def _softmax_backward(grad, result):
    return (grad - rsum(grad * result)) * result


def _log_softmax_backward(grad, result):
    return grad - exp(result) * rsum(grad)


softmax = Rows(softmax_of, "softmax")
log_softmax = Rows(log_softmax_of, "log_softmax")
softmax_backward = Rows(_softmax_backward, "softmax_backward")
log_softmax_backward = Rows(_log_softmax_backward, "log_softmax_backward")


def _logsumexp(x):
    top = rmax(x)
    finite = where(abs(top) == float("inf"), 0, top)  # inf - inf would be NaN
    return log(rsum(exp(x - finite))) + finite


logsumexp = Rows(_logsumexp, "logsumexp")


# -- norms ----------------------------------------------------------------------------------------


SHORT_ROW = 8  # the lanes of PyTorch's vectors: below it has no variance of rows of 2e19 and more


def _moments(x, eps):
    mean = rmean(x)
    deviation = x - mean
    # As in PyTorch a short row whose mean has no finite square has no variance: NaN, not 0.
    doubt = where(length() < SHORT_ROW, mean * mean * 0, 0)
    return mean, deviation, 1 / sqrt(rmean(deviation * deviation) + doubt + eps)


def _layer_norm(x, eps):
    mean, deviation, rstd = _moments(x, eps)
    return deviation * rstd, mean, rstd


def _layer_norm_affine(x, weight, bias, eps):
    mean, deviation, rstd = _moments(x, eps)
    return deviation * rstd * weight + bias, mean, rstd


def _layer_norm_weight(x, weight, eps):
    mean, deviation, rstd = _moments(x, eps)
    return deviation * rstd * weight, mean, rstd


# Without the statistics, for calls that no backward follows.
plain_layer_norm = Rows(lambda x, eps: _layer_norm(x, eps)[0], "layer_norm")
plain_layer_norm_affine = Rows(
    lambda x, weight, bias, eps: _layer_norm_affine(x, weight, bias, eps)[0], "layer_norm"
)


def _layer_norm_backward(grad, x, mean, rstd):
    normal = (x - mean) * rstd
    return rstd * (grad - rmean(grad) - normal * rmean(grad * normal))


def _layer_norm_weight_backward(grad, x, mean, rstd, weight):
    return _layer_norm_backward(grad * weight, x, mean, rstd)


def _layer_norm_both_backward(grad, x, mean, rstd, weight):
    return _layer_norm_backward(grad * weight, x, mean, rstd), grad * ((x - mean) * rstd)


# Outputs: the result, and the mean and 1 / sqrt(var + eps) of each row. eps is of kind 'x'.
layer_norm = Rows(_layer_norm, "layer_norm")
layer_norm_weight = Rows(_layer_norm_weight, "layer_norm")
layer_norm_affine = Rows(_layer_norm_affine, "layer_norm")
layer_norm_backward = Rows(_layer_norm_backward, "layer_norm_backward")
layer_norm_weight_backward = Rows(_layer_norm_weight_backward, "layer_norm_backward")
# With what the rows contribute to the gradient of the weight.
layer_norm_both_backward = Rows(_layer_norm_both_backward, "layer_norm_backward")


def _rms_norm(x, eps):
    rstd = 1 / sqrt(rmean(x * x) + eps)
    return x * rstd, rstd


def _rms_norm_weight(x, weight, eps):
    rstd = 1 / sqrt(rmean(x * x) + eps)
    return x * rstd * weight, rstd


plain_rms_norm = Rows(lambda x, eps: _rms_norm(x, eps)[0], "rms_norm")
plain_rms_norm_weight = Rows(lambda x, weight, eps: _rms_norm_weight(x, weight, eps)[0], "rms_norm")


def _rms_norm_backward(grad, x, rstd):
    normal = x * rstd
    return rstd * (grad - normal * rmean(grad * normal))


# Outputs: the result, and 1 / sqrt(mean of squares + eps) of each row.
rms_norm = Rows(_rms_norm, "rms_norm")
rms_norm_weight = Rows(_rms_norm_weight, "rms_norm")
rms_norm_backward = Rows(_rms_norm_backward, "rms_norm_backward")
rms_norm_weight_backward = Rows(
    lambda grad, x, rstd, weight: _rms_norm_backward(grad * weight, x, rstd), "rms_norm_backward"
)


def _normalize(x, eps):
    norm = sqrt(rsum(x * x))
    norm = where(norm < eps, eps, norm)
    return x * (1 / norm), norm


# x / max(|x|, eps), and that maximum.
normalize = Rows(_normalize, "normalize")


# -- cross-entropy --------------------------------------------------------------------------------


def _cross_entropy(x, target, smoothing):
    top = rmax(x)
    log_total = log(rsum(exp(x - top)))
    likely = pick(x, target) - top - log_total
    mean = rmean(x) - top - log_total
    loss = where(smoothing == 0, -likely, -(1 - smoothing) * likely - smoothing * mean)
    return loss, top, log_total


def _cross_entropy_backward(grad, x, top, log_total, target, smoothing):
    share = where(position() == target, 1 - smoothing, 0) + smoothing / length()
    return (exp(x - top - log_total) - share) * grad


# From logits: the loss of each row, and its logsumexp in two parts, of which the sum would lose the
# second beside large logits; from these (and the gradient per row) the gradient of the logits.
# A target outside the row gives what the caller must mask (ignore_index).
cross_entropy = Rows(_cross_entropy, "cross_entropy")
cross_entropy_backward = Rows(_cross_entropy_backward, "cross_entropy_backward")


def _counted_cross_entropy(x, target, smoothing, ignored):
    loss, top, log_total = _cross_entropy(x, target, smoothing)
    counts = target != ignored
    inside = logical_and(target >= 0, target < length())
    share = where(counts, where(inside, 1.0, float("nan")), 0.0)
    return where(counts, loss, 0), top, log_total, share


def _counted_cross_entropy_backward(grad, x, top, log_total, target, smoothing, ignored):
    gradient = _cross_entropy_backward(grad, x, top, log_total, target, smoothing)
    return where(target != ignored, gradient, 0)


# The same where one target value is to be ignored. The last output is what a row counts for in the
# mean: 1, 0 if it is ignored, NaN if the target is no class.
counted_cross_entropy = Rows(_counted_cross_entropy, "cross_entropy")
counted_cross_entropy_backward = Rows(_counted_cross_entropy_backward, "cross_entropy_backward")
