"""Embedding and EmbeddingBag: tables of learned rows."""

import flambeau

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .homes import settle
from .module import Module
from .utils import check_sizes


def _padding_row(padding_idx, rows):
    """padding_idx as a row number, or None."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError(f"Embedding: padding_idx is {padding_idx}, but there are {rows} rows.")
    return padding_idx % rows


class _Table(Module):
    """What Embedding and EmbeddingBag share: the weight and its first values."""

    def _make(self, num_embeddings, embedding_dim, padding_idx, weight, device, dtype, learn=True):
        check_sizes(self, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _padding_row(padding_idx, num_embeddings)
        if weight is None:
            shape = (num_embeddings, embedding_dim)
            weight = flambeau.empty(shape, device=device, dtype=dtype)
            self.weight = Parameter(weight, requires_grad=learn)
            self.reset_parameters()
            return
        if list(weight.shape) != [num_embeddings, embedding_dim]:
            raise AssertionError(
                f"{type(self).__name__}: _weight {tuple(weight.shape)} must be (num_embeddings, "
                "embedding_dim)."
            )
        self.weight = Parameter(weight, requires_grad=learn)

    def reset_parameters(self):
        """Draw the table from a normal distribution; the padding row is 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with flambeau.no_grad():
                self.weight[self.padding_idx].fill_(0)

    # Parts of what repr() shows.

    def _sizes(self):
        return f"{self.num_embeddings}, {self.embedding_dim}"

    def _padding(self):
        return "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"

    def _norm_options(self):
        text = "" if self.max_norm is None else f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text

    @staticmethod
    def _check_table(embeddings):
        if embeddings.dim() != 2:
            raise AssertionError(
                f"from_pretrained: embeddings {tuple(embeddings.shape)} must be a "
                "matrix, one row to each entry."
            )


class Embedding(_Table):
    """weight[index] for each index.

    Args:
        num_embeddings (int): rows of the table.
        embedding_dim (int): length of a row.
        padding_idx (int, optional): a row that starts as 0 and whose gradient stays 0.
        max_norm (float, optional): longer rows are shortened when they are used.
        scale_grad_by_freq (bool): divide a row's gradient by how often it occurs in the batch.

    Shape: indices (*B) to (*B, embedding_dim).

    Example:
        >>> nn.Embedding(10, 3)(torch.tensor([[1, 2], [4, 9]])).shape
        torch.Size([2, 2, 3])
    """

    __constants__ = [
        "num_embeddings", "embedding_dim", "padding_idx", "max_norm", "norm_type",
        "scale_grad_by_freq", "sparse",
    ]  # fmt: skip

    def __init__(
        self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0,
        scale_grad_by_freq=False, sparse=False, _weight=None, _freeze=False, device=None,
        dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._make(num_embeddings, embedding_dim, padding_idx, _weight, device, dtype, not _freeze)
        self.sparse = sparse

    def forward(self, input):
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip

    def extra_repr(self):
        text = self._sizes() + self._padding() + self._norm_options()
        return text + ", sparse=True" if self.sparse else text

    @classmethod
    def from_pretrained(
        cls, embeddings, freeze=True, padding_idx=None, max_norm=None, norm_type=2.0,
        scale_grad_by_freq=False, sparse=False,
    ):  # fmt: skip
        """An Embedding whose table is `embeddings`; it does not learn unless freeze is False."""
        cls._check_table(embeddings)
        rows, columns = embeddings.shape
        return cls(
            num_embeddings=rows,
            embedding_dim=columns,
            _weight=embeddings,
            _freeze=freeze,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
        )


class EmbeddingBag(_Table):
    """The sum, mean or maximum of the embeddings in each bag; see functional.embedding_bag.

    Args:
        num_embeddings, embedding_dim (int): rows and columns of the weight.
        max_norm, norm_type (float): rows that are read are first shortened to this norm.
        scale_grad_by_freq (bool): divide gradients by how often an index comes.
        mode (str): "sum", "mean" or "max".
        sparse (bool): a sparse gradient of the weight.
        include_last_offset (bool): offsets end with the number of indices.
        padding_idx (int, optional): an index that counts for nothing.
        device, dtype: of the weight.

    Example:
        >>> nn.EmbeddingBag(10, 3, mode="sum")(torch.tensor([1, 2, 4]), torch.tensor([0, 2])).shape
        torch.Size([2, 3])
    """

    __constants__ = [
        "num_embeddings", "embedding_dim", "max_norm", "norm_type", "scale_grad_by_freq", "mode",
        "sparse", "include_last_offset", "padding_idx",
    ]  # fmt: skip

    def __init__(
        self, num_embeddings, embedding_dim, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
        mode="mean", sparse=False, _weight=None, include_last_offset=False, padding_idx=None,
        device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._make(num_embeddings, embedding_dim, padding_idx, _weight, device, dtype)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    def forward(self, input, offsets=None, per_sample_weights=None):
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self):
        return f"{self._sizes()}{self._norm_options()}, mode={self.mode!r}{self._padding()}"

    @classmethod
    def from_pretrained(
        cls, embeddings, freeze=True, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
        mode="mean", sparse=False, include_last_offset=False, padding_idx=None,
    ):  # fmt: skip
        """An EmbeddingBag whose table is `embeddings`; it does not learn unless freeze is False."""
        cls._check_table(embeddings)
        rows, columns = embeddings.shape
        bag = cls(
            num_embeddings=rows,
            embedding_dim=columns,
            _weight=embeddings,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        bag.weight.requires_grad = not freeze
        return bag


settle("sparse", Embedding, EmbeddingBag)
