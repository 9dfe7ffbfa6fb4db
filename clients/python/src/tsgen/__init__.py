"""Workers and typed calls for tsgen, the Redis module that hands things out when their time has come."""

from .blocking import DebounceKey, DelayQueue, ExpiryKey, TallyKey, ThrottleKey, Tsgen, TsgenKey
from .commands import AsyncDebounceKey, AsyncDelayQueue, AsyncExpiryKey, AsyncTallyKey, AsyncThrottleKey, AsyncTsgen, AsyncTsgenKey
from .hooks import Hooks
from .jobs import JSON, RAW, Batch, Codec, Dead, Element, Expired, Group, Job, Json, Raw, Retry
from .replies import Clock, DeadLetter, Found, Leased, Source, Taken
from .worker import Worker

# fmt: off
__all__ = [
    "JSON", "RAW", "AsyncDebounceKey", "AsyncDelayQueue", "AsyncExpiryKey", "AsyncTallyKey", "AsyncThrottleKey", "AsyncTsgen",
    "AsyncTsgenKey", "Batch", "Clock", "Codec", "Dead", "DeadLetter", "DebounceKey", "DelayQueue", "Element", "Expired",
    "ExpiryKey", "Found", "Group", "Hooks", "Job", "Json", "Leased", "Raw", "Retry", "Source", "Taken", "TallyKey",
    "ThrottleKey", "Tsgen", "TsgenKey", "Worker",
]
