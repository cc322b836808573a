"""Lua Torch's optimizers: functions that take a step from x by opfunc(x), which gives the value and its gradient.

    x, fx, ... = sgd(opfunc, x, config, state)

Each changes x in place. `config` is a dict of settings, `state` one that remembers from call to call (`config`
itself, if it is left out). Read: common.py, sgd.py; then one algorithm a file.
"""

# At once, not lazily: each function has the name of its module, which must not come after it.
from .adadelta import adadelta
from .adagrad import adagrad
from .adam import adam
from .adamax import adamax
from .asgd import asgd
from .cg import cg
from .lbfgs import lbfgs
from .nag import nag
from .rmsprop import rmsprop
from .rprop import rprop
from .sgd import sgd

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "asgd",
    "cg",
    "lbfgs",
    "nag",
    "rmsprop",
    "rprop",
    "sgd",
]
