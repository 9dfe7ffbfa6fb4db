"""How a worker sends: one client for what waits in the server, one for what must not wait behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from .connection import Pause, close, connect_async, passes, text_of
from .replies import Clock

log = logging.getLogger("tsgen")

#: How long one CLAIM waits in the server, in seconds. A worker that is alive shows it at least so often.
BLOCK = 10.0


class Line:
    def __init__(self, url: str, family: str, clock: Clock | None) -> None:
        self._url, self._family, self._clock = url, family, clock
        self.control = connect_async(url)
        self._claimer = connect_async(url, timeout=BLOCK + 10)

    async def call(self, command: str, *words: Any) -> Any:
        """One command of the family."""
        return await self._send(self.control, command, words)

    async def claim(self, command: str, *words: Any) -> Any:
        """One that may wait in the server."""
        return await self._send(self._claimer, command, words)

    async def _send(self, client: Any, command: str, words: tuple[Any, ...]) -> Any:
        full = (f"{self._family}.{command}", *words)
        return await client.execute_command(*(full if self._clock is None else ("TSGEN.AT", self._clock.now_ms, *full)))

    async def insist(self, send: Callable[..., Awaitable[Any]], *words: Any) -> Any:
        """Sends what may be sent twice until it is answered. Raises what does not pass."""
        pause = Pause()
        while True:
            try:
                return await send(*words)
            except Exception as error:
                if not passes(error):
                    raise
                log.warning("%s; trying again", text_of(error))
                with contextlib.suppress(Exception):  # also one that still leads to a server that is a replica now
                    await self.control.connection_pool.disconnect(inuse_connections=False)
                await asyncio.sleep(pause.next())

    async def ack(self, key: str, tokens: list[str]) -> None:
        await self.insist(self.call, "ACK", key, *tokens)

    async def release(self, keys: list[str], name: str) -> None:
        """Hands back whatever a consumer holds."""
        for key in keys:
            while await self.insist(self.call, "RELEASE", key, name) == 10_000:
                pass

    async def knows(self, command: str) -> bool:
        found = await self.insist(self.control.execute_command, "COMMAND INFO", f"{self._family}.{command}")
        return any(found.values() if isinstance(found, dict) else found or [])

    async def break_off(self) -> None:
        """Ends a claim that waits, by closing its connection."""
        await close(self._claimer)
        self._claimer = connect_async(self._url, timeout=BLOCK + 10)

    async def close(self) -> None:
        await close(self._claimer)
        await close(self.control)
