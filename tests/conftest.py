"""What every test shares: fixed seeds, and hypothesis profiles."""

import os

import pytest
from hypothesis import HealthCheck, settings

_slow_machine = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "checks", deadline=None, derandomize=True, max_examples=50, suppress_health_check=_slow_machine
)
settings.register_profile("home", deadline=None, max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "checks"))


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """Each test starts from the same generator state: order and selection change nothing."""
    import flambeau

    if hasattr(flambeau, "manual_seed"):
        flambeau.manual_seed(0)
    yield
