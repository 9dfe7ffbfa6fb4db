"""Connections of redis-py that never repeat a command by themselves, and which errors pass.

redis-py repeats a command by default when its reply is late or lost. A CLAIM that waits in the server would be sent twice, and an INCR
would count twice. So `retry` is off in all of them; what may be repeated is repeated by who knows that.
"""

from __future__ import annotations

import contextlib
import random
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.sentinel
import redis.cluster
import redis.sentinel
from redis.backoff import NoBackoff

#: How long the server may take to answer a command that does not wait, in seconds.
TIMEOUT = 5.0

#: Codes of errors that go by: a failover, a restart, a full disk, a busy script, a slot on its way.
PASSING = frozenset(
    ["LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "MISCONF", "BUSY"]
)


def code_of(error: BaseException) -> str:
    """The code in capitals that an error of the server begins with; redis-py leaves those that it knows out of the text."""
    return getattr(error, "status_code", None) or str(error).split(" ", 1)[0]


def text_of(error: BaseException) -> str:
    """An error of the server as the server wrote it."""
    text, code = str(error), getattr(error, "status_code", None)
    return f"{code} {text}" if code and not text.startswith(code) else text


def passes(error: BaseException) -> bool:
    """Whether the same command may be answered later: the connection is gone, or the server is in a state that ends."""
    if isinstance(error, redis.AuthenticationError | redis.exceptions.AuthorizationError):
        return False
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
        return True
    if isinstance(error, redis.exceptions.RedisClusterException) and not isinstance(error, redis.ResponseError):
        return True
    # Sentinels that find no master; ports that answer with something else are told as ConnectionError above.
    return isinstance(error, redis.ResponseError) and code_of(error) in PASSING


def _options(url: str, timeout: float) -> tuple[str, list[tuple[str, int]], str, dict[str, Any]]:
    """Scheme, hosts, path and keyword arguments of a URL with one of the schemes that redis-py does not know."""
    parts = urlsplit(url)
    hosts = []
    if usual := {"sentinel": 26379, "cluster": 6379}.get(parts.scheme):
        for host in parts.netloc.rpartition("@")[2].split(","):
            place = urlsplit(f"//{host}")  # [::1]:7 is an address with a port
            hosts.append((place.hostname or "localhost", place.port or usual))
    options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": TIMEOUT}
    if parts.username:
        options["username"] = unquote(parts.username)
    if parts.password:
        options["password"] = unquote(parts.password)
    return parts.scheme, hosts, parts.path.strip("/"), options


def connect(url: str, timeout: float = TIMEOUT) -> Any:
    """A client that is not asynchronous.

    `redis://`, `rediss://` and `unix://` as redis-py takes them; `sentinel://host:port,host:port/master[/db]`;
    `cluster://host:port,host:port`.
    """
    scheme, hosts, path, options = _options(url, timeout)
    retry = redis.retry.Retry(NoBackoff(), 0)
    if scheme == "sentinel":
        master, _, db = path.partition("/")
        sentinel = redis.sentinel.Sentinel(hosts, sentinel_kwargs={"socket_timeout": TIMEOUT})  # type: ignore[no-untyped-call]
        return sentinel.master_for(master, db=int(db or 0), retry=retry, **options)  # type: ignore[no-untyped-call]
    if scheme == "cluster":
        nodes = [redis.cluster.ClusterNode(*host) for host in hosts]  # type: ignore[no-untyped-call]
        return redis.RedisCluster(startup_nodes=nodes, retry=retry, **options)
    return redis.Redis.from_url(url, retry=retry, socket_timeout=timeout, socket_connect_timeout=TIMEOUT)


def connect_async(url: str, timeout: float = TIMEOUT) -> Any:
    """The same for asyncio."""
    scheme, hosts, path, options = _options(url, timeout)
    retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
    if scheme == "sentinel":
        master, _, db = path.partition("/")
        sentinel = redis.asyncio.sentinel.Sentinel(hosts, sentinel_kwargs={"socket_timeout": TIMEOUT})  # type: ignore[no-untyped-call]
        return sentinel.master_for(master, db=int(db or 0), retry=retry, **options)
    if scheme == "cluster":
        nodes = [redis.asyncio.cluster.ClusterNode(*host) for host in hosts]
        return redis.asyncio.cluster.RedisCluster(startup_nodes=nodes, retry=retry, **options)
    return redis.asyncio.Redis.from_url(url, retry=retry, socket_timeout=timeout, socket_connect_timeout=TIMEOUT)


async def close(client: Any) -> None:
    """Closes an asynchronous client, whatever state it is in."""
    with contextlib.suppress(Exception):
        await client.aclose()


class Pause:
    """How long to wait before the next attempt: from 50 ms doubled up to 2 s, less up to a half of it by chance."""

    def __init__(self) -> None:
        self._seconds = 0.05

    def next(self) -> float:
        seconds, self._seconds = self._seconds, min(self._seconds * 2, 2.0)
        return seconds * random.uniform(0.5, 1)
