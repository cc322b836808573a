"""Event files for TensorBoard, with PyTorch's SummaryWriter, over tensorboardX (pip install 'flambeau[tensorboard]').

Read: writer.py, files.py; summary.py makes what tensorboardX has no function for, graph.py draws a model.
"""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {".writer": "SummaryWriter", ".files": "FileWriter", ".summary": "RecordWriter"},
    submodules=("summary", "writer"),
)
