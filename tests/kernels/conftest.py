import pytest


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Kernels compiled by the tests go to a cache of their own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("FLAMBEAU_CACHE_DIR", str(tmp_path_factory.mktemp("kernels")))
    yield
    patch.undo()
