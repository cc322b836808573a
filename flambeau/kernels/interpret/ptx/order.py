"""In which order the blocks of a function run where threads wait for several: such that they meet again.

A block comes behind all that lead to it, but for the way back of a loop; and what follows a loop behind the loop.
The text's own order does not do: compilers put the end of a loop in front of its middle.
"""

from collections import deque


def ranks(function):
    """{number of a block: its place in the order}"""
    following = [_following(function, block) for block in function.blocks]
    finished, seen = [], {0}
    stack = [(0, iter(_innermost_last(following, 0)))]
    while stack:
        at, rest = stack[-1]
        step = next((b for b in rest if b not in seen), None)
        if step is None:
            finished.append(at)
            stack.pop()
            continue
        seen.add(step)
        stack.append((step, iter(_innermost_last(following, step))))
    return {block: place for place, block in enumerate(reversed(finished))}


def _following(function, block):
    """The blocks that a block leads to."""
    last = block.instructions[-1] if block.instructions else None
    after = [block.number + 1] if block.number + 1 < len(function.blocks) else []
    if last is None or last.opcode[0] not in ("bra", "ret", "exit"):
        return after
    there = [function.labels[last.operands[0].strip()]] if last.opcode[0] == "bra" else []
    return there + (after if last.guard else [])


def _innermost_last(following, at):
    """The blocks behind `at`, those from which it is farthest, or not to be reached again, first."""
    if len(following[at]) < 2:
        return following[at]
    return sorted(following[at], key=lambda block: -_distance(following, block, at))


def _distance(following, start, end):
    found, waiting = {start: 0}, deque([start])
    while waiting:
        here = waiting.popleft()
        if here == end:
            return found[here]
        for block in following[here]:
            if block not in found:
                found[block] = found[here] + 1
                waiting.append(block)
    return len(following)
