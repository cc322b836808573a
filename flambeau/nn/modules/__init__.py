"""The layers, one a file or a family a file. May import: flambeau, nn.functional, nn.init."""

from ..lazy_names import table_of_contents

CONTENTS = {
    ".module": "Module",
    ".sequential": "Sequential",
    ".module_list": "ModuleList",
    ".module_dict": "ModuleDict",
    ".parameter_list": "ParameterList ParameterDict",
    ".linear": "Identity Linear Bilinear",
}

__getattr__, __dir__, __all__ = table_of_contents(__name__, CONTENTS)
