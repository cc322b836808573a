"""Apple's GPUs are not supported."""


def is_built():
    """Whether kernels for them are part of this build: False."""
    return False


def is_available():
    """Whether one can be used: False."""
    return False


def is_macos_or_newer(major, minor):
    """Whether this is macOS of that version: False."""
    return False
