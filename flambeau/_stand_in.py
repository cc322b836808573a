"""Importing this gives flambeau PyTorch's names in this process; see __main__.py. For processes of multiprocessing."""

from .__main__ import install

install()
