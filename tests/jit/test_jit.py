"""torch.jit: what gives back, types of values, looking for lines in a text."""

import typing

import pytest

import flambeau as torch
from flambeau.jit import annotations


def test_fork_gives_a_future_and_wait_its_value():
    future = torch.jit.fork(lambda a, b: a / b, 1, b=2)
    assert isinstance(future, torch.futures.Future) and future.done()
    assert torch.jit.wait(future) == future.wait() == 0.5
    failing = torch.fork(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        torch.wait(failing)


def test_decorators_and_contexts_change_nothing():
    def f(x):
        return x + 1

    for decorate in (
        torch.jit.script_method,
        torch.jit.script_if_tracing,
        torch.jit.interface,
        torch.jit._overload,
    ):
        assert decorate(f) is f
    with torch.jit.optimized_execution(True), torch.jit.fuser("fuser1"), torch.jit.strict_fusion():
        assert f(1) == 2
    with pytest.raises(Exception, match="jit.fuser: 'fuser9'"), torch.jit.fuser("fuser9"):
        pass
    unit = torch.jit.CompilationUnit()
    with pytest.raises(AttributeError, match="holds no function 'g'"):
        unit.g
    with pytest.raises(NotImplementedError, match="compiles no TorchScript source"):
        torch.jit.CompilationUnit("def f(): return 1")
    with pytest.raises(NotImplementedError, match="compiler_names|ClassType: Nothing is compiled"):
        torch.ClassType()


def test_types_print_and_compare():
    t = torch
    assert str(t.ListType(t.IntType.get())) == "List[int]"
    assert str(t.DictType(t.StringType.get(), t.TensorType.get())) == "Dict[str, Tensor]"
    assert str(t.TupleType([t.IntType.get(), t.FloatType.get()])) == "Tuple[int, float]"
    assert str(t.UnionType([t.IntType.get(), t.FloatType.get()])) == "Union[float, int]"
    assert str(t.OptionalType(t.NoneType.get())) == "Optional[NoneType]"
    assert t.ListType.ofInts() == t.ListType(t.IntType.get()) != t.ListType.ofFloats()
    assert t.IntType.get() is t.IntType.get() and t.IntType.get() != t.SymIntType.get()
    assert t.IntType.get().isSubtypeOf(t.NumberType.get()) and t.IntType.get().kind() == "IntType"
    assert t.ListType.ofInts().getElementType().annotation_str == "int"
    with pytest.raises(TypeError, match="IntType: it is not made, but got"):
        t.IntType()
    with pytest.raises(TypeError, match="ListType: it is made of types"):
        t.ListType(int)


@pytest.mark.parametrize(
    "annotation, text",
    [
        (int, "int"),
        (list[int], "List[int]"),
        (typing.Dict[str, torch.Tensor], "Dict[str, Tensor]"),  # noqa: UP006
        (typing.Optional[float], "Optional[float]"),  # noqa: UP045
        (int | str, "Union[int, str]"),
        (tuple[int, bool], "Tuple[int, bool]"),
        (None, "NoneType"),
        (torch.device, "Device"),
    ],
)
def test_types_of_annotations(annotation, text):
    assert str(annotations.ann_to_type(annotation, None)) == text


def test_an_annotation_without_a_type():
    assert annotations.try_ann_to_type(object, None) is None
    with pytest.raises(ValueError, match="has no type of TorchScript"):
        annotations.ann_to_type(object, None)


def test_schemas_are_read():
    schema = torch.parse_schema("scale.out(Tensor x, float by=2.0, *, bool fast=False) -> Tensor")
    assert (schema.name, schema.overload_name) == ("scale", "out")
    assert [(a.name, a.default) for a in schema.arguments[1:]] == [("by", 2.0), ("fast", False)]
    assert schema == torch.parse_schema(str(schema))
    with pytest.raises(RuntimeError, match="is no schema"):
        torch.parse_schema("scale")


TEXT = "a = conv(x)\nb = relu(a)\nc = pool(b)\nd = relu(c)\n"


def check():
    return torch.FileCheck()


@pytest.mark.parametrize(
    "right",
    [
        lambda: check().check("conv").check("relu").check("pool"),
        lambda: check().check("conv").check_next("relu"),
        lambda: check().check("b =").check_same("(a)"),
        lambda: check().check("conv").check_not("pool").check("relu"),
        lambda: check().check_count("relu", 2, exactly=True).check_not("pool"),
        lambda: check().check_dag("relu").check_dag("conv").check("pool"),
        lambda: check().check_regex(r"relu\(\w\)").check_not("conv"),
        lambda: check().check_not("dropout"),
    ],
)
def test_file_check_finds(right):
    right().run(TEXT)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: check().check("pool").check("conv"), "'conv' is not there"),
        (lambda: check().check("conv").check_next("pool"), "not in the next line, but 2 lines on"),
        (lambda: check().check("conv").check_same("relu"), "not in the same line"),
        (lambda: check().check("conv").check_not("relu").check("pool"), "'relu' is there"),
        (lambda: check().check_count("relu", 3), "'relu' is there 2 times, not 3"),
        (lambda: check().check_count("relu", 1, exactly=True), "more than 1 times"),
        (lambda: check().check_regex(r"\d"), "nothing matches"),
        (lambda: check().check_not("pool"), "'pool' is there"),
    ],
)
def test_file_check_refuses(wrong, message):
    with pytest.raises(RuntimeError, match=message):
        wrong().run(TEXT)
