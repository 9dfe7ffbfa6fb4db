"""What one worker holds, from the claim until the server has confirmed how it ended. It sends nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from .jobs import Job
from .words import ranges


@dataclass(eq=False)
class Hand:
    """A delivery: worked on, or done and not confirmed yet."""

    job: Job
    #: The consumer name under which it was claimed.
    name: str
    task: asyncio.Task[None] | None = None
    is_done: bool = False


#: Hands that are done, by key: one ACK each.
Settled: TypeAlias = dict[str, list[Hand]]


class Hands:
    """All hands of a worker, and its consumer names.

    No claim uses a name under which anything is held. So, if the reply of a CLAIM is lost, RELEASE of its name hands back what that one
    got, and nothing else. There are at most as many names as hands, and one: `consumer`, `consumer.1`, …
    """

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._held: dict[int, Hand] = {}
        self._done: Settled = {}
        self._names: Counter[str] = Counter()
        self._idle_names: list[str] = []
        #: How many are worked on.
        self.running = 0

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Hand]:
        return iter(list(self._held.values()))

    def __contains__(self, hand: Hand) -> bool:
        return id(hand) in self._held

    def take_name(self) -> str:
        """A name for a claim, until `let_go`."""
        count = len(self._names)
        name = self._idle_names.pop() if self._idle_names else f"{self._consumer}.{count}" if count else self._consumer
        self._names[name] += 1
        return name

    def let_go(self, name: str) -> None:
        self._names[name] -= 1
        if not self._names[name]:
            self._idle_names.append(name)

    def names(self) -> list[str]:
        """Those under which something is, or may be, held."""
        return [name for name, count in self._names.items() if count > 0]

    def start(self, job: Job, name: str) -> Hand:
        hand = Hand(job, name)
        self._names[name] += 1
        self._held[id(hand)] = hand
        self.running += 1
        return hand

    def finish(self, hand: Hand) -> None:
        """The work is done. It is still held."""
        hand.is_done = True
        self.running -= 1

    def drop(self, hand: Hand) -> None:
        """It is held no more."""
        if self._held.pop(id(hand), None):
            self.running -= not hand.is_done
            self.let_go(hand.name)

    def in_work(self) -> list[Hand]:
        return [hand for hand in self._held.values() if not hand.is_done]

    def add_done(self, hand: Hand) -> None:
        self._done.setdefault(hand.job.key, []).append(hand)

    def take_done(self) -> Settled:
        """What is to be acknowledged. Whoever takes it confirms it, or puts it back."""
        done, self._done = self._done, {}
        return done

    def put_back(self, settled: Settled) -> None:
        for hands in settled.values():
            for hand in hands:
                self.add_done(hand)

    def confirm(self, settled: Settled) -> None:
        for hands in settled.values():
            for hand in hands:
                self.drop(hand)


def tokens(hands: list[Hand]) -> list[str]:
    """Their tokens, as the server takes them."""
    return ranges(hand.job.token for hand in hands)
