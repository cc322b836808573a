"""Embedding and EmbeddingBag under the module that programs import them from."""

from .embedding import Embedding, EmbeddingBag

__all__ = ["Embedding", "EmbeddingBag"]
