"""ExponentialFamily: densities h(x) exp(<eta, T(x)> - A(eta)), whose entropy and divergences follow from A."""

import flambeau

from .distribution import Distribution
from .utils import sum_rightmost

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A subclass gives eta as `_natural_params`, and A as `_log_normalizer(*eta)`; its entropy follows.

    Args:
        batch_shape, event_shape (Size), validate_args (bool, optional): as of Distribution.

    Example:
        >>> from flambeau.distributions import ExponentialFamily
        >>> class Exponential(ExponentialFamily):
        ...     arg_constraints = {}
        ...     _natural_params = (torch.tensor(-2.0),)  # x has the rate 2
        ...     def _log_normalizer(self, eta):
        ...         return -(-eta).log()
        >>> Exponential().entropy()  # 1 - log(2)
        tensor(0.3069)

    Source: Nielsen, Nock, "Entropies and cross-entropies of exponential families", 2010.
    """

    _mean_carrier_measure = 0  # the mean of log h(x), where h is not 1

    @property
    def _natural_params(self):
        raise NotImplementedError(f"{type(self).__name__}._natural_params")

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError(f"{type(self).__name__}._log_normalizer")

    def _normalizer_and_means(self):
        """eta, A(eta), and the mean of T(x), which is the gradient of A; all with a graph."""
        with flambeau.enable_grad():
            params = [
                each if each.requires_grad else each.detach().requires_grad_()
                for each in self._natural_params
            ]
            value = self._log_normalizer(*params)
            return params, value, flambeau.autograd.grad(value.sum(), params, create_graph=True)

    def entropy(self):
        """The entropy, in nats: A(eta) less the mean of <eta, T(x)> and of log h(x)."""
        params, value, means = self._normalizer_and_means()
        result = value - self._mean_carrier_measure
        for eta, mean in zip(params, means, strict=True):
            result = result - sum_rightmost(eta * mean, eta.dim() - value.dim())
        recorded = any(each.requires_grad for each in self._natural_params)
        return result if recorded else result.detach()
