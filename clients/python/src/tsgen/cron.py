"""Jobs that come again by a cron expression (the extra `tsgen[cron]`).

A run's id is the name of its schedule and its time, so whoever adds "the next one" between two runs adds the same: there is one, however
many workers there are. The clock is the server's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import redis

from .jobs import Codec, Element, Job
from .replies import Clock


@dataclass(frozen=True)
class Schedule:
    """One recurring job. ValueError if the expression or the time zone is none."""

    key: str
    name: str
    cron: str
    tz: str
    payload: Any

    def __post_init__(self) -> None:
        self.next_after(0)

    def next_after(self, now_ms: int) -> int:
        """The first time of the schedule behind this one, in Unix ms. Where clocks are set forward or back, as cron of Debian does."""
        try:
            from cronsim import CronSim, CronSimError
        except ImportError:
            raise ImportError("recurring jobs need cronsim: pip install tsgen[cron]") from None
        try:
            now = datetime.fromtimestamp(now_ms / 1000, tz=timezone.utc).astimezone(ZoneInfo(self.tz))
            return round(next(CronSim(self.cron, now)).timestamp() * 1000)
        except (CronSimError, KeyError, StopIteration) as error:
            raise ValueError(f"{self.cron!r} in {self.tz!r} is no schedule: {error}") from None

    def owns(self, id: bytes) -> bool:
        """Whether a job of this id is a run of this schedule."""
        return id.startswith(f"{self.name}@".encode())

    def element_after(self, now_ms: int, codec: Codec) -> tuple[str, str, bytes]:
        """Timestamp, id and payload of the next run. Whoever asks between two runs gets the same id."""
        due = self.next_after(now_ms)
        return f"{due}ms", f"{self.name}@{due}", codec.encode(self.payload)


class Planner:
    """Sees to it that each schedule of some keys has its next run."""

    def __init__(self, client: Any, schedules: Iterable[Schedule], codec: Codec, clock: Clock | None) -> None:
        self.client, self.schedules, self.codec, self.clock = client, list(schedules), codec, clock

    def schedule_of(self, job: Job) -> Schedule | None:
        """The schedule that a job is a run of."""
        return next((s for s in self.schedules if s.key == job.key and s.owns(job.name)), None)

    async def begin(self, schedule: Schedule) -> None:
        """Adds the next run if it is not there, and creates the key if that is not there."""
        try:
            await self.plan(schedule)
        except redis.ResponseError as error:
            if "needs a CLOCK key" not in str(error):
                raise
            with contextlib.suppress(redis.ResponseError):  # somebody else has just created it
                await self._write([("TSGEN.CREATE", schedule.key, "CLOCK")])
            await self.plan(schedule)

    async def plan(self, schedule: Schedule, job: Job | None = None, *settle: Any) -> None:
        """Adds the next run, in one write with the command that settles this one."""
        now_ms = self.clock.now_ms if self.clock else await self._now_ms()
        after_ms = max(now_ms, job.timestamp) if isinstance(job, Element) else now_ms
        add = ("TSGEN.ADD", schedule.key, "NX", *schedule.element_after(after_ms, self.codec))
        await self._write([add, (f"TSGEN.{settle[0]}", *settle[1:])] if settle else [add])

    async def _write(self, lines: list[tuple[Any, ...]]) -> None:
        pipeline = self.client.pipeline(transaction=True)
        for line in lines:
            pipeline.execute_command(*(line if self.clock is None else ("TSGEN.AT", self.clock.now_ms, *line)))
        # Raised by the pipeline itself, an error would quote the payload.
        for reply in await pipeline.execute(raise_on_error=False):
            if isinstance(reply, Exception):
                raise reply

    async def _now_ms(self) -> int:
        reply = await self.client.time()
        seconds, micros = next(iter(reply.values())) if isinstance(reply, dict) else reply
        return int(seconds) * 1000 + int(micros) // 1000
