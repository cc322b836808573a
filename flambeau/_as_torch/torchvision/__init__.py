"""torchvision's name for flambeau.vision. Once this is run, sys.modules["torchvision"] is that module itself."""

import importlib

from flambeau.identity import install

install()
importlib.import_module("flambeau.vision")
