"""What a handler gets, what it may raise, and how payloads become bytes and come back."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

#: A length of time: seconds, or a timedelta. The server counts whole milliseconds.
Duration: TypeAlias = float | timedelta


def to_ms(duration: Duration) -> int:
    """Milliseconds, rounded up, so that nothing comes early. ValueError if it is negative."""
    micros = duration // timedelta(microseconds=1) if isinstance(duration, timedelta) else round(duration * 1_000_000)
    if micros < 0:
        raise ValueError("a duration must not be negative")
    return -(-micros // 1000)


class Codec(Protocol):
    """How payloads are written. `decode` raises anything for what it cannot read: such a job becomes a dead letter."""

    def encode(self, value: Any) -> bytes: ...

    def decode(self, data: bytes) -> Any: ...


class Json:
    """JSON in UTF-8. No bytes at all are None."""

    def encode(self, value: Any) -> bytes:
        return b"" if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

    def decode(self, data: bytes) -> Any:
        return json.loads(data) if data else None


class Raw:
    """Bytes as they are; text in UTF-8 when written."""

    def encode(self, value: Any) -> bytes:
        return b"" if value is None else value.encode() if isinstance(value, str) else bytes(value)

    def decode(self, data: bytes) -> bytes:
        return data


JSON = Json()
RAW = Raw()


class Retry(Exception):
    """Raised by a handler: try again `after` seconds (0 to ten years), or after the key's BACKOFF. The delivery counts."""

    def __init__(self, reason: object = "", *, after: Duration | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Dead(Exception):
    """Raised by a handler: a dead letter at once, with this reason."""


@dataclass(eq=False)
class Job:
    """One delivery. Times are Unix milliseconds of the server's clock, unless the watermark is in a unit of your own."""

    key: str
    #: Rises with each delivery of an entry: a fencing token for your database.
    token: int
    #: How often it has been delivered, this time included.
    deliveries: int
    #: The id in TSGEN, the group in DEBOUNCE, the watched key in EXPIRY, the number of the batch in TALLY.
    name: bytes
    #: Set as soon as the worker knows that somebody else has, or may get, this entry: stop, for the result does not count.
    #: A handler that is a coroutine is cancelled as well.
    lost: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def id(self) -> str:
        """The name as text; bytes that are not UTF-8 are escaped."""
        return self.name.decode(errors="backslashreplace")


@dataclass(eq=False)
class Element(Job):
    """TSGEN: an element whose time has come."""

    timestamp: int = 0
    #: The bytes as they were added.
    raw: bytes = field(default=b"", repr=False)
    #: What the codec makes of them.
    payload: Any = field(default=None, repr=False)


@dataclass(eq=False)
class Group(Job):
    """DEBOUNCE: a group that has fired, because it was `idle`, at `maxwait`, when `full`, or by `flush`."""

    reason: str = ""
    #: In order of arrival, each with the time at which it was pushed.
    items: list[tuple[Any, int]] = field(default_factory=list, repr=False)


@dataclass(eq=False)
class Expired(Job):
    """EXPIRY: a key whose time to live has run out (`expired`), or that had been `evicted`."""

    #: `string`, `list`, …; None if the key could not be copied in time.
    type: str | None = None
    #: The value of a string, what DUMP returns of other types; None if it was not kept.
    value: bytes | None = field(default=None, repr=False)
    deadline: int = 0
    reason: str = ""


@dataclass(eq=False)
class Batch(Job):
    """TALLY: the sums of one window. `number` is the same on redelivery: write it under a unique constraint."""

    number: int = 0
    opened_at: int = 0
    sealed_at: int = 0
    sums: dict[bytes, int] = field(default_factory=dict, repr=False)


def parse(family: str, key: str, entry: list[Any], codec: Codec) -> tuple[Job, Exception | None]:
    """The job that an entry of CLAIM's reply is, and why its payload does not decode, if it does not."""
    token, deliveries, name, *rest = entry
    if family == "TALLY":
        opened, sealed, pairs = rest
        sums = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return Batch(key, token, deliveries, b"%d" % name, number=name, opened_at=opened, sealed_at=sealed, sums=sums), None
    if family == "EXPIRY":
        kind, value, deadline, reason = rest
        kind = None if kind is None else kind.decode()
        return Expired(key, token, deliveries, name, type=kind, value=value, deadline=deadline, reason=reason.decode()), None
    job = Job(key, token, deliveries, name)
    try:
        if family == "DEBOUNCE":
            reason, pairs = rest
            group = Group(key, token, deliveries, name, reason=reason.decode())
            job = group
            group.items = [(codec.decode(item), at) for item, at in zip(pairs[::2], pairs[1::2], strict=True)]
            return group, None
        timestamp, raw = rest
        element = Element(key, token, deliveries, name, timestamp=timestamp, raw=raw)
        job = element
        element.payload = codec.decode(raw)
        return element, None
    except Exception as error:  # whatever a codec raises for bytes that it does not know
        return job, error
