"""PyTorch's name for flambeau. Once this is run, sys.modules["torch"] is flambeau itself."""

from flambeau.identity import install

install()
