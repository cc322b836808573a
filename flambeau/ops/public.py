"""Every public name of flambeau by attribute, for operators that are written in terms of others.

`from . import public as fl`, then `fl.stack(...)`: the name is looked up when it is first used, so the
families may be declared in any order and in a circle, and none imports the package that stands above it.
"""

import sys


def __getattr__(name):
    value = getattr(sys.modules["flambeau"], name)
    globals()[name] = value
    return value
