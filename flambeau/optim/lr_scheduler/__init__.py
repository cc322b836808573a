"""Schedules of learning rates.

Read: scheduler.py (the base), factors.py, cosine.py, cycles.py, plateau.py, composed.py.
"""

from ...nn.lazy_names import listed, table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".scheduler": "EPOCH_DEPRECATION_WARNING LRScheduler _LRScheduler",
        ".factors": """LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR
            ExponentialLR PolynomialLR""",
        ".cosine": "CosineAnnealingLR CosineAnnealingWarmRestarts",
        ".cycles": "CyclicLR OneCycleLR",
        ".plateau": "ReduceLROnPlateau",
        ".composed": "SequentialLR ChainedScheduler",
    },
)
__all__.remove("_LRScheduler")
listed(__name__)
