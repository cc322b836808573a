"""The layers, one a file or a family a file. May import: flambeau, nn.functional, nn.init."""

from ..lazy_names import table_of_contents

CONTENTS = {
    ".module": "Module",
    ".sequential": "Container Sequential",
    ".module_list": "ModuleList",
    ".module_dict": "ModuleDict",
    ".parameter_list": "ParameterList ParameterDict",
    ".linear": "Identity Linear Bilinear",
    ".activation": """ReLU SELU SiLU Mish Hardswish Hardsigmoid Hardtanh ReLU6 ELU CELU LeakyReLU
        RReLU PReLU Sigmoid Tanh LogSigmoid Softsign Tanhshrink GELU Softplus Hardshrink Softshrink
        Threshold GLU Softmax Softmin LogSoftmax Softmax2d""",
    ".adaptive": "AdaptiveLogSoftmaxWithLoss",
    ".attention": "MultiheadAttention",
    ".batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm",
    ".conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    ".distance": "PairwiseDistance CosineSimilarity",
    ".dropout": "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
    ".embedding": "Embedding EmbeddingBag",
    ".flatten": "Flatten Unflatten",
    ".fractional": "FractionalMaxPool2d FractionalMaxPool3d",
    ".instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    ".lazy": """LazyLinear LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d
        LazyConvTranspose3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyInstanceNorm1d
        LazyInstanceNorm2d LazyInstanceNorm3d""",
    ".linear_cross_entropy": "LinearCrossEntropyLoss LinearCrossEntropyOptions",
    ".loss": """MSELoss L1Loss SmoothL1Loss HuberLoss PoissonNLLLoss GaussianNLLLoss KLDivLoss
        CrossEntropyLoss NLLLoss NLLLoss2d BCELoss BCEWithLogitsLoss SoftMarginLoss
        MultiLabelSoftMarginLoss MultiLabelMarginLoss HingeEmbeddingLoss CosineEmbeddingLoss
        MarginRankingLoss MultiMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss
        CTCLoss""",
    ".normalization": "LayerNorm RMSNorm GroupNorm LocalResponseNorm CrossMapLRN2d",
    ".padding": """ConstantPad1d ConstantPad2d ConstantPad3d ZeroPad1d ZeroPad2d ZeroPad3d
        ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d
        ReplicationPad3d CircularPad1d CircularPad2d CircularPad3d""",
    ".pooling": """MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d AvgPool1d
        AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d
        AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d""",
    ".rnn": "RNNBase RNN LSTM GRU",
    ".rnn_cell": "RNNCellBase RNNCell LSTMCell GRUCell",
    ".transformer": """TransformerEncoderLayer TransformerEncoder TransformerDecoderLayer
        TransformerDecoder Transformer""",
    ".vision": """PixelShuffle PixelUnshuffle ChannelShuffle Upsample UpsamplingNearest2d
        UpsamplingBilinear2d Unfold Fold""",
}

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    CONTENTS,
    submodules=(
        "channelshuffle",
        "container",
        "fold",
        "linear_cross_entropy_options",
        "pixelshuffle",
        "sparse",
        "upsampling",
        "utils",
    ),
)
