"""Collating, under the name that programs import it by."""

from ..collate import default_collate, default_convert

__all__ = ["default_collate", "default_convert"]
