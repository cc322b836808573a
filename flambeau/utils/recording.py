"""What a model does with an input: each call of an operator, the module it is in, where its tensors come from."""

import dataclasses

import flambeau as torch

from ..overrides import TorchFunctionMode


@dataclasses.dataclass
class Call:
    """One call of an operator: `scope` is the path of modules, `inputs` and `outputs` numbers of tensors."""

    name: str
    scope: tuple
    inputs: list
    outputs: list
    shapes: list  # of the outputs


@dataclasses.dataclass
class Recording:
    """What record() saw. `sources` names the tensors that no call made: {number: (kind, name, shape)}."""

    calls: list
    sources: dict
    results: list  # numbers of the model's output


def tensors_in(value):
    """The tensors in nested lists, tuples, dicts and objects' fields, in order."""
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors_in(one)


class _Recorder(TorchFunctionMode):
    def __init__(self):
        self.scope, self.calls, self.kept, self.numbers = [], [], [], {}

    def number(self, tensor):
        """The number of a tensor, which is kept alive so that no other gets its id."""
        if id(tensor) not in self.numbers:
            self.numbers[id(tensor)] = len(self.kept)
            self.kept.append(tensor)
        return self.numbers[id(tensor)]

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", str(func))
        outputs = list(tensors_in(result))
        if outputs and name not in ("__get__", "__set__"):
            inputs = [self.number(t) for t in tensors_in((args, kwargs))]
            numbers = []
            for output in outputs:
                if name.endswith("_") and self.numbers.get(id(output)) in inputs:
                    del self.numbers[id(output)]  # written in place: from here on another value
                numbers.append(self.number(output))
            shapes = [tuple(output.shape) for output in outputs]
            self.calls.append(Call(name, tuple(self.scope), inputs, numbers, shapes))
        return result


def record(model, inputs):
    """Run model(*inputs) once, without gradients and in the mode it is in, and record its calls.

    Args:
        model (Module).
        inputs (tuple): what it is called with.

    Returns:
        Recording.
    """
    recorder, sources = _Recorder(), {}
    for i, tensor in enumerate(tensors_in(inputs)):
        sources[recorder.number(tensor)] = ("input", f"input.{i}", tuple(tensor.shape))
    for kind, named in (("parameter", model.named_parameters()), ("buffer", model.named_buffers())):
        for name, tensor in named:
            sources.setdefault(recorder.number(tensor), (kind, name, tuple(tensor.shape)))
    names = {id(module): name for name, module in model.named_modules()}
    handles = []

    def enter(module, args):
        name = names[id(module)].rpartition(".")[2]
        kind = type(module).__name__
        recorder.scope.append(f"{kind}[{name}]" if name else kind)

    def leave(module, args, output):
        recorder.scope.pop()

    try:
        for module in model.modules():
            handles.append(module.register_forward_pre_hook(enter, prepend=True))
            handles.append(module.register_forward_hook(leave, always_call=True))
        with torch.no_grad(), recorder:
            result = model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    results = [recorder.number(tensor) for tensor in tensors_in(result)]
    made = {number for call in recorder.calls for number in call.outputs}
    for call in recorder.calls:
        for number in call.inputs:
            if number not in made and number not in sources:
                tensor = recorder.kept[number]
                sources[number] = ("constant", f"constant.{number}", tuple(tensor.shape))
    return Recording(recorder.calls, sources, results)
