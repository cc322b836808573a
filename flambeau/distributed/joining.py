"""How processes find each other: from what init_process_group is given to a store, a rank and a number of them."""

import datetime
import os
from urllib.parse import parse_qsl, urlsplit

from .errors import DistError
from .store import FileStore, PrefixStore
from .tcp_store import TCPStore

__all__ = ["register_rendezvous_handler", "rendezvous"]

_TIMEOUT = datetime.timedelta(seconds=300)
_handlers = {}


def register_rendezvous_handler(scheme, handler):
    """Lets `handler(url, timeout=..., **kwargs)` serve URLs of a scheme; it yields (store, rank, world_size).

    Raises:
        RuntimeError: the scheme has one.
    """
    if scheme in _handlers:
        raise RuntimeError(f"register_rendezvous_handler: scheme {scheme!r} has a handler already.")
    _handlers[scheme] = handler


def rendezvous(url, rank=-1, world_size=-1, timeout=_TIMEOUT, **kwargs):
    """Yields (store, rank, world_size) as the URL says it.

    Args:
        url (str): env://, tcp://HOST:PORT, file:///PATH, or a scheme of register_rendezvous_handler; rank and
            world_size may stand behind a question mark.

    Raises:
        ValueError: a part of it is missing, and named. RuntimeError: nobody knows the scheme.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    scheme = parts.scheme or "env"
    if scheme not in _handlers:
        raise RuntimeError(
            f"rendezvous: nobody serves {scheme}://; {', '.join(sorted(_handlers))} are served."
        )
    if scheme in _built_in:
        rank = _number("rank", rank, query, url)
        world_size = _number("world_size", world_size, query, url)
        yield from _built_in[scheme](url, parts, rank, world_size, timeout)
        return
    for name, value in (("rank", rank), ("world_size", world_size)):
        if value != -1:
            query[name] = str(value)
    text = "&".join(f"{name}={value}" for name, value in query.items())
    yield from _handlers[scheme](parts._replace(query=text).geturl(), timeout=timeout, **kwargs)


def _number(name, given, query, url):
    """rank or world_size: as given, in the URL, or, with env://, in the environment."""
    if given not in (-1, None):
        return int(given)
    found = query.get(name)
    if found is None and urlsplit(url).scheme in ("", "env"):
        found = os.environ.get(name.upper())
    if found is None:
        raise ValueError(
            f"init_process_group: {url or 'env://'} needs {name}: give it as an argument, as {url or 'env://'}?{name}=, "
            f"or, with env://, as {name.upper()} in the environment, as flambeau.distributed.run does."
        )
    return int(found)


def _from_environment(url, parts, rank, world_size, timeout):
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise ValueError(
                f"init_process_group: env:// needs {name} in the environment; flambeau.distributed.run sets it."
            )
    launched = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    yield _at(
        os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), rank, world_size, timeout, launched
    ), rank, world_size  # fmt: skip


def _at(host, port, rank, world_size, timeout, launched=False):
    """The store of rank 0, or of the launcher, which has one part for each start."""
    if launched:
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = TCPStore(host, port, world_size, False, timeout, wait_for_workers=False)
        return PrefixStore(f"worker/attempt_{attempt}", store)
    return TCPStore(host, port, world_size, rank == 0, timeout, multi_tenant=True)


def _by_tcp(url, parts, rank, world_size, timeout):
    if not parts.hostname or parts.port is None:
        raise ValueError(f"init_process_group: {url} needs a host and a port: tcp://HOST:PORT.")
    yield _at(parts.hostname, parts.port, rank, world_size, timeout), rank, world_size


def _by_file(url, parts, rank, world_size, timeout):
    if not parts.path:
        raise ValueError(f"init_process_group: {url} needs a path: file:///PATH.")
    store = FileStore(parts.path, world_size)
    store.set_timeout(timeout)
    yield store, rank, world_size


_built_in = {"env": _from_environment, "tcp": _by_tcp, "file": _by_file}
_handlers.update(_built_in)


def await_all(store, rank, world_size, mine):
    """What each process says of itself, in the order of the ranks.

    Raises:
        DistError: not all come within the store's time-out; those that did not are named.
    """
    store.set(f"here/{rank}", mine)
    keys = [f"here/{r}" for r in range(world_size)]
    try:
        store.wait(keys)
    except RuntimeError as error:
        missing = [r for r, key in enumerate(keys) if not store.check([key])]
        raise DistError(
            f"init_process_group: rank {rank} of {world_size} has waited {store.timeout.total_seconds():g} s; "
            f"ranks {missing} have not come."
        ) from error
    return [store.get(key).decode() for key in keys]
