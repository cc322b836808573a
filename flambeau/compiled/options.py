"""Options that are set for a while: `patch` of torch._dynamo.config and torch._inductor.config."""

import contextlib
import sys

__all__ = ["patch_of"]

_MISSING = object()


class _Patch(contextlib.ContextDecorator):
    """A context, or a decorator, in which options of a module have other values."""

    def __init__(self, module, options):
        self._module, self._options, self._before = module, options, []

    def _recreate_cm(self):
        return _Patch(self._module, self._options)

    def __enter__(self):
        for name, value in self._options.items():
            *rooms, option = name.split(".")
            place = sys.modules[self._module]
            for room in rooms:
                place = getattr(place, room)
            self._before.append((place, option, getattr(place, option, _MISSING)))
            setattr(place, option, value)
        return self

    def __exit__(self, *exception):
        while self._before:
            place, option, value = self._before.pop()
            if value is _MISSING:
                delattr(place, option)
            else:
                setattr(place, option, value)


def patch_of(module):
    """The function `patch` of the module of this name: of options as words, a dict of them, or a name and a value."""

    def patch(arg1=None, arg2=None, **kwargs):
        """Options with other values, as a context or as a decorator.

        Args:
            arg1 (dict or str, optional): the options, or the name of the only one, whose value is arg2 then.
        """
        options = dict(kwargs)
        if isinstance(arg1, str):
            options[arg1] = arg2
        elif arg1 is not None:
            options.update(arg1)
        return _Patch(module, options)

    return patch
