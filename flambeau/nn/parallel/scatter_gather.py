"""The names of torch.nn.parallel.scatter_gather."""

from .replicas import gather, scatter, scatter_kwargs

__all__ = ["gather", "scatter", "scatter_kwargs"]
