"""Optimizers, one a file, and schedules of their learning rates.

Read: optimizer.py, rule.py, sgd.py, adam.py, lr_scheduler/.
May import: floors 1 to 4, nn. Must not import: utils, vision.
"""

from ..nn.lazy_names import listed, table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".optimizer": "Optimizer",
        ".sgd": "SGD",
        ".adam": "Adam AdamW",
        ".rmsprop": "RMSprop",
        ".lbfgs": "LBFGS",
        ".adagrad": "Adagrad",
        ".adadelta": "Adadelta",
        ".sparse_adam": "SparseAdam",
        ".adamax": "Adamax",
        ".nadam": "NAdam",
        ".radam": "RAdam",
        ".asgd": "ASGD",
        ".rprop": "Rprop",
        ".adafactor": "Adafactor",
        ".muon": "Muon",
        ".swapping": "swap_in_optimizer_params_and_state",
    },
    submodules=("lr_scheduler", "optimizer", "swa_utils"),
)
listed(__name__)
