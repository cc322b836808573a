"""What tests of fusing share: nothing is fused while another test's sparse tensor, mode or device is alive in a cycle."""

import builtins
import gc

import pytest

import flambeau as torch
from flambeau import _core


def is_fused():
    """Whether two operators in a row wait at present."""
    was = _core._fusion_settings()
    _core._set_fusion(1, 0)
    try:
        before = _core._fusion_counters()["postponed"]
        torch.ones(8).neg().abs()
        return _core._fusion_counters()["postponed"] == before + 2
    finally:
        _core._set_fusion(*was)


@pytest.fixture(autouse=True)
def _nothing_watches():
    if not is_fused():
        vars(builtins).pop("_", None)  # what an example has shown last
        gc.collect()  # errors that were caught hold the frames in which they were raised
