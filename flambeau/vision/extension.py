"""Whether there are compiled operators, as libraries ask torchvision: ours are in the core, so always."""


def _has_ops():
    return True


def _assert_has_ops():
    pass
