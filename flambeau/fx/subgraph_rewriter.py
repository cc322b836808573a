"""One shape of graph found in another, and replaced."""

from typing import NamedTuple

from .graph import Graph
from .graph_module import GraphModule
from .node import Node, map_arg
from .tracer import symbolic_trace

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]


class Match(NamedTuple):
    """A place where the pattern was found: its last node there, and each pattern node's counterpart."""

    anchor: Node
    nodes_map: dict


class ReplacedPatterns(NamedTuple):
    """A Match, and the nodes that stand in its place."""

    anchor: Node
    nodes_map: dict
    replacements: list


def _graph_of(pattern):
    if isinstance(pattern, GraphModule):
        return pattern.graph
    return pattern if isinstance(pattern, Graph) else symbolic_trace(pattern).graph


class _Matcher:
    """Tries to lay a pattern's nodes over a graph's, from the results to the inputs."""

    def __init__(self, pattern):
        self.output = pattern.output_node()
        self.results = []
        map_arg(self.output.args[0], self.results.append)
        self.inside = [n for n in pattern.nodes if n.op not in ("placeholder", "output")]

    def at(self, node):
        """The map of pattern nodes to nodes if the pattern's first result lies on `node`, else None."""
        found = {}
        return found if self._same(self.results[0], node, found) and self._alone(found) else None

    def _same(self, mine, theirs, found):
        if isinstance(mine, Node) and mine.op == "placeholder":
            return found.setdefault(mine, theirs) is theirs or found[mine] == theirs
        if isinstance(mine, Node) != isinstance(theirs, Node):
            return False
        if isinstance(mine, Node):
            if mine in found:
                return found[mine] is theirs
            if mine.op != theirs.op or not self._same_target(mine, theirs):
                return False
            found[mine] = theirs
            return self._same(mine.args, theirs.args, found) and self._same(
                dict(mine.kwargs), dict(theirs.kwargs), found
            )
        if isinstance(mine, (tuple, list)) and isinstance(theirs, (tuple, list)):
            return len(mine) == len(theirs) and all(
                self._same(a, b, found) for a, b in zip(mine, theirs, strict=True)
            )
        if isinstance(mine, dict) and isinstance(theirs, dict):
            return mine.keys() == theirs.keys() and all(
                self._same(mine[k], theirs[k], found) for k in mine
            )
        if isinstance(mine, slice) and isinstance(theirs, slice):
            return all(
                self._same(getattr(mine, k), getattr(theirs, k), found)
                for k in ("start", "stop", "step")
            )
        return type(mine) is type(theirs) and mine == theirs

    @staticmethod
    def _same_target(mine, theirs):
        if mine.op != "get_attr":
            return mine.target == theirs.target
        return mine.target.rsplit(".", 1)[-1] == theirs.target.rsplit(".", 1)[-1]

    def _alone(self, found):
        """Whether nobody outside uses what the replacement does away with."""
        if not all(n in found for n in self.inside):
            return False
        covered = {found[n] for n in self.inside}
        return all(set(found[n].users) <= covered for n in self.inside if n not in self.results)


def replace_pattern(gm, pattern, replacement):
    """Replaces every place where `gm` computes what `pattern` computes by `replacement`.

    Places do not overlap; the first in the graph's order counts. The module is recompiled.

    Args:
        gm (GraphModule): changed in place.
        pattern, replacement (callable or GraphModule): with as many arguments; any value in `gm` may stand
            where they have an argument.

    Returns:
        list of Match: the places.

    Example:
        >>> from flambeau.fx import replace_pattern, symbolic_trace
        >>> gm = symbolic_trace(lambda x, w: flambeau.relu(x * w) + 1)
        >>> len(replace_pattern(gm, lambda a, b: flambeau.relu(a * b), lambda a, b: (a * b).clamp(0)))
        1
        >>> gm(flambeau.tensor(-2.0), flambeau.tensor(3.0))
        tensor(1.)
    """
    found = replace_pattern_with_filters(gm, pattern, replacement)
    return [Match(place.anchor, place.nodes_map) for place in found]


def replace_pattern_with_filters(
    gm, pattern, replacement, match_filters=None, ignore_literals=False
):
    """replace_pattern where every filter, (match, graph, pattern graph) -> bool, agrees."""
    if ignore_literals:
        raise NotImplementedError("replace_pattern_with_filters: ignore_literals is not offered.")
    pattern, replacement = _graph_of(pattern), _graph_of(replacement)
    matcher, taken, done = _Matcher(pattern), set(), []
    inputs = [n for n in pattern.nodes if n.op == "placeholder"]
    for node in list(gm.graph.nodes):
        found = None if node._erased else matcher.at(node)
        if found is None:
            continue
        covered = {found[n] for n in matcher.inside}
        match = Match(node, found)
        if covered & taken or not all(f(match, gm.graph, pattern) for f in match_filters or ()):
            continue
        taken |= covered
        done.append(_replaced(gm, match, matcher, replacement, inputs))
    gm.recompile()
    return done


def _replaced(gm, match, matcher, replacement, inputs):
    graph, found = gm.graph, match.nodes_map
    ours = [n for n in replacement.nodes if n.op == "placeholder"]
    if len(ours) != len(inputs):
        raise ValueError(
            f"replace_pattern: the pattern has {len(inputs)} arguments, the replacement {len(ours)}."
        )
    val_map = dict(zip(ours, (found.get(n) for n in inputs), strict=True))
    old = [found[n] for n in matcher.results]
    # New nodes come where all they use is there already.
    last = max((n for n in found.values() if isinstance(n, Node)), key=list(graph.nodes).index)
    before = set(graph.nodes)
    with graph.inserting_before(last):
        value = graph.graph_copy(replacement, val_map)
    added = [n for n in graph.nodes if n not in before]
    new = []
    map_arg(value, new.append)
    if not new and not isinstance(value, Node):
        raise ValueError("replace_pattern: the replacement gives no node.")
    for was, now in zip(old, new, strict=True):
        was.replace_all_uses_with(now)
    for n in reversed([found[n] for n in matcher.inside]):
        graph.erase_node(n)
    return ReplacedPatterns(match.anchor, found, added)
