"""How exactly float32 products are computed on GPUs, and by what: switches of the process, which public names set."""

precision = (
    "highest"  # or "high", "medium": tensor cores may round factors to tf32, 10 bits of significand
)

uses_cudnn = True  # where it is installed, and faster
cudnn_tf32 = True  # whether it may round float32 to tf32


def set_precision(value):
    """Sets it; from then on products of float32 on GPUs follow it."""
    global precision
    precision = value


def allows_tf32():
    """Whether factors may be rounded to tf32."""
    return precision != "highest"
