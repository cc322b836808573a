"""Changing what a module's tensors are: dtype, device, memory format, whether they learn."""

import flambeau

from ... import _core

switches = {"overwrite": False, "swap": False}  # of flambeau.__future__


class Conversion:
    """The part of Module that converts its parameters and buffers in place."""

    def _apply(self, fn, recurse=True):
        """Replace the data of every parameter, gradient and buffer by fn of it; returns the module.

        Parameters stay the same objects, so an optimizer made before keeps working on them; on
        another device, or in another layout, they are new ones.
        """
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, parameter in self._parameters.items():
            if parameter is None:
                continue
            grad = parameter.grad
            with flambeau.no_grad():
                converted = fn(parameter)
                if converted is not parameter and switches["swap"]:
                    if grad is not None:
                        parameter.grad = None
                    moved = flambeau.nn.Parameter(converted, parameter.requires_grad)
                    flambeau.utils.swap_tensors(parameter, moved)
                elif converted is not parameter and (
                    switches["overwrite"]
                    or converted.device != parameter.device
                    or converted.layout != parameter.layout
                ):
                    moved = flambeau.nn.Parameter(converted, parameter.requires_grad)
                    self._parameters[name] = parameter = moved
                elif converted is not parameter:
                    if grad is not None:
                        parameter.grad = None  # a gradient must match its tensor's dtype and device
                    parameter.data = converted.detach()
                if grad is not None:
                    parameter.grad = fn(grad).requires_grad_(grad.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Convert to a device, a dtype, both, or those of a tensor; integers keep their dtype.

        Forms: to(device=None, dtype=None, non_blocking=False), to(dtype), to(tensor),
        to(memory_format=flambeau.channels_last). The module is changed in place and returned.
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(f"Module.to: dtype is {dtype}; parameters are floating or complex.")
        if dtype is not None and dtype.is_complex:
            _core._warn(
                f"Module.to: with {dtype} parameters some modules have no meaning (those that compare or sort, for "
                "example). See that the model is one for complex numbers."
            )

        def convert(tensor):
            floating = tensor.is_floating_point() or tensor.is_complex()
            options = {"non_blocking": non_blocking}
            if memory_format is not None and tensor.dim() in (4, 5):
                options["memory_format"] = memory_format
            return tensor.to(device=device, dtype=dtype if floating else None, **options)

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Move to `device` without copying: the values are whatever the memory holds."""
        return self._apply(lambda t: flambeau.empty_like(t, device=device), recurse=recurse)

    def type(self, dst_type):
        """Convert all parameters and buffers to `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def _to_floating(self, dtype):
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self):
        """Convert floating parameters and buffers to float32."""
        return self._to_floating(flambeau.float32)

    def double(self):
        """Convert floating parameters and buffers to float64."""
        return self._to_floating(flambeau.float64)

    def half(self):
        """Convert floating parameters and buffers to float16."""
        return self._to_floating(flambeau.float16)

    def bfloat16(self):
        """Convert floating parameters and buffers to bfloat16."""
        return self._to_floating(flambeau.bfloat16)

    def cpu(self):
        """Move parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device=None):
        """Move parameters and buffers to the GPU."""
        return self._apply(lambda t: t.cuda(device))

    def share_memory(self):
        """Move parameters and buffers to memory that other processes can map."""
        return self._apply(lambda t: t.share_memory_())

    def train(self, mode=True):
        """Set training mode here and below; it matters to dropout, batch norm and their like."""
        if not isinstance(mode, bool):
            raise ValueError(f"Module.train: mode must be True or False, not {mode!r}.")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Let every parameter record gradients, or none."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters, or with set_to_none=False fill them with 0."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()


def _parse_to(
    *args, device=None, dtype=None, non_blocking=False, memory_format=None, tensor=None, copy=None
):
    """(device, dtype, non_blocking, memory_format) of the arguments of Module.to."""
    if copy is not None:
        raise RuntimeError("Module.to: changes the module in place; use copy.deepcopy for a copy.")
    args = list(args)
    if args and isinstance(args[0], flambeau.Tensor):
        tensor = args.pop(0)
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    elif args and isinstance(args[0], flambeau.dtype):
        dtype = args.pop(0)
    elif args:
        device = args.pop(0)
        if args and (args[0] is None or isinstance(args[0], flambeau.dtype)):
            dtype = args.pop(0)
        elif args:
            raise TypeError(f"Module.to: a dtype follows the device, not {type(args[0]).__name__}.")
    if args:
        non_blocking = args.pop(0)
        if not isinstance(non_blocking, bool):
            raise TypeError(
                "Module.to: takes a device, a dtype, a Tensor and a bool, not "
                f"{type(non_blocking).__name__}."
            )
    if device is not None:
        device = flambeau.device(device)
    return device, dtype, non_blocking, memory_format
