"""Copies to shared memory and products of tiles that are on their way: cp.async and wgmma.

Both happen as late as they may, when somebody waits for them: what is read before it arrives is NaN, and what is
overwritten before it has been read gives other products.
"""

import re

import numpy as np

from . import warpgroups
from .memory import Fault


class Groups:
    """Operations that threads have asked for: `open` ones, and groups of those before."""

    def __init__(self):
        self.open, self.groups = [], []

    def commit(self, mask):
        """What these threads have asked for since is a group, if it be empty."""
        mine = [operation for operation in self.open if mask[operation[0][0]]]
        self.open = [operation for operation in self.open if not mask[operation[0][0]]]
        self.groups.append((int(mask.argmax()), mine))

    def due(self, pending, mask):
        """The operations of all groups of these threads but the last `pending`, which are forgotten."""
        theirs = [k for k, (thread, _) in enumerate(self.groups) if mask[thread]]
        done = theirs[: max(0, len(theirs) - pending)]
        due = [operation for k in done for operation in self.groups[k][1]]
        self.groups = [group for k, group in enumerate(self.groups) if k not in done]
        return due


class Operations:
    """What instructions ask of a Machine."""

    def show_to_tiles(self, i):
        """fence.proxy.async of all threads: what they have written to shared memory wgmma may read."""
        if self.shared is not None:
            here = np.bincount(self.cta if i is None else self.cta[i], minlength=self.ctas)
            self.shared.hidden[here == self.per_block] = False

    def begin_copy(self, target, source, nbytes, line, i):
        """cp.async of 16 bytes a thread, of which `nbytes` are read and the others zeros."""
        here = np.arange(self.n) if i is None else i
        if (nbytes > 16).any():
            raise Fault(f"kernel {self.name}, line {line}: a copy of more than its 16 bytes.")
        self.aligned(source, 16, line, i)
        every = self.shared.expect(
            target.astype(np.uint64), 16, line, self.cta[here], self.lanes[here]
        )
        self.copies.open.append((here, every, source, nbytes, line))

    def finish_copies(self, pending, i):
        for here, every, source, nbytes, line in self.copies.due(pending, self.mask(i)):
            values = np.zeros((here.size, 16), np.uint8)
            lanes = self.lanes[here]
            for size in (8, 2):  # as large pieces as there are
                for at in range(0, 16, size):
                    rest = nbytes.astype(np.int64) - at // 8 * 8
                    those = rest >= 8 if size == 8 else (rest < 8) & (nbytes >= at + 2)
                    if those.any():
                        dtype = np.dtype(f"u{size}")
                        address = source[those] + np.uint64(at)
                        place = self.everything.check(address, size, line, lanes[those])
                        self.everything.remember(self.everything.read, address, lanes[those], line)
                        read = self.everything.view(dtype)[place]
                        values[those, at : at + size] = read[:, None].view(np.uint8)
            self.shared.arrive(every, values, self.cta[here], lanes)

    def mask(self, i):
        made = np.zeros(self.n, bool)
        made[slice(None) if i is None else i] = True
        return made

    def begin_product(self, shape, kind, names, left, right, adds, turned, line, i):
        """wgmma: the sums of each group of four warps, as its threads hold them, in the registers `names`."""
        here = np.arange(self.n) if i is None else i
        in_order = self.thread[here] % 128 == np.arange(here.size) % 128
        if here.size % 128 or not in_order.all() or np.any(adds != np.ravel(adds)[0]):
            raise Fault(
                f"kernel {self.name}, line {line}: not all threads of four warps take part in their product."
            )
        if self.shared.hidden[self.cta[here]].any():
            raise Fault(
                f"kernel {self.name}, line {line}: wgmma reads shared memory that was written without "
                "fence.proxy.async behind it."
            )
        adds = bool(np.ravel(adds)[0])
        self.products.open.append((here, shape, kind, names, adds, left, right, turned, line))

    def finish_products(self, registers, pending, i):
        due = self.products.due(pending, self.mask(i))
        for here, shape, kind, names, adds, *tiles, line in due:
            sums = [registers[k][here] if adds else np.zeros(here.size, "u4") for k in names]
            try:
                made = warpgroups.multiply(self, shape, kind, sums, *tiles, line, here)
            except (KeyError, ValueError) as error:
                raise Fault(
                    f"kernel {self.name}, line {line}: wgmma {shape} of {kind}: {error}."
                ) from None
            for k, values in zip(names, made):
                self.put(registers, k, here, values.view(np.uint32))


class Instructions:
    """What a Translator makes of them."""

    def check_waited(self, operands):
        """Sums of wgmma are nobody's until they are waited for."""
        named = {r for o in operands for r in re.findall(r"%\w+", o)}
        if named & self.in_flight:
            raise Fault(
                f"PTX, line {self.line}: {min(named & self.in_flight)} is used before wgmma's sums are waited for."
            )

    def do_wgmma(self, opcode, operands, condition):
        """wgmma.mma_async of tiles in shared memory; its sums are there when a later wait_group 0 says so."""
        kind = opcode[1]
        if kind == "fence":
            self.fenced = True
        elif kind == "commit_group":
            self.say("X.products.commit(X.mask(i))")
        elif kind == "wait_group":
            self.say(f"X.finish_products(R, {int(operands[0])}, i)")
            if operands[0] == "0":
                for name in sorted(self.summed):
                    k = self.number(name)
                    self.say(f"r{k} = R[{k}] if i is None else R[{k}][i]")
                    self.written[k] = True
                self.in_flight = self.summed = set()
        elif kind == "mma_async" and opcode[5] == "f32" and operands[4:6] == ("1", "1"):
            from_registers = operands[1].startswith("{")
            if not self.fenced:
                raise Fault(f"PTX, line {self.line}: wgmma without wgmma.fence before it.")
            names = self.parts(operands[0])
            numbers = [self.number(n) for n in names]
            self.summed = self.summed | set(names)
            for k in numbers:
                if self.written.pop(k, None):
                    self.say(f"if i is None: R[{k}] = X.spread(r{k}, i)")
                    self.say(f"else: X.put(R, {k}, i, r{k})")
            width = "b32" if from_registers else "b64"
            left = [f"X.spread({self.operand(o, width)}, i)" for o in self.parts(operands[1])]
            tiles = f"[{', '.join(left)}], X.spread({self.operand(operands[2], 'b64')}, i)"
            adds = self.operand(operands[3], "pred")
            turned = (False, *(o == "1" for o in operands[6:]))[-2:]
            self.say(
                f"X.begin_product({opcode[4]!r}, {opcode[6]!r}, {numbers}, {tiles}, {adds}, {turned}, {self.line}, i)"
            )
            self.in_flight |= set(names)
            if from_registers:
                self.in_flight |= set(self.parts(operands[1]))
        else:
            raise Fault(
                f"PTX, line {self.line}: {'.'.join(opcode)} is not known to the interpreter."
            )

    def do_cp(self, opcode, operands, condition):
        """cp.async.cg of 16 bytes to shared memory, in groups that are waited for."""
        if opcode[:3] == ("cp", "async", "commit_group"):
            self.say("X.copies.commit(X.mask(i))")
        elif opcode[:3] == ("cp", "async", "wait_group"):
            self.say(f"X.finish_copies({int(operands[0])}, i)")
        elif opcode[:3] == ("cp", "async", "cg") and operands[2] == "16" and condition is None:
            target, source = (self.temporary(self.address(o)) for o in operands[:2])
            nbytes = f"X.spread({self.operand(operands[3], 'u32')}, i)" if operands[3:] else "16"
            self.say(f"X.begin_copy({target}, {source}, {nbytes}, {self.line}, i)")
        else:
            raise Fault(
                f"PTX, line {self.line}: {'.'.join(opcode)} is not known to the interpreter."
            )

    def sums_on_their_way(self):
        """Of each block, the registers whose sums wgmma may still be making when it begins."""
        found = {block.number: frozenset() for block in self.function.blocks}
        changed = any(i.opcode[0] == "wgmma" for b in self.function.blocks for i in b.instructions)
        while changed:
            changed = False
            for block in self.function.blocks:
                flying, last = set(found[block.number]), None
                for last in block.instructions:
                    if last.opcode[:2] == ("wgmma", "mma_async"):
                        flying |= set(self.parts(last.operands[0]))
                    elif last.opcode[:2] == ("wgmma", "wait_group") and last.operands[0] == "0":
                        flying = set()
                for number in self.after(block.number, last):
                    if not flying <= found[number]:
                        found[number] |= flying
                        changed = True
        return found

    def after(self, number, last):
        """The blocks that may follow one that ends with an instruction."""
        name, following = last and last.opcode[0], []
        if name == "bra":
            following.append(self.function.labels[last.operands[0].strip()])
        if name not in ("bra", "ret", "exit", "trap") or last.guard:
            following.append(number + 1)
        return [n for n in following if n < len(self.function.blocks)]
