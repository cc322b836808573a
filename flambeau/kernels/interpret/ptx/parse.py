"""PTX text to functions of basic blocks."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple


class Instruction(NamedTuple):
    line: int
    guard: str  # register, "!" in front where it is negated; or ""
    opcode: tuple  # its parts: ("add", "rn", "f32")
    operands: tuple


@dataclass
class Block:
    number: int
    instructions: list = field(default_factory=list)


@dataclass
class Function:
    name: str
    is_kernel: bool
    parameters: list = field(default_factory=list)  # (name, bytes, alignment)
    results: list = field(default_factory=list)
    blocks: list = field(default_factory=list)
    labels: dict = field(default_factory=dict)  # name: number of the block
    shared: list = field(default_factory=list)  # (name, bytes, alignment)
    local: list = field(default_factory=list)


@dataclass
class Program:
    functions: dict = field(default_factory=dict)
    tables: list = field(default_factory=list)  # (name, bytes, alignment)
    shared: list = field(default_factory=list)


_PREFIXES = {"pred": "%p", "16": "%rs", "32": "%r", "64": "%rd"}
_WIDTHS = {"8": 1, "16": 2, "32": 4, "64": 8, "128": 16}
_VARIABLE = re.compile(
    r"\.(?P<space>param|shared|local|global|const)\s+(?:\.align\s+(?P<align>\d+)\s+)?\.(?P<type>[bsuf]\d+)\s+"
    r"(?P<name>[\w$%.]+)(?:\[(?P<count>\d*)\])?(?:\s*=\s*(?P<value>.*))?$",
    re.S,
)
_HEAD = re.compile(
    r"(?:\.visible\s+|\.weak\s+|\.extern\s+)?\.(?P<kind>entry|func)\s*(?:\((?P<results>[^)]*)\)\s*)?"
    r"(?P<name>[\w$]+)\s*(?:\((?P<parameters>[^)]*)\))?\s*(?P<rest>[^{;]*)(?P<end>[{;])",
    re.S,
)
_BREAKS = ("bra", "ret", "exit", "bar", "barrier", "trap", "brx")


def program(text):
    """The functions and tables of PTX text."""
    text = re.sub(r"//[^\n]*", "", text)
    made, position = Program(), 0
    while position < len(text):
        rest = text[position:].lstrip()
        position = len(text) - len(rest)
        if not rest:
            break
        if rest.startswith((".version", ".target", ".address_size", ".file")):
            position += rest.index("\n") + 1 if "\n" in rest else len(rest)
            continue
        head = _HEAD.match(rest)
        if head and rest.lstrip().startswith((".visible", ".weak", ".extern", ".entry", ".func")):
            position += head.end()
            if head["end"] == ";":
                continue
            end = _closing(text, position)
            body_line = text.count("\n", 0, position) + 1
            function = _function(head, text[position:end], body_line)
            made.functions[function.name] = function
            position = end + 1
            continue
        end = text.index(";", position)
        _table(made, text[position:end].strip())
        position = end + 1
    return made


def _closing(text, position):
    depth = 1
    for match in re.compile(r"[{}]").finditer(text, position):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return match.start()
    raise ValueError("PTX: a function's text has no end.")


def _table(made, text):
    text = re.sub(r"^\.(visible|weak|extern)\s+", "", text)
    match = _VARIABLE.match(text)
    if match is None:
        raise ValueError(f"PTX: {text[:80]!r} is not understood.")
    width, name = _WIDTHS[match["type"][1:]], match["name"]
    align = int(match["align"] or width)
    if match["space"] == "shared":
        count = (
            0 if match["count"] == "" else int(match["count"] or 1)
        )  # [] is what a launch asks for
        made.shared.append((name, width * count, align))
        return
    value = (match["value"] or "0").strip("{} \n")
    items = [int(v, 0) for v in value.split(",")]
    data = b"".join((v & ((1 << 8 * width) - 1)).to_bytes(width, "little") for v in items)
    size = width * int(match["count"] or 1)
    made.tables.append((name, data.ljust(size, b"\0"), align))


def _declared(text):
    found = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = _VARIABLE.match(part)
        width = _WIDTHS[match["type"][1:]]
        count = int(match["count"]) if match["count"] else 1
        found.append((match["name"], width * count, int(match["align"] or width)))
    return found


def _function(head, body, first_line):
    function = Function(
        head["name"],
        head["kind"] == "entry",
        _declared(head["parameters"] or ""),
        _declared(head["results"] or ""),
    )
    block, scoped = Block(0), {}
    function.blocks.append(block)

    def new_block():
        made = Block(len(function.blocks))
        function.blocks.append(made)
        return made

    for number, line in _statements(body, first_line):
        label = re.match(r"^([\w$]+):$", line)
        if label:
            if block.instructions:
                block = new_block()
            function.labels[label[1]] = block.number
            continue
        if line.startswith(".reg"):
            named = re.match(r"\.reg\s+\.(\w+)\s+([A-Za-z]\w*)$", line)
            if named:  # of a scope in braces; others begin with %
                prefix = _PREFIXES[named[1][1:] if named[1] != "pred" else "pred"]
                scoped[named[2]] = f"{prefix}{100000 + number}"
            continue
        if line.startswith((".loc ", ".loc\t", ".pragma", ".callprototype", ".branchtargets")):
            continue
        if line.startswith((".shared", ".local")):
            match = _VARIABLE.match(line)
            width = _WIDTHS[match["type"][1:]]
            entry = (match["name"], width * int(match["count"] or 1), int(match["align"] or width))
            (function.shared if match["space"] == "shared" else function.local).append(entry)
            continue
        if line.startswith(".param"):
            continue
        for old, new in scoped.items():
            line = re.sub(rf"(?<![\w$%.]){old}(?![\w$])", new, line)
        instruction = _instruction(number, line)
        block.instructions.append(instruction)
        if instruction.opcode[0] in _BREAKS:
            block = new_block()
    return function


def _statements(body, first_line):
    """(line number, text) of each statement and label."""
    line, text = first_line, ""
    for character_line in body.split("\n"):
        for piece in re.split(r"(;)", character_line):
            piece = piece.strip()
            if piece == ";":
                yield line, text.strip()
                text = ""
                continue
            if not text:
                # Braces around a call are scopes of its parameters.
                while piece[:1] in "{}" and piece:
                    piece = piece[1:].lstrip()
                if re.match(r"^[\w$]+:$", piece):
                    yield line, piece
                    continue
            text += " " + piece if text else piece
        line += 1


_TOKEN = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\([^)]*\)|[^,\s][^,]*")


def _instruction(line, text):
    guard = ""
    if text.startswith("@"):
        guard, text = text[1:].split(None, 1)
    name, _, rest = text.partition(" ") if " " in text else (text.split("\t")[0], "", "")
    if "\t" in text:
        name, _, rest = text.partition("\t")
        name = name.strip()
    operands = tuple(t.strip() for t in _TOKEN.findall(rest.strip()))
    return Instruction(line, guard, tuple(name.strip().split(".")), operands)
