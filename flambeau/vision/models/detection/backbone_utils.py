"""Backbones of detectors: a ResNet or MobileNet with a feature pyramid."""

from .... import _core, nn
from ...ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool
from ...ops.misc import FrozenBatchNorm2d
from .. import mobilenet, resnet
from .._api import get_model_weights
from .._utils import IntermediateLayerGetter, handle_legacy_interface, stage_indices


class BackboneWithFPN(nn.Module):
    """Images to a dict of features of out_channels: the layers of return_layers, in a pyramid."""

    def __init__(
        self, backbone, return_layers, in_channels_list, out_channels, extra_blocks=None,
        norm_layer=None,
    ):  # fmt: skip
        super().__init__()
        self.body = IntermediateLayerGetter(backbone, return_layers=return_layers)
        self.fpn = FeaturePyramidNetwork(
            in_channels_list, out_channels, extra_blocks or LastLevelMaxPool(), norm_layer
        )
        self.out_channels = out_channels

    def forward(self, x):
        return self.fpn(self.body(x))


def _best(arguments):
    """The first published weights of the backbone of a call."""
    return next(iter(get_model_weights(arguments["backbone_name"])))


@handle_legacy_interface(weights=("pretrained", _best))
def resnet_fpn_backbone(
    *, backbone_name, weights, norm_layer=FrozenBatchNorm2d, trainable_layers=3,
    returned_layers=None, extra_blocks=None,
):  # fmt: skip
    """A ResNet by its name, with a pyramid.

    trainable_layers: how many of its five parts train, from the last. returned_layers: those in the pyramid, of 1 to
    4. weights: of the ResNet.
    """
    backbone = getattr(resnet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return _resnet_fpn_extractor(backbone, trainable_layers, returned_layers, extra_blocks)


def _check(name, value, low, high):
    if not low <= value <= high:
        raise ValueError(f"detection: {name} is {value}; it must lie in {low} to {high}.")


def _resnet_fpn_extractor(
    backbone, trainable_layers, returned_layers=None, extra_blocks=None, norm_layer=None
):
    _check("trainable_layers", trainable_layers, 0, 5)
    trained = ["layer4", "layer3", "layer2", "layer1", "conv1"][:trainable_layers]
    if trainable_layers == 5:
        trained.append("bn1")
    for name, parameter in backbone.named_parameters():
        if not name.startswith(tuple(trained)):
            parameter.requires_grad_(False)
    returned_layers = returned_layers or [1, 2, 3, 4]
    for layer in returned_layers:
        _check("a returned layer", layer, 1, 4)
    first = backbone.inplanes // 8
    return BackboneWithFPN(
        backbone,
        {f"layer{layer}": str(i) for i, layer in enumerate(returned_layers)},
        [first * 2 ** (layer - 1) for layer in returned_layers],
        256,
        extra_blocks=extra_blocks,
        norm_layer=norm_layer,
    )


def _validate_trainable_layers(is_trained, trainable_backbone_layers, max_value, default_value):
    """How many layers train: all of a backbone without published weights."""
    if not is_trained:
        if trainable_backbone_layers is not None:
            _core._warn(
                f"detection: trainable_backbone_layers is {trainable_backbone_layers}, but the backbone has no published "
                f"weights, so all {max_value} train."
            )
        return max_value
    chosen = default_value if trainable_backbone_layers is None else trainable_backbone_layers
    _check("trainable_backbone_layers", chosen, 0, max_value)
    return chosen


@handle_legacy_interface(weights=("pretrained", _best))
def mobilenet_backbone(
    *, backbone_name, weights, fpn, norm_layer=FrozenBatchNorm2d, trainable_layers=2,
    returned_layers=None, extra_blocks=None,
):  # fmt: skip
    """A MobileNet by its name, with a pyramid if fpn, else with a last 1x1 convolution to 256 channels."""
    backbone = getattr(mobilenet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return _mobilenet_extractor(backbone, fpn, trainable_layers, returned_layers, extra_blocks)


def freeze(features, stages, trainable_layers):
    """Leaves only the last stages to train."""
    _check("trainable_layers", trainable_layers, 0, len(stages))
    first = len(features) if trainable_layers == 0 else stages[len(stages) - trainable_layers]
    for block in features[:first]:
        for parameter in block.parameters():
            parameter.requires_grad_(False)


def _mobilenet_extractor(
    backbone, fpn, trainable_layers, returned_layers=None, extra_blocks=None, norm_layer=None
):
    features = backbone.features
    stages = stage_indices(features)
    freeze(features, stages, trainable_layers)
    if not fpn:
        model = nn.Sequential(features, nn.Conv2d(features[-1].out_channels, 256, 1))
        model.out_channels = 256
        return model
    returned_layers = returned_layers or [len(stages) - 2, len(stages) - 1]
    for layer in returned_layers:
        _check("a returned layer", layer, 0, len(stages) - 1)
    return BackboneWithFPN(
        features,
        {str(stages[layer]): str(i) for i, layer in enumerate(returned_layers)},
        [features[stages[layer]].out_channels for layer in returned_layers],
        256,
        extra_blocks=extra_blocks,
        norm_layer=norm_layer,
    )
