"""Types of values as TorchScript's compiler names them: made from one another, compared, printed; nothing is compiled.

Simple ones are got (`IntType.get()`), the others made of types (`ListType(IntType.get())`).
"""

__all__ = [
    "AnyType", "AwaitType", "BoolType", "ComplexType", "DeviceObjType", "DictType", "FloatType", "FutureType",
    "IntType", "ListType", "NoneType", "NumberType", "OptionalType", "PyObjectType", "RRefType", "StreamObjType",
    "StringType", "SymBoolType", "SymIntType", "TensorType", "TupleType", "Type", "UnionType",
]  # fmt: skip


class Type:
    """A type; equal to another of the same text."""

    _text = "Type"

    def __init__(self):
        raise TypeError(
            f"{type(self).__name__}: it is not made, but got: {type(self).__name__}.get()."
        )

    def kind(self):
        """The name of its class."""
        return type(self).__name__

    @property
    def annotation_str(self):
        """The type as an annotation."""
        return str(self)

    def str(self):
        """The type as text."""
        return self._text

    def isSubtypeOf(self, other):
        """Whether a value of this type is one of `other`."""
        if isinstance(other, UnionType):
            return any(self.isSubtypeOf(one) for one in other._parts)
        number = isinstance(other, NumberType) and isinstance(
            self, (IntType, FloatType, ComplexType)
        )
        return number or isinstance(other, AnyType) or self == other

    def __str__(self):
        return self._text

    __repr__ = __str__

    def __eq__(self, other):
        return isinstance(other, Type) and type(self) is type(other) and self._text == other._text

    def __hash__(self):
        return hash(self._text)


class _Simple(Type):
    _one = None

    @classmethod
    def get(cls):
        """The type."""
        if cls._one is None:
            cls._one = object.__new__(cls)
        return cls._one


def _simple(name, text):
    doc = f"The type that annotations write as {text}."
    return type(name, (_Simple,), {"_text": text, "__doc__": doc, "__module__": "flambeau"})


AnyType = _simple("AnyType", "Any")
BoolType = _simple("BoolType", "bool")
ComplexType = _simple("ComplexType", "complex")
DeviceObjType = _simple("DeviceObjType", "Device")
FloatType = _simple("FloatType", "float")
IntType = _simple("IntType", "int")
NoneType = _simple("NoneType", "NoneType")
NumberType = _simple("NumberType", "number")
PyObjectType = _simple("PyObjectType", "PyObject")
StreamObjType = _simple("StreamObjType", "Stream")
StringType = _simple("StringType", "str")
SymBoolType = _simple("SymBoolType", "bool")
SymIntType = _simple("SymIntType", "int")
TensorType = _simple("TensorType", "Tensor")


class _Made(Type):
    """A type made of others."""

    def __init__(self, *parts):
        for part in parts:
            if not isinstance(part, Type):
                raise TypeError(
                    f"{self.kind()}: it is made of types such as IntType.get(), not {part!r}."
                )
        self._parts = parts
        self._text = f"{self._word}[{', '.join(map(str, parts))}]"


class _OfOne(_Made):
    def __init__(self, a):
        super().__init__(a)

    def getElementType(self):
        """The type that it is made of."""
        return self._parts[0]


class ListType(_OfOne):
    """Lists of elements of one type."""

    _word = "List"

    ofInts = staticmethod(lambda: ListType(IntType.get()))
    ofFloats = staticmethod(lambda: ListType(FloatType.get()))
    ofBools = staticmethod(lambda: ListType(BoolType.get()))
    ofTensors = staticmethod(lambda: ListType(TensorType.get()))
    ofStrings = staticmethod(lambda: ListType(StringType.get()))
    ofComplexDoubles = staticmethod(lambda: ListType(ComplexType.get()))


class OptionalType(_OfOne):
    """A type or None."""

    _word = "Optional"

    @staticmethod
    def ofTensor():
        return OptionalType(TensorType.get())


class FutureType(_OfOne):
    """A value that comes later."""

    _word = "Future"


class AwaitType(_OfOne):
    """A value that is computed when it is asked for."""

    _word = "Await"


class RRefType(_OfOne):
    """A value of another process."""

    _word = "RRef"


class DictType(_Made):
    """Dicts from one type to another."""

    _word = "Dict"

    def __init__(self, key, value):
        super().__init__(key, value)

    def getKeyType(self):
        """The type of keys."""
        return self._parts[0]

    def getValueType(self):
        """The type of values."""
        return self._parts[1]


class TupleType(_Made):
    """Tuples of these types."""

    _word = "Tuple"

    def __init__(self, a):
        super().__init__(*a)

    def elements(self):
        """The types of the elements."""
        return list(self._parts)


class UnionType(_Made):
    """Any of these types, whatever their order."""

    _word = "Union"

    def __init__(self, a):
        super().__init__(*sorted(a, key=str))

    def containedTypes(self):
        """The types."""
        return list(self._parts)


for _name in __all__:
    globals()[_name].__module__ = "flambeau"
