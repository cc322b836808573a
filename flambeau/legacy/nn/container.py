"""Modules that hold modules: one after the other, or side by side."""

import flambeau as torch

from .module import Module
from .utils import clear, mapped, recursiveAdd


class Container(Module):
    """What holds other modules, in the list `modules`; its parameters are theirs."""

    def __init__(self, *args):
        super().__init__()
        self.modules = []
        for module in args:
            self.add(module)

    def add(self, module):
        """Append a module; returns self."""
        self.modules.append(module)
        return self

    def get(self, index):
        """The module of this number."""
        return self.modules[index]

    def size(self):
        """How many modules there are."""
        return len(self.modules)

    def applyToModules(self, func):
        """Call func(module) for each module in here, not for those inside them."""
        for module in self.modules:
            func(module)

    def zeroGradParameters(self):
        for module in self.modules:
            module.zeroGradParameters()

    def updateParameters(self, learningRate):
        for module in self.modules:
            module.updateParameters(learningRate)

    def training(self):
        for module in self.modules:
            module.training()
        super().training()

    def evaluate(self):
        for module in self.modules:
            module.evaluate()
        super().evaluate()

    def share(self, mlp, *args):
        for module, other in zip(self.modules, mlp.modules):
            module.share(other, *args)
        return self

    def reset(self, stdv=None):
        for module in self.modules:
            module.reset(*([] if stdv is None else [stdv]))
        return self

    def parameters(self):
        pairs = [pair for module in self.modules if (pair := module.parameters()) is not None]
        if not pairs:
            return None
        return [p for own, _ in pairs for p in own], [g for _, own in pairs for g in own]

    def accUpdateGradParameters(self, input, gradOutput, lr):
        self._walk("accUpdateGradParameters", input, gradOutput, lr)

    def updateGradInput(self, input, gradOutput):
        self.gradInput = self._walk("updateGradInput", input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput, scale=1):
        self._walk("accGradParameters", input, gradOutput, scale)

    def backward(self, input, gradOutput, scale=1):
        self.gradInput = self._walk("backward", input, gradOutput, scale)
        return self.gradInput

    def _walk(self, method, input, gradOutput, *factor):
        """Call `method` of each module with its share of gradOutput; returns the gradient by the input."""
        raise NotImplementedError(
            f"nn.{type(self).__name__} does not say how gradients pass through it."
        )

    def clearState(self):
        clear(self, "output", "gradInput")
        for module in self.modules:
            module.clearState()
        return self

    def __repr__(self):
        return _drawn(self, "  |`-> ", "  |    ", "  |    ", "   ... -> ")


def _drawn(container, branch, beside, below_last, last):
    lines = [f"nn.{type(container).__name__} {{", "  input"]
    for i, module in enumerate(container.modules):
        follow = below_last if i == container.size() - 1 else beside
        text = repr(module).replace("\n", "\n  " + follow)
        lines.append(f"  {branch}({i}): {text}")
    return "\n".join([*lines, f"  {last}output", "}"])


def _summed(grads):
    """The sum of gradients, tensors or tables of one structure."""
    total = None
    for grad in grads:
        if total is None:
            total = mapped(lambda one: one.clone(), grad)
        else:
            if isinstance(total, list) != isinstance(grad, list):
                raise RuntimeError(
                    "legacy.nn: modules gave a tensor and a table as gradients by one input."
                )
            total, _ = recursiveAdd(total, grad)
    return total


class Sequential(Container):
    """Modules one after the other: each gets the output of the one before.

    Example:
        >>> from flambeau.legacy import nn
        >>> print(nn.Sequential().add(nn.Linear(4, 3)).add(nn.ReLU()))
        nn.Sequential {
          [input -> (0) -> (1) -> output]
          (0): nn.Linear(4 -> 3)
          (1): nn.ReLU
        }
    """

    def __len__(self):
        return len(self.modules)

    def _ends(self):
        if self.modules:
            self.output, self.gradInput = self.modules[-1].output, self.modules[0].gradInput
        else:
            self.output, self.gradInput = torch.Tensor(), torch.Tensor()
        return self

    def add(self, module):
        super().add(module)
        return self._ends()

    def insert(self, module, index):
        """Put a module before the one of this number; returns self."""
        self.modules.insert(index, module)
        return self._ends()

    def remove(self, index=-1):
        """Take the module of this number out; returns self."""
        del self.modules[index]
        return self._ends()

    def updateOutput(self, input):
        for module in self.modules:
            input = module.updateOutput(input)
        self.output = input
        return self.output

    def _walk(self, method, input, gradOutput, *factor):
        for i in range(len(self.modules) - 1, -1, -1):
            module = self.modules[i]
            given = self.modules[i - 1].output if i else input
            getattr(module, method)(given, gradOutput, *factor)
            gradOutput = module.gradInput
        return gradOutput

    def __repr__(self):
        numbers = "".join(f" -> ({i})" for i in range(len(self.modules)))
        lines = ["nn.Sequential {", f"  [input{numbers} -> output]"]
        for i, module in enumerate(self.modules):
            text = repr(module).replace("\n", "\n  ")
            lines.append(f"  ({i}): {text}")
        return "\n".join([*lines, "}"])


class Concat(Container):
    """Modules that all get the input; their outputs are joined along a dimension.

    Example:
        >>> from flambeau.legacy import nn
        >>> both = nn.Concat(1).add(nn.Linear(4, 3)).add(nn.Linear(4, 2))
        >>> both.forward(torch.ones(7, 4)).shape
        torch.Size([7, 5])
    """

    def __init__(self, dimension):
        super().__init__()
        self.dimension = dimension
        self.outputSize = torch.Size()

    def updateOutput(self, input):
        outputs = [module.updateOutput(input) for module in self.modules]
        self.output = torch.cat(outputs, self.dimension)
        self.outputSize = self.output.size()
        return self.output

    def _share_of(self, gradOutput, output, offset):
        return gradOutput.narrow(self.dimension, offset, output.size(self.dimension))

    def _walk(self, method, input, gradOutput, *factor):
        offset, grads = 0, []
        for module in self.modules:
            share = self._share_of(gradOutput, module.output, offset).contiguous()
            grads.append(getattr(module, method)(input, share, *factor))
            offset += module.output.size(self.dimension)
        return _summed(grad for grad in grads if grad is not None)


class DepthConcat(Concat):
    """Concat of outputs that differ in their other sizes, too: smaller ones are centered among zeros.

    Source: Szegedy et al., "Going Deeper with Convolutions", 2014, arXiv:1409.4842.
    """

    def windowNarrow(self, output, currentOutput, offset):
        """The part of `output` where a module's output lies that begins at `offset` of the dimension."""
        window = output.narrow(self.dimension, offset, currentOutput.size(self.dimension))
        for dim, size in enumerate(currentOutput.shape):
            if dim != self.dimension and output.size(dim) != size:
                window = window.narrow(dim, (output.size(dim) - size) // 2, size)
        return window

    _share_of = windowNarrow

    def updateOutput(self, input):
        outputs = [module.updateOutput(input) for module in self.modules]
        sizes = [max(sizes) for sizes in zip(*(output.shape for output in outputs))]
        sizes[self.dimension] = sum(output.size(self.dimension) for output in outputs)
        self.outputSize = torch.Size(sizes)
        self.output = outputs[0].new_zeros(sizes)
        offset = 0
        for output in outputs:
            self.windowNarrow(self.output, output, offset).copy_(output)
            offset += output.size(self.dimension)
        return self.output


class Parallel(Container):
    """Each module gets one slice of inputDimension; their outputs are joined along outputDimension.

    Example:
        >>> from flambeau.legacy import nn
        >>> both = nn.Parallel(1, 1).add(nn.Linear(4, 3)).add(nn.Linear(4, 2))
        >>> both.forward(torch.ones(7, 2, 4)).shape
        torch.Size([7, 5])
    """

    def __init__(self, inputDimension, outputDimension):
        super().__init__()
        self.inputDimension = inputDimension
        self.outputDimension = outputDimension
        self.totalOutputSize = None

    def _slices(self, input):
        slices = input.unbind(self.inputDimension)
        if len(slices) > len(self.modules):
            raise RuntimeError(
                f"nn.Parallel: {len(slices)} slices of {tuple(input.shape)} need as many modules, "
                f"got {len(self.modules)}."
            )
        return list(zip(self.modules, slices))

    def updateOutput(self, input):
        outputs = [module.updateOutput(one) for module, one in self._slices(input)]
        self.output = torch.cat(outputs, self.outputDimension)
        self.totalOutputSize = self.output.size()
        return self.output

    def _walk(self, method, input, gradOutput, *factor):
        offset, grads = 0, []
        for module, one in self._slices(input):
            size = module.output.size(self.outputDimension)
            share = gradOutput.narrow(self.outputDimension, offset, size).contiguous()
            grads.append(getattr(module, method)(one, share, *factor))
            offset += size
        return torch.stack(grads, self.inputDimension) if grads[0] is not None else None


class ConcatTable(Container):
    """Modules that all get the input; their outputs are a table.

    Example:
        >>> from flambeau.legacy import nn
        >>> table = nn.ConcatTable().add(nn.Identity()).add(nn.MulConstant(2)).forward(torch.ones(1))
        >>> table
        [tensor([1.]), tensor([2.])]
    """

    def __init__(self):
        super().__init__()
        self.output = []

    def updateOutput(self, input):
        self.output = [module.updateOutput(input) for module in self.modules]
        return self.output

    def _walk(self, method, input, gradOutput, *factor):
        grads = [
            getattr(module, method)(input, share, *factor)
            for module, share in zip(self.modules, gradOutput)
        ]
        return _summed(grad for grad in grads if grad is not None)


class ParallelTable(Container):
    """Each module gets one entry of the input, a table; their outputs are a table.

    Example:
        >>> from flambeau.legacy import nn
        >>> table = nn.ParallelTable().add(nn.Identity()).add(nn.MulConstant(2))
        >>> table.forward([torch.ones(1), torch.ones(2)])
        [tensor([1.]), tensor([2., 2.])]
    """

    def __init__(self):
        super().__init__()
        self.output = []
        self.gradInput = []

    def updateOutput(self, input):
        self.output = [module.updateOutput(one) for module, one in zip(self.modules, input)]
        return self.output

    def accUpdateGradParameters(self, input, gradOutput, lr=1):
        super().accUpdateGradParameters(input, gradOutput, lr)

    def _walk(self, method, input, gradOutput, *factor):
        return [
            getattr(module, method)(one, share, *factor)
            for module, one, share in zip(self.modules, input, gradOutput)
        ]
