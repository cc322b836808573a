"""The processes that compute together, and groups of them."""

import contextlib
import os
import time

from .errors import DistBackendError, DistError
from .joining import rendezvous
from .startup import mpi_of_launcher, start_mpi, store_over
from .store import HashStore, PrefixStore

__all__ = [
    "Backend", "BackendConfig", "DistBackendError", "DistError", "GroupMember", "ProcessGroup", "destroy_process_group",
    "get_backend", "get_backend_config", "get_default_backend_for_device", "get_global_rank", "get_group_rank",
    "get_node_local_rank", "get_pg_count", "get_process_group_ranks", "get_rank", "get_world_size",
    "group", "init_process_group", "is_available", "is_backend_available", "is_gloo_available",
    "is_initialized", "is_mpi_available", "is_nccl_available", "is_torchelastic_launched",
    "is_ucc_available", "is_xccl_available", "new_group", "new_subgroups", "new_subgroups_by_enumeration",
    "split_group", "supports_complex",
]  # fmt: skip

_MINUTES = 30.0  # PyTorch's time-out
_FLUSH_S = 5.0  # how long a process that leaves waits for the others, so that what it sent arrives


class Backend(str):
    """The name of what carries the messages."""

    GLOO, MPI, NCCL, UCC, XCCL, UNDEFINED = "gloo", "mpi", "nccl", "ucc", "xccl", "undefined"

    def __new__(cls, name):
        if not isinstance(name, str):
            raise ValueError(f"Backend: takes a name, not {type(name).__name__}.")
        return super().__new__(cls, name.lower())


class ProcessGroup:
    """Some of the processes.

    Attributes:
        ranks (list of int): their ranks among all.
        comm: MPI's communicator; None for a group of this process alone.
        store (Store): for what its processes say to each other beside the operations.
    """

    def __init__(self, ranks, comm, backend, seconds, store, name, description=None):
        self.ranks, self.comm, self.backend = list(ranks), comm, Backend(backend)
        self.seconds, self.store = seconds, store
        self.group_name, self.group_desc = name, description or "undefined"
        self.failed = False  # an operation has not ended: later ones may meet what is left of it

    def rank(self):
        """This process's place in the group."""
        return 0 if self.comm is None else self.comm.rank

    def size(self):
        """How many processes there are in it."""
        return len(self.ranks)

    def name(self):
        """The backend's name."""
        return self.backend

    def barrier(self):
        """A Work that ends when all processes are here."""
        from .collectives import barrier

        return barrier(self, async_op=True)

    def allreduce(self, tensors, op=None):
        """A Work of all_reduce of each tensor."""
        from .collectives import all_reduce
        from .work import ReduceOp, Together

        tensors = tensors if isinstance(tensors, (list, tuple)) else [tensors]
        return Together([all_reduce(t, op or ReduceOp.SUM, self, async_op=True) for t in tensors])

    def __repr__(self):
        return f"<ProcessGroup of ranks {self.ranks}>"


class GroupMember:
    """WORLD, the group of all; NON_GROUP_MEMBER, what new_group gives to processes outside of it."""

    NON_GROUP_MEMBER = -100

    def __init__(self):
        raise TypeError("GroupMember: not made; it holds WORLD and NON_GROUP_MEMBER.")


class _World(type):
    @property
    def WORLD(cls):
        return _groups.get("world")


class group(metaclass=_World):
    """group.WORLD is the group of all processes."""

    NON_GROUP_MEMBER = GroupMember.NON_GROUP_MEMBER


class _WorldOfMembers:
    def __get__(self, instance, owner):
        return _groups.get("world")


GroupMember.WORLD = _WorldOfMembers()

_groups = {}  # "world" -> the group of all


def is_mpi_available():
    """Whether mpi4py is installed."""
    import importlib.util

    return importlib.util.find_spec("mpi4py") is not None


def is_available():
    """Whether several processes can compute together: is_mpi_available(). A group of one is always possible."""
    return is_mpi_available()


def is_gloo_available():
    """Whether groups on CPUs are there: as is_mpi_available, which carries them."""
    return is_mpi_available()


def is_nccl_available():
    """Whether groups of GPUs are there: False."""
    return False


is_ucc_available = is_xccl_available = is_nccl_available


def is_backend_available(backend):
    """Whether a backend of this name can be used."""
    return Backend(backend) in ("gloo", "mpi") and is_mpi_available()


def is_initialized():
    """Whether init_process_group was called."""
    return "world" in _groups


def is_torchelastic_launched():
    """Whether the launcher, flambeau.distributed.run, started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def _store_of(init_method, store, rank, world_size, timeout):
    """(store, rank, world_size) from the arguments of init_process_group."""
    if store is None:
        return next(rendezvous(init_method or "env://", rank, world_size, **timeout))
    if init_method is not None:
        raise ValueError("init_process_group: give a store or an init_method, not both.")
    if world_size < 1 or rank < 0:
        raise ValueError(
            f"init_process_group: a store needs rank and world_size, which are {rank} and {world_size}."
        )
    return store, rank, world_size


def init_process_group(backend=None, init_method=None, timeout=None, world_size=-1, rank=-1, store=None,
                       group_name="", pg_options=None, device_id=None, _ranks=None):  # fmt: skip
    """Joins the group of all processes.

    Args:
        backend (str): "gloo" or "mpi", which are the same here.
        init_method (str): env:// (the default: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are in the environment),
            tcp://HOST:PORT of rank 0, or file:///PATH of a file that all can write. Processes that mpiexec has
            started need none.
        timeout (timedelta): after which an operation that not all processes call raises; 30 minutes.
        world_size, rank (int): where init_method or the environment does not say them.
        store (Store): instead of init_method.
        device_id (device): a CPU, if it is given.

    Raises:
        ValueError: the group is there already, the backend is another, or it is not said who there is.
        DistError: not all processes come within the time-out.
    """
    for name, value in (("pg_options", pg_options), ("_ranks", _ranks)):
        if value is not None:
            raise NotImplementedError(f"init_process_group: {name} is not offered.")
    _check_device(device_id, "init_process_group")
    if is_initialized():
        raise ValueError(
            "init_process_group: the group is there already; destroy_process_group() ends it."
        )
    name = Backend(backend or "gloo")
    _check_backend(name, "init_process_group")
    seconds = _MINUTES * 60 if timeout is None else timeout.total_seconds()
    mpi = None
    if store is None and init_method is None and "RANK" not in os.environ:
        mpi = mpi_of_launcher()
    if mpi is not None:
        comm = mpi.COMM_WORLD
        _check_place(comm, rank, world_size)
        rank, world_size = comm.rank, comm.size
        store = store_over(comm) if world_size > 1 else None
    else:
        given = {} if timeout is None else {"timeout": timeout}
        store, rank, world_size = _store_of(init_method, store, rank, world_size, given)
        if not 0 <= rank < world_size:
            raise ValueError(
                f"init_process_group: rank {rank} is not one of 0 to {world_size - 1}."
            )
        store = PrefixStore("default_pg", store)
        comm = start_mpi(store, rank, world_size) if world_size > 1 else None
    comm = comm.Dup() if world_size > 1 else None
    _groups["world"] = ProcessGroup(
        range(world_size), comm, name, seconds, store or HashStore(), group_name or "0", "default_pg"
    )  # fmt: skip


def _check_device(device_id, operation):
    if device_id is not None:
        import flambeau

        device = flambeau.device(device_id)
        if device.type != "cpu":
            raise ValueError(
                f"{operation}: device_id is {device}, and messages go from CPU to CPU here."
            )


def _check_backend(name, operation):
    """ "gloo", "mpi", or "cpu:gloo,cuda:nccl", of which the CPU's counts."""
    parts = dict(part.rpartition(":")[::2] for part in name.split(","))
    chosen = parts.get("cpu", parts.get(""))
    if chosen not in ("gloo", "mpi"):
        raise ValueError(
            f"{operation}: backend {str(name)!r} is not offered; 'gloo' and 'mpi' are."
        )


def _check_place(comm, rank, world_size):
    for name, asked, there in (("world_size", world_size, comm.size), ("rank", rank, comm.rank)):
        if asked not in (-1, there):
            raise ValueError(
                f"init_process_group: {name} is {asked}, but mpiexec has made it {there}."
            )


def destroy_process_group(group=None):
    """Leaves a group, or all of them without one. Waits some seconds for the others."""
    if group is None or group is _groups.get("world"):
        if "world" not in _groups:
            raise ValueError(
                "destroy_process_group: there is no group; init_process_group() makes it."
            )
        _leave(_groups["world"])
        for each in _groups.values():
            each.comm = None  # not freed: Free() would wait for processes that have ended
        _groups.clear()
        return
    if group != GroupMember.NON_GROUP_MEMBER:
        _leave(group)
        group.comm = None
        _groups.pop(group.group_name, None)


def _leave(group):
    """Waits a little for the group's processes: messages to them may not have arrived yet."""
    if group.comm is None or group.failed:
        return
    with contextlib.suppress(Exception):  # a process that is gone is no reason to stay
        request = group.comm.Ibarrier()
        end = time.monotonic() + min(_FLUSH_S, group.seconds)
        while not request.Test() and time.monotonic() < end:
            time.sleep(0.001)


def chosen(group, operation):
    """The group that a call means; None for a process that is not in it.

    Raises:
        ValueError: init_process_group was not called.
    """
    if group is None:
        if not is_initialized():
            raise ValueError(f"{operation}: there is no group; call init_process_group() first.")
        return _groups["world"]
    return None if group == GroupMember.NON_GROUP_MEMBER else group


def new_group(ranks=None, timeout=None, backend=None, pg_options=None, use_local_synchronization=False,
              group_desc=None, device_id=None, sort_ranks=True):  # fmt: skip
    """A group of some processes; all processes must call it, in the same order.

    Args:
        ranks (list of int, optional): of all by default.
        use_local_synchronization (bool): whether only the group's processes call it.
        sort_ranks (bool): whether ranks in the group follow ranks among all, or the list.

    Returns:
        ProcessGroup, or GroupMember.NON_GROUP_MEMBER in a process that is not in it.
    """
    if pg_options is not None:
        raise NotImplementedError("new_group: pg_options is not offered.")
    _check_device(device_id, "new_group")
    world = chosen(None, "new_group")
    if backend is not None:
        _check_backend(Backend(backend), "new_group")
    ranks = list(world.ranks) if ranks is None else list(ranks)
    ranks = sorted(ranks) if sort_ranks else ranks
    wrong = [r for r in ranks if r not in world.ranks]
    if wrong or len(set(ranks)) < len(ranks):
        raise ValueError(
            f"new_group: ranks {ranks} must be different ones of 0 to {world.size() - 1}."
        )
    inside = world.rank() in ranks
    _count[0] += 1
    name = str(_count[0])
    comm = None
    if use_local_synchronization:
        name = "-".join(map(str, ranks)) + f"/{sum(g.ranks == ranks for g in _groups.values())}"
        if inside and len(ranks) > 1:
            comm = world.comm.Create_group(world.comm.Get_group().Incl(ranks), _count[0] % 32000)
    elif world.comm is not None:
        from mpi4py import MPI

        comm = world.comm.Split(
            0 if inside else MPI.UNDEFINED, ranks.index(world.rank()) if inside else 0
        )
    if not inside:
        return GroupMember.NON_GROUP_MEMBER
    seconds = world.seconds if timeout is None else timeout.total_seconds()
    comm = comm if len(ranks) > 1 else None
    store = PrefixStore(f"group/{name}", world.store)
    made = ProcessGroup(ranks, comm, backend or world.backend, seconds, store, name, group_desc)
    _groups[name] = made
    return made


_count = [0]  # of new_group: the same in all processes


def new_subgroups(
    group_size=None, group=None, timeout=None, backend=None, pg_options=None, group_desc=None
):
    """(this process's group, all groups) of `group_size` neighbours each; by default of one machine's processes.

    Raises:
        ValueError: group_size does not divide the number of processes.
    """
    world = chosen(group, "new_subgroups")
    if group_size is None:
        group_size = int(os.environ.get("LOCAL_WORLD_SIZE", world.size()))
    if not 0 < group_size <= world.size() or world.size() % group_size:
        raise ValueError(
            f"new_subgroups: {world.size()} processes do not divide into groups of {group_size}."
        )
    parts = [world.ranks[i : i + group_size] for i in range(0, world.size(), group_size)]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(ranks_per_subgroup_list, timeout=None, backend=None, pg_options=None,
                                 group_desc=None):  # fmt: skip
    """(this process's group or None, all groups) of the given ranks, which are in one group each at most."""
    together = [rank for ranks in ranks_per_subgroup_list for rank in ranks]
    if len(set(together)) < len(together):
        raise ValueError("new_subgroups_by_enumeration: a rank stands in two groups.")
    mine, made = None, []
    for ranks in ranks_per_subgroup_list:
        made.append(new_group(ranks, timeout, backend, pg_options, group_desc=group_desc))
        if get_rank() in ranks:
            mine = made[-1]
    return mine, made


def split_group(parent_pg=None, split_ranks=None, timeout=None, pg_options=None, group_desc=None, backend=None):  # fmt: skip
    """This process's group of those that split_ranks, lists of ranks, make; None where it is in none."""
    if not split_ranks:
        raise ValueError("split_group: split_ranks must be lists of ranks.")
    parent = chosen(parent_pg, "split_group")
    lists = [[parent.ranks[r] for r in ranks] for ranks in split_ranks]
    return new_subgroups_by_enumeration(
        lists, timeout, backend or parent.backend, pg_options, group_desc
    )[0]


def get_rank(group=None):
    """This process's rank in a group; -1 outside of it."""
    group = chosen(group, "get_rank")
    return -1 if group is None else group.rank()


def get_world_size(group=None):
    """How many processes a group has; -1 outside of it."""
    group = chosen(group, "get_world_size")
    return -1 if group is None else group.size()


def get_backend(group=None):
    """The name of a group's backend, as it was asked for."""
    return chosen(group, "get_backend").backend


def get_process_group_ranks(group=None):
    """The ranks, among all, of a group's processes."""
    return list(chosen(group, "get_process_group_ranks").ranks)


def get_global_rank(group, group_rank):
    """The rank among all of a group's process."""
    ranks = chosen(group, "get_global_rank").ranks
    if not 0 <= group_rank < len(ranks):
        raise ValueError(f"get_global_rank: group_rank is {group_rank} in a group of {len(ranks)}.")
    return ranks[group_rank]


def get_group_rank(group, global_rank):
    """The rank in a group of one of all processes."""
    ranks = chosen(group, "get_group_rank").ranks
    if global_rank not in ranks:
        raise ValueError(f"get_group_rank: rank {global_rank} is not one of {ranks}.")
    return ranks.index(global_rank)


def get_node_local_rank(fallback_rank=None):
    """This process's number on its machine, as the launcher says it in LOCAL_RANK.

    Raises:
        RuntimeError: there is none, and no fallback_rank.
    """
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is None:
        raise RuntimeError(
            "get_node_local_rank: LOCAL_RANK is not in the environment; flambeau.distributed.run sets it, or give "
            "fallback_rank."
        )
    return int(fallback_rank)


def get_pg_count():
    """How many groups there are."""
    return len(_groups)


def get_default_backend_for_device(device):
    """The backend of a kind of device: "gloo" for CPUs."""
    import flambeau

    if flambeau.device(device).type != "cpu":
        raise ValueError(f"get_default_backend_for_device: there is none for {device}.")
    return "gloo"


def supports_complex(reduceOp):
    """Whether complex numbers can be combined so."""
    return reduceOp.name in ("SUM", "AVG", "PRODUCT")


def group_of_name(name):
    """The group with that group_name.

    Raises:
        RuntimeError: there is none.
    """
    for each in _groups.values():
        if each.group_name == name:
            return each
    raise RuntimeError(f"distributed: there is no group with the name {name!r}.")


def _get_default_group():
    """The group of all processes."""
    return chosen(None, "_get_default_group")


def _get_default_store():
    """The store of the group of all processes."""
    return _get_default_group().store


_resolve_process_group = group_of_name


class BackendConfig:
    """The backends of kinds of devices, from "gloo" or "cpu:gloo,cuda:nccl".

    Attributes:
        device_backend_map (dict): of the CPU: its Backend.
    """

    def __init__(self, backend):
        parts = dict(part.rpartition(":")[::2] for part in Backend(backend).split(","))
        self.device_backend_map = {"cpu": Backend(parts.get("cpu", parts.get("", "undefined")))}

    def get_device_backend_map(self):
        """device_backend_map."""
        return self.device_backend_map

    def __repr__(self):
        return ",".join(
            f"{device}:{backend}" for device, backend in self.device_backend_map.items()
        )


def get_backend_config(group=None):
    """A group's backends as text: "cpu:gloo"."""
    return repr(BackendConfig(get_backend(group)))
