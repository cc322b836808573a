"""Plugins of the trainer of 2017: what measures (Monitor and its kin), what tells, what saves."""

from ....nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".plugin": "Plugin",
        ".monitor": "Monitor",
        ".accuracy": "AccuracyMonitor",
        ".loss": "LossMonitor",
        ".time": "TimeMonitor",
        ".progress": "ProgressMonitor",
        ".logger": "Logger",
        ".saver": "SaverPlugin",
        ".tensorboard": "TensorBoardLogger",
    },
)
