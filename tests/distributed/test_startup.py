"""How processes that no mpiexec has started load MPI."""

import sys
import types

import pytest

from flambeau.distributed import startup


@pytest.mark.parametrize("initialize", [None, False])
def test_without_mpi4py_it_says_what_to_install(monkeypatch, initialize):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"need mpi4py: pip install flambeau\[distributed\]"):
        startup._mpi4py(initialize)


def test_the_setting_of_mpi4py_stays_what_it_was(monkeypatch):
    package, mpi = types.ModuleType("mpi4py"), types.ModuleType("mpi4py.MPI")
    package.rc, package.MPI = types.SimpleNamespace(initialize=True), mpi
    monkeypatch.setitem(sys.modules, "mpi4py", package)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", mpi)
    assert startup._mpi4py(initialize=False) is mpi
    assert package.rc.initialize is True
