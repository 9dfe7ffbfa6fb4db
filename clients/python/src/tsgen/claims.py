"""One CLAIM, in the form that the server has: of one key, of several, with the ACKs of what is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .line import BLOCK, Line


@dataclass
class Claims:
    """How a worker claims. Which forms the server has is found out with the first key."""

    line: Line
    keys: list[str]
    lease_ms: int
    is_blocking: bool
    #: Whether the server has MCLAIM, and whether it takes ACK in a CLAIM.
    has_mclaim: bool = False
    can_ack: bool = False

    async def claim(self, name: str, count: int, acks: Mapping[str, list[str]]) -> list[tuple[str, list[Any]]]:
        """The entries of each key that gave any."""
        options: list[str | int] = ["COUNT", count, "LEASE", self.lease_ms]
        wait: list[str | int] = ["BLOCK", int(BLOCK * 1000)] if self.is_blocking else []
        if len(self.keys) == 1:
            [key] = self.keys
            ack = ["ACK", *acks[key]] if acks else []
            return [(key, await self.line.claim("CLAIM", key, name, *options, *wait, *ack))]
        if self.has_mclaim:
            ack = [word for key, tokens in acks.items() for word in ("ACK", key, *tokens)]
            reply = await self.line.claim("MCLAIM", len(self.keys), *self.keys, name, *options, *wait, *ack)
            return [(key.decode(), entries) for key, entries in reply]
        return await self._one_after_the_other(name, count, wait)

    async def _one_after_the_other(self, name: str, count: int, wait: list[str | int]) -> list[tuple[str, list[Any]]]:
        """For a server whose module has no MCLAIM: in turn, and a short wait on the first key if none has anything."""
        found = []
        for key in self.keys:
            if entries := await self.line.claim("CLAIM", key, name, "COUNT", count, "LEASE", self.lease_ms):
                found.append((key, entries))
                count -= len(entries)
            if count == 0:
                break
        if not found and wait:
            first = self.keys[0]
            found.append((first, await self.line.claim("CLAIM", first, name, "COUNT", count, "LEASE", self.lease_ms, "BLOCK", 100)))
        return found
