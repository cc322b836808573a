"""How long groups wait where nothing is said."""

import datetime

from .groups import _MINUTES

__all__ = ["default_pg_nccl_timeout", "default_pg_timeout"]

default_pg_timeout = datetime.timedelta(minutes=_MINUTES)
default_pg_nccl_timeout = None  # there is no NCCL
