"""How to quantize: names that refuse."""

from . import QConfig, get_default_qat_qconfig, get_default_qconfig  # noqa: F401
