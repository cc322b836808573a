"""AdaptiveLogSoftmaxWithLoss: a softmax over very many classes, rare ones in clusters of their own.

Source: Grave et al., 2016, arXiv:1609.04309.
"""

from collections import namedtuple

import flambeau

from .linear import Linear
from .module import Module
from .module_list import ModuleList
from .sequential import Sequential

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log probability of the target class, and the mean negative log likelihood.

    Args:
        in_features (int): size of the input.
        n_classes (int): number of classes, the frequent ones first.
        cutoffs (sequence of int): where the head ends and each cluster but the last ends.
        div_value (float): cluster i sees the input in in_features / div_value**(i + 1) dimensions.
        head_bias (bool): whether the head has a bias.

    Shape: input (N, in_features) or (in_features,), target (N,) or ().

    Example:
        >>> layer = nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10])
        >>> layer.log_prob(torch.randn(3, 16)).exp().sum(1).round(decimals=3)
        tensor([1., 1., 1.], grad_fn=<RoundBackward0>)
    """

    def __init__(
        self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None,
        dtype=None,
    ):  # fmt: skip
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("AdaptiveLogSoftmaxWithLoss: cutoffs are empty; give one or more.")
        if (
            cutoffs != sorted(set(cutoffs))
            or cutoffs[0] <= 0
            or cutoffs[-1] > n_classes - 1
            or any(int(cutoff) != cutoff for cutoff in cutoffs)
        ):
            raise ValueError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs {cutoffs} must be ints that rise from 1 or "
                f"more to {n_classes - 1} or less."
            )
        made = {"device": device, "dtype": dtype}
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            narrow = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, narrow, bias=False, **made),
                    Linear(narrow, size, bias=False, **made),
                )
            )

    def reset_parameters(self):
        """Draw new weights."""
        self.head.reset_parameters()
        for narrow, wide in self.tail:
            narrow.reset_parameters()
            wide.reset_parameters()

    def forward(self, input, target):
        single = target.dim() == 0
        if target.dim() > 1:
            raise RuntimeError(
                f"AdaptiveLogSoftmaxWithLoss: target {tuple(target.shape)} must be a vector of "
                "classes, or one without a batch."
            )
        if input.dim() != target.dim() + 1:
            raise RuntimeError(
                f"AdaptiveLogSoftmaxWithLoss: input {tuple(input.shape)} must have "
                f"{target.dim() + 1} dims for target {tuple(target.shape)}."
            )
        if single:
            input, target = input.unsqueeze(0), target.unsqueeze(0)
        elif input.size(0) != target.size(0):
            raise RuntimeError(
                f"AdaptiveLogSoftmaxWithLoss: input {tuple(input.shape)} and target "
                f"{tuple(target.shape)} have different batches."
            )
        if target.numel() and not bool(((target >= 0) & (target < self.n_classes)).all()):
            raise RuntimeError(
                f"AdaptiveLogSoftmaxWithLoss: target holds classes from {target.min().item()} to "
                f"{target.max().item()}; there are {self.n_classes}, 0 to {self.n_classes - 1}."
            )
        in_head = target.clamp(max=self.shortlist_size - 1)
        output = input.new_zeros(target.size(0))
        for i in range(self.n_clusters):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            within = self.tail[i](input.index_select(0, rows)).log_softmax(1)
            wanted = (target.index_select(0, rows) - low).unsqueeze(1)
            output = output.index_copy(0, rows, within.gather(1, wanted).squeeze(1))
            in_head = flambeau.where(
                (target >= low) & (target < high), self.shortlist_size + i, in_head
            )
        head = self.head(input).log_softmax(1)
        output = output + head.gather(1, in_head.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if single else output, loss)

    def log_prob(self, input):
        """(N, n_classes): the log probability of every class."""
        head = self.head(input).log_softmax(1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            own = cluster(input).log_softmax(1)
            parts.append(own + head[:, self.shortlist_size + i].unsqueeze(1))
        return flambeau.cat(parts, 1)

    def predict(self, input):
        """(N,): the most probable class."""
        return self.log_prob(input).argmax(1)
