"""The processes of one start: made together, looked at together, ended together."""

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time

_PATIENCE_S = 10.0  # how long processes may take to end when they are told to


class Commands:
    """One command in several processes.

    Args:
        command (list of str): the program and its arguments.
        environments (list of dict): what each process has in its environment beside this one's.
        log_dir (str or None): where files for redirected output are.
        redirected, teed (dict): local rank -> 1 for output, 2 for errors, 3 for both, that go to files; and here too.
        shown (set or None): the local ranks whose output is seen here; None for all.
    """

    def __init__(self, command, environments, log_dir, redirected, teed, shown):
        self.files, self.processes, self.results = [], [], {}
        for number, environment in enumerate(environments):
            where = [None, None]
            for stream in range(2):
                bit = stream + 1
                if (redirected.get(number, 0) | teed.get(number, 0)) & bit:
                    path = os.path.join(log_dir, str(number), ("stdout.log", "stderr.log")[stream])
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    where[stream] = open(path, "wb")
                    self.files.append((where[stream], stream if teed.get(number, 0) & bit else None))  # fmt: skip
                elif shown is not None and number not in shown:
                    where[stream] = subprocess.DEVNULL
            self.processes.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **environment},
                    stdout=where[0],
                    stderr=where[1],
                )
            )
        self.seen = dict.fromkeys((file.name for file, _ in self.files), 0)

    def codes(self):
        """The exit codes; None for a process that runs."""
        self._copy()
        return [process.poll() for process in self.processes]

    def _copy(self):
        """Shows here what teed processes have written since the last time."""
        for file, stream in self.files:
            if stream is None:
                continue
            with open(file.name, "rb") as again:
                again.seek(self.seen[file.name])
                content = again.read()
            self.seen[file.name] += len(content)
            target = (sys.stdout, sys.stderr)[stream]
            target.write(content.decode(errors="replace"))
            target.flush()

    def end(self):
        """Ends all, kindly first."""
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + _PATIENCE_S
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self._copy()
        for file, _ in self.files:
            file.close()


class Functions:
    """One function in several processes; `results` has what each gives, by its rank."""

    def __init__(self, function, arguments, environments, start_method):
        context = multiprocessing.get_context(start_method)
        self.queue, self.results = context.SimpleQueue(), {}
        self.processes = [
            context.Process(target=_call, args=(function, arguments, environment, self.queue))
            for environment in environments
        ]
        for process in self.processes:
            process.start()

    def codes(self):
        """The exit codes; None for a process that runs."""
        while not self.queue.empty():
            rank, value = self.queue.get()
            self.results[rank] = value
        return [process.exitcode for process in self.processes]

    def end(self):
        """Ends all, kindly first."""
        for process in self.processes:
            process.terminate()
        end = time.monotonic() + _PATIENCE_S
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _call(function, arguments, environment, queue):
    os.environ.update(environment)
    queue.put((int(environment["RANK"]), function(*arguments)))
