"""Files and functions stay short enough to be read: 600 lines a file, 80 a function without its docstring."""

import ast
import re
import statistics
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHON = [
    file
    for folder in ("flambeau", "tests", "benchmarks", "examples", "tools")
    for file in sorted((ROOT / folder).rglob("*.py"))
]
CORE = sorted(file for kind in ("*.h", "*.cpp") for file in (ROOT / "csrc").rglob(kind))


def python_functions(text):
    """(first line, lines without the docstring) of each function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield node.lineno, lines


# What is no code, and what may stand before a function's name with < in it.
SILENT = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\])'|^[ \t]*\#(?:\\\n|[^\n])*""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
OTHER = re.compile(r"(?:^|\s)(?:namespace|struct|class|union|enum|extern)\b")


def core_functions(text):
    """(first line, lines) of each function, found by its braces: those whose head has an argument list."""
    text = SILENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    stack, head, line, seen = [], "", 1, 0
    for found in re.finditer(r"[{};]", text):
        passed, seen = text[seen : found.start()], found.end()
        head += passed
        line += passed.count("\n")
        if found[0] == "{":
            before = re.sub(r"operator[^\w(]+", "operator", _without_template(head)).partition("(")[
                0
            ]
            initializer = head[-1:].isidentifier()  # as in x_{1}: the head goes on behind it
            is_function = (
                "(" in head and not initializer and not OTHER.search(before) and "=" not in before
            )
            stack.append((is_function, line, head if initializer else ""))
            head = ""
        elif found[0] == "}" and stack:
            is_function, first, head = stack.pop()
            if is_function and not any(outer for outer, _, _ in stack):
                yield first, line - first + 1
        else:
            head = ""


def _without_template(head):
    head = head.strip()
    while head.startswith("template"):
        depth = 0
        for at, char in enumerate(head):
            depth += (char == "<") - (char == ">")
            if char == ">" and depth == 0:
                head = head[at + 1 :].strip()
                break
        else:
            return head
    return head


def test_no_file_is_longer_than_600_lines():
    lines = {file: len(file.read_text().splitlines()) for file in (*PYTHON, *CORE)}
    long = {str(file.relative_to(ROOT)): n for file, n in lines.items() if n > 600}
    assert not long, f"a file has one subject: {long}"
    assert statistics.median(lines.values()) < 140


def test_no_function_is_longer_than_80_lines():
    long = {}
    for files, functions in ((PYTHON, python_functions), (CORE, core_functions)):
        for file in files:
            for first, lines in functions(file.read_text()):
                if lines > 80:
                    long[f"{file.relative_to(ROOT)}:{first}"] = lines
    assert not long, f"split by phase: {long}"


def test_long_functions_are_found():
    body = "\n".join(["  x += 1;"] * 90)
    heads = (
        "template <class T, int n = 3>\nvoid run(const T& x, int y)",
        "int A::run() const",
        "A::A(int x) : x_(x), y_{1}",
        "bool operator==(A a, A b)",
    )
    for head in heads:
        text = (
            f"namespace a {{\n// {{\nstruct B {{ int x = f({{1}}); }};\n{head} {{\n{body}\n}}\n}}"
        )
        assert max(lines for _, lines in core_functions(text)) >= 91, head
    assert list(python_functions('def f():\n    """Long\n    text."""\n    return 1\n')) == [(1, 2)]
