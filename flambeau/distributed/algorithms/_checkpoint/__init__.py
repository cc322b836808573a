"""Modules whose intermediate values are computed again in backward."""
