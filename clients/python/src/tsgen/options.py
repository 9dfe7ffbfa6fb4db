"""The options of keys: their types, and how they become words. Durations are in seconds; what is left out gets the server's default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from .jobs import Duration, to_ms
from .replies import Name


class DeliveryOptions(TypedDict, total=False):
    """Of every family."""

    #: How long a claimed entry belongs to its worker: 1 ms to ten years.
    lease: Duration
    #: Deliveries until an entry is a dead letter; 0: no limit.
    maxdeliveries: int
    #: The delay after a first failed delivery, doubled with each further one, 0 to ten years; and the longest, 0: ten years.
    backoff: Duration
    maxbackoff: Duration
    #: The stream that ready entries go to, empty: none; and about how many entries it keeps, 0: all.
    sink: Name
    sinkmaxlen: int
    #: Whether the key hands out nothing.
    paused: bool


class BoundedOptions(DeliveryOptions, total=False):
    #: How many entries the key may hold; 0: no limit.
    maxlen: int


class GroupedOptions(DeliveryOptions, total=False):
    """Of the families whose entries are in groups; in TALLY they are not."""

    #: How many entries of one group may be in hand, leased or delayed, at a time; 0: any. Between values above 0 it may be altered.
    grouplimit: int
    #: Whether groups that have something take turns; fixed when the key is created.
    fair: bool


class TsgenOptions(BoundedOptions, GroupedOptions, total=False):
    #: How late elements are treated.
    late: Literal["READY", "REJECT"]
    #: After how long without a report a source is left out; 0: never.
    sourceidle: Duration
    #: By how much an ADVANCE may raise the watermark; 0: any. Not with clock.
    maxjump: int
    #: For how long an id is remembered once its work is done, so that a repeated ADD adds nothing; 0: not. And how many ids at the most.
    remember: Duration
    remembermax: int


class TsgenCreate(TsgenOptions, total=False):
    #: The watermark is the server's clock; or the lowest of so many sources.
    clock: bool
    sources: Sequence[Name]


class TsgenAlter(TsgenOptions, total=False):
    #: Set back the watermark, or what one source has reported.
    watermark: int
    source: tuple[Name, int]
    addsource: Sequence[Name]
    remsource: Sequence[Name]


class DebounceOptions(BoundedOptions, GroupedOptions, total=False):
    #: How long a group must be quiet, 1 ms to ten years; and after how long it fires at the latest, 0: never.
    idle: Duration
    maxwait: Duration
    #: With so many items it fires at once: 0 to 100000, 0: 100000.
    maxitems: int


class DebounceCreate(DebounceOptions, total=False):
    #: Whether an item that the group has is not added again.
    unique: bool


class ExpiryOptions(GroupedOptions, total=False):
    #: Whether values of evicted keys are kept.
    keepevicted: bool
    #: How many bytes of values the watcher may hold; 0: any.
    maxheld: int


class ExpiryCreate(ExpiryOptions, total=False):
    #: How the names of watched keys begin: 1 to 100 of them.
    prefix: Sequence[Name]
    #: Values of more bytes are not kept; 0 to 134217728.
    maxvalue: int


class TallyOptions(BoundedOptions, total=False):
    #: A window is sealed so long after its first increment, 1 ms to ten years; or with so many fields, 1 to 100000.
    every: Duration
    maxfields: int


class TallyCreate(TallyOptions, total=False):
    #: Whether fields are UUIDs.
    field: Literal["ANY", "UUID"]
    #: The smallest and the largest increment that is allowed.
    min: int
    max: int


DURATIONS = frozenset(["lease", "backoff", "maxbackoff", "idle", "maxwait", "every", "delay", "sourceidle", "remember"])
#: Options that are given once for each value.
REPEATED = frozenset(["prefix", "addsource", "remsource"])


def options(given: Mapping[str, Any]) -> list[Any]:
    """The words of options that are not None: durations in milliseconds, bools as yes or no."""
    words: list[Any] = []
    for name, value in given.items():
        if value is None or (value is False and name == "clock"):
            continue
        match name:
            case "clock":
                words.append("CLOCK")
            case "sources":
                words += ["SOURCES", len(value), *value]
            case "source" if isinstance(value, tuple):
                words += ["SOURCE", *value]
            case _ if name in REPEATED:
                words += [word for one in value for word in (name.upper(), one)]
            case _ if name in DURATIONS:
                words += [name.upper(), to_ms(value)]
            case _:
                words += [name.upper(), ("no", "yes")[value] if isinstance(value, bool) else value]
    return words
