"""Lua Torch's modules: each keeps its output, its gradInput, its parameters and their gradients.

Read: module.py, layer.py (which derives what a module does backwards), container.py, criterion.py; then
one family a file. Dimensions and classes count from 0, as in PyTorch's port of 2016.

Source of what the modules compute: Collobert, Kavukcuoglu, Farabet, "Torch7: A Matlab-like Environment
for Machine Learning", 2011, and the documentation of its package nn.
"""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".module": "Module",
        ".container": "Container Concat ConcatTable DepthConcat Parallel ParallelTable Sequential",
        ".criterion": "Criterion CriterionTable MultiCriterion ParallelCriterion",
        ".pointwise": """Abs AddConstant Clamp ELU Exp HardShrink HardTanh LeakyReLU Log LogSigmoid MulConstant
            Power PReLU ReLU ReLU6 RReLU Sigmoid SoftPlus SoftShrink SoftSign Sqrt Square Tanh TanhShrink Threshold""",
        ".rows": "LogSoftMax Max Mean Min Normalize SoftMax SoftMin SpatialSoftMax Sum",
        ".parameters": "Add CMul Linear Bilinear LookupTable Mul PartialLinear",
        ".distances": "Cosine CosineDistance DotProduct Euclidean PairwiseDistance WeightedEuclidean",
        ".tables": """CAddTable CDivTable CMulTable CSubTable FlattenTable Index JoinTable MaskedSelect MixtureTable
            MM MV NarrowTable SelectTable SplitTable""",
        ".shapes": """Contiguous Copy GradientReversal Identity L1Penalty Narrow Padding Replicate Reshape Select
            Squeeze Transpose Unsqueeze View""",
        ".dropout": "Dropout SpatialDropout VolumetricDropout",
        ".normalization": """BatchNormalization SpatialBatchNormalization SpatialContrastiveNormalization
            SpatialCrossMapLRN SpatialDivisiveNormalization SpatialSubtractiveNormalization
            VolumetricBatchNormalization""",
        ".convolution": """SpatialConvolution SpatialConvolutionLocal SpatialConvolutionMap SpatialDilatedConvolution
            SpatialFullConvolution SpatialFullConvolutionMap TemporalConvolution VolumetricConvolution
            VolumetricFullConvolution""",
        ".pooling": """SpatialAdaptiveMaxPooling SpatialAveragePooling SpatialFractionalMaxPooling SpatialLPPooling
            SpatialMaxPooling SpatialMaxUnpooling SpatialSubSampling TemporalMaxPooling TemporalSubSampling
            VolumetricAveragePooling VolumetricMaxPooling VolumetricMaxUnpooling""",
        ".padding": """SpatialReflectionPadding SpatialReplicationPadding SpatialUpSamplingNearest SpatialZeroPadding
            VolumetricReplicationPadding""",
        ".losses": """AbsCriterion BCECriterion DistKLDivCriterion L1Cost MarginCriterion MSECriterion SmoothL1Criterion
            SoftMarginCriterion WeightedMSECriterion""",
        ".class_losses": """ClassNLLCriterion ClassSimplexCriterion CrossEntropyCriterion MultiLabelMarginCriterion
            MultiLabelSoftMarginCriterion MultiMarginCriterion SpatialClassNLLCriterion""",
        ".pair_losses": """CosineEmbeddingCriterion HingeEmbeddingCriterion L1HingeEmbeddingCriterion
            MarginRankingCriterion""",
    },
    submodules=("utils",),
)
