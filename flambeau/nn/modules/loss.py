"""Losses as modules; what each computes is told in nn.functional."""

from ... import _core
from .. import functional as F
from ..functional.reduction import reduction_of
from .distance import PairwiseDistance
from .homes import elsewhere
from .module import Module


class _Loss(Module):
    """A reduction: "mean", "sum" or "none"."""

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    """A reduction and a weight, kept as a buffer."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """(input - target)**2.

    Args:
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.MSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]))
        tensor(2.1250)
    """

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """|input - target|.

    Args:
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.L1Loss()(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]))
        tensor(1.2500)
    """

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Squared below beta, absolute above.

    Args:
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".
        beta (float): where the square becomes a line.

    Example:
        >>> nn.SmoothL1Loss()(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]))
        tensor(0.8125)
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Squared below delta, absolute above.

    Args:
        reduction (str): "mean", "sum" or "none".
        delta (float): where the square becomes a line.

    Example:
        >>> nn.HuberLoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]))
        tensor(0.8125)
    """

    __constants__ = ["reduction", "delta"]

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction)
        if not isinstance(delta, (int, float)):
            raise TypeError(
                f"HuberLoss: delta must be one real number, not {type(delta).__name__}."
            )
        self.delta = delta

    def forward(self, input, target):
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class PoissonNLLLoss(_Loss):
    """Negative log likelihood of counts.

    Args:
        log_input (bool): whether the input holds logarithms of rates.
        full (bool): with Stirling's formula for log(target!).
        size_average, reduce: old words for reduction.
        eps (float): added to rates before the logarithm.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.PoissonNLLLoss()(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
        tensor(0.8591)
    """

    __constants__ = ["log_input", "full", "eps", "reduction"]

    def __init__(
        self, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
        reduction="mean",
    ):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input, target):
        return F.poisson_nll_loss(
            log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """Negative log likelihood under a normal distribution of given variance.

    Args:
        full (bool): with the constant log(2 pi) / 2.
        eps (float): the least variance.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.GaussianNLLLoss()(torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([1.0]))
        tensor(0.5000)
    """

    __constants__ = ["full", "eps", "reduction"]

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input, target, var):
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence of log probabilities from a target distribution.

    Args:
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none". "batchmean": the sum divided by the batch.
        log_target (bool): whether the target holds logarithms.

    Example:
        >>> nn.KLDivLoss(reduction="batchmean")(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.9, 0.1]]))
        tensor(0.3681)
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class CrossEntropyLoss(_WeightedLoss):
    """Cross entropy of scores against classes or class probabilities.

    Args:
        weight (Tensor, optional): (C,), of each class.
        ignore_index (int): a target that counts for nothing.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".
        label_smoothing (float): share of the target given to all classes alike.

    Example:
        >>> nn.CrossEntropyLoss()(torch.tensor([[0.0, 0.0], [0.0, 3.0]]), torch.tensor([0, 1]))
        tensor(0.3709)
    """

    __constants__ = ["ignore_index", "reduction", "label_smoothing"]

    def __init__(
        self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
        label_smoothing=0.0,
    ):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """Negative log likelihood of classes, from log probabilities.

    Args:
        weight, ignore_index, size_average, reduce, reduction: as of CrossEntropyLoss.

    Example:
        >>> nn.NLLLoss()(torch.tensor([[-0.5, -1.0], [-2.0, -0.25]]), torch.tensor([0, 1]))
        tensor(0.3750)
    """

    __constants__ = ["ignore_index", "reduction"]

    def __init__(
        self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class NLLLoss2d(NLLLoss):
    """NLLLoss under its old name for images.

    Example:
        >>> log_probs = torch.full((1, 2, 3, 3), 0.5).log()  # two classes at each of 3 x 3 places
        >>> nn.NLLLoss()(log_probs, torch.zeros(1, 3, 3, dtype=torch.int64))
        tensor(0.6931)
    """

    def __init__(self, *args, **options):
        _core._warn(
            "NLLLoss2d: is an old name. Use NLLLoss, which takes images too.", FutureWarning
        )
        super().__init__(*args, **options)


class BCELoss(_WeightedLoss):
    """Binary cross entropy of probabilities.

    Args:
        weight (Tensor, optional): of each element.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.BCELoss()(torch.tensor([0.5, 0.9]), torch.tensor([1.0, 1.0]))
        tensor(0.3993)
    """

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of sigmoid(input).

    Args:
        weight (Tensor, optional): of each element.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".
        pos_weight (Tensor, optional): of the term of target 1, a class each.

    Example:
        >>> nn.BCEWithLogitsLoss()(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 1.0]]))
        tensor(0.4100)
    """

    def __init__(
        self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )


class SoftMarginLoss(_Loss):
    """log(1 + exp(-target * input)).

    Args:
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.SoftMarginLoss()(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 1.0]))
        tensor(0.4100)
    """

    def forward(self, input, target):
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Binary cross entropy with logits, averaged over classes.

    Args:
        weight (Tensor, optional): (C,), of each class.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.MultiLabelSoftMarginLoss()(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 1.0]]))
        tensor(0.4100)
    """

    def forward(self, input, target):
        return F.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(_Loss):
    """Margins between every target class and every other.

    Args:
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.MultiLabelMarginLoss()(torch.tensor([[0.1, 0.9]]), torch.tensor([[1, -1]]))
        tensor(0.1000)
    """

    def forward(self, input, target):
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class HingeEmbeddingLoss(_Loss):
    """input where the target is 1, a hinge where it is -1.

    Args:
        margin (float): where target is -1, inputs above it cost nothing.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.HingeEmbeddingLoss()(torch.tensor([0.5, 0.25]), torch.tensor([1.0, -1.0]))
        tensor(0.6250)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input, target):
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """Vectors alike where the target is 1, apart where it is -1.

    Args:
        margin (float): cosines below it cost nothing where the target is -1.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.CosineEmbeddingLoss()(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([1.0]))
        tensor(1.)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MarginRankingLoss(_Loss):
    """Which of two is to be the larger.

    Args:
        margin (float): by how much.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.MarginRankingLoss()(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1.0]))
        tensor(2.)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MultiMarginLoss(_WeightedLoss):
    """Margins between the target class and every other.

    Args:
        p (int): the power of what is missing, 1 or 2.
        margin (float): how much the target's score is to be above the others.
        weight (Tensor, optional): (C,), of each target class.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.MultiMarginLoss()(torch.tensor([[0.1, 0.9]]), torch.tensor([1]))
        tensor(0.1000)
    """

    __constants__ = ["p", "margin", "reduction"]

    def __init__(
        self, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"
    ):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p is {p}; it must be 1 or 2.")
        if weight is not None and weight.dim() != 1:
            raise ValueError(
                f"MultiMarginLoss: weight {tuple(weight.shape)} must be a vector, one for each "
                "class."
            )
        self.p = p
        self.margin = margin

    def forward(self, input, target):
        return F.multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self.weight,
            reduction=self.reduction,
        )


class TripletMarginLoss(_Loss):
    """The anchor nearer to the positive than to the negative, by a margin.

    Args:
        margin (float): by how much.
        p (float): of the norm.
        eps (float): added to the differences.
        swap (bool): use the positive's distance to the negative where that is less.
        size_average, reduce: old words for reduction.
        reduction (str): "mean", "sum" or "none".

    Example:
        >>> nn.TripletMarginLoss()(torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[1.5]]))
        tensor(0.5000)
    """

    __constants__ = ["margin", "p", "eps", "swap", "reduction"]

    def __init__(
        self, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None,
        reduction="mean",
    ):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: margin is {margin}; it must be above 0.")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip


class TripletMarginWithDistanceLoss(_Loss):
    """TripletMarginLoss with a distance of the caller's.

    Args:
        distance_function (callable, optional): (x, y) -> distances; the Euclidean one if None.
        margin, swap, reduction: as of TripletMarginLoss.

    Example:
        >>> nn.TripletMarginWithDistanceLoss()(torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[1.5]]))
        tensor(0.5000)
    """

    __constants__ = ["margin", "swap", "reduction"]

    def __init__(self, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: margin is {margin}; it must be above 0."
            )
        self.distance_function = (
            PairwiseDistance() if distance_function is None else distance_function
        )
        self.margin = margin
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """Connectionist temporal classification; see functional.ctc_loss.

    Args:
        blank (int): the class that stands for no label.
        reduction (str): "mean", "sum" or "none".
        zero_infinity (bool): losses of targets too long for their input are 0.

    Example:
        >>> log_probs = torch.zeros(4, 1, 3).log_softmax(2)
        >>> nn.CTCLoss()(log_probs, torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2]))
        tensor(0.8432)
    """

    __constants__ = ["blank", "reduction"]

    def __init__(self, blank=0, reduction="mean", zero_infinity=False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


__getattr__ = elsewhere(linear_cross_entropy="LinearCrossEntropyLoss")
