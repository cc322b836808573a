"""Tests on the simulated GPU: FLAMBEAU_CUDA=simulated python -m pytest tests/cuda; else test_in_simulation.py runs them."""

import os

if os.environ.get("FLAMBEAU_CUDA", "").startswith("simulated"):
    collect_ignore = ["test_in_simulation.py"]
else:
    collect_ignore_glob = ["test_on_*.py"]
