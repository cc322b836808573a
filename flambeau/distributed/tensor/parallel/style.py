"""How a module's weights are cut, and how what it takes and gives lies.

Source: Shoeybi et al., "Megatron-LM", 2019, arXiv:1909.08053: a layer cut by columns and one cut by rows need one sum
over the processes for both.
"""

import abc
import fnmatch

import flambeau

from ...device_mesh import DeviceMesh
from ..api import distribute_module, distribute_tensor
from ..dtensor import DTensor
from ..placements import Replicate, Shard

__all__ = [
    "ColwiseParallel", "ParallelStyle", "PrepareModuleInput", "PrepareModuleOutput",
    "RowwiseParallel", "SequenceParallel", "parallelize_module",
]  # fmt: skip


class ParallelStyle(abc.ABC):
    """One way to cut a module."""

    src_data_rank = 0

    @abc.abstractmethod
    def _apply(self, module, device_mesh):
        """The module, cut."""

    def _cut(self, module, places, mesh):
        """Parameters as DTensors at the given places, by their names."""
        for name, p in list(module._parameters.items()):
            if p is not None:
                made = distribute_tensor(p, mesh, [places[name]], src_data_rank=self.src_data_rank)
                module.register_parameter(name, flambeau.nn.Parameter(made, p.requires_grad))


def _entering(value, mesh, has, wanted):
    """A tensor of one process, or a DTensor, as a DTensor at the wanted place."""
    if not isinstance(value, flambeau.Tensor):
        return value
    if not isinstance(value, DTensor):
        value = DTensor.from_local(value, mesh, [has])
    return value if wanted is None else value.redistribute(placements=[wanted])


def _leaving(value, wanted, use_local_output):
    if not isinstance(value, DTensor):
        return value
    value = value.redistribute(placements=[wanted])
    return value.to_local() if use_local_output else value


class _LinearStyle(ParallelStyle):
    _input, _output = Replicate(), Replicate()

    def __init__(self, *, input_layouts=None, output_layouts=None, use_local_output=True):
        self.input_layouts = input_layouts or self._input
        self.output_layouts = output_layouts or self._output
        self.use_local_output = use_local_output

    def _apply(self, module, device_mesh):
        if isinstance(module, flambeau.nn.Linear):
            places, wanted = self._linear
        elif isinstance(module, flambeau.nn.Embedding):
            places, wanted = self._embedding
        else:
            raise NotImplementedError(
                f"{type(self).__name__}: cuts Linear and Embedding, not {type(module).__name__}."
            )
        if wanted is None:  # an embedding's indices stay as they come
            wanted = self.input_layouts
        return distribute_module(
            module, device_mesh,
            lambda name, m, mesh: self._cut(m, places, mesh),
            lambda m, inputs, mesh: (_entering(inputs[0], mesh, self.input_layouts, wanted), *inputs[1:]),
            lambda m, output, mesh: _leaving(output, self.output_layouts, self.use_local_output),
        )  # fmt: skip


class ColwiseParallel(_LinearStyle):
    """A Linear whose outputs are computed in parts, or an Embedding whose features are.

    Args:
        input_layouts (Placement): how the input lies; Replicate().
        output_layouts (Placement): how the output is to lie; Shard(-1).
        use_local_output (bool): whether the output is this process's part, or a DTensor.
    """

    _output = Shard(-1)
    _linear = {"weight": Shard(0), "bias": Shard(0)}, Replicate()
    _embedding = {"weight": Shard(1)}, None


class RowwiseParallel(_LinearStyle):
    """A Linear whose inputs are in parts, or an Embedding whose rows are.

    Args:
        input_layouts (Placement): how the input lies; Shard(-1), and Replicate() for an Embedding.
        output_layouts (Placement): how the output is to lie; Replicate().
        use_local_output (bool): whether the output is this process's part, or a DTensor.
    """

    _input = Shard(-1)
    _linear = {"weight": Shard(1), "bias": Replicate()}, Shard(-1)
    _embedding = {"weight": Shard(0)}, None

    def _apply(self, module, device_mesh):
        if isinstance(module, flambeau.nn.Embedding) and self.input_layouts == Shard(-1):
            self.input_layouts = Replicate()
        return super()._apply(module, device_mesh)


class SequenceParallel(ParallelStyle):
    """LayerNorm, RMSNorm or Dropout of a sequence that is cut along `sequence_dim`; parameters are replicated."""

    def __init__(self, *, sequence_dim=1, use_local_output=False):
        self.sequence_dim, self.use_local_output = sequence_dim, use_local_output

    def _apply(self, module, device_mesh):
        place = Shard(self.sequence_dim)
        return distribute_module(
            module, device_mesh, None,
            lambda m, inputs, mesh: (_entering(inputs[0], mesh, place, place), *inputs[1:]),
            lambda m, output, mesh: _leaving(output, place, self.use_local_output),
        )  # fmt: skip


def _each(values, places):
    many = isinstance(values, (list, tuple))
    places = places if isinstance(places, (list, tuple)) else [places]
    values = list(values) if many else [values]
    if len(values) != len(places):
        raise ValueError(f"PrepareModule: {len(places)} layouts for {len(values)} tensors.")
    return many, values, places


class PrepareModuleInput(ParallelStyle):
    """A module's inputs, moved from input_layouts to desired_input_layouts; None leaves one as it is.

    input_kwarg_layouts and desired_input_kwarg_layouts (dict) say it of keyword arguments.
    """

    def __init__(self, *, input_layouts=None, desired_input_layouts=None, input_kwarg_layouts=None,
                 desired_input_kwarg_layouts=None, use_local_output=False):  # fmt: skip
        self.input_layouts, self.desired_input_layouts = input_layouts, desired_input_layouts
        self.input_kwarg_layouts = input_kwarg_layouts or {}
        self.desired_input_kwarg_layouts = desired_input_kwarg_layouts or {}
        self.use_local_output = use_local_output

    def _moved(self, value, mesh, has, wanted):
        if has is None:
            return value
        made = _entering(value, mesh, has, wanted)
        return made.to_local() if self.use_local_output else made

    def _apply(self, module, device_mesh):
        def prepare(m, inputs, kwargs):
            if self.input_layouts is not None:
                _, values, has = _each(inputs, self.input_layouts)
                _, _, wanted = _each(inputs, self.desired_input_layouts)
                inputs = tuple(
                    self._moved(v, device_mesh, h, w)
                    for v, h, w in zip(values, has, wanted, strict=True)
                )
            kwargs = {
                k: self._moved(v, device_mesh, self.input_kwarg_layouts.get(k), self.desired_input_kwarg_layouts.get(k))
                for k, v in kwargs.items()
            }  # fmt: skip
            return inputs, kwargs

        module.register_forward_pre_hook(prepare, with_kwargs=True)
        return module


class PrepareModuleOutput(ParallelStyle):
    """A module's outputs, moved from output_layouts to desired_output_layouts; None leaves one as it is."""

    def __init__(self, *, output_layouts, desired_output_layouts, use_local_output=True):
        self.output_layouts, self.desired_output_layouts = output_layouts, desired_output_layouts
        self.use_local_output = use_local_output

    def _apply(self, module, device_mesh):
        def prepare(m, inputs, outputs):
            many, values, has = _each(outputs, self.output_layouts)
            _, _, wanted = _each(outputs, self.desired_output_layouts)
            found = []
            for v, h, w in zip(values, has, wanted, strict=True):
                v = v if h is None else _entering(v, device_mesh, h, w)
                found.append(
                    v.to_local() if self.use_local_output and isinstance(v, DTensor) else v
                )
            return tuple(found) if many else found[0]

        module.register_forward_hook(prepare)
        return module


def parallelize_module(module, device_mesh=None, parallelize_plan=None, *, src_data_rank=0):
    """The module, cut as the plan says.

    Args:
        parallelize_plan: a ParallelStyle for the module, or a dict from names of submodules, with * for any, to them.
        src_data_rank (int or None): whose values count; None if all have the same.

    Raises:
        ValueError: no submodule has a name of the plan.
    """
    mesh = device_mesh or DeviceMesh("cpu")
    if isinstance(parallelize_plan, ParallelStyle):
        parallelize_plan.src_data_rank = src_data_rank
        return parallelize_plan._apply(module, mesh)
    for pattern, style in (parallelize_plan or {}).items():
        found = [
            m
            for name, m in list(module.named_modules())
            if name.count(".") == pattern.count(".") and fnmatch.fnmatchcase(name, pattern)
        ]
        if not found:
            raise ValueError(f"parallelize_module: no submodule is named {pattern!r}.")
        for submodule in found:
            style.src_data_rank = src_data_rank
            style._apply(submodule, mesh)
    return module
