"""Jobs that come again by a cron expression (the extra `tsgen[cron]`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from .jobs import Codec


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
