"""The processes that compute together, and groups of them."""

import os

__all__ = [
    "Backend", "DistBackendError", "DistError", "GroupMember", "ProcessGroup", "destroy_process_group",
    "get_backend", "get_global_rank", "get_group_rank", "get_process_group_ranks", "get_rank",
    "get_world_size", "group", "init_process_group", "is_available", "is_backend_available",
    "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available",
    "is_torchelastic_launched", "is_ucc_available", "is_xccl_available", "new_group",
]  # fmt: skip

_MINUTES = 30.0  # PyTorch's time-out


class DistError(RuntimeError):
    """Something of a group went wrong."""


class DistBackendError(DistError):
    """The messages of an operation did not arrive."""


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
    """

    def __init__(self, ranks, comm, backend, seconds, name=""):
        self.ranks, self.comm, self.backend = list(ranks), comm, Backend(backend)
        self.seconds, self.group_name, self.group_desc = seconds, name, name

    def rank(self):
        """This process's place in the group."""
        return 0 if self.comm is None else self.comm.rank

    def size(self):
        """How many processes there are in it."""
        return len(self.ranks)

    def name(self):
        """The backend's name."""
        return self.backend

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


def _mpi():
    """mpi4py's MPI where this process is one of several that MPI started; None otherwise."""
    started = any(
        name in os.environ for name in ("PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK")
    )
    if not started:
        return None
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError(
            "distributed: several processes need mpi4py: pip install flambeau[distributed]"
        ) from error
    return MPI


def init_process_group(backend=None, init_method=None, timeout=None, world_size=-1, rank=-1, store=None,
                       group_name="", pg_options=None, device_id=None, _ranks=None):  # fmt: skip
    """Joins the group of all processes.

    Args:
        backend (str): "gloo" or "mpi", which are the same here.
        init_method (str): accepted as programs write it; MPI knows where the processes are.
        timeout (timedelta): after which an operation that not all processes call raises; 30 minutes.
        world_size, rank (int): checked against what MPI says, where they are given.

    Raises:
        NotImplementedError: several processes are asked for that MPI did not start.
        ValueError: the group is there already, or the backend is another.
    """
    for name, value in (("store", store), ("pg_options", pg_options), ("_ranks", _ranks)):
        if value is not None:
            raise NotImplementedError(
                f"init_process_group: {name} is not offered; MPI finds the processes."
            )
    if is_initialized():
        raise ValueError(
            "init_process_group: the group is there already; destroy_process_group() ends it."
        )
    backend = Backend(backend or "gloo").split(",")[0].removeprefix("cpu:")
    if backend not in ("gloo", "mpi"):
        raise ValueError(
            f"init_process_group: backend {backend!r} is not offered; 'gloo' and 'mpi' are."
        )
    seconds = _MINUTES * 60 if timeout is None else timeout.total_seconds()
    mpi = _mpi()
    comm = None if mpi is None or mpi.COMM_WORLD.size == 1 else mpi.COMM_WORLD.Dup()
    there, mine = (1, 0) if comm is None else (comm.size, comm.rank)
    if world_size == -1 and init_method in (None, "env://"):
        world_size = int(os.environ.get("WORLD_SIZE", -1))
        rank = int(os.environ.get("RANK", -1)) if rank == -1 else rank
    if world_size not in (-1, there):
        raise NotImplementedError(
            f"init_process_group: world_size is {world_size}, but MPI has started {there}. Start the processes "
            f"by python -m flambeau.distributed.run --nproc-per-node {world_size} PROGRAM, or by mpiexec."
        )
    if rank not in (-1, mine):
        raise ValueError(
            f"init_process_group: rank is {rank}, but MPI has made this process rank {mine}."
        )
    _groups["world"] = ProcessGroup(
        range(there), comm, backend, seconds, group_name or "default_pg"
    )


def destroy_process_group(group=None):
    """Leaves a group, or all of them without one."""
    if group is None or group is _groups.get("world"):
        world = _groups.pop("world", None)
        if world is None:
            raise ValueError(
                "destroy_process_group: there is no group; init_process_group() makes it."
            )
        group = world
    if group.comm is not None:
        group.comm.Free()
        group.comm = None


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

    Returns:
        ProcessGroup, or GroupMember.NON_GROUP_MEMBER in a process that is not in it.
    """
    if pg_options is not None or use_local_synchronization:
        raise NotImplementedError(
            "new_group: pg_options and use_local_synchronization are not offered."
        )
    world = chosen(None, "new_group")
    ranks = list(world.ranks) if ranks is None else list(ranks)
    ranks = sorted(ranks) if sort_ranks else ranks
    wrong = [r for r in ranks if r not in world.ranks]
    if wrong or len(set(ranks)) < len(ranks):
        raise ValueError(
            f"new_group: ranks {ranks} must be different ones of 0 to {world.size() - 1}."
        )
    inside = world.rank() in ranks
    comm = None
    if world.comm is not None:
        from mpi4py import MPI

        comm = world.comm.Split(
            0 if inside else MPI.UNDEFINED, ranks.index(world.rank()) if inside else 0
        )
    if not inside:
        return GroupMember.NON_GROUP_MEMBER
    seconds = world.seconds if timeout is None else timeout.total_seconds()
    comm = comm if comm is not None and len(ranks) > 1 else None
    return ProcessGroup(
        ranks, comm, backend or world.backend, seconds, group_desc or f"group {ranks}"
    )


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
