"""What replies are made of, the same with and without asyncio."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from .jobs import Duration, to_ms

Name: TypeAlias = str | bytes
#: The tokens of a settling command: integers, or ranges `"first-last"`; at most 10000 entries of the key.
Token: TypeAlias = int | str


class Leased(NamedTuple):
    """What PENDING lists: an entry with a running lease, or a delayed one (`consumer` is None, `until` when it comes back)."""

    token: int | None
    consumer: bytes | None
    until: int
    deliveries: int
    name: bytes


class DeadLetter(NamedTuple):
    token: int
    deliveries: int
    name: bytes
    died_at: int
    reason: bytes


class Found(NamedTuple):
    """What TSGEN.GET tells. `state` is waiting, ready, leased, delayed or dead."""

    state: str
    timestamp: int
    payload: Any
    #: How often the element comes again, in milliseconds; None if it comes once.
    every: int | None = None


class Source(NamedTuple):
    name: bytes
    timestamp: int | None
    reported_at: int | None
    idle: bool


class Taken(NamedTuple):
    """The reply of THROTTLE.TAKE; times in seconds, `retry_after` None if it was allowed."""

    allowed: bool
    limit: int
    remaining: int
    retry_after: float | None
    reset_after: float


@dataclass
class Clock:
    """A clock of the test's own: all commands run at its time, until it is jumped on."""

    now_ms: int

    def jump(self, duration: Duration) -> None:
        """Lets so much time pass."""
        self.now_ms += to_ms(duration)


def pairs(flat: Iterable[Any]) -> list[tuple[Any, int]]:
    it = iter(flat)
    return list(zip(it, it, strict=True))
