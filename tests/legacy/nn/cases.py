"""One case or more for every legacy module and criterion: how it is made, what it is given, what it equals."""

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn as today
from flambeau.legacy import nn


class Case:
    """A module, an input made by `draw`, and a function of (input, *parameters) with the same result, or None."""

    def __init__(self, name, args=(), sizes=(), draw=torch.randn, same=None, make=None, extra=None):
        self.name = name
        self.make = make or (lambda: getattr(nn, name)(*args))
        self.sizes = sizes
        self.draw = draw
        self.same = same
        self.extra = extra  # what stands beside the drawn tensor in a table, and has no gradient
        self.label = name + (str(args) if args else "")

    def input(self):
        drawn = _drawn(self.sizes, self.draw)
        return drawn if self.extra is None else [drawn, self.extra]


def _drawn(sizes, draw):
    if isinstance(sizes, list):
        return [_drawn(one, draw) for one in sizes]
    return draw(*sizes).double()


def away(*sizes):
    """Numbers from 0.1 to 1 of either sign: no kink or pole at 0 is near."""
    return (torch.rand(*sizes) * 0.9 + 0.1) * (torch.rand(*sizes) - 0.5).sign()


def positive(*sizes):
    return torch.rand(*sizes) + 0.1


def spread(*sizes):
    """Numbers of which no two are close: a maximum stays where it is."""
    count = torch.Size(sizes).numel()
    return torch.randperm(count).view(sizes) / count - 0.4


MAP = nn.SpatialConvolutionMap.maps

MODULES = [
    Case("Abs", (), (3, 4), away, torch.abs),
    Case("Add", (5,), (3, 5), same=lambda x, b: x + b),
    Case("Add", ((5, 2),), (3, 5, 2)),
    Case("Add", (1, True), (3, 2), same=lambda x, b: x + b),
    Case("AddConstant", (3.5,), (3, 4), same=lambda x: x + 3.5),
    Case(
        "BatchNormalization",
        (5,),
        (6, 5),
        same=lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
    ),
    Case("BatchNormalization", (5, 1e-3, 0.3, False), (6, 5)),
    Case("Bilinear", (2, 3, 4), [(5, 2), (5, 3)], same=lambda x, w, b: F.bilinear(*x, w, b)),
    Case("CAddTable", (), [(3, 4), (3, 4), (3, 4)], same=lambda x: x[0] + x[1] + x[2]),
    Case("CDivTable", (), [(3, 4), (3, 4)], positive, lambda x: x[0] / x[1]),
    Case("Clamp", (-0.5, 0.6), (3, 4), same=lambda x: x.clamp(-0.5, 0.6)),
    Case("CMul", (5, 2), (3, 5, 2), same=lambda x, w: x * w),
    Case("CMul", (1, 5), (3, 5)),
    Case("CMulTable", (), [(3, 4), (3, 4), (3, 4)], same=lambda x: x[0] * x[1] * x[2]),
    Case("Concat", (), (3, 4), make=lambda: nn.Concat(1).add(nn.Linear(4, 2)).add(nn.Linear(4, 3))),
    Case(
        "ConcatTable", (), (3, 4), make=lambda: nn.ConcatTable().add(nn.Linear(4, 2)).add(nn.Tanh())
    ),
    Case("Contiguous", (), (3, 4), same=lambda x: x),
    Case("Copy", (torch.DoubleTensor, torch.DoubleTensor), (3, 4), same=lambda x: x),
    Case("Cosine", (4, 3), (5, 4), same=lambda x, w: F.cosine_similarity(x[:, None], w, 2)),
    Case("CosineDistance", (), [(5, 4), (5, 4)], same=lambda x: F.cosine_similarity(*x)),
    Case("CSubTable", (), [(3, 4), (3, 4)], same=lambda x: x[0] - x[1]),
    Case(
        "DepthConcat",
        (),
        (2, 3, 6, 6),
        make=lambda: (
            nn.DepthConcat(1)
            .add(nn.SpatialConvolution(3, 2, 1, 1))
            .add(nn.SpatialConvolution(3, 3, 3, 3))
        ),
    ),
    Case("DotProduct", (), [(5, 4), (5, 4)], same=lambda x: (x[0] * x[1]).sum(1)),
    Case("Dropout", (0.4,), (5, 6)),
    Case("ELU", (0.7,), (3, 4), away, lambda x: F.elu(x, 0.7)),
    Case("Euclidean", (4, 3), (5, 4), same=lambda x, w: torch.cdist(x, w.t().contiguous())),
    Case("Exp", (), (3, 4), same=torch.exp),
    Case("FlattenTable", (), [(2,), [(3,), [(4,)]]], same=lambda x: [x[0], x[1][0], x[1][1][0]]),
    Case("HardShrink", (0.3,), (3, 4), spread, lambda x: F.hardshrink(x, 0.3)),
    Case("HardTanh", (), (3, 4), same=F.hardtanh),
    Case("Identity", (), (3, 4), same=lambda x: x),
    Case("Index", (1,), (3, 4), same=lambda x: x[0][:, x[1]], extra=torch.tensor([2, 0, 2])),
    Case("JoinTable", (1,), [(3, 4), (3, 2)], same=lambda x: torch.cat(x, 1)),
    Case("LeakyReLU", (0.2,), (3, 4), away, lambda x: F.leaky_relu(x, 0.2)),
    Case("Linear", (4, 3), (5, 4), same=F.linear),
    Case("Linear", (4, 3, False), (5, 4), same=F.linear),
    Case("Log", (), (3, 4), positive, torch.log),
    Case("LogSigmoid", (), (3, 4), same=F.logsigmoid),
    Case("LogSoftMax", (), (3, 4), same=lambda x: F.log_softmax(x, 1)),
    Case("LogSoftMax", (), (3, 4, 2, 2), same=lambda x: F.log_softmax(x, 1)),
    Case(
        "MaskedSelect",
        (),
        (3, 2),
        same=lambda x: x[0][x[1]],
        extra=torch.tensor([[True, False]] * 3),
    ),
    Case("Max", (1,), (3, 4), spread, lambda x: x.amax(1)),
    Case("Mean", (1,), (3, 4), same=lambda x: x.mean(1)),
    Case("Min", (), (3, 4), spread, lambda x: x.amin(0)),
    Case("MixtureTable", (), [(5, 3), (5, 3, 6)], same=lambda x: (x[0][:, :, None] * x[1]).sum(1)),
    Case("MixtureTable", (), [(5, 2), [(5, 6), (5, 6)]]),
    Case("MM", (), [(2, 3, 4), (2, 4, 5)], same=lambda x: x[0] @ x[1]),
    Case("MM", (True, True), [(4, 3), (5, 4)], same=lambda x: x[0].T @ x[1].T),
    Case("Mul", (), (3, 4), same=lambda x, w: x * w),
    Case("MulConstant", (4,), (3, 4), same=lambda x: x * 4),
    Case("MV", (), [(2, 3, 4), (2, 4)], same=lambda x: (x[0] @ x[1][:, :, None])[:, :, 0]),
    Case("MV", (True,), [(4, 3), (4,)], same=lambda x: x[0].T @ x[1]),
    Case("Narrow", (1, 1, 2), (3, 4), same=lambda x: x[:, 1:3]),
    Case("Narrow", (1, 1, -1), (3, 4), same=lambda x: x[:, 1:]),
    Case("NarrowTable", (1, 2), [(2,), (3,), (4,), (5,)], same=lambda x: x[1:3]),
    *(
        Case("Normalize", (p,), (4, 5), away, lambda x, p=p: x / x.norm(p, 1, True))
        for p in (1, 2, 1.5, float("inf"))
    ),
    Case("Padding", (1, 2, -3), (3, 4), same=lambda x: F.pad(x, (0, 2), value=-3)),
    Case("Padding", (1, -2, -3), (3, 4), same=lambda x: F.pad(x, (2, 0), value=-3)),
    Case("Padding", (1, 2, -3, 1), (3, 4)),
    *(
        Case(
            "PairwiseDistance", (p,), [(4, 5), (4, 5)], same=lambda x, p=p: (x[0] - x[1]).norm(p, 1)
        )
        for p in (1, 2, 3)
    ),
    Case(
        "Parallel",
        (),
        (3, 2, 4),
        make=lambda: nn.Parallel(1, 1).add(nn.Linear(4, 2)).add(nn.Linear(4, 3)),
    ),
    Case(
        "ParallelTable",
        (),
        [(3, 4), (2, 5)],
        make=lambda: nn.ParallelTable().add(nn.Linear(4, 2)).add(nn.Tanh()),
    ),
    Case("PartialLinear", (4, 3), (5, 4), same=F.linear),
    Case(
        "PartialLinear",
        (),
        (5, 4),
        make=lambda: nn.PartialLinear(4, 6).setPartition(torch.tensor([4, 1])),
    ),
    Case("Power", (1.5,), (3, 4), positive, lambda x: x**1.5),
    Case("PReLU", (), (3, 4), away, F.prelu),
    Case("PReLU", (4,), (3, 4, 2), away, F.prelu),
    Case("ReLU", (), (3, 4), away, F.relu),
    Case("ReLU6", (), (3, 4), away, F.relu6),
    Case("Replicate", (3, 1), (2, 4), same=lambda x: x[:, None].expand(2, 3, 4)),
    Case("Reshape", (2, 3), (5, 6), same=lambda x: x.view(5, 2, 3)),
    Case("RReLU", (), (3, 4), away),
    Case("Select", (1, 2), (3, 4), same=lambda x: x[:, 2]),
    Case("SelectTable", (1,), [(2,), (3,)], same=lambda x: x[1]),
    Case("SelectTable", (-1,), [(2,), [(3,), (4,)]], same=lambda x: x[1]),
    Case(
        "Sequential", (), (3, 4), make=lambda: nn.Sequential().add(nn.Linear(4, 2)).add(nn.Tanh())
    ),
    Case("Sigmoid", (), (3, 4), same=torch.sigmoid),
    Case("SoftMax", (), (3, 4), same=lambda x: F.softmax(x, 1)),
    Case("SoftMax", (), (3, 4, 2), same=lambda x: F.softmax(x, 0)),
    Case("SoftMin", (), (3, 4), same=lambda x: F.softmin(x, 1)),
    Case("SoftPlus", (2,), (3, 4), same=lambda x: F.softplus(x, 2)),
    Case("SoftShrink", (0.3,), (3, 4), spread, lambda x: F.softshrink(x, 0.3)),
    Case("SoftSign", (), (3, 4), same=F.softsign),
    Case(
        "GradientReversal",
        (),
        (3, 4),
        make=lambda: nn.Sequential(nn.GradientReversal(), nn.GradientReversal()),
    ),
    Case(
        "SpatialAdaptiveMaxPooling",
        (2, 3),
        (2, 3, 6, 7),
        spread,
        lambda x: F.adaptive_max_pool2d(x, (3, 2)),
    ),
    Case("SpatialAveragePooling", (2, 3), (2, 3, 6, 7), same=lambda x: F.avg_pool2d(x, (3, 2), 1)),
    Case(
        "SpatialAveragePooling",
        (2, 2, 2, 2, 1, 1),
        (2, 3, 6, 7),
        same=lambda x: F.avg_pool2d(x, 2, 2, 1, True),
        make=lambda: nn.SpatialAveragePooling(2, 2, 2, 2, 1, 1).ceil(),
    ),
    Case("SpatialBatchNormalization", (3,), (2, 3, 4, 5)),
    Case("SpatialContrastiveNormalization", (3,), (2, 3, 6, 7)),
    Case("SpatialContrastiveNormalization", (3, torch.ones(3)), (2, 3, 6, 7)),
    Case("SpatialConvolution", (3, 4, 2, 3), (2, 3, 6, 7), same=F.conv2d),
    Case(
        "SpatialConvolution",
        (3, 4, 3, 3, 2, 1, 1),
        (2, 3, 6, 7),
        same=lambda x, w, b: F.conv2d(x, w, b, (1, 2), 1),
    ),
    Case("SpatialConvolutionLocal", (3, 2, 5, 4, 2, 3), (2, 3, 4, 5)),
    Case("SpatialConvolutionLocal", (3, 2, 5, 4, 2, 3, 2, 1, 1), (3, 4, 5)),
    Case("SpatialConvolutionMap", (MAP.oneToOne(3), 3, 2), (2, 3, 5, 5)),
    Case("SpatialConvolutionMap", (MAP.full(3, 4), 3, 2, 2, 2), (3, 5, 5)),
    Case("SpatialConvolutionMap", (MAP.random(5, 4, 2), 3, 2), (5, 5, 5)),
    Case(
        "SpatialCrossMapLRN",
        (5, 0.05, 0.75, 2),
        (2, 7, 3, 3),
        same=today.LocalResponseNorm(5, 0.05, 0.75, 2),
    ),
    Case(
        "SpatialDilatedConvolution",
        (3, 2, 3, 3, 2, 2, 1, 1, 2, 2),
        (2, 3, 8, 8),
        same=lambda x, w, b: F.conv2d(x, w, b, 2, 1, 2),
    ),
    Case("SpatialDivisiveNormalization", (3,), (2, 3, 6, 7)),
    Case("SpatialDivisiveNormalization", (3, torch.ones(5)), (3, 6, 7)),
    Case("SpatialDropout", (0.4,), (5, 6, 2, 2)),
    Case("SpatialFractionalMaxPooling", (2, 2, 3, 4), (2, 3, 6, 7), spread),
    Case("SpatialFractionalMaxPooling", (2, 2, 0.5, 0.6), (2, 3, 6, 7), spread),
    Case(
        "SpatialFullConvolution",
        (3, 4, 3, 3, 2, 2, 1, 1, 1, 1),
        (2, 3, 4, 4),
        same=lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1),
    ),
    Case(
        "SpatialFullConvolution",
        (3, 4, 3, 3, 2, 2),
        (2, 3, 4, 4),
        extra=torch.zeros(1, 1, 10, 9).double(),
    ),
    Case("SpatialFullConvolutionMap", (MAP.oneToOne(3), 3, 2), (2, 3, 4, 4)),
    Case("SpatialFullConvolutionMap", (MAP.full(3, 4), 3, 2, 2, 2), (2, 3, 4, 4)),
    Case("SpatialLPPooling", (3, 2, 2, 2), (2, 3, 6, 6), same=lambda x: F.lp_pool2d(x, 2, 2)),
    Case("SpatialLPPooling", (3, 3, 2, 2), (2, 3, 6, 6), positive),
    Case("SpatialMaxPooling", (2, 3), (2, 3, 6, 7), spread, lambda x: F.max_pool2d(x, (3, 2))),
    Case(
        "SpatialMaxPooling",
        (3, 3, 2, 2, 1, 1),
        (2, 3, 6, 7),
        spread,
        lambda x: F.max_pool2d(x, 3, 2, 1),
    ),
    Case(
        "SpatialMaxUnpooling",
        (),
        (2, 3, 6, 7),
        spread,
        make=lambda: _unpooling(nn.SpatialMaxPooling(2, 2), nn.SpatialMaxUnpooling),
    ),
    Case(
        "SpatialReflectionPadding",
        (1, 2, 3, 0),
        (2, 3, 5, 6),
        same=lambda x: F.pad(x, (1, 2, 3, 0), "reflect"),
    ),
    Case(
        "SpatialReplicationPadding",
        (1,),
        (2, 3, 5, 6),
        same=lambda x: F.pad(x, (1, 1, 1, 1), "replicate"),
    ),
    Case("SpatialSoftMax", (), (2, 3, 4, 5), same=lambda x: F.softmax(x, 1)),
    Case("SpatialSubSampling", (3, 2, 3, 2, 1), (2, 3, 6, 7)),
    Case("SpatialSubtractiveNormalization", (3,), (2, 3, 6, 7)),
    Case("SpatialSubtractiveNormalization", (3, torch.ones(3)), (2, 3, 6, 7)),
    Case(
        "SpatialUpSamplingNearest",
        (2,),
        (2, 3, 4, 5),
        same=lambda x: F.interpolate(x, scale_factor=2),
    ),
    Case("SpatialZeroPadding", (1, -1, 2), (2, 3, 4, 5), same=lambda x: F.pad(x, (1, -1, 2, 1))),
    Case("SplitTable", (1,), (3, 4), same=lambda x: list(x.unbind(1))),
    Case("Sqrt", (), (3, 4), positive, torch.sqrt),
    Case("Square", (), (3, 4), same=torch.square),
    Case("Squeeze", (), (2, 1, 3, 1), same=torch.squeeze),
    Case("Squeeze", (1,), (2, 1, 3, 1), same=lambda x: x.squeeze(1)),
    Case("Sum", (1,), (3, 4), same=lambda x: x.sum(1)),
    Case("Sum", (0, True), (3, 4), same=lambda x: x.mean(0)),
    Case("Tanh", (), (3, 4), same=torch.tanh),
    Case("TanhShrink", (), (3, 4), same=F.tanhshrink),
    Case("TemporalConvolution", (3, 4, 2, 2), (2, 7, 3)),
    Case("TemporalMaxPooling", (2,), (2, 7, 3), spread, lambda x: F.max_pool1d(x.mT, 2).mT),
    Case("TemporalSubSampling", (3, 2, 2), (2, 7, 3)),
    Case("TemporalSubSampling", (3, 2), (7, 3)),
    Case("Threshold", (0.05, -2), (3, 4), away, lambda x: F.threshold(x, 0.05, -2)),
    Case(
        "Transpose",
        ((1, 2), (1, 3)),
        (2, 3, 4, 5),
        same=lambda x: x.transpose(1, 2).transpose(1, 3),
    ),
    Case("Unsqueeze", (1,), (2, 3), same=lambda x: x[:, None]),
    Case("View", (-1, 6), (2, 3, 4), same=lambda x: x.view(-1, 6)),
    Case(
        "VolumetricAveragePooling",
        (2, 2, 3),
        (2, 3, 4, 5, 6),
        same=lambda x: F.avg_pool3d(x, (2, 3, 2)),
    ),
    Case("VolumetricBatchNormalization", (3,), (2, 3, 2, 3, 4)),
    Case("VolumetricConvolution", (3, 2, 2, 3, 1), (2, 3, 4, 4, 4), same=F.conv3d),
    Case(
        "VolumetricConvolution",
        (3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1),
        (2, 3, 4, 4, 4),
        same=lambda x, w, b: F.conv3d(x, w, b, 2, 1),
    ),
    Case("VolumetricDropout", (0.4,), (5, 6, 2, 2, 2)),
    Case("VolumetricFullConvolution", (3, 2, 2, 3, 1), (2, 3, 4, 4, 4), same=F.conv_transpose3d),
    Case(
        "VolumetricMaxPooling",
        (2, 2, 3),
        (2, 3, 4, 5, 6),
        spread,
        lambda x: F.max_pool3d(x, (2, 3, 2)),
    ),
    Case(
        "VolumetricMaxUnpooling",
        (),
        (2, 3, 4, 4, 4),
        spread,
        make=lambda: _unpooling(nn.VolumetricMaxPooling(2, 2, 2), nn.VolumetricMaxUnpooling),
    ),
    Case(
        "VolumetricReplicationPadding",
        (1, 2, 0, 1, 1, 2),
        (2, 3, 4, 4, 4),
        same=lambda x: F.pad(x, (1, 2, 0, 1, 1, 2), "replicate"),
    ),
    Case("WeightedEuclidean", (4, 3), (5, 4)),
]


def _unpooling(pool, unpooling):
    return nn.Sequential().add(pool).add(unpooling(pool))


class LossCase:
    """A criterion, an input, a target and a function of both with the same result, or None."""

    def __init__(self, name, args, input, target, same=None):
        self.name, self.args, self.input, self.target, self.same = name, args, input, target, same
        self.label = f"{name}{args}" if args else name

    def make(self):
        return getattr(nn, self.name)(*self.args).double()


def _same(function, **options):
    return lambda x, t: function(x, t, **options)


def losses():
    torch.manual_seed(0)
    x, y = torch.randn(5, 7).double(), torch.randn(5, 7).double()
    a, b = torch.randn(5, 7).double(), torch.randn(5, 7).double()
    signs, signs2 = torch.tensor([1.0, -1, 1, 1, -1]).double(), torch.randn(5, 7).sign().double()
    classes, weights = torch.tensor([0, 6, 3, 3, 1]), torch.rand(7).double() + 0.1
    p, bits = torch.rand(5, 7).double() * 0.8 + 0.1, (torch.rand(5, 7) > 0.5).double()
    logp = F.log_softmax(x, 1)
    pixels = torch.randint(3, (2, 4, 4))
    labels = torch.tensor([[3, 0, -1, 4, 0, 1, 0]] * 5)
    return [
        LossCase("AbsCriterion", (), x, y, F.l1_loss),
        LossCase("AbsCriterion", (False,), x, y, _same(F.l1_loss, reduction="sum")),
        LossCase("BCECriterion", (), p, bits, F.binary_cross_entropy),
        LossCase("BCECriterion", (weights,), p, bits, _same(F.binary_cross_entropy, weight=weights)),
        LossCase("ClassNLLCriterion", (), logp, classes, F.nll_loss),
        LossCase("ClassNLLCriterion", (weights, False), logp, classes, _same(F.nll_loss, weight=weights, reduction="sum")),
        LossCase("ClassSimplexCriterion", (7,), x, classes),
        LossCase("CosineEmbeddingCriterion", (), [a, b], signs, lambda x, t: F.cosine_embedding_loss(*x, t)),
        LossCase("CosineEmbeddingCriterion", (0.3, False), [a, b], signs),
        LossCase("CrossEntropyCriterion", (), x, classes, F.cross_entropy),
        LossCase("CrossEntropyCriterion", (weights,), x, classes, _same(F.cross_entropy, weight=weights)),
        LossCase("DistKLDivCriterion", (), logp, p, lambda x, t: (t * (t.log() - x)).mean()),
        LossCase("HingeEmbeddingCriterion", (0.5,), x, signs2, _same(F.hinge_embedding_loss, margin=0.5)),
        LossCase("L1Cost", (), x, None, lambda x, t: x.abs().sum()),
        LossCase("L1HingeEmbeddingCriterion", (), [a, b], 1, lambda x, t: (x[0] - x[1]).abs().sum()),
        LossCase("L1HingeEmbeddingCriterion", (99.0,), [a, b], -1, lambda x, t: 99 - (x[0] - x[1]).abs().sum()),
        LossCase("MarginCriterion", (0.7,), x, signs2, lambda x, t: (0.7 - t * x).clamp(min=0).mean()),
        LossCase("MarginRankingCriterion", (), [a[:, 0], b[:, 0]], signs, lambda x, t: F.margin_ranking_loss(*x, t, 1)),
        LossCase("MSECriterion", (), x, y, F.mse_loss),
        LossCase("MultiCriterion", (), x, y),
        LossCase("MultiLabelMarginCriterion", (), x, labels, F.multilabel_margin_loss),
        LossCase("MultiLabelSoftMarginCriterion", (weights,), x, bits, _same(F.multilabel_soft_margin_loss, weight=weights)),
        LossCase("MultiMarginCriterion", (), x, classes, F.multi_margin_loss),
        LossCase("MultiMarginCriterion", (2, weights, 0.5), x, classes, _same(F.multi_margin_loss, p=2, margin=0.5, weight=weights)),
        LossCase("ParallelCriterion", (True,), [x, a], y),
        LossCase("SmoothL1Criterion", (), x, y, F.smooth_l1_loss),
        LossCase("SoftMarginCriterion", (), x, signs2, F.soft_margin_loss),
        LossCase("SpatialClassNLLCriterion", (), torch.randn(2, 3, 4, 4).double(), pixels, F.nll_loss),
        LossCase("WeightedMSECriterion", (weights,), x, y, lambda x, t: F.mse_loss(x, t * weights)),
    ]  # fmt: skip
