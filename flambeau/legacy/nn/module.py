"""Module: what every legacy module has, with or without parameters."""

import copy

import flambeau as torch

from .utils import clear, recursiveType


class Module:
    """A step of a network that keeps what it gave (`output`) and its gradient by its input (`gradInput`).

    A module of one's own overrides updateOutput, updateGradInput and, with parameters `weight` and `bias`,
    accGradParameters, which adds to `gradWeight` and `gradBias`.

    Example:
        >>> from flambeau.legacy import nn
        >>> net = nn.Sequential().add(nn.Linear(4, 2)).add(nn.Tanh())
        >>> x = torch.ones(3, 4)
        >>> net.forward(x).shape
        torch.Size([3, 2])
        >>> net.zeroGradParameters()
        >>> net.backward(x, torch.ones(3, 2)).shape
        torch.Size([3, 4])
        >>> net.updateParameters(0.1)
    """

    train = True
    _parameter_names = ("weight", "bias")
    _shown = ""  # what repr() tells beside the name: a format of the module

    def __init__(self):
        self.gradInput = torch.Tensor()
        self.output = torch.Tensor()
        self._type = self.output.type()

    def __repr__(self):
        return f"nn.{type(self).__name__}{self._shown.format(self)}"

    # --- forwards and backwards ------------------------------------------------------------------

    def updateOutput(self, input):
        """Compute and keep `output` for this input."""
        return self.output

    def forward(self, input):
        """The output for this input: updateOutput."""
        return self.updateOutput(input)

    def updateGradInput(self, input, gradOutput):
        """Compute and keep `gradInput`, the gradient by the input, from that by the output."""
        return self.gradInput

    def accGradParameters(self, input, gradOutput, scale=1):
        """Add scale times the gradients by the parameters to gradWeight, gradBias and their like."""

    def backward(self, input, gradOutput, scale=1):
        """updateGradInput, then accGradParameters; returns gradInput.

        Args:
            input (Tensor or list): what forward was given last.
            gradOutput (Tensor or list): the gradient by the output, of its shapes.
            scale (float): factor of the parameters' gradients.
        """
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput, scale)
        return self.gradInput

    def backwardUpdate(self, input, gradOutput, lr):
        """Like backward, but takes a step of -lr on the parameters instead of keeping their gradients."""
        self.updateGradInput(input, gradOutput)
        self.accUpdateGradParameters(input, gradOutput, lr)
        return self.gradInput

    def accUpdateGradParameters(self, input, gradOutput, lr):
        """Subtract lr times the gradients from the parameters themselves."""
        names = [(name, _gradient_name(name)) for name, _ in self._own_parameters()]
        kept = {gradient: getattr(self, gradient) for _, gradient in names}
        for name, gradient in names:
            setattr(self, gradient, getattr(self, name))
        try:
            self.accGradParameters(input, gradOutput, -lr)
        finally:
            for gradient, value in kept.items():
                setattr(self, gradient, value)

    def sharedAccUpdateGradParameters(self, input, gradOutput, lr):
        """accUpdateGradParameters for parameters that several modules share."""
        if self.parameters():
            self.zeroGradParameters()
            self.accGradParameters(input, gradOutput, 1)
            self.updateParameters(lr)

    # --- parameters ------------------------------------------------------------------------------

    def _own_parameters(self):
        """(name, tensor) of each parameter that is there."""
        pairs = ((name, getattr(self, name, None)) for name in self._parameter_names)
        return [(name, value) for name, value in pairs if value is not None]

    def parameters(self):
        """(parameters, their gradients), two lists; None where the module has none."""
        own = self._own_parameters()
        if not own:
            return None
        gradients = [getattr(self, _gradient_name(name)) for name, _ in own]
        return [value for _, value in own], gradients

    def zeroGradParameters(self):
        """Set the gradients by the parameters to 0."""
        for gradient in (self.parameters() or ((), ()))[1]:
            if gradient is not None:
                gradient.zero_()

    def updateParameters(self, learningRate):
        """Subtract learningRate times their gradients from the parameters."""
        for parameter, gradient in zip(*(self.parameters() or ((), ()))):
            if gradient is not None:
                parameter.add_(gradient, alpha=-learningRate)

    def flattenParameters(self):
        """Move all parameters into one vector and their gradients into another; they become views of these.

        Parameters that share memory go on sharing it. Call it once, before training.

        Returns:
            (Tensor, Tensor): all parameters, all gradients; (n,) each. None where there are none.

        Raises:
            RuntimeError: the gradients do not share memory the way their parameters do.

        Example:
            >>> from flambeau.legacy import nn
            >>> net = nn.Sequential().add(nn.Linear(2, 3)).add(nn.Linear(3, 1))
            >>> x, dx = net.flattenParameters()
            >>> _ = x.fill_(1)
            >>> net.get(1).bias
            tensor([1.])
        """
        found = self.parameters()
        if found is None:
            return None
        parameters, gradients = found
        flat, flat_gradients = _flattened(parameters), _flattened(gradients)
        for parameter, gradient in zip(parameters, gradients):
            if parameter.storage_offset() != gradient.storage_offset():
                raise RuntimeError(
                    "legacy.nn.Module.flattenParameters: the gradients do not share memory as the parameters "
                    "do. Share both (share(other, 'weight', 'gradWeight'))."
                )
        return flat, flat_gradients

    getParameters = flattenParameters  # its name in Lua

    def reset(self):
        """Draw the parameters anew; nothing without parameters."""

    # --- the state of training -------------------------------------------------------------------

    def training(self):
        """Let dropout, batch normalization and their like train."""
        self.train = True

    def evaluate(self):
        """Let dropout, batch normalization and their like evaluate."""
        self.train = False

    def clearState(self):
        """Forget what forward and backward have left; returns self."""
        return clear(self, "output", "gradInput")

    # --- copies, types, files --------------------------------------------------------------------

    def share(self, mlp, *arg):
        """Let the tensors of these names ("weight", "gradBias" ...) use the memory of mlp's; returns self."""
        for name in arg:
            own, other = getattr(self, name, None), getattr(mlp, name, None)
            if torch.is_tensor(own) and torch.is_tensor(other):
                own.set_(other)
        return self

    def clone(self, *arg):
        """A deep copy, which shares the tensors of these names with this module."""
        twin = copy.deepcopy(self)
        if arg:
            twin.share(self, *arg)
        return twin

    def type(self, type=None, tensorCache=None):
        """Convert the floating tensors of the module, in place; without a type, the name of the present one.

        Args:
            type (str or type): such as "torch.DoubleTensor".
            tensorCache (dict, optional): see utils.recursiveType.
        """
        if type is None:
            return self._type
        cache = {} if tensorCache is None else tensorCache
        convert_attributes(self, type, cache)
        self._type = torch.Tensor().type(type).type()
        return self

    def float(self, *args):
        """self.type("torch.FloatTensor")."""
        return self.type("torch.FloatTensor", *args)

    def double(self, *args):
        """self.type("torch.DoubleTensor")."""
        return self.type("torch.DoubleTensor", *args)

    def cuda(self, *args):
        """self.type("torch.cuda.FloatTensor")."""
        return self.type("torch.cuda.FloatTensor", *args)

    def write(self, f):
        """Write the tensors of this module and of those inside it to a file (a path or a file object)."""
        torch.save([_tensors_of(module) for module in self.listModules()], f)

    def read(self, f):
        """Read what write() of a module of the same structure has written; returns self.

        Raises:
            RuntimeError: the file holds the tensors of another structure.
        """
        states, modules = torch.load(f), self.listModules()
        if not isinstance(states, list) or len(states) != len(modules):
            raise RuntimeError(
                f"legacy.nn.Module.read: the file does not hold the tensors of {len(modules)} modules."
            )
        for module, state in zip(modules, states):
            for name, value in state.items():
                setattr(module, name, value)
        return self

    # --- walking over modules --------------------------------------------------------------------

    def _children(self):
        return getattr(self, "modules", ())

    def apply(self, callback):
        """Call callback(module) for this module and for all inside it."""
        for module in self.listModules():
            callback(module)

    def findModules(self, cls, container=None):
        """(modules of class cls in here, the container of each): two lists of one length."""
        nodes, containers = ([self], [container]) if isinstance(self, cls) else ([], [])
        for child in self._children():
            more, theirs = child.findModules(cls, self)
            nodes += more
            containers += theirs
        return nodes, containers

    def listModules(self):
        """This module and all inside it, each before what it contains."""
        return [self, *(inner for child in self._children() for inner in child.listModules())]

    def replace(self, callback):
        """Replace every module by callback(module), children after their container; returns the new self."""
        new = callback(self)
        for i, child in enumerate(self._children()):
            self.modules[i] = child.replace(callback)
        return new


def convert_attributes(owner, type, cache):
    """Convert the floating tensors, tables, modules and criterions among the attributes of `owner`."""
    for name, value in list(vars(owner).items()):
        if torch.is_tensor(value) and not value.is_floating_point():
            continue  # indices and masks
        setattr(owner, name, recursiveType(value, type, cache))


def _gradient_name(name):
    return "grad" + name[0].upper() + name[1:]


def _tensors_of(module):
    return {name: value for name, value in vars(module).items() if torch.is_tensor(value)}


def _extent(tensor):
    """Where in its storage a tensor begins and ends, in elements."""
    start = tensor.storage_offset()
    if tensor.numel() == 0:
        return start, start
    steps = zip(tensor.size(), tensor.stride())
    return start, start + 1 + sum((size - 1) * stride for size, stride in steps)


def _flattened(tensors):
    """One vector with the memory of all tensors, which become views of it."""
    tensors = list({id(tensor): tensor for tensor in tensors}.values())
    pieces, places = (
        [],
        {},
    )  # [a tensor there, its first element, one past its last]; the piece of each tensor
    total = 0
    by_storage = {}
    for tensor in tensors:
        by_storage.setdefault(tensor.untyped_storage()._cdata, []).append(tensor)
    for group in by_storage.values():
        end = None
        for tensor in sorted(group, key=_extent):
            start, stop = _extent(tensor)
            if end is None or start > end or (start == end and start != stop):
                pieces.append([tensor, start, stop])
            pieces[-1][2] = max(pieces[-1][2], stop)
            end = pieces[-1][2]
            places[id(tensor)] = len(pieces) - 1
    offsets = []
    for _, start, stop in pieces:
        offsets.append(total)
        total += stop - start
    flat = tensors[0].new(total)
    for (tensor, start, stop), offset in zip(pieces, offsets):
        memory = tensor.new().set_(tensor.untyped_storage(), start, (stop - start,), (1,))
        flat[offset : offset + stop - start].copy_(memory)
    for tensor in tensors:
        piece = places[id(tensor)]
        place = offsets[piece] + tensor.storage_offset() - pieces[piece][1]
        tensor.set_(flat.untyped_storage(), place, tensor.size(), tensor.stride())
    return flat
