"""The loop that nobody should have to write: claim, keep the lease, settle, survive, stop.

One worker has two clients. One waits in CLAIM; the other sends all that must not wait behind it. What has been claimed is held in `_held`
until the server has confirmed how it ended, so that nothing is forgotten while the server is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import logging
import os
import queue
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis

from .connection import close, connect_async, passes, text_of
from .jobs import JSON, Codec, Dead, Duration, Element, Job, Retry, parse, to_ms

if TYPE_CHECKING:
    from .cron import Schedule
    from .replies import Clock

log = logging.getLogger("tsgen")

#: How long one CLAIM waits in the server. A worker that is alive shows it at least so often.
BLOCK = 10.0
#: REASON has at most so many bytes.
REASON_BYTES = 1024
#: How long the last RELEASE and ACK of a worker that stops may take.
FAREWELL = 5.0


class Hooks:
    """What a worker tells. Override what you need; what a hook raises is logged, and changes nothing."""

    def on_claim(self, job: Job) -> None:
        """It has been claimed, and its handler is about to begin."""

    def on_done(self, job: Job, seconds: float) -> None:
        """Its handler has returned, after so long."""

    def on_failed(self, job: Job, error: BaseException, seconds: float) -> None:
        """Its handler has raised this: it will be tried again, or is a dead letter."""

    def on_lost(self, job: Job) -> None:
        """Its token is no longer current: somebody else has the entry."""

    def around(self, job: Job) -> AbstractContextManager[Any]:
        """What the handler runs in, in its own thread or task: a span, for example."""
        return contextlib.nullcontext()


@dataclass(eq=False)
class Hand:
    """A delivery that this worker holds: worked on, or done and not confirmed yet."""

    job: Job
    #: The consumer name under which it was claimed.
    name: str
    task: asyncio.Task[None] | None = None
    is_done: bool = False


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
        self.schedules = [schedule for schedule in schedules if family == "TSGEN" and schedule.key in self.keys]
        self.lease_ms = max(1, to_ms(lease))
        self.shutdown_timeout = to_ms(shutdown_timeout) / 1000
        self.consumer = consumer or f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"
        self._is_async = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)
        self._last_claim = time.monotonic()

    def since_last_claim(self) -> float:
        """Health: seconds since CLAIM was last answered, if only with nothing. Above 30 s while hands are free, something is wrong."""
        return time.monotonic() - self._last_claim

    def stop(self) -> None:
        """Claims no more, gives what runs `shutdown_timeout`, and hands back the rest. Called again: hands it back at once."""
        (self._hurry if self._stopping.is_set() else self._stopping).set()
        self._changed.set()

    async def run(self, *, burst: bool = False, ready: Callable[[], None] | None = None) -> None:
        """Works until `stop`; with `burst` until nothing is ready and nothing in hand. Raises what will not pass by itself."""
        self._stopping, self._hurry = asyncio.Event(), asyncio.Event()
        #: A hand is free, or it is time to stop; and: there is something to acknowledge.
        self._changed, self._settled = asyncio.Event(), asyncio.Event()
        self._held: dict[int, Hand] = {}
        self._done: dict[str, list[Hand]] = {}
        #: Consumer names, and how many hands each has. No claim uses a name that has any: so RELEASE of a claim whose reply was lost
        #: hands back what that one got, and nothing else.
        self._names: Counter[str] = Counter()
        self._is_claiming = False
        self._can_ack = self._has_mclaim = False
        self._threads = Threads()
        self._error: BaseException | None = None
        self._control = connect_async(self.url)
        self._claimer = connect_async(self.url, timeout=BLOCK + 10)
        helpers = [asyncio.create_task(self._guard(helper())) for helper in (self._keep_leases, self._flush_while_claiming)]
        try:
            await self._guard(self._begin())
            if ready:
                ready()
            await self._guard(self._claim_until_stopped(burst))
        finally:
            self._stopping.set()
            try:
                await self._wind_up()
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)
                await close(self._claimer)
                await close(self._control)
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

    async def _begin(self) -> None:
        """Asks what the server's module can do, and sees to it that each schedule has its next run."""
        if self.clock is None:
            found = await self._insist(self._control.execute_command, "COMMAND INFO", f"{self.family}.MCLAIM")
            self._has_mclaim = self._can_ack = bool(found) and any(found.values() if isinstance(found, dict) else found)
        for schedule in self.schedules:
            try:
                await self._insist(self._plan, schedule)
            except redis.ResponseError as error:
                if "needs a CLOCK key" not in str(error):
                    raise
                with contextlib.suppress(redis.ResponseError):  # somebody else has just created it
                    await self._insist(self._call, "CREATE", schedule.key, "CLOCK")
                await self._insist(self._plan, schedule)

    # Claiming

    async def _claim_until_stopped(self, burst: bool) -> None:
        pause = Pause()
        while not self._stopping.is_set():
            self._changed.clear()
            free = self.concurrency - sum(not hand.is_done for hand in self._held.values())
            if free > 0:
                try:
                    found = await self._claim(free, block=not burst)
                except Exception as error:
                    if not passes(error):
                        raise
                    log.warning("CLAIM %s: %s; trying again", self.keys, text_of(error))
                    await self._sleep(pause.next())
                    continue
                pause = Pause()
                if found or not burst:
                    continue
                if not self._held:
                    return
            await self._changed.wait()

    async def _claim(self, count: int, *, block: bool) -> bool:
        """Whether there was anything. What was claimed begins."""
        name = next(name for nth in range(1 << 30) if not self._names[name := f"{self.consumer}.{nth}" if nth else self.consumer])
        settled = self._done if self._can_ack else {}
        if settled:
            self._done = {}
        elif self._done:
            await self._flush()
        self._names[name] += 1
        claim = asyncio.ensure_future(self._ask(name, count, block, settled))
        self._is_claiming = True
        try:
            stopped = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({claim, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            claim.cancel()
            found = await claim
        except BaseException as error:
            for key, hands in settled.items():
                self._done.setdefault(key, []).extend(hands)
            if isinstance(error, Exception) and not passes(error):
                self._names[name] -= 1
                if self._can_ack and "unknown option" in str(error):
                    self._can_ack = False
                    return True
                raise
            # It may have been done and its reply lost; or it waits in the server still, until its connection is closed.
            await close(self._claimer)
            self._claimer = connect_async(self.url, timeout=BLOCK + 10)
            if not self._stopping.is_set():
                for key in self.keys:
                    await self._insist(self._call, "RELEASE", key, name)
                self._names[name] -= 1
            if isinstance(error, asyncio.CancelledError) and self._stopping.is_set():
                return False  # what has a name in use is handed back in the end
            raise
        finally:
            self._is_claiming = False
        self._names[name] -= 1
        self._last_claim = time.monotonic()
        self._confirm(settled)
        is_empty = True
        for key, entries in found:
            for entry in entries:
                self._start(key, entry, name)
                is_empty = False
        return not is_empty

    async def _ask(self, name: str, count: int, block: bool, settled: dict[str, list[Hand]]) -> list[tuple[str, list[Any]]]:
        """The entries of each key that gave any."""
        options: list[str | int] = ["COUNT", count, "LEASE", self.lease_ms]
        acks = {key: ranges(hand.job.token for hand in hands) for key, hands in settled.items()}
        wait: list[str | int] = ["BLOCK", int(BLOCK * 1000)]
        if len(self.keys) == 1:
            [key] = self.keys
            ack = ["ACK", *acks[key]] if acks else []
            return [(key, await self._send(self._claimer, "CLAIM", key, name, *options, *(wait if block else []), *ack))]
        if self._has_mclaim:
            ack = [word for key, tokens in acks.items() for word in ("ACK", key, *tokens)]
            words = (len(self.keys), *self.keys, name, *options, *(wait if block else []), *ack)
            reply = await self._send(self._claimer, "MCLAIM", *words)
            return [(key.decode(), entries) for key, entries in reply]
        # A server whose module has no MCLAIM: one key after the other, and a short wait on the first of them if none has anything.
        found = []
        for key in self.keys:
            if entries := await self._send(self._claimer, "CLAIM", key, name, "COUNT", count, *options[2:]):
                found.append((key, entries))
                count -= len(entries)
            if count == 0:
                break
        if not found and block:
            entries = await self._send(self._claimer, "CLAIM", self.keys[0], name, *options, "BLOCK", 100)
            found.append((self.keys[0], entries))
        return found

    def _start(self, key: str, entry: list[Any], name: str) -> None:
        job, flaw = parse(self.family, key, entry, self.codec)
        hand = Hand(job, name)
        self._names[name] += 1
        self._held[id(hand)] = hand
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
        hand.is_done = True
        if schedule := self._schedule_of(hand.job):
            await self._insist(self._plan, schedule, hand.job, "ACK", hand.job.key, hand.job.token)
            return self._drop(hand)
        self._done.setdefault(hand.job.key, []).append(hand)
        self._changed.set()
        self._settled.set()

    async def _failed(self, hand: Hand, error: BaseException, began: float) -> None:
        job = hand.job
        self._tell("on_failed", job, error, time.monotonic() - began)
        log.warning("failed key=%s name=%s deliveries=%d %s", job.key, job.id, job.deliveries, type(error).__name__)
        after = error.after if isinstance(error, Retry) else None
        how: list[str | int] = ["DEAD"] if isinstance(error, Dead) else ["DELAY", to_ms(after)] if after is not None else []
        words: list[Any] = [job.key, job.token, *how, "REASON", reason_of(error)]
        schedule = self._schedule_of(job) if isinstance(error, Dead) else None
        try:
            if schedule:
                await self._insist(self._plan, schedule, job, "NACK", *words)
            else:
                await self._insist(self._call, "NACK", *words)
        except redis.ResponseError as refused:
            if "REASON" not in str(refused):
                raise
            # The server takes only shorter names (tsgen.max-name-size).
            await self._insist(self._call, "NACK", *words[:-2])
        self._drop(hand)

    def _drop(self, hand: Hand) -> None:
        """This worker does not hold it any more."""
        if self._held.pop(id(hand), None):
            self._names[hand.name] -= 1
        self._changed.set()

    # Settling

    async def _flush_while_claiming(self) -> None:
        """Sends the ACKs of what ends while CLAIM waits; if it does not, they go with the next CLAIM."""
        while True:
            await self._settled.wait()
            self._settled.clear()
            if self._is_claiming and self._done:
                await self._flush()

    async def _flush(self) -> None:
        settled, self._done = self._done, {}
        for key, hands in settled.items():
            await self._insist(self._call, "ACK", key, *ranges(hand.job.token for hand in hands))
        self._confirm(settled)

    def _confirm(self, settled: dict[str, list[Hand]]) -> None:
        for hands in settled.values():
            for hand in hands:
                self._drop(hand)

    # Leases

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.lease_ms / 3000)
            by_key: dict[str, list[Hand]] = {}
            for hand in self._held.values():
                if not hand.is_done and not hand.job.lost.is_set():
                    by_key.setdefault(hand.job.key, []).append(hand)
            for key, hands in by_key.items():
                try:
                    await self._extend(key, hands)
                except Exception as error:
                    if not passes(error):
                        raise
                    log.warning("EXTEND %s: %s", key, text_of(error))

    async def _extend(self, key: str, hands: list[Hand]) -> None:
        count = await self._call("EXTEND", key, self.lease_ms, *ranges(hand.job.token for hand in hands))
        if count == len(hands):
            return
        # Some are lost, or were settled meanwhile: which?
        for hand in hands:
            if hand.is_done or id(hand) not in self._held:
                continue
            if not await self._call("EXTEND", key, self.lease_ms, hand.job.token) and not hand.is_done and id(hand) in self._held:
                log.warning("lost key=%s name=%s: somebody else has it", key, hand.job.id)
                hand.job.lost.set()
                self._tell("on_lost", hand.job)
                if self._is_async and hand.task:
                    hand.task.cancel()

    # The end

    async def _wind_up(self) -> None:
        tasks = {hand.task for hand in self._held.values() if hand.task and not hand.task.done()}
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
        for hand in self._held.values():
            if not hand.is_done:
                hand.job.lost.set()
        try:
            await asyncio.wait_for(self._farewell(), 1 if self._hurry.is_set() else FAREWELL)
        except Exception as error:
            log.warning("could not hand back everything: %s", text_of(error) or type(error).__name__)

    async def _farewell(self) -> None:
        await self._flush()
        for name, count in self._names.items():
            if count > 0:
                for key in self.keys:
                    while await self._insist(self._call, "RELEASE", key, name) == 10_000:
                        pass

    # Commands

    async def _send(self, client: Any, command: str, *words: Any) -> Any:
        full = (f"{self.family}.{command}", *words)
        return await client.execute_command(*(full if self.clock is None else ("TSGEN.AT", self.clock.now_ms, *full)))

    async def _call(self, command: str, *words: Any) -> Any:
        return await self._send(self._control, command, *words)

    async def _insist(self, send: Callable[..., Awaitable[Any]], *words: Any) -> Any:
        """Sends what may be sent twice until it is answered."""
        pause = Pause()
        while True:
            try:
                return await send(*words)
            except Exception as error:
                if not passes(error):
                    raise
                log.warning("%s; trying again", text_of(error))
                with contextlib.suppress(Exception):  # also one that still leads to a server that is a replica now
                    await self._control.connection_pool.disconnect(inuse_connections=False)
                await asyncio.sleep(pause.next())

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _schedule_of(self, job: Job) -> Schedule | None:
        return next((s for s in self.schedules if s.key == job.key and s.owns(job.name)), None)

    async def _plan(self, schedule: Schedule, job: Job | None = None, *settle: Any) -> None:
        """Adds the next run of a schedule, in one write with how this one was settled."""
        now_ms = self.clock.now_ms if self.clock else await self._now_ms()
        after_ms = max(now_ms, job.timestamp) if isinstance(job, Element) else now_ms
        add = ("TSGEN.ADD", schedule.key, "NX", *schedule.element_after(after_ms, self.codec))
        words = [add, (f"TSGEN.{settle[0]}", *settle[1:])] if settle else [add]
        if self.clock is not None:
            words = [("TSGEN.AT", self.clock.now_ms, *line) for line in words]
        pipeline = self._control.pipeline(transaction=True)
        for line in words:
            pipeline.execute_command(*line)
        # Raised by the pipeline itself, an error would quote the payload.
        for reply in await pipeline.execute(raise_on_error=False):
            if isinstance(reply, Exception):
                raise reply

    async def _now_ms(self) -> int:
        reply = await self._control.time()
        seconds, micros = next(iter(reply.values())) if isinstance(reply, dict) else reply
        return int(seconds) * 1000 + int(micros) // 1000

    def _tell(self, event: str, *args: Any) -> None:
        for hooks in self.hooks:
            try:
                getattr(hooks, event)(*args)
            except Exception:
                log.exception("the hook %s failed", event)


class Pause:
    """How long to wait before the next attempt: from 50 ms doubled up to 2 s, less up to a half of it by chance."""

    def __init__(self) -> None:
        self._seconds = 0.05

    def next(self) -> float:
        seconds, self._seconds = self._seconds, min(self._seconds * 2, 2.0)
        return seconds * random.uniform(0.5, 1)


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


def ranges(tokens: Iterable[int]) -> list[str]:
    """Tokens as the server takes them: those that follow each other as one range."""
    found: list[list[int]] = []
    for token in sorted(tokens):
        if found and found[-1][1] == token - 1:
            found[-1][1] = token
        else:
            found.append([token, token])
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]


def reason_of(error: BaseException) -> bytes:
    """The text of an exception as REASON: never fails, and never too long. What has no UTF-8 is escaped."""
    try:
        text = str(error)
    except Exception:
        text = "(what it says cannot be printed)"
    if not isinstance(error, Dead | Retry):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text.encode(errors="backslashreplace")[:REASON_BYTES].decode(errors="ignore").encode()
