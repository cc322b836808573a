"""The process that compiles kernels for another one: `python serve.py FOLDER_OF_KERNELS FOLDER_OF_LLVMLITE`.

It reads (level, IR) from its standard input, a socket, answers (blob, text of an error), and ends when the socket
closes or nothing was asked for IDLE_S. For the level TWIN it starts another one of its kind, with LLVM loaded, which
answers at the socket that is sent behind. See process.py for the other end.
"""

import marshal
import os
import signal
import socket
import struct
import sys

IDLE_S = 4.0
TWIN = "twin"
LENGTH = struct.Struct("<q")


def send(connection, value):
    """Sends what marshal can write."""
    data = marshal.dumps(value)
    # A process that has gone must not end this one by a signal.
    connection.sendall(LENGTH.pack(len(data)) + data, getattr(socket, "MSG_NOSIGNAL", 0))


def receive(connection):
    """What the other end has sent; EOFError if it has gone."""
    (n,) = LENGTH.unpack(_exactly(connection, LENGTH.size))
    if not 0 < n < 1 << 32:
        raise ValueError("the other end speaks otherwise")
    return marshal.loads(_exactly(connection, n))


def _exactly(connection, n):
    data = bytearray()
    while len(data) < n:
        part = connection.recv(n - len(data))
        if not part:
            raise EOFError("the other process has gone")
        data += part
    return bytes(data)


def main():
    """Answers until nobody asks any more."""
    if os.fork():
        os._exit(0)  # whoever started this has no child to wait for
    os.setsid()  # Ctrl-C is for the program
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.chdir("/")
    # Behind the standard library: names of our modules are those of some of its own.
    sys.path += sys.argv[1:]
    import llvmlite.binding  # noqa: F401  (the long part, before it is needed)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a twin that ends leaves nothing behind
    connection = socket.socket(fileno=0)
    while connection is not None:
        connection = _serve(connection)


def _serve(connection):
    """Answers at a socket; in a twin, the socket where that is to answer."""
    from targets import cpu

    connection.settimeout(IDLE_S)
    try:
        send(connection, True)
        while True:
            level, ir = receive(connection)
            if level == TWIN:
                _, (its, *_), _, _ = socket.recv_fds(connection, 1, 1)
                if not os.fork():
                    connection.close()
                    return socket.socket(fileno=its)
                os.close(its)
                continue
            try:
                answer = tuple(cpu.compile_ir(ir, cpu.level(level), alone=True)), ""
            except Exception as error:
                answer = None, str(error)
            send(connection, answer)
    except (EOFError, OSError, ValueError):
        return None


if __name__ == "__main__":
    main()
