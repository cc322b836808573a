"""What TorchScript's compiler is made of, as torch.X: types to ask about, functions that refuse."""

from ..library.schemas import parameters_of
from ..refusals import refusals
from . import Error as JITException

__all__ = ["JITException", "FunctionSchema", "parse_schema"]

_REASON = (
    "Nothing is compiled from TorchScript here: programs run as Python, and the kernels of their operators are "
    "compiled. For graphs see flambeau.fx."
)
_TYPES = """
    AliasDb Argument ArgumentSpec BenchmarkConfig BenchmarkExecutionStats Block BufferDict CallStack Capsule
    ClassType Code CompleteArgumentSpec ConcreteModuleType ConcreteModuleTypeBuilder DeepCopyMemoTable
    DeserializationStorageContext EnumType ErrorReport ExecutionPlan Gradient Graph GraphExecutorState
    IODescriptor InferredType InterfaceType LiteScriptModule LockingLogger LoggerBase ModuleDict Node NoopLogger
    OperatorInfo ParameterDict ScriptClass ScriptClassFunction ScriptDict ScriptDictIterator
    ScriptDictKeyIterator ScriptList ScriptListIterator ScriptMethod ScriptModuleSerializer ScriptObject
    ScriptObjectProperty SerializationStorageContext StaticModule ThroughputBenchmark TracingState Use Value
"""
_FUNCTIONS = """
    import_ir_module import_ir_module_from_buffer merge_type_from_type_comment parse_ir parse_type_comment
    unify_type_list
"""
globals().update(refusals(_TYPES + _FUNCTIONS, _REASON))
__all__ += [*_TYPES.split(), *_FUNCTIONS.split()]


class FunctionSchema:
    """The name, the arguments and the results of an operator, read from text by `parse_schema`.

    arguments are inspect.Parameters: with name, default and kind.
    """

    def __init__(self, text):
        self._text = text.strip()
        self.arguments = parameters_of(self._text)
        self.name, _, self.overload_name = self._text.partition("(")[0].strip().partition(".")

    def __str__(self):
        return self._text

    __repr__ = __str__

    def __eq__(self, other):
        return isinstance(other, FunctionSchema) and str(self) == str(other)

    def __hash__(self):
        return hash(self._text)


def parse_schema(schema, allow_typevars=True):
    """The FunctionSchema that a text says.

    Raises:
        RuntimeError: the text is no schema.

    Example:
        >>> import flambeau as torch
        >>> torch.parse_schema("scale(Tensor x, float by=2.0) -> Tensor").name
        'scale'
    """
    return FunctionSchema(schema)
