"""Cosine annealing. Source: Loshchilov, Hutter, 2016, arXiv:1608.03983."""

import math

from ..examples import shows_rate
from .scheduler import LRScheduler


@shows_rate("CosineAnnealingLR(optimizer, 8)", "0.5")
class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial rate to eta_min in T_max epochs, and back.

    Args:
        T_max (int): epochs of half a cosine.
        eta_min (float): the least rate.
        optimizer, last_epoch: as of LambdaLR.
    """

    _multiplies = True

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        self._warn_outside_step()
        rates = self._rates()
        if self.last_epoch == 0:
            return rates
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The rate was eta_min, from which no factor leads away.
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            bases = zip(self.base_lrs, rates, strict=True)
            return [rate + (base - self.eta_min) * rise for base, rate in bases]
        now = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        before = 1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in rates]

    def _get_closed_form_lr(self):
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


@shows_rate("CosineAnnealingWarmRestarts(optimizer, 3)", "0.75")
class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the initial rate to eta_min, again and again.

    The first lasts T_0 epochs, each next T_mult times as long.

    Args:
        T_0 (int): epochs up to the first restart.
        T_mult (int): what each later run is longer by, as a factor.
        eta_min (float): the least rate.
        optimizer, last_epoch: as of LambdaLR.
    """

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0.0, last_epoch=-1):
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(
                f"CosineAnnealingWarmRestarts: T_0 is {T_0}; it must be an int of 1 or more."
            )
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(
                f"CosineAnnealingWarmRestarts: T_mult is {T_mult}; it must be an int of 1 or more."
            )
        if not isinstance(eta_min, (float, int)):
            raise ValueError(
                "CosineAnnealingWarmRestarts: eta_min must be a float or int, not "
                f"{type(eta_min).__name__}."
            )
        self.T_0 = self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur = last_epoch
        if last_epoch >= 0:
            self._find_cycle(last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        self._warn_outside_step()
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch=None):
        """Go to the next epoch, or to the given one, which may have a fraction."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            if epoch < 0:
                raise ValueError(
                    f"CosineAnnealingWarmRestarts.step: epoch is {epoch}; it must be 0 or more."
                )
            self._find_cycle(epoch)
        self._step_count += 1
        self.last_epoch = math.floor(epoch)
        self._get_lr_called_within_step = True
        try:
            rates = self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        self._set_rates(rates)

    def _update_lr(self, epoch=None):
        self.step(epoch)

    def _find_cycle(self, epoch):
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_i, self.T_cur = self.T_0, epoch % self.T_0
        else:
            # After n cycles T_0 * (T_mult**n - 1) / (T_mult - 1) epochs have passed.
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
