"""PyTorch's older name for torch.func. Once this is run, sys.modules["functorch"] is flambeau.functorch itself."""

import importlib

from flambeau.identity import install

install()
importlib.import_module("flambeau.functorch")
