"""The loop that nobody should have to write: claim, keep the lease, settle, survive, stop.

What has been claimed is in `Hands` until the server has confirmed how it ended, so that nothing is forgotten while the server is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any

import redis

from .claims import Claims
from .connection import Pause, passes, text_of
from .cron import Planner, Schedule
from .hands import Hand, Hands, Settled, tokens
from .hooks import Hooks
from .jobs import JSON, Codec, Dead, Duration, Job, Retry, parse, to_ms
from .line import Line
from .replies import Clock
from .threads import Threads
from .words import reason_of

log = logging.getLogger("tsgen")

#: How long the last RELEASE and ACK of a worker that stops may take.
FAREWELL = 5.0


class Worker:
    """Works on the entries of one key, or of several by strict priority; see `Tsgen.worker` for the options."""

    def __init__(
        self,
        url: str,
        family: str,
        keys: Sequence[str],
        handler: Callable[[Any], Any],
        *,
        concurrency: int = 1,
        lease: Duration = 30.0,
        shutdown_timeout: Duration = 30.0,
        codec: Codec = JSON,
        hooks: Iterable[Hooks] = (),
        consumer: str | None = None,
        clock: Clock | None = None,
        schedules: Iterable[Schedule] = (),
    ) -> None:
        if not 1 <= concurrency <= 10_000:
            raise ValueError("concurrency must be between 1 and 10000")
        if not keys:
            raise ValueError("a worker needs at least one key")
        self.url, self.family, self.keys, self.handler = url, family, list(keys), handler
        self.concurrency, self.codec, self.hooks, self.clock = concurrency, codec, list(hooks), clock
        self._schedules = [schedule for schedule in schedules if family == "TSGEN" and schedule.key in self.keys]
        self.lease_ms = max(1, to_ms(lease))
        self.shutdown_timeout = to_ms(shutdown_timeout) / 1000
        self.consumer = consumer or f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"
        self._is_async = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)
        self._last_claim = time.monotonic()
        self._stopping, self._hurry = asyncio.Event(), asyncio.Event()
        #: A hand is free, or it is time to stop; and: there is something to acknowledge.
        self._changed, self._settled = asyncio.Event(), asyncio.Event()

    def since_last_claim(self) -> float:
        """Health: seconds since CLAIM was last answered, if only with nothing. Above 30 s while hands are free, something is wrong."""
        return time.monotonic() - self._last_claim

    def stop(self) -> None:
        """Claims no more, gives what runs `shutdown_timeout`, and hands back the rest. Called again: hands it back at once."""
        (self._hurry if self._stopping.is_set() else self._stopping).set()
        self._changed.set()

    async def run(self, *, burst: bool = False, ready: Callable[[], None] | None = None) -> None:
        """Works until `stop`, once; with `burst` until nothing is ready and nothing in hand. Raises what will not pass by itself."""
        self._hands = Hands(self.consumer)
        self._line = Line(self.url, self.family, self.clock)
        self._claims = Claims(self._line, self.keys, self.lease_ms, is_blocking=not burst)
        self._planner = Planner(self._line.control, self._schedules, self.codec, self.clock)
        self._threads, self._flushing = Threads(), asyncio.Lock()
        self._is_claiming = False
        self._error: BaseException | None = None
        helpers = [asyncio.create_task(self._guard(helper())) for helper in (self._keep_leases, self._flush_while_claiming)]
        try:
            await self._guard(self._begin_and_claim(burst, ready))
        finally:
            self._stopping.set()
            try:
                await self._wind_up()
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)
                await self._line.close()
        if self._error:
            raise self._error

    async def _guard(self, work: Awaitable[None]) -> None:
        """What ends any part of the worker ends the worker."""
        try:
            await work
        except Exception as error:
            log.error("worker of %s %s ends: %s", self.family, self.keys, text_of(error))
            self._error = self._error or error
            self._stopping.set()
            self._changed.set()

    async def _begin_and_claim(self, burst: bool, ready: Callable[[], None] | None) -> None:
        if await self._unless_stopped(self._begin()):
            if ready:
                ready()
            await self._claim_until_stopped(burst)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether the work came to its end before it was time to stop."""
        task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if is_done := task.done():
                task.result()
            return is_done
        finally:
            task.cancel()
            stopped.cancel()

    async def _begin(self) -> None:
        """Asks what the server's module can do, and sees to it that each schedule has its next run."""
        if self.clock is None:
            self._claims.has_mclaim = self._claims.can_ack = await self._line.knows("MCLAIM")
        for schedule in self._planner.schedules:
            await self._line.insist(self._planner.begin, schedule)

    # Claiming

    async def _claim_until_stopped(self, burst: bool) -> None:
        pause = Pause()
        while not self._stopping.is_set():
            self._changed.clear()
            free = self._free()
            if free > 0:
                # What is in hand now may come back ready behind the claim.
                was_idle = not len(self._hands)
                try:
                    found = await self._claim(free)
                except Exception as error:
                    if not passes(error):
                        raise
                    log.warning("CLAIM %s: %s; trying again", self.keys, text_of(error))
                    await self._sleep(pause.next())
                    continue
                pause = Pause()
                if found or not burst:
                    continue
                if was_idle:
                    return
            await self._changed.wait()

    def _free(self) -> int:
        """How many may be claimed now."""
        return self.concurrency - self._hands.running

    async def _claim(self, count: int) -> bool:
        """Whether there was anything. What was claimed begins."""
        if not self._claims.can_ack:
            await self._flush()
        settled, name = self._hands.take_done(), self._hands.take_name()
        asked = asyncio.ensure_future(self._claims.claim(name, count, {key: tokens(hands) for key, hands in settled.items()}))
        stopped = asyncio.ensure_future(self._stopping.wait())
        self._is_claiming = True
        try:
            await asyncio.wait({asked, stopped}, return_when=asyncio.FIRST_COMPLETED)
            while not asked.done():
                # More than once: redis-py, while it connects, may take a first one for a timeout of its own.
                asked.cancel()
                await asyncio.wait({asked}, timeout=0.1)
            found = asked.result()
        except BaseException as error:
            self._hands.put_back(settled)
            if isinstance(error, Exception) and not passes(error):
                self._hands.let_go(name)
                if settled and "unknown option" in str(error):
                    self._claims.can_ack = False
                    return True
                raise
            asked.cancel()
            await self._in_doubt(name)
            if isinstance(error, asyncio.CancelledError) and self._stopping.is_set():
                return False
            raise
        finally:
            stopped.cancel()
            self._is_claiming = False
        self._last_claim = time.monotonic()
        self._confirm(settled)
        for key, entries in found:
            for entry in entries:
                self._start(key, entry, name)
        self._hands.let_go(name)
        return any(entries for _, entries in found)

    async def _in_doubt(self, name: str) -> None:
        """A claim may have been done and its reply lost; or it waits in the server still, until its connection is closed."""
        await self._line.break_off()
        # Where it is time to stop, all names that are in use are handed back in the end.
        if await self._unless_stopped(self._line.release(self.keys, name)):
            self._hands.let_go(name)

    def _start(self, key: str, entry: list[Any], name: str) -> None:
        job, flaw = parse(self.family, key, entry, self.codec)
        hand = self._hands.start(job, name)
        self._tell("on_claim", job)
        hand.task = asyncio.create_task(self._guard(self._work(hand, flaw)))

    # Working

    async def _work(self, hand: Hand, flaw: Exception | None) -> None:
        job, began = hand.job, time.monotonic()
        try:
            if flaw:
                raise Dead(f"payload does not decode: {type(flaw).__name__}")
            if self._is_async:
                with self._around(job):
                    await self.handler(job)
            else:
                await self._threads.run(lambda: self._run_here(job))
        except asyncio.CancelledError as error:
            if job.lost.is_set() or self._stopping.is_set():
                return self._drop(hand) if not self._stopping.is_set() else None
            await self._failed(hand, error, began)
        except BaseException as error:
            if job.lost.is_set():
                return self._drop(hand)
            await self._failed(hand, error, began)
        else:
            if job.lost.is_set():
                return self._drop(hand)
            self._tell("on_done", job, time.monotonic() - began)
            await self._succeeded(hand)

    def _run_here(self, job: Job) -> None:
        with self._around(job):
            self.handler(job)

    @contextlib.contextmanager
    def _around(self, job: Job) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for hooks in self.hooks:
                stack.enter_context(hooks.around(job))
            yield

    async def _succeeded(self, hand: Hand) -> None:
        self._hands.finish(hand)
        if schedule := self._planner.schedule_of(hand.job):
            await self._line.insist(self._planner.plan, schedule, hand.job, "ACK", hand.job.key, hand.job.token)
            return self._drop(hand)
        self._hands.add_done(hand)
        self._changed.set()
        self._settled.set()

    async def _failed(self, hand: Hand, error: BaseException, began: float) -> None:
        job = hand.job
        self._tell("on_failed", job, error, time.monotonic() - began)
        log.warning("failed key=%s name=%s deliveries=%d %s", job.key, job.id, job.deliveries, type(error).__name__)
        after = error.after if isinstance(error, Retry) else None
        how: list[str | int] = ["DEAD"] if isinstance(error, Dead) else ["DELAY", to_ms(after)] if after is not None else []
        words: list[Any] = [job.key, job.token, *how, "REASON", reason_of(error)]
        schedule = self._planner.schedule_of(job) if isinstance(error, Dead) else None
        try:
            if schedule:
                await self._line.insist(self._planner.plan, schedule, job, "NACK", *words)
            else:
                await self._line.insist(self._line.call, "NACK", *words)
        except redis.ResponseError as refused:
            if "REASON" not in str(refused):
                raise
            # The server takes only shorter names (tsgen.max-name-size).
            await self._line.insist(self._line.call, "NACK", *words[:-2])
        self._drop(hand)

    def _drop(self, hand: Hand) -> None:
        """This worker does not hold it any more."""
        self._hands.drop(hand)
        self._changed.set()

    # Settling

    async def _flush_while_claiming(self) -> None:
        """Sends the ACKs of what ends while CLAIM waits; if it does not, they go with the next CLAIM, if there is to be one."""
        while True:
            await self._settled.wait()
            self._settled.clear()
            if self._is_claiming or self._free() <= 0:
                await self._flush()

    async def _flush(self) -> None:
        async with self._flushing:
            settled = self._hands.take_done()
            for key, hands in settled.items():
                await self._line.ack(key, tokens(hands))
            self._confirm(settled)

    def _confirm(self, settled: Settled) -> None:
        self._hands.confirm(settled)
        self._changed.set()

    # Leases

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.lease_ms / 3000)
            by_key: dict[str, list[Hand]] = {}
            for hand in self._hands.in_work():
                if not hand.job.lost.is_set():
                    by_key.setdefault(hand.job.key, []).append(hand)
            for key, hands in by_key.items():
                try:
                    await self._extend(key, hands)
                except Exception as error:
                    if not passes(error):
                        raise
                    log.warning("EXTEND %s: %s", key, text_of(error))

    async def _extend(self, key: str, hands: list[Hand]) -> None:
        count = await self._line.call("EXTEND", key, self.lease_ms, *tokens(hands))
        if count == len(hands):
            return
        # Some are lost, or were settled meanwhile: which?
        for hand in hands:
            if hand.is_done or hand not in self._hands:
                continue
            is_ours = await self._line.call("EXTEND", key, self.lease_ms, hand.job.token)
            if not is_ours and not hand.is_done and hand in self._hands:
                log.warning("lost key=%s name=%s: somebody else has it", key, hand.job.id)
                hand.job.lost.set()
                self._tell("on_lost", hand.job)
                if self._is_async and hand.task:
                    hand.task.cancel()

    # The end

    async def _wind_up(self) -> None:
        tasks = {hand.task for hand in self._hands if hand.task and not hand.task.done()}
        if tasks and self._error is None:
            hurry = asyncio.ensure_future(self._hurry.wait())
            until = time.monotonic() + self.shutdown_timeout
            while (tasks := {task for task in tasks if not task.done()}) and (left := until - time.monotonic()) > 0 and not hurry.done():
                await asyncio.wait({*tasks, hurry}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            hurry.cancel()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=0.1 if self._hurry.is_set() else 1)
        for hand in self._hands.in_work():
            hand.job.lost.set()
        try:
            await asyncio.wait_for(self._farewell(), 1 if self._hurry.is_set() else FAREWELL)
        except Exception as error:
            log.warning("could not hand back everything: %s", text_of(error) or type(error).__name__)

    async def _farewell(self) -> None:
        await self._flush()
        for name in self._hands.names():
            await self._line.release(self.keys, name)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _tell(self, event: str, *args: Any) -> None:
        for hooks in self.hooks:
            try:
                getattr(hooks, event)(*args)
            except Exception:
                log.exception("the hook %s failed", event)
