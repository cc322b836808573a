"""torch._vmap_internals: vmap as it was before torch.func."""

import functools

import flambeau

__all__ = ["vmap"]


def _vmap(func, in_dims=0, out_dims=0, allow_none_pass_through=False):
    """func.vmap; with allow_none_pass_through a result of None stays None."""
    if not allow_none_pass_through:
        return flambeau.vmap(func, in_dims, out_dims)

    @functools.wraps(func)
    def mapped(*args):
        shape = []

        def without_none(*slices):
            results = func(*slices)
            shape[:] = [results]
            several = results if isinstance(results, tuple) else (results,)
            return tuple(r for r in several if r is not None)

        made = iter(flambeau.vmap(without_none, in_dims, out_dims)(*args))
        (results,) = shape
        if not isinstance(results, tuple):
            return None if results is None else next(made)
        return tuple(None if r is None else next(made) for r in results)

    return mapped


vmap = _vmap
