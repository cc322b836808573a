"""What has a state_dict() and a load_state_dict(), and is saved and loaded by them."""

from typing import Protocol, runtime_checkable

__all__ = ["Stateful"]


@runtime_checkable
class Stateful(Protocol):
    """Any object with these two methods, such as a Module or an Optimizer."""

    def state_dict(self):
        """What is to be saved."""

    def load_state_dict(self, state_dict):
        """Takes what was saved."""
