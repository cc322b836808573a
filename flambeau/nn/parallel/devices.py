"""DataParallel: a module copied to several GPUs, each with a part of the batch."""

from ..modules.module import Module


class DataParallel(Module):
    """A module whose batches are split over GPUs. Without GPUs it calls the module itself.

    Args:
        module (Module): what is called.
        device_ids, output_device: of GPUs, and where results go.
        dim (int): of the batch.

    Example:
        >>> model = nn.DataParallel(nn.Linear(2, 3))
        >>> model(torch.randn(4, 2)).shape
        torch.Size([4, 3])
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        if device_ids:
            raise NotImplementedError(
                f"DataParallel: device_ids={device_ids}, but this build computes on one device."
            )
        self.dim = dim
        self.module = module
        self.device_ids = []

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """module(*inputs) as DataParallel computes it."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return DataParallel(module, device_ids, output_device, dim)(*inputs, **(module_kwargs or {}))
