"""Programs that a test starts, and the lines that they print."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

#: How long anything that is bound to happen may take. Only tests that fail wait so long.
DEADLINE = 60.0


def eventually(condition):
    """Waits until it is true, and hands back what it is."""
    until = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < until, "it does not come to this"
        time.sleep(0.01)
    return value


def die_with_parent():
    """In a child of the tests: the kernel kills it if they are killed, so that it cannot be left behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    def __init__(self, command, folder, environment):
        self.lines = []
        self._process = subprocess.Popen(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self):
        return "\n".join(self.lines)

    def count(self, words):
        """How many lines have these words."""
        return sum(words in line for line in list(self.lines))

    def wait_for(self, words, count=1):
        """Waits until that many lines have these words."""
        until = time.monotonic() + DEADLINE
        while self.count(words) < count:
            assert self._process.poll() is None, f"it has ended:\n{self.text}"
            assert time.monotonic() < until, f"no {words!r}:\n{self.text}"
            time.sleep(0.01)

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        """Kills it and all that it has started, which are in one group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ends(self):
        """Waits for its end; its exit code."""
        return self._process.wait(DEADLINE)
