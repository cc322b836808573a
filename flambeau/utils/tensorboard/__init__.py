"""Event files for TensorBoard, with PyTorch's SummaryWriter. tensorboard or tensorboardX defines their messages.

Read: writer.py, files.py, library.py; then what makes summaries: summary.py, diagrams.py, images.py, graph.py.
"""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {".writer": "SummaryWriter", ".files": "FileWriter", ".summary": "RecordWriter"},
    submodules=("summary", "writer"),
)
