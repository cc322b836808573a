"""Several elements that lie side by side, as a thread of a GPU reads and writes them: up to 16 bytes in one go.

They are computed one by one: a GPU has no arithmetic of vectors. In memory they are words of 4 bytes (of 8 where an
element is that wide), whose parts are cut out by shifts, which every element type goes through alike.
"""

from ..types import DTYPES


def load(block, pointer, dtype, lanes):
    """`lanes` Values; the address is a multiple of what they take together, up to 16 bytes."""
    if lanes == 1:
        return [block.load(pointer, dtype)]
    d = DTYPES[dtype]
    parts = 2 if d.kind == "c" else 1
    flat = [
        _typed(block, piece, d.memory) for piece in _pieces(block, pointer, d.bits, lanes * parts)
    ]
    return [
        block.from_memory(*flat[parts * lane : parts * (lane + 1)], dtype=dtype)
        for lane in range(lanes)
    ]


def store(block, values, dtype, pointer):
    """Writes Values, converted to dtype, side by side."""
    if len(values) == 1:
        block.store(values[0], dtype, pointer)
        return
    d = DTYPES[dtype]
    flat = [part for value in values for part in block.to_memory(value, dtype)]
    words = _joined(block, [_bits(block, part, d.memory) for part in flat], d.bits)
    width = max(32, d.bits) if d.bits * len(flat) >= 32 else d.bits * len(flat)
    for start in range(0, len(words), 128 // width):
        some = words[start : start + 128 // width]
        place = block.emit(f"getelementptr i8, ptr {pointer}, i64 {start * width // 8}")
        if len(some) == 1:
            block.lines.append(f"  store i{width} {some[0]}, ptr {place}, align {width // 8}")
            continue
        vector = f"<{len(some)} x i{width}>"
        whole = "poison"
        for i, word in enumerate(some):
            whole = block.emit(f"insertelement {vector} {whole}, i{width} {word}, i32 {i}")
        block.lines.append(f"  store {vector} {whole}, ptr {place}, align {len(some) * width // 8}")


def _pieces(block, pointer, bits, count):
    """Each element's bits as an integer of its width."""
    whole = bits * count
    width = max(32, bits) if whole >= 32 else whole
    words = []
    for start in range(0, whole // width, 128 // width):
        some = min(128 // width, whole // width - start)
        place = block.emit(f"getelementptr i8, ptr {pointer}, i64 {start * width // 8}")
        if some == 1:
            words.append(block.emit(f"load i{width}, ptr {place}, align {width // 8}"))
            continue
        vector = f"<{some} x i{width}>"
        loaded = block.emit(f"load {vector}, ptr {place}, align {some * width // 8}")
        words += [block.emit(f"extractelement {vector} {loaded}, i32 {i}") for i in range(some)]
    if width == bits:
        return words
    pieces = []
    for word in words:
        for i in range(width // bits):
            moved = block.emit(f"lshr i{width} {word}, {bits * i}") if i else word
            pieces.append(block.emit(f"trunc i{width} {moved} to i{bits}"))
    return pieces


def _joined(block, pieces, bits):
    """The same the other way: words of integers."""
    whole = bits * len(pieces)
    width = max(32, bits) if whole >= 32 else whole
    if width == bits:
        return pieces
    words, per_word = [], width // bits
    for start in range(0, len(pieces), per_word):
        word = None
        for i, piece in enumerate(pieces[start : start + per_word]):
            wide = block.emit(f"zext i{bits} {piece} to i{width}")
            wide = block.emit(f"shl i{width} {wide}, {bits * i}") if i else wide
            word = wide if word is None else block.emit(f"or i{width} {word}, {wide}")
        words.append(word)
    return words


def _typed(block, bits, memory):
    return (
        bits if memory[0] == "i" else block.emit(f"bitcast {_integer(memory)} {bits} to {memory}")
    )


def _bits(block, value, memory):
    return (
        value if memory[0] == "i" else block.emit(f"bitcast {memory} {value} to {_integer(memory)}")
    )


def _integer(memory):
    return "i32" if memory == "float" else "i64"
