"""Functions of several tensors under the name torch.functional; they are those of the package itself."""

import flambeau

__all__ = """atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist
    chain_matmul einsum istft lu meshgrid norm split stft tensordot unique unique_consecutive
    unravel_index""".split()


def __getattr__(name):
    if name == "F":  # from a higher floor, when it is asked for
        return flambeau.nn.functional
    if name in __all__:
        return getattr(flambeau, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
