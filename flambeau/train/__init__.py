"""Training in a few lines: a loop with progress, metrics, checkpoints that continue exactly, a log, curves.

Read: trainer.py, then checkpoint.py, learning_rate.py, curves.py. May import: everything below floor 6, utils.
"""

from ..nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".trainer": "Trainer Callback",
        ".learning_rate": "find_learning_rate",
        ".curves": "draw_curves read_log",
    },
)
