"""What one consumer has in hand, for a loop that is somebody else's: a thread keeps the leases, and sends again what was not answered."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
from collections.abc import Callable
from typing import Any

from .connection import passes, text_of
from .words import ranges

log = logging.getLogger("tsgen")

#: A settling command takes at most so many tokens.
TOKENS = 10_000


class Held:
    """Deliveries by a tag of the caller's. All calls may come from any thread; in a fork of its process they do nothing.

    `connect` gives a client that may be used at once, from any thread. `lease_ms` is 1 ms to ten years.
    """

    def __init__(self, connect: Callable[[], Any], lease_ms: int) -> None:
        self.consumer = f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"
        #: Those that were claimed from under this name.
        self.keys: set[str] = set()
        self._connect, self._lease_ms, self._pid = connect, lease_ms, os.getpid()
        self._tokens: dict[str, tuple[str, int]] = {}
        #: Commands that were not answered. Each may be sent twice.
        self._late: list[tuple[Any, ...]] = []
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def __contains__(self, tag: str) -> bool:
        return tag in self._tokens

    def add(self, tag: str, key: str, token: int) -> None:
        """From now on its lease is kept."""
        with self._lock:
            self._tokens[tag] = (key, token)
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="tsgen-leases", daemon=True)
            self._thread.start()

    def ack(self, tag: str) -> None:
        """It is done. If the server is away, it is told later."""
        self._settle(tag, "ACK")

    def nack(self, tag: str, *how: str | int | bytes) -> None:
        """It is handed back, or a dead letter; `how` is what NACK takes behind the token. If the server is away, it is told later."""
        self._settle(tag, "NACK", *how)

    def _settle(self, tag: str, command: str, *how: str | int | bytes) -> None:
        with self._lock:
            key, token = self._tokens.pop(tag, (None, 0))
        if key is None or os.getpid() != self._pid:
            return
        self._late.append((f"TSGEN.{command}", key, token, *how))
        self._send_late()

    def _send_late(self) -> bool:
        """Whether all of it was answered."""
        while self._late:
            with self._lock:
                words = self._late.pop() if self._late else None
            if words is None:
                break
            try:
                self._connect().execute_command(*words)
            except Exception as error:
                if not passes(error):
                    raise
                log.warning("%s %s: %s; it is sent again", words[0], words[1], text_of(error))
                self._late.append(words)
                return False
        return True

    def verify(self) -> None:
        """Gives everything a new lease, and forgets what has gone to somebody else."""
        by_key: dict[str, dict[int, str]] = {}
        with self._lock:
            for tag, (key, token) in self._tokens.items():
                by_key.setdefault(key, {})[token] = tag
        for key, tags in by_key.items():
            tokens = sorted(tags)
            for first in range(0, len(tokens), TOKENS):
                self._extend(key, tokens[first : first + TOKENS], tags)

    def _extend(self, key: str, tokens: list[int], tags: dict[int, str]) -> None:
        client = self._connect()
        if client.execute_command("TSGEN.EXTEND", key, self._lease_ms, *ranges(tokens)) == len(tokens):
            return
        # Some are lost, or were settled meanwhile: which?
        for token in tokens:
            tag = tags[token]
            if tag in self and not client.execute_command("TSGEN.EXTEND", key, self._lease_ms, token):
                with self._lock:
                    is_lost = self._tokens.pop(tag, None) is not None
                if is_lost:
                    log.warning("lost key=%s token=%d: somebody else has it", key, token)

    def _keep(self) -> None:
        while not self._closed.wait(self._lease_ms / 3000):
            try:
                if self._send_late():
                    self.verify()
            except Exception as error:
                log.warning("leases of %s: %s", self.consumer, text_of(error))

    def hand_back(self) -> bool:
        """Sends what is late, and hands back the rest: ready at once for others, not counted. Whether the server has answered."""
        if os.getpid() != self._pid:
            return True
        with self._lock:
            self._tokens.clear()
        try:
            if not self._send_late():
                return False
            for key in sorted(self.keys):
                while self._connect().execute_command("TSGEN.RELEASE", key, self.consumer) == TOKENS:
                    pass
                self.keys.discard(key)
        except Exception as error:
            log.warning("could not hand back what %s has: %s", self.consumer, text_of(error))
            return not passes(error)
        return True

    def close(self) -> bool:
        """The end: leases are kept no more. Whether the server has answered; if not, `hand_back` may be called again."""
        self._closed.set()
        return self.hand_back()
