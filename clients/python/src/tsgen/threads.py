"""Threads for handlers that block."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable


class Threads:
    """Runs what blocks, in as many threads as there is work at once. None of them keeps the process from ending."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._count = self._busy = 0

    async def run(self, work: Callable[[], None]) -> None:
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        future: asyncio.Future[None] = loop.create_future()

        def end(error: BaseException | None) -> None:
            self._busy -= 1
            if not future.done():
                # StopIteration cannot be raised into a future.
                is_odd = isinstance(error, StopIteration)
                future.set_exception(RuntimeError(repr(error)) if is_odd else error) if error else future.set_result(None)

        def run_and_tell() -> None:
            error: BaseException | None = None
            try:
                context.run(work)
            except BaseException as raised:  # also SystemExit: a handler does not end the worker
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(end, error)

        self._busy += 1
        if self._busy > self._count:
            self._count += 1
            threading.Thread(target=self._serve, name=f"tsgen-{self._count}", daemon=True).start()
        self._work.put(run_and_tell)
        await future

    def _serve(self) -> None:
        while True:
            self._work.get()()
