"""Batch normalization."""

import flambeau

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .homes import elsewhere
from .module import Module
from .utils import check_sizes


class _NormBase(Module):
    """What batch and instance normalization hold: weight, bias, running statistics."""

    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]

    def __init__(
        self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True,
        device=None, dtype=None, *, bias=True,
    ):  # fmt: skip
        super().__init__()
        check_sizes(self, num_features=num_features)
        made = {"device": device, "dtype": dtype}
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = Parameter(flambeau.empty(num_features, **made))
        else:
            self.register_parameter("weight", None)
        if affine and bias:
            self.bias = Parameter(flambeau.empty(num_features, **made))
        else:
            self.register_parameter("bias", None)
        if track_running_stats:
            self.register_buffer("running_mean", flambeau.zeros(num_features, **made))
            self.register_buffer("running_var", flambeau.ones(num_features, **made))
            counter = flambeau.tensor(0, dtype=flambeau.int64, device=device)
            self.register_buffer("num_batches_tracked", counter)
        else:
            self.register_buffer("running_mean", None)
            self.register_buffer("running_var", None)
            self.register_buffer("num_batches_tracked", None)
        self.reset_parameters()

    def reset_running_stats(self):
        """Forget what training batches looked like."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """weight 1, bias 0, statistics forgotten."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    # Numbers of dimensions that an input may have, and how a message says so; by default nothing is taken.
    _taken, _wanted = (), ""

    def _check_input_dim(self, input):
        if not self._taken:
            raise NotImplementedError
        if input.dim() not in self._taken:
            raise ValueError(
                f"{type(self).__name__}: input {tuple(input.shape)} must have {self._wanted}"
            )

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        version = local_metadata.get("version", None)
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            # Version 1 had no counter.
            state_dict[key] = (
                self.num_batches_tracked
                if self.num_batches_tracked is not None
                else flambeau.tensor(0, dtype=flambeau.int64)
            )
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    """Batch normalization of any number of dimensions."""

    def forward(self, input):
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the average over all batches so far
                batches = self.num_batches_tracked
                momentum = 1.0 if batches.is_meta else 1.0 / float(batches)
        from_batch = self.training or (self.running_mean is None and self.running_var is None)
        keep = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            from_batch,
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, C) or (N, C, L); see functional.batch_norm.

    Arguments as BatchNorm2d.

    Example:
        >>> nn.BatchNorm1d(3)(torch.randn(2, 3, 5)).shape
        torch.Size([2, 3, 5])
    """

    _taken, _wanted = (2, 3), "3 dims, (N, C, L), or 2, (N, C)."


class BatchNorm2d(_BatchNorm):
    """Batch normalization of (N, C, H, W); see functional.batch_norm.

    Args:
        num_features (int): C, the channels.
        eps (float): added to the variance.
        momentum (float or None): weight of a batch in the running values; None: their plain mean.
        affine, bias (bool): whether there are a weight and a bias to learn.
        track_running_stats (bool): keep mean and variance for evaluation.
        device, dtype: of parameters and buffers.

    Example:
        >>> nn.BatchNorm2d(3)(torch.randn(2, 3, 5, 5)).shape
        torch.Size([2, 3, 5, 5])
    """

    _taken, _wanted = (4,), "4 dims, (N, C, H, W). unsqueeze(0) adds a batch of one."


class BatchNorm3d(_BatchNorm):
    """Batch normalization of (N, C, D, H, W); see functional.batch_norm. Arguments as BatchNorm2d.

    Example:
        >>> nn.BatchNorm3d(3)(torch.randn(2, 3, 4, 5, 5)).shape
        torch.Size([2, 3, 4, 5, 5])
    """

    _taken, _wanted = (5,), "5 dims, (N, C, D, H, W). unsqueeze(0) adds a batch of one."


class SyncBatchNorm(_BatchNorm):
    """Batch normalization over the batches of all processes; with one process, of its own batch.

    Args:
        process_group (ProcessGroup, optional): whose batches count; all processes if None.
        all others: as of BatchNorm2d.

    Example:
        >>> nn.SyncBatchNorm(3)(torch.randn(2, 3, 5, 5)).shape
        torch.Size([2, 3, 5, 5])
    """

    def __init__(
        self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True,
        process_group=None, device=None, dtype=None, *, bias=True,
    ):  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(
                f"{type(self).__name__}: input {tuple(input.shape)} must have 2 dims or more, (N, "
                "C, ...)."
            )

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """`module` with every batch norm in it replaced by a SyncBatchNorm of the same state."""
        converted = module
        if isinstance(module, _BatchNorm):
            converted = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            if module.affine:
                converted.weight = module.weight
                converted.bias = module.bias
            converted.running_mean = module.running_mean
            converted.running_var = module.running_var
            converted.num_batches_tracked = module.num_batches_tracked
            converted.training = module.training
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted


__getattr__ = elsewhere(lazy="LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d")
