"""Models that train apart and are averaged now and then."""

from ....nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(__name__, {}, submodules=("averagers", "utils"))
