"""Trees of containers: flattened, mapped, put together, written as text."""

from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass

import pytest

import flambeau as torch
from flambeau.utils import _pytree as pytree

Point = namedtuple("Point", "x y")
TREES = [
    {"b": (1, [2, None]), "a": 3}, OrderedDict(a=1, b=[2]), defaultdict(list, {"k": [1, 2]}),
    deque([1, [2]], maxlen=5), Point(1, [2]), 5, [], (), {"deep": [[[[1]]]]},
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_there_and_back(tree):
    leaves, structure = pytree.tree_flatten(tree)
    assert leaves == pytree.tree_leaves(tree) and structure == pytree.tree_structure(tree)
    assert pytree.tree_unflatten(leaves, structure) == tree
    assert structure.num_leaves == len(leaves) and hash(structure) == hash(
        pytree.tree_structure(tree)
    )
    again = pytree.treespec_loads(pytree.treespec_dumps(structure))
    assert again == structure and type(pytree.tree_unflatten(leaves, again)) is type(tree)
    for path, leaf in pytree.tree_leaves_with_path(tree):
        assert pytree.key_get(tree, path) is leaf
    reference = pytest.importorskip("torch.utils._pytree")
    wanted = reference.tree_structure(tree)
    assert repr(structure) == repr(wanted)
    if not isinstance(tree, Point):
        assert pytree.treespec_dumps(structure) == reference.treespec_dumps(wanted)


def test_maps():
    tree = {"a": 1, "b": (2, [3])}
    assert pytree.tree_map(lambda x: x + 1, tree) == {"a": 2, "b": (3, [4])}
    other = {"b": (20, [30]), "a": 10}  # another order of keys
    assert pytree.tree_map(lambda x, y: x + y, tree, other) == {"a": 11, "b": (22, [33])}
    assert pytree.tree_map_only(int, lambda x: -x, [1, "s", 2.0]) == [-1, "s", 2.0]
    assert pytree.tree_map_only((int, str), lambda x: 0, [1, "s", 2.0]) == [0, 0, 2.0]
    assert pytree.tree_map_only(lambda x: x == 2, lambda x: 0, [1, 2]) == [1, 0]
    seen = []
    assert pytree.tree_map_(seen.append, tree) is tree and seen == [1, 2, 3]
    named = pytree.tree_map_with_path(lambda path, x: pytree.keystr(path) + str(x), tree)
    assert named == {"a": "['a']1", "b": ("['b'][0]2", ["['b'][1][0]3"])}
    assert pytree.tree_all(bool, tree) and not pytree.tree_any(lambda x: x > 3, tree)
    assert pytree.tree_all_only(int, lambda x: x < 2, [1, "s"])
    assert pytree.tree_any_only(str, lambda x: x == "s", [1, "s"])
    assert pytree.tree_map(len, [[1, 2], [3]], is_leaf=lambda n: n and isinstance(n[0], int)) == [
        2,
        1,
    ]
    assert pytree.arg_tree_leaves(1, [2], a=3) == [1, 2, 3]
    assert torch.utils.pytree.tree_map is pytree.tree_map


def test_named_results_are_nodes():
    values, indices = torch.max(torch.tensor([[1.0, 2.0]]), 1)
    result = pytree.tree_map(lambda t: t + 1, torch.max(torch.tensor([[1.0, 2.0]]), 1))
    assert result.values == values + 1 and result.indices == indices + 1
    assert pytree.tree_leaves(torch.Size([1, 2])) != []


def test_differing_trees_are_named():
    structure = pytree.tree_structure([1, {"a": 2}])
    for tree, message in (
        ((1, {"a": 2}), "tuple stands where the structure has list"),
        ([1], "a list of 1 where the structure has 2"),
        ([1, {"b": 2}], r"keys \['b'\] where the structure has \['a'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            structure.flatten_up_to(tree)
    with pytest.raises(ValueError, match="3 leaves for a structure of 2"):
        pytree.tree_unflatten([1, 2, 3], structure)
    with pytest.raises(TypeError, match="takes a TreeSpec, not list"):
        pytree.tree_unflatten([1], [2])
    with pytest.raises(TypeError, match="takes a type"):
        pytree.tree_map_only(3, abs, [1])


def test_broadcasting_a_part_of_a_tree():
    structure = pytree.tree_structure([0, {"a": (0, 0)}])
    assert pytree._broadcast_to_and_flatten(7, structure) == [7, 7, 7]
    assert pytree._broadcast_to_and_flatten([7, {"a": 8}], structure) == [7, 8, 8]
    assert pytree._broadcast_to_and_flatten([7, 8, 9], structure) is None
    assert pytree._broadcast_to_and_flatten((7, 8), structure) is None


def test_nodes_of_ones_own():
    class Box:
        def __init__(self, *items, name=""):
            self.items, self.name = list(items), name

    pytree.register_pytree_node(
        Box, lambda box: (box.items, box.name), lambda items, name: Box(*items, name=name),
        flatten_with_keys_fn=lambda box: (
            [(pytree.SequenceKey(i), x) for i, x in enumerate(box.items)], box.name),
    )  # fmt: skip
    try:
        box = pytree.tree_map(lambda x: x * 2, Box(1, [2], name="n"))
        assert box.items == [2, [4]] and box.name == "n"
        assert pytree.keystr(pytree.tree_leaves_with_path([Box(1)])[0][0]) == "[0][0]"
        with pytest.raises(ValueError, match="is a node already"):
            pytree.register_pytree_node(Box, None, None)
    finally:
        pytree._deregister_pytree_node(Box)
    assert pytree.tree_is_leaf(Box())


def test_dataclasses_and_constants():
    @dataclass
    class Batch:
        x: object
        y: object = None
        name: str = "plain"

    pytree.register_dataclass(Batch, drop_field_names=["name"], serialized_type_name="Batch")

    class Constant:
        def __eq__(self, other):
            return isinstance(other, Constant)

        def __hash__(self):
            return 1

    pytree.register_constant(Constant)
    try:
        assert pytree.tree_map(lambda v: v + 1, [Batch(1, 2)]) == [Batch(2, 3)]
        leaves, structure = pytree.tree_flatten(Batch(1))
        assert leaves == [1] and pytree.tree_unflatten(leaves, structure) == Batch(1)
        assert pytree.keystr(pytree.tree_leaves_with_path([Batch(1)])[0][0]) == "[0].x"
        assert pytree.treespec_loads(pytree.treespec_dumps(structure)) == structure
        assert pytree.tree_leaves([1, Constant()]) == [1] and pytree.is_constant_class(Constant)
        with pytest.raises(ValueError, match="has the fields"):
            pytree.register_dataclass(Batch, field_names=["x"])
        with pytest.raises(TypeError, match="must define both"):
            pytree.register_constant(type("Plain", (), {}))
    finally:
        pytree._deregister_pytree_node(Batch)
        pytree._deregister_pytree_node(Constant)
