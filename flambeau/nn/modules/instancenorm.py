"""Instance normalization."""

from ... import _core
from .. import functional as F
from .batchnorm import _NormBase
from .homes import elsewhere


class _InstanceNorm(_NormBase):
    """Instance normalization of any number of dimensions."""

    def __init__(
        self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False,
        device=None, dtype=None, *, bias=True,
    ):  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _get_no_batch_dim(self):
        return self._taken[0]

    def _normalize(self, input):
        return F.instance_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0, self.eps,
        )  # fmt: skip

    def forward(self, input):
        self._check_input_dim(input)
        without_batch = self._get_no_batch_dim()
        channels = input.dim() - without_batch
        if input.size(channels) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"{type(self).__name__}: input {tuple(input.shape)} has {input.size(channels)} "
                    f"channels in dim {channels}; num_features is {self.num_features}."
                )
            _core._warn(
                f"{type(self).__name__}: input has {input.size(channels)} channels in dim "
                f"{channels} and num_features is {self.num_features}, which is not used because "
                "affine=False."
            )
        if input.dim() == without_batch:
            return self._normalize(input.unsqueeze(0)).squeeze(0)
        return self._normalize(input)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        version = local_metadata.get("version", None)
        if version is None and not self.track_running_stats:
            # Before version 1 statistics were tracked by default, and so are in old files.
            stale = [
                prefix + name
                for name in ("running_mean", "running_var")
                if prefix + name in state_dict
            ]
            if stale:
                error_msgs.append(
                    "the state dict holds running statistics "
                    f"({' and '.join(repr(k) for k in stale)}), but {type(self).__name__} has "
                    "track_running_stats=False. Remove them, or track running statistics."
                )
                for key in stale:
                    state_dict.pop(key)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class InstanceNorm1d(_InstanceNorm):
    """Instance normalization of (N, C, L) or (C, L). Arguments as InstanceNorm2d.

    Example:
        >>> nn.InstanceNorm1d(3)(torch.randn(2, 3, 5)).shape
        torch.Size([2, 3, 5])
    """

    _taken, _wanted = (2, 3), "3 dims, (N, C, L), or 2 without a batch."


class InstanceNorm2d(_InstanceNorm):
    """Instance normalization of (N, C, H, W) or (C, H, W).

    Args:
        num_features (int): C, the channels.
        eps, momentum, device, dtype: as of BatchNorm.
        affine (bool): whether there are a weight and a bias to learn.
        track_running_stats (bool): evaluate with kept values, not with those of the input.

    Example:
        >>> nn.InstanceNorm2d(3)(torch.randn(2, 3, 5, 5)).shape
        torch.Size([2, 3, 5, 5])
    """

    _taken, _wanted = (3, 4), "4 dims, (N, C, H, W), or 3 without a batch."


class InstanceNorm3d(_InstanceNorm):
    """Instance normalization of (N, C, D, H, W) or (C, D, H, W). Arguments as InstanceNorm2d.

    Example:
        >>> nn.InstanceNorm3d(3)(torch.randn(2, 3, 4, 5, 5)).shape
        torch.Size([2, 3, 4, 5, 5])
    """

    _taken, _wanted = (4, 5), "5 dims, (N, C, D, H, W), or 4 without a batch."


__getattr__ = elsewhere(lazy="LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d")
