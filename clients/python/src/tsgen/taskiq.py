"""A broker for taskiq over TSGEN: delayed tasks wait in the server, and what a worker that died had in hand goes to another.

`pip install tsgen[taskiq]`; `broker = TsgenBroker("redis://localhost:6379")`, and then as with any broker of taskiq.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any

from taskiq import AckableMessage, AsyncBroker, BrokerMessage

from .commands import AsyncTsgen
from .jobs import RAW, Duration, Element, Job, Retry
from .worker import Worker

log = logging.getLogger("tsgen")

#: How long what runs may go on after taskiq has stopped listening: until taskiq itself gives up and shuts the broker down.
FOR_EVER = 10 * 365 * 86_400.0


class TsgenBroker(AsyncBroker):
    """Sends tasks to TSGEN keys, and hands out what is due.

    - `queue_name`: the key that tasks go to, unless they have a label `queue_name` of their own. It is created with CLOCK when needed.
    - `listen_to`: the keys that a worker serves, by strict priority, the first one first; `[queue_name]` if left out.
    - `lease` (seconds; 30): how soon another worker gets the tasks of one that died. It is kept as long as a task runs.
    - `prefetch` (0 to 9999; 0): how many tasks are claimed beyond those that taskiq asks for.

    A label `delay`, in seconds, puts a task off; it waits in the server. The id of an element is that of its task: `TSGEN.REM` takes back
    what has not begun, and a task with the id of one that waits replaces it.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        *,
        queue_name: str = "taskiq",
        listen_to: Sequence[str] | None = None,
        lease: Duration = 30.0,
        prefetch: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= prefetch <= 9999:
            raise ValueError("prefetch must be between 0 and 9999")
        self.url, self.queue_name, self.lease, self.prefetch = url, queue_name, lease, prefetch
        self.listen_to = [queue_name] if listen_to is None else list(listen_to)
        self._tsgen = AsyncTsgen(url, codec=RAW)
        self._feeds: dict[Feed, asyncio.Task[None]] = {}

    async def kick(self, message: BrokerMessage) -> None:
        """Adds a task. It replaces one of the same id that waits; if that is being worked on, it stands beside it: a retry."""
        key = message.labels.get("queue_name") or self.queue_name
        delay = max(0.0, float(message.labels.get("delay") or 0))
        if await self._tsgen.delay_queue(key).add(message.task_id, message.message, delay=delay) is None:
            raise RuntimeError(f"{key} was created with REMEMBER, and {message.task_id} is in work or done: it was not added again")

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Claims as taskiq asks. What it yields stays this worker's until it is acknowledged, or the broker is shut down."""
        feed = Feed(self.url, self.listen_to, self.lease, self.prefetch)
        self._feeds[feed] = asyncio.create_task(feed.run())
        self._feeds[feed].add_done_callback(feed.end)
        try:
            while True:
                job = await feed.next()
                yield AckableMessage(data=job.raw, ack=partial(feed.ack, job))
        finally:
            feed.close()

    async def shutdown(self) -> None:
        """Hands back what has not been acknowledged: ready at once for others, and not counted as delivered."""
        await super().shutdown()
        for feed, running in self._feeds.items():
            feed.stop()
            feed.stop()
            await asyncio.wait([running])
        self._feeds.clear()
        await self._tsgen.client.aclose()


class Feed(Worker):
    """A worker that works on nothing: it hands out what it claims, and acknowledges what is said to be done."""

    def __init__(self, url: str, keys: Sequence[str], lease: Duration, prefetch: int) -> None:
        super().__init__(url, "TSGEN", keys, self._hand_out, concurrency=1, lease=lease, shutdown_timeout=FOR_EVER, codec=RAW)
        self._prefetch = prefetch
        #: How many ask for a job, and how many are claimed and not handed out yet.
        self._wanted = self._claimed_count = 0
        #: The latter; None is the end.
        self._claimed: asyncio.Queue[Element | None] = asyncio.Queue()
        #: What its hands wait for: taskiq's word that a job is done; and who gave it waits for the server's.
        self._done: dict[Job, asyncio.Future[None]] = {}
        self._confirmed: dict[Job, asyncio.Future[None]] = {}
        self._failure: BaseException | None = None

    def _free(self) -> int:
        """Many at once: only when somebody waits, or when half of what may be prefetched is used up."""
        is_low = self._wanted > self._claimed_count or 2 * self._claimed_count <= self._prefetch
        return self._wanted + self._prefetch - self._claimed_count if is_low and not self._stopping.is_set() else 0

    def _start(self, key: str, entry: list[Any], name: str) -> None:
        self._claimed_count += 1
        super()._start(key, entry, name)

    async def next(self) -> Element:
        """The next job. Cancelled, it loses nothing. Raises what has ended the worker."""
        self._wanted += 1
        self._changed.set()
        try:
            while job := await self._claimed.get():
                self._claimed_count -= 1
                if not job.lost.is_set():
                    return job
                self._changed.set()
        finally:
            self._wanted -= 1
        raise self._failure or RuntimeError("the broker has been shut down")

    def end(self, running: asyncio.Task[None]) -> None:
        """The worker has ended: nothing more comes, and nobody waits for the server."""
        self._failure = None if running.cancelled() else running.exception()
        self._claimed.put_nowait(None)
        for waiting in self._confirmed.values():
            if not waiting.done():
                waiting.set_result(None)

    def close(self) -> None:
        """Claims no more. What nobody has asked for is ready for others; what was handed out is kept."""
        while not self._claimed.empty():
            if (job := self._claimed.get_nowait()) and (done := self._done.get(job)) and not done.done():
                done.set_exception(Retry(after=0))
        if not self._stopping.is_set():
            self.stop()

    async def _hand_out(self, job: Element) -> None:
        if self._stopping.is_set():
            # The reply came when nobody asked any more.
            raise Retry(after=0)
        self._done[job] = asyncio.get_running_loop().create_future()
        self._claimed.put_nowait(job)
        try:
            await self._done[job]
        finally:
            del self._done[job]

    async def ack(self, job: Element) -> None:
        """Acknowledges, and returns when the server has it: what taskiq does then must not be done twice. Waits at most for one lease."""
        done = self._done.get(job)
        if done is None or done.done():
            log.warning("not acknowledged key=%s name=%s: it is this worker's no more", job.key, job.id)
            return
        confirmed = self._confirmed[job] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        try:
            await asyncio.wait_for(confirmed, self.lease_ms / 1000)
        except asyncio.TimeoutError:
            log.warning("not confirmed key=%s name=%s: the ACK is sent again", job.key, job.id)
        finally:
            del self._confirmed[job]

    def _confirm(self, settled: dict[str, list[Any]]) -> None:
        super()._confirm(settled)
        for hands in settled.values():
            for hand in hands:
                waiting = self._confirmed.get(hand.job)
                if waiting and not waiting.done():
                    waiting.set_result(None)
