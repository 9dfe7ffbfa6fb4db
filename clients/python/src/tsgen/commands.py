"""Typed calls for every command of every family, for asyncio. `blocking.py` is made from this file, by `tools/unasync.py`.

What you give as a length of time is in seconds (or a timedelta). Times in replies are Unix milliseconds of the server's clock, except the
timestamps of TSGEN keys without CLOCK, which are in a unit of your own. Names and fields may be text or bytes, and come back as bytes.
Each call raises redis.ResponseError with the server's text if it is refused: WRONGTYPE for a key of another family, OOM, NOPERM, FULL, …;
and redis.ConnectionError or TimeoutError if it was not answered. None is repeated by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import redis

from .app import Register, Workers
from .connection import connect_async
from .jobs import JSON, Codec, Duration, to_ms
from .options import (
    DebounceCreate,
    DebounceOptions,
    ExpiryCreate,
    ExpiryOptions,
    TallyCreate,
    TallyOptions,
    TsgenAlter,
    TsgenCreate,
    options,
)
from .replies import Clock, DeadLetter, Found, Leased, Name, Source, Taken, Token, pairs

if TYPE_CHECKING:  # from Python 3.11 on it is in typing
    from typing_extensions import Unpack


class AsyncKey:
    """What keys of all families that deliver have in common."""

    FAMILY = ""

    def __init__(self, server: AsyncTsgen, key: str) -> None:
        self.server, self.key = server, key

    def worker(self, **options: Any) -> Register:
        """Makes a function the worker of this key; see `Workers.worker` for the options."""
        return self.server.worker(self.key, family=self.FAMILY, **options)

    async def _call(self, command: str, *words: Any) -> Any:
        return await self.server.call(f"{self.FAMILY}.{command}", self.key, *words)

    async def claim(self, consumer: Name, *, count: int = 1, lease: Duration | None = None, ack: Iterable[Token] = ()) -> list[list[Any]]:
        """Leases up to `count` (1 to 10000) ready entries, oldest first; does not wait. Each begins with token and delivery count.

        `ack` acknowledges first, in the same write, where the server can (CLAIM … ACK). `Worker` is the loop around it.
        """
        words = options({"count": count, "lease": lease})
        acks = list(ack)
        entries: list[list[Any]] = await self._call("CLAIM", consumer, *words, *(["ACK", *acks] if acks else []))
        return entries

    async def mclaim(
        self, consumer: Name, *others: str, count: int = 1, lease: Duration | None = None, ack: Mapping[str, Iterable[Token]] | None = None
    ) -> dict[str, list[list[Any]]]:
        """Claims from this key and others of its family (and slot), the first before the second; `count` is the total. Does not wait."""
        keys = [self.key, *others]
        acks = [word for key, tokens in (ack or {}).items() for word in ("ACK", key, *tokens)]
        words = [len(keys), *keys, consumer, *options({"count": count, "lease": lease}), *acks]
        return {key.decode(): entries for key, entries in await self.server.call(f"{self.FAMILY}.MCLAIM", *words)}

    async def ack(self, *tokens: Token) -> int:
        """The work is done: the entries are gone. How many of the tokens were current."""
        return int(await self._call("ACK", *tokens))

    async def nack(self, *tokens: Token, delay: Duration | None = None, dead: bool = False, reason: Name | None = None) -> int:
        """These deliveries have failed: redelivered after `delay` (0 to ten years) or the key's BACKOFF; dead letters after MAXDELIVERIES,
        or with `dead`. `reason` has at most 65536 bytes. How many of the tokens were current."""
        words = options({"delay": delay}) + (["DEAD"] if dead else []) + options({"reason": reason})
        return int(await self._call("NACK", *tokens, *words))

    async def extend(self, lease: Duration, *tokens: Token) -> int:
        """Leases end `lease` (1 ms to ten years) from now. How many of the tokens were current."""
        return int(await self._call("EXTEND", to_ms(lease), *tokens))

    async def release(self, consumer: Name) -> int:
        """What the consumer holds, up to 10000 entries, is ready at once and not counted as delivered. How many; at 10000 call again."""
        return int(await self._call("RELEASE", consumer))

    async def pending(self, *, consumer: Name | None = None, count: int = 100, after: int = 0) -> list[Leased]:
        """Entries with running leases, by token. `after` is the last token of the page before; `count` 1 to 10000."""
        rows = await self._call("PENDING", *options({"consumer": consumer, "count": count, "after": after}))
        return [Leased(*row) for row in rows]

    async def delayed(self, *, count: int = 100) -> list[Leased]:
        """Entries that are delayed after a failed delivery, next to come back first."""
        return [Leased(*row) for row in await self._call("PENDING", "DELAYED", "COUNT", count)]

    async def dead(self, *, count: int = 100, after: int = 0) -> list[DeadLetter]:
        """Dead letters by token, with the time (Unix ms) and reason of death."""
        return [DeadLetter(*row) for row in await self._call("DEAD", *options({"count": count, "after": after}))]

    async def peek(self, state: str, *, count: int = 10, after: Name | int = 0) -> tuple[Name | int, list[dict[str, Any]]]:
        """Entries with their content, changing nothing: READY, DELAYED, LEASED or DEAD, of TSGEN also WAITING.

        The cursor for `after`, 0 at the end, and a page. Each entry is a dict: `token`, `deliveries`, `bytes`, `entry` (what CLAIM has
        after the deliveries), and what applies of `held`, `group`, `consumer`, `until`, `reason`, `died-at`. `count` 1 to 10000; a page
        holds at most 4 MiB of contents.
        """
        cursor, rows = await self._call("PEEK", state, "COUNT", count, *(["AFTER", after] if after else []))
        found = [row.items() if isinstance(row, dict) else pairs(row) for row in rows]
        return int(cursor) if cursor in (b"0", 0) else cursor, [{name.decode(): value for name, value in row} for row in found]

    async def promote(self, *tokens: Token, count: int = 1000) -> int:
        """Ends the delays of these entries; without tokens of up to `count`, next to come back first. How many."""
        return int(await self._call("PROMOTE", *(tokens or ("ALL", "COUNT", count))))

    async def requeue(self, *tokens: Token, count: int = 1000) -> int:
        """Gives dead letters their old place back, with no deliveries counted; without tokens up to `count`. How many."""
        return int(await self._call("REQUEUE", *(tokens or ("ALL", "COUNT", count))))

    async def discard(self, *tokens: Token, count: int = 1000) -> int:
        """Removes dead letters for good; without tokens up to `count`. How many."""
        return int(await self._call("DISCARD", *(tokens or ("ALL", "COUNT", count))))

    async def info(self) -> dict[str, Any]:
        """Gate, counts by state, ages, totals and options, by the server's names. Text values are str. ERR if there is no such key."""
        reply = await self._call("INFO")
        found = reply.items() if isinstance(reply, dict) else pairs(reply)
        return {name.decode(): value.decode(errors="replace") if isinstance(value, bytes) else value for name, value in found}


class AsyncTsgenKey(AsyncKey):
    """TSGEN: elements behind a watermark."""

    FAMILY = "TSGEN"

    async def create(self, **given: Unpack[TsgenCreate]) -> None:
        """Creates the key; BUSYKEY if it exists."""
        await self._call("CREATE", *options(given))

    async def alter(self, **given: Unpack[TsgenAlter]) -> None:
        """Changes options from now on, all or none. ERR if there is no such key."""
        await self._call("ALTER", *options(given))

    async def add(
        self,
        timestamp: int | str,
        id: Name,
        payload: Any = None,
        *,
        nx: bool = False,
        xx: bool = False,
        every: Duration | None = None,
        group: Name | None = None,
    ) -> bool | None:
        """Adds an element, or replaces the one with its id. True if it waits, False if it is ready, None if `nx` or `xx` forbade it.

        `timestamp` is a signed 64-bit integer in the unit of the watermark; on CLOCK keys Unix ms, or `"+30s"` from now. `xx` without a
        payload keeps the one that is there, and without a group or a period these. `group` is for keys with GROUPLIMIT or FAIR; without it
        the element is in the group of its id. With `every`, 1 ms to ten years, it comes again so often, on CLOCK keys: each time it is done
        or dead. LATE, FULL as the key's options say.
        """
        words = [*(["NX"] if nx else []), *(["XX"] if xx else []), *options({"every": every, "group": group})]
        body = [] if xx and payload is None else [self.server.codec.encode(payload)]
        reply = await self._call("ADD", *words, timestamp, id, *body)
        return None if reply is None else reply == 1

    async def madd(self, elements: Iterable[tuple[int | str, Name, Any]], *, group: Name | None = None) -> list[bool | None]:
        """Adds elements `(timestamp, id, payload)`, all or none; for each what `add` returns. `group` is that of all of them."""
        words = [word for timestamp, id, payload in elements for word in (timestamp, id, self.server.codec.encode(payload))]
        replies = await self._call("MADD", *options({"group": group}), *words)
        return [None if reply is None else reply == 1 for reply in replies]

    async def advance(self, timestamp: int, *, source: Name | None = None, force: bool = False) -> int | None:
        """Raises the watermark, or one source's part of it. The watermark; None while sources have not reported.

        JUMP if that is more than the key's MAXJUMP at once, unless `force` says that it is meant.
        """
        reply: int | None = await self._call("ADVANCE", timestamp, *options({"source": source}), *(["FORCE"] if force else []))
        return reply

    async def watermark(self) -> int | None:
        """The watermark; None while it is unset. On CLOCK keys the server's time in Unix ms."""
        reply: int | None = await self._call("WATERMARK")
        return reply

    async def get(self, id: Name) -> Found | None:
        """The newest element of an id, whatever its state; None if there is none."""
        reply = await self._call("GET", id)
        return None if reply is None else Found(reply[0].decode(), reply[1], self.server.codec.decode(reply[2]), *reply[3:])

    async def rem(self, *ids: Name) -> int:
        """Removes elements, whatever their state. How many."""
        return int(await self._call("REM", *ids))

    async def range(self, low: int | str = "-", high: int | str = "+", *, count: int = 100) -> list[tuple[bytes, int, Any]]:
        """Waiting and ready elements by timestamp: id, timestamp, payload. `"(5"` is above 5; `count` 1 to 10000."""
        rows = await self._call("RANGE", low, high, "COUNT", count)
        return [(id, timestamp, self.server.codec.decode(payload)) for id, timestamp, payload in rows]

    async def sources(self) -> list[Source]:
        """The declared sources: how far each has got, when it reported last (Unix ms), and whether it is left out as idle."""
        return [Source(name, timestamp, at, bool(idle)) for name, timestamp, at, idle in await self._call("SOURCES")]


class AsyncDelayQueue(AsyncTsgenKey):
    """TSGEN with CLOCK: jobs that come after a delay, or at a time. The key is created when it is first added to."""

    async def add(  # type: ignore[override]
        self,
        id: Name,
        payload: Any = None,
        *,
        delay: Duration = 0,
        at: datetime | int | None = None,
        nx: bool = False,
        xx: bool = False,
        every: Duration | None = None,
        group: Name | None = None,
    ) -> bool | None:
        """Adds a job, or replaces the one with its id: due `delay` from now (0 to ten years), or `at` a datetime or Unix ms.

        True if it waits, False if it is ready, None if `nx` (only if there is none) or `xx` (only if there is one) forbade it. `every`
        and `group` as in `AsyncTsgenKey.add`.
        """
        due = f"+{to_ms(delay)}" if at is None else f"{round(at.timestamp() * 1000) if isinstance(at, datetime) else at}ms"
        try:
            return await super().add(due, id, payload, nx=nx, xx=xx, every=every, group=group)
        except redis.ResponseError as error:
            if "needs a CLOCK key" not in str(error):
                raise
            try:
                await self.create(clock=True)
            except redis.ResponseError as exists:
                if "BUSYKEY" not in str(exists):
                    raise
                if (await self.info())["gate"] != "clock":
                    raise error from None
            return await super().add(due, id, payload, nx=nx, xx=xx, every=every, group=group)


class AsyncDebounceKey(AsyncKey):
    """DEBOUNCE: groups that fire when they have been quiet."""

    FAMILY = "DEBOUNCE"

    async def create(self, **given: Unpack[DebounceCreate]) -> None:
        """Creates the key; BUSYKEY if it exists."""
        await self._call("CREATE", *options(given))

    async def alter(self, **given: Unpack[DebounceOptions]) -> None:
        """Changes options from now on, all or none. ERR if there is no such key."""
        await self._call("ALTER", *options(given))

    async def push(self, group: Name, *items: Any) -> int:
        """Adds items and restarts the group's idle timeout. How many it is collecting now; 0 if that filled it and it fired."""
        return int(await self._call("PUSH", group, *map(self.server.codec.encode, items)))

    async def get(self, group: Name) -> tuple[int, list[tuple[Any, int]]] | None:
        """When a collecting group fires (Unix ms), and its items, each with when it was pushed; None if it is not collecting."""
        reply = await self._call("GET", group)
        return None if reply is None else (reply[0], [(self.server.codec.decode(item), at) for item, at in pairs(reply[1])])

    async def groups(self, *, count: int = 100, after: Name | None = None) -> list[tuple[bytes, int, int]]:
        """Collecting groups, next to fire first: name, number of items, when it fires (Unix ms)."""
        return [(name, items, at) for name, items, at in await self._call("GROUPS", *options({"count": count, "after": after}))]

    async def flush(self, *groups: Name) -> int:
        """Fires these groups now. How many were collecting."""
        return int(await self._call("FLUSH", *groups))

    async def flushall(self, *, count: int = 1000) -> int:
        """Fires up to `count` collecting groups now, next to fire first. How many."""
        return int(await self._call("FLUSHALL", "COUNT", count))

    async def cancel(self, *groups: Name) -> int:
        """Drops collecting groups with their items. How many."""
        return int(await self._call("CANCEL", *groups))


class AsyncExpiryKey(AsyncKey):
    """EXPIRY: a watcher of keys whose names begin with a prefix."""

    FAMILY = "EXPIRY"

    async def create(self, **given: Unpack[ExpiryCreate]) -> None:
        """Creates the key; BUSYKEY if it exists."""
        await self._call("CREATE", *options(given))

    async def alter(self, **given: Unpack[ExpiryOptions]) -> None:
        """Changes options from now on, all or none. ERR if there is no such key."""
        await self._call("ALTER", *options(given))

    async def tracked(self, *, count: int = 100, after: Name | None = None) -> list[tuple[bytes, int]]:
        """Watched keys that have a time to live, next to expire first, with their deadlines (Unix ms)."""
        return [(name, at) for name, at in await self._call("TRACKED", *options({"count": count, "after": after}))]


class AsyncTallyKey(AsyncKey):
    """TALLY: sums by windows."""

    FAMILY = "TALLY"

    async def create(self, **given: Unpack[TallyCreate]) -> None:
        """Creates the key; BUSYKEY if it exists."""
        await self._call("CREATE", *options(given))

    async def alter(self, **given: Unpack[TallyOptions]) -> None:
        """Changes options from now on, all or none. ERR if there is no such key."""
        await self._call("ALTER", *options(given))

    async def incr(self, field: Name, delta: int = 1) -> int:
        """Adds to the sum of a field (signed 64 bits); the sum in this window. Needs `create`. Sent twice, it counts twice."""
        return int(await self._call("INCR", field, delta))

    async def mincr(self, deltas: Mapping[Any, int]) -> list[int]:
        """Adds to several sums, all or none; these sums."""
        return list(await self._call("MINCR", *(word for pair in deltas.items() for word in pair)))

    async def get(self, field: Name) -> int:
        """What no batch that was acknowledged had of this field: open window and all batches."""
        return int(await self._call("GET", field))

    async def seal(self) -> int:
        """Seals the open window now. The number of its fields; 0 if none was open."""
        return int(await self._call("SEAL"))


class AsyncThrottleKey:
    """THROTTLE: so much, so fast."""

    def __init__(self, server: AsyncTsgen, key: str) -> None:
        self.server, self.key = server, key

    async def take(self, limit: int, period: Duration, *, burst: int | None = None, cost: int | None = None) -> Taken:
        """Takes `cost` (0 to burst; 1) if there is room, of `limit` (1 to 10⁹) in each `period` (1 ms to ten years), `burst` at once."""
        words = options({"burst": burst, "cost": cost})
        allowed, of, left, retry, reset = await self.server.call("THROTTLE.TAKE", self.key, limit, to_ms(period), *words)
        return Taken(allowed == 1, of, left, None if retry < 0 else retry / 1000, reset / 1000)


class AsyncTsgen(Workers):
    """The way in: keys of all families, and the workers of this process.

    `url`: `redis://`, `rediss://` and `unix://` as in redis-py; `sentinel://host:port,host:port/master`;
    `cluster://host:port,host:port`. Without one, or if it is empty, it is `redis://localhost:6379`.
    `codec` writes and reads payloads and items: JSON, unless you say `RAW` or bring your own.
    """

    def __init__(self, url: str | None = None, *, codec: Codec = JSON) -> None:
        super().__init__(url, codec)
        self.client = connect_async(self.url)

    async def call(self, command: str, *words: Any) -> Any:
        """One command of the module, at the time of the virtual clock if there is one. For what has no call of its own."""
        if self.clock is None:
            return await self.client.execute_command(command, *words)
        return await self.client.execute_command("TSGEN.AT", self.clock.now_ms, command, *words)

    async def virtual_clock(self, now_ms: int) -> Clock:
        """For tests: from now on all commands run at the time of the clock that this returns, Unix ms; `jump` moves it on.

        Sets `tsgen.virtual-clock yes` in the server. Workers see that time with `run_until_empty`.
        """
        await self.client.execute_command("CONFIG SET", "tsgen.virtual-clock", "yes")
        self.clock = Clock(now_ms)
        return self.clock

    def delay_queue(self, key: str) -> AsyncDelayQueue:
        """Jobs that come after a delay or at a time."""
        return AsyncDelayQueue(self, key)

    def tsgen(self, key: str) -> AsyncTsgenKey:
        """Elements behind a watermark."""
        return AsyncTsgenKey(self, key)

    def debounce(self, key: str) -> AsyncDebounceKey:
        """Groups that fire when they have been quiet."""
        return AsyncDebounceKey(self, key)

    def expiry(self, key: str) -> AsyncExpiryKey:
        """Keys whose time to live has run out."""
        return AsyncExpiryKey(self, key)

    def tally(self, key: str) -> AsyncTallyKey:
        """Sums that are delivered by windows."""
        return AsyncTallyKey(self, key)

    def throttle(self, key: str) -> AsyncThrottleKey:
        """A rate limit."""
        return AsyncThrottleKey(self, key)
