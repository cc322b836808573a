"""Starts MPI in a process that no mpiexec has started: a thread plays its part, over a store.

MPICH asks its launcher who there is and what they say of themselves, in lines of text on a socket ("PMI-1": Balaji
et al., "PMI: A Scalable Parallel Process-Management Interface for Extreme-Scale Systems", EuroMPI 2010).
"""

import contextlib
import ctypes
import glob
import os
import shutil
import socket
import sys
import threading

from .errors import DistBackendError
from .joining import await_all
from .tcp_store import TCPStore

__all__ = ["mpi_of_launcher", "remove_segments", "start_mpi", "store_over"]

_THREAD_MULTIPLE = 3  # of MPICH's mpi.h
_SHARED = "/dev/shm"


def mpi_of_launcher():
    """mpi4py's MPI where mpiexec has started this process; None otherwise."""
    names = ("PMI_SIZE", "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE")
    return _mpi4py() if any(name in os.environ for name in names) else None


def _mpi4py(initialize=None):
    """mpi4py's MPI, which starts when it is loaded or, with initialize=False, when it is told to."""
    try:
        import mpi4py

        before = mpi4py.rc.initialize
        mpi4py.rc.initialize = before if initialize is None else initialize
        try:
            from mpi4py import MPI
        finally:
            mpi4py.rc.initialize = before
    except ImportError as error:
        raise ImportError(
            "distributed: several processes need mpi4py: pip install flambeau[distributed]"
        ) from error
    return MPI


def start_mpi(store, rank, world_size):
    """mpi4py's communicator of all processes, which the store has brought together.

    Raises:
        DistError: not all come in time. DistBackendError: MPI can't be started in this process, or is not MPICH.
    """
    place = f"{socket.gethostname()} {os.stat(_SHARED).st_dev if os.path.isdir(_SHARED) else 0}"
    if rank == 0:
        store.set("job", os.environ.get("FLAMBEAU_JOB") or os.urandom(8).hex())
    nodes = await_all(store, rank, world_size, place)
    job = store.get("job").decode()
    loaded = sys.modules.get("mpi4py.MPI")
    if loaded is not None and loaded.Is_initialized():
        comm = loaded.COMM_WORLD
        if (comm.rank, comm.size) != (rank, world_size):
            raise DistBackendError(
                f"init_process_group: MPI has already made this process rank {comm.rank} of {comm.size}, so it can't "
                f"become rank {rank} of {world_size}. Call init_process_group before anything imports mpi4py.MPI; "
                "another world needs another process."
            )
        return comm
    os.environ.setdefault("UCX_LOG_LEVEL", "error")  # read when MPI is loaded
    if "FLAMBEAU_JOB" in os.environ and os.path.isdir(_SHARED):
        # UCX unlinks its segments at once, but not soon enough for a process killed in between: the launcher does it.
        os.makedirs(_folder(job), exist_ok=True)
        os.environ.setdefault("UCX_POSIX_DIR", _folder(job))
    mpi = _mpi4py(initialize=False)
    if "MPICH" not in mpi.Get_library_version():
        raise DistBackendError(
            "init_process_group: processes that mpiexec did not start are joined through MPICH, and mpi4py uses "
            "another library here. pip install flambeau[distributed] brings it; or start them by mpiexec."
        )
    ours, its = socket.socketpair()
    its.set_inheritable(True)
    environment = {"PMI_FD": str(its.fileno()), "PMI_RANK": str(rank), "PMI_SIZE": str(world_size)}
    os.environ.update(environment)
    serving = threading.Thread(
        target=_serve, args=(ours, store.clone(), job, rank, world_size, nodes), daemon=True
    )
    serving.start()
    try:
        # mpi4py would hold the interpreter's lock, which the thread needs.
        library = ctypes.CDLL(mpi.__file__)
        failed = library.MPI_Init_thread(None, None, _THREAD_MULTIPLE, ctypes.byref(ctypes.c_int()))
    finally:
        for name in environment:
            del os.environ[name]
    if failed:
        raise DistBackendError(f"init_process_group: MPI_Init_thread failed with code {failed}.")
    mpi.COMM_WORLD.Set_errhandler(mpi.ERRORS_RETURN)
    mpi.COMM_SELF.Set_errhandler(mpi.ERRORS_RETURN)
    store.barrier("started", world_size)
    _remove_names(job)  # all have mapped them, so nobody needs their names
    _kept.append(its)  # MPI has its descriptor
    return mpi.COMM_WORLD


_kept = []


def store_over(comm):
    """A store of the processes that mpiexec has started, in the first of them."""
    names = comm.allgather(socket.gethostname())
    host = "127.0.0.1" if len(set(names)) == 1 else names[0]
    store = TCPStore(host, 0, None, True) if comm.rank == 0 else None
    port = comm.bcast(store.port if comm.rank == 0 else None)
    return store or TCPStore(host, port, None, False)


def remove_segments(job):
    """Removes what a job, all of whose processes have ended, may have left in /dev/shm where some were killed."""
    _remove_names(job)
    shutil.rmtree(_folder(job), ignore_errors=True)


def _folder(job):
    return os.path.join(_SHARED, f"flambeau-{job}")


def _remove_names(job):
    """Unlinks MPICH's segments of the job, which are named by the FNV-1a hash of its name."""
    number = 2166136261
    for byte in job.encode():
        number = (number ^ byte) * 16777619 & 0xFFFFFFFF
    for path in glob.glob(f"{_SHARED}/mpich_shm_{number:x}_*"):
        with contextlib.suppress(OSError):
            os.unlink(path)


def _serve(ours, store, job, rank, world_size, nodes):
    """Answers MPICH's questions until it has none."""
    mapping = _mapping(nodes)
    barriers = 0
    with ours, ours.makefile("rw", newline="\n") as lines:
        for line in lines:
            words = dict(part.split("=", 1) for part in line.split())
            command, key = words["cmd"], words.get("key")
            if command == "init":
                answer = "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0"
            elif command == "get_maxes":
                answer = "cmd=maxes kvsname_max=256 keylen_max=256 vallen_max=4096 rc=0"
            elif command == "get_appnum":
                answer = "cmd=appnum appnum=0 rc=0"
            elif command == "get_my_kvsname":
                answer = f"cmd=my_kvsname kvsname={job} rc=0"
            elif command == "get_universe_size":
                answer = f"cmd=universe_size size={world_size} rc=0"
            elif command == "put":
                store.set(f"mpi/{key}", words["value"])
                answer = "cmd=put_result rc=0 msg=success"
            elif command == "get":
                value = mapping if key == "PMI_process_mapping" else _known(store, f"mpi/{key}")
                answer = "cmd=get_result rc=-1 msg=key_not_found value=unknown"
                if value is not None:
                    answer = f"cmd=get_result rc=0 msg=success value={value}"
            elif command == "barrier_in":
                barriers += 1
                store.barrier(f"mpi/barrier/{barriers}", world_size)
                answer = "cmd=barrier_out rc=0"
            elif command == "finalize":
                answer = "cmd=finalize_ack rc=0"
            else:
                answer = f"cmd={command}_result rc=-1 msg=not_offered"
            lines.write(answer + "\n")
            lines.flush()


def _known(store, key):
    return store.get(key).decode() if store.check([key]) else None


def _mapping(nodes):
    """Which ranks share a machine, as MPICH writes it: (vector,(first node, nodes, processes each),...)."""
    numbers, runs = {}, []
    for node in nodes:
        number = numbers.setdefault(node, len(numbers))
        if runs and runs[-1][0] == number:
            runs[-1][1] += 1
        else:
            runs.append([number, 1])
    return "(vector," + ",".join(f"({number},1,{count})" for number, count in runs) + ")"
