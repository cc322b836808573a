"""The trainer of 2017: a loop over a data set, and plugins that are called at intervals.

Read: trainer.py, plugins/plugin.py, plugins/monitor.py. `flambeau.train` is today's.
"""

from .trainer import Trainer

__all__ = ["Trainer"]
