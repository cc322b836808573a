"""`seldom`: what few elements need stands in a cold function, called only if a lane needs it.

    %any = any lane of %c ?     call @slow, mix with %fast     :     %fast

A short slow part is computed for all lanes at once. A long one (the reduction of huge angles in sin)
is compiled for one lane and looped over them, which takes a quarter off the time to compile sin.
"""

from .emit import Block, Value
from .expression import inputs_of
from .types import DTYPES, promote_all

LONG = 280  # instructions


def seldom(block, condition, slow, fast, inputs, lower):
    """The value of where(condition, slow, fast), for an expression `slow` of `inputs`, which `lower` writes."""
    condition = block.convert(condition, "bool")
    module, reads = block.module, inputs_of([slow])
    passed = {i: inputs[i] for i in reads if inputs[i].const is None}
    constants = {i: inputs[i] for i in reads if i not in passed}
    # Loops of one kernel share the function.
    key = (
        "seldom",
        id(slow),
        block.width,
        block.contract,
        fast.type,
        *((i, v.type) for i, v in passed.items()),
        *((i, repr(v.const)) for i, v in constants.items()),
    )
    if key not in module.shared:
        module.shared[key] = _write(block, slow, fast, passed, constants, lower)
    name, dtype = module.shared[key]
    fast = block.convert(fast, dtype)
    arguments = [f"{block.type('i1')} {condition.name}", f"{_type(block, fast)} {fast.name}"]
    arguments += [f"{_type(block, v)} {v.name}" for v in passed.values()]
    return Value(dtype, block.emit(f"call {_type(block, fast)} @{name}({', '.join(arguments)})"))


def _type(block, value):
    return block.type(DTYPES[value.dtype].register)


def _write(block, slow, fast, passed, constants, lower):
    """Writes both functions; (name, dtype of the result)."""
    module = block.module
    name = f"seldom.{len(module.helpers)}"
    module.helpers[name] = ""  # takes the name before a helper of `slow` does
    body, value, dtype = _lower(block, block.width, slow, fast, passed, constants, lower)
    if block.width > 1 and len(body) > LONG:
        body, value, dtype = _lower(block, 1, slow, fast, passed, constants, lower)
        lines = _loop(block, body, value, passed)
    else:
        lines = ["entry:", *body, f"  ret {_type(block, value)} {value.name}"]
    vector, mask = _type(block, value), block.type("i1")
    parameters = [f"{_type(block, v)} %in.{i}" for i, v in passed.items()]
    head = f"define internal {vector} @{name}.slow({', '.join(parameters)}) cold noinline #0 {{"
    any_lane = "  %any = or i1 %c, false"
    if block.width > 1:
        any_lane = (
            f"  %bits = bitcast {mask} %c to i{block.width}\n"
            f"  %any = icmp ne i{block.width} %bits, 0"
        )
    module.helpers[name] = (
        "\n".join([head, *lines, "}"])
        + f"""
define internal {vector} @{name}({", ".join([f"{mask} %c", f"{vector} %fast", *parameters])}) alwaysinline #0 {{
entry:
{any_lane}
  br i1 %any, label %slow, label %end, !prof !0
slow:
  %found = call {vector} @{name}.slow({", ".join(parameters)})
  %mixed = select {mask} %c, {vector} %found, {vector} %fast
  br label %end
end:
  %result = phi {vector} [ %fast, %entry ], [ %mixed, %slow ]
  ret {vector} %result
}}
"""
    )
    return name, dtype


def _lower(block, width, slow, fast, passed, constants, lower):
    inner = Block(block.module, width)
    inner.contract = block.contract
    name = "%in." if width == block.width else "%one."
    symbols = {i: Value(v.dtype, f"{name}{i}", weak=v.weak) for i, v in passed.items()}
    (value,) = lower(inner, [slow], {**symbols, **constants})
    dtype, _ = promote_all([value.type, fast.type])
    value = inner.convert(value, dtype)
    return inner.lines, value, dtype


def _loop(block, body, value, passed):
    """`body`, which computes one lane, for each lane in turn."""
    one, vector = DTYPES[value.dtype].register, _type(block, value)
    taken = [
        f"  %one.{i} = extractelement {_type(block, v)} %in.{i}, i64 %lane"
        for i, v in passed.items()
    ]
    return [
        "entry:",
        "  br label %turn",
        "turn:",
        "  %lane = phi i64 [ 0, %entry ], [ %lane.next, %turn ]",
        f"  %made = phi {vector} [ zeroinitializer, %entry ], [ %made.next, %turn ]",
        *taken,
        *body,
        f"  %made.next = insertelement {vector} %made, {one} {value.name}, i64 %lane",
        "  %lane.next = add i64 %lane, 1",
        f"  %more = icmp slt i64 %lane.next, {block.width}",
        "  br i1 %more, label %turn, label %done",
        "done:",
        f"  ret {vector} %made.next",
    ]
