"""Which tensors an operator over lists takes together."""

__all__ = [
    "_get_foreach_kernels_supported_devices", "_get_fused_kernels_supported_devices",
    "_group_tensors_by_device_and_dtype", "_has_foreach_support",
]  # fmt: skip


def _get_foreach_kernels_supported_devices():
    """The devices whose tensors torch._foreach_* takes: the CPU's."""
    return ["cpu"]


_get_fused_kernels_supported_devices = _get_foreach_kernels_supported_devices


def _has_foreach_support(tensors, device):
    """Whether torch._foreach_* takes tensors of a device."""
    return device.type in ("cpu", "meta")


def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
    """{(device, dtype): (lists, places)}: the rows of lists side by side, by what the first list has.

    Args:
        tensorlistlist (list of lists): of one length; others than the first may hold None.
        with_indices (bool): whether places, from 0, are told; otherwise they are empty.
    """
    found = {}
    for place, row in enumerate(zip(*tensorlistlist, strict=True)):
        lists, places = found.setdefault(
            (row[0].device, row[0].dtype), ([[] for _ in tensorlistlist], [])
        )
        for one, tensor in zip(lists, row):
            one.append(tensor)
        if with_indices:
            places.append(place)
    return found
