"""Feature pyramids.

Source: Lin et al., "Feature Pyramid Networks for Object Detection", 2017, arXiv:1612.03144, section 3.
"""

import re
from collections import OrderedDict

from ... import nn
from ...nn import functional as F
from .misc import Conv2dNormActivation

__all__ = ["ExtraFPNBlock", "FeaturePyramidNetwork", "LastLevelMaxPool", "LastLevelP6P7"]


class ExtraFPNBlock(nn.Module):
    """What adds levels to a pyramid: forward(results, features, names) to (results, names)."""

    def forward(self, results, x, names):
        raise NotImplementedError(
            f"{type(self).__name__}.forward: a subclass says which levels it adds."
        )


class FeaturePyramidNetwork(nn.Module):
    """Coarse features, enlarged, are added to finer ones: an ordered dict of (N, C_i, H_i, W_i) to one of out_channels.

    in_channels_list: C_i, fine to coarse. extra_blocks: an ExtraFPNBlock that adds levels.

    Example:
        >>> fpn = ops.FeaturePyramidNetwork([10, 20], 5)
        >>> out = fpn({"fine": torch.rand(1, 10, 16, 16), "coarse": torch.rand(1, 20, 8, 8)})
        >>> [(name, tuple(x.shape)) for name, x in out.items()]
        [('fine', (1, 5, 16, 16)), ('coarse', (1, 5, 8, 8))]
    """

    _version = 2

    def __init__(self, in_channels_list, out_channels, extra_blocks=None, norm_layer=None):
        super().__init__()
        if 0 in in_channels_list:
            raise ValueError(
                "FeaturePyramidNetwork: in_channels_list has a 0; a level needs channels."
            )
        plain = {"norm_layer": norm_layer, "activation_layer": None}
        self.inner_blocks = nn.ModuleList(
            Conv2dNormActivation(channels, out_channels, kernel_size=1, padding=0, **plain)
            for channels in in_channels_list
        )
        self.layer_blocks = nn.ModuleList(
            Conv2dNormActivation(out_channels, out_channels, kernel_size=3, **plain)
            for _ in in_channels_list
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(
                f"FeaturePyramidNetwork: extra_blocks is {type(extra_blocks).__name__}; it must be an ExtraFPNBlock."
            )
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version", None) in (None, 1):
            # Before version 2 a block was the convolution itself.
            old = re.compile(
                re.escape(prefix) + r"(inner_blocks|layer_blocks)\.(\d+)\.(weight|bias)"
            )
            for key in [key for key in state_dict if old.fullmatch(key)]:
                block, i, name = old.fullmatch(key).groups()
                state_dict[f"{prefix}{block}.{i}.0.{name}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x):
        names, features = list(x), list(x.values())
        inner = self.inner_blocks[-1](features[-1])
        results = [self.layer_blocks[-1](inner)]
        for i in range(len(features) - 2, -1, -1):
            lateral = self.inner_blocks[i](features[i])
            inner = lateral + F.interpolate(inner, size=lateral.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[i](inner))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, features, names)
        return OrderedDict(zip(names, results))


class LastLevelMaxPool(ExtraFPNBlock):
    """Adds "pool", every second pixel of the coarsest level."""

    def forward(self, x, y, names):
        return [*x, F.max_pool2d(x[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Adds "p6" and "p7", two convolutions with stride 2. Source: arXiv:1708.02002, section 4."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in (self.p6, self.p7):
            nn.init.kaiming_uniform_(module.weight, a=1)
            nn.init.zeros_(module.bias)
        self.use_P5 = in_channels == out_channels

    def forward(self, p, c, names):
        p6 = self.p6(p[-1] if self.use_P5 else c[-1])
        p7 = self.p7(F.relu(p6))
        return [*p, p6, p7], [*names, "p6", "p7"]
