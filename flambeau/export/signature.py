"""What the inputs and outputs of an exported graph are."""

import dataclasses
import enum

__all__ = ["ConstantArgument", "ExportGraphSignature", "InputKind", "InputSpec", "OutputKind", "OutputSpec",
           "SymIntArgument", "TensorArgument"]  # fmt: skip


class InputKind(enum.Enum):
    """What an input of the graph is."""

    USER_INPUT = 1
    PARAMETER = 2
    BUFFER = 3
    CONSTANT_TENSOR = 4
    CUSTOM_OBJ = 5
    TOKEN = 6


class OutputKind(enum.Enum):
    """What an output of the graph is; here always USER_OUTPUT."""

    USER_OUTPUT = 1
    LOSS_OUTPUT = 2
    BUFFER_MUTATION = 3
    PARAMETER_MUTATION = 4
    GRADIENT_TO_PARAMETER = 5
    GRADIENT_TO_USER_INPUT = 6
    USER_INPUT_MUTATION = 7
    TOKEN = 8


@dataclasses.dataclass
class TensorArgument:
    """A tensor, by the name of its node."""

    name: str


@dataclasses.dataclass
class SymIntArgument:
    """A size, by the name of its node."""

    name: str


@dataclasses.dataclass
class ConstantArgument:
    """A value that is part of the program."""

    name: str
    value: object


@dataclasses.dataclass
class InputSpec:
    """One input: `target` is the parameter's, buffer's or constant's name."""

    kind: InputKind
    arg: object
    target: str | None
    persistent: bool | None = None


@dataclasses.dataclass
class OutputSpec:
    """One output."""

    kind: OutputKind
    arg: object
    target: str | None = None


def _targets(kind, doc):
    return property(
        lambda self: tuple(s.target for s in self.input_specs if s.kind is kind), doc=doc
    )


def _by_name(kind, doc):
    return property(
        lambda self: {s.arg.name: s.target for s in self.input_specs if s.kind is kind}, doc=doc
    )


@dataclasses.dataclass
class ExportGraphSignature:
    """The inputs and outputs of a graph, in its order."""

    input_specs: list
    output_specs: list

    parameters = _targets(InputKind.PARAMETER, "The names of the parameters.")
    buffers = _targets(InputKind.BUFFER, "The names of the buffers.")
    lifted_tensor_constants = _targets(InputKind.CONSTANT_TENSOR, "The names of the constants.")

    @property
    def non_persistent_buffers(self):
        """The buffers that no state_dict has."""
        return {
            s.target for s in self.input_specs if s.kind is InputKind.BUFFER and not s.persistent
        }

    @property
    def user_inputs(self):
        """The names of the program's own inputs; values for those that are constants."""
        args = [s.arg for s in self.input_specs if s.kind is InputKind.USER_INPUT]
        return tuple(a.value if isinstance(a, ConstantArgument) else a.name for a in args)

    @property
    def user_outputs(self):
        """The names of the results; values for those that are constants."""
        args = [s.arg for s in self.output_specs]
        return tuple(a.value if isinstance(a, ConstantArgument) else a.name for a in args)

    inputs_to_parameters = _by_name(InputKind.PARAMETER, "Input's name -> parameter's.")
    inputs_to_buffers = _by_name(InputKind.BUFFER, "Input's name -> buffer's.")
    inputs_to_lifted_tensor_constants = _by_name(
        InputKind.CONSTANT_TENSOR, "Input's name -> constant's."
    )

    buffers_to_mutate = user_inputs_to_mutate = property(
        lambda self: {}, doc="{}: the graph itself writes."
    )
