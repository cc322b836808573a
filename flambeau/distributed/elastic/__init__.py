"""What programs use of PyTorch's elastic launcher: see launcher/ and run.py for the launcher itself."""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(__name__, {}, submodules=("multiprocessing",))
