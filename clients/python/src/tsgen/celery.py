"""A transport for Celery: what has an ETA waits in the server, and what is not acknowledged goes to another worker when its lease ends.

`pip install tsgen[celery]`. After `import tsgen.celery` the broker is `tsgen://localhost:6379/0`; without the import, `broker_transport` is
"tsgen.celery:Transport" beside a `broker_url` for Redis. It is kombu's transport for Redis with other queues: each queue is a TSGEN key,
and one more for each priority that is used. Exchanges, bindings and fanout (events, remote control) are as they are there: sets, PUBLISH.
"""

from __future__ import annotations

import logging
import math
from datetime import datetime, timezone
from queue import Empty
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

import redis
from kombu.exceptions import VersionMismatch
from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.transport import redis as kombu_redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads

from .connection import passes, text_of
from .held import Held
from .jobs import to_ms

if TYPE_CHECKING:  # what it is mixed into has no types
    Mixed = Any
else:
    Mixed = object

log = logging.getLogger("tsgen")

SCHEME = "tsgen"

#: At most so many messages come with one claim.
MOST = 100

#: How a message goes back to its queue.
AT_ONCE = ("DELAY", 0)

OPTIONS = ("lease", "maxdeliveries", "dead_letters")


def due(headers: dict[str, Any]) -> str:
    """When a message is due, as TSGEN.ADD takes it: its ETA, or now. Without a time zone it is in UTC, as Celery has it."""
    eta = headers.get("eta")
    try:
        at: Any = datetime.fromisoformat(eta.replace("Z", "+00:00")) if isinstance(eta, str) else eta
        ms = math.ceil((at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp() * 1000)
    except (AttributeError, ValueError, OverflowError):
        return "+0"
    return f"{ms}ms" if ms > 0 else "+0"


class QoS(virtual.QoS):
    """Who has what is known to the server: here are only the tokens."""

    def _held(self, delivery_tag: str) -> Held:
        """Of two channels that consume from one queue, one claims what the other hands out."""
        channels = self.channel.connection.channels if self.channel.connection else []
        held: Held = next((channel.held for channel in channels if delivery_tag in channel.held), self.channel.held)
        return held

    def ack(self, delivery_tag: str) -> None:
        self._held(delivery_tag).ack(delivery_tag)
        super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        held = self._held(delivery_tag)
        if requeue:
            held.nack(delivery_tag, *AT_ONCE)
        elif self.channel.dead_letters:
            held.nack(delivery_tag, "DEAD", "REASON", "rejected")
        else:
            held.ack(delivery_tag)
        super().ack(delivery_tag)

    def restore_unacked(self) -> list[Any]:
        self._delivered.clear()
        self.channel.held.hand_back()
        return []

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: leases end by themselves."""


class Claiming(Mixed):
    """What makes a channel of Redis one of TSGEN. Options, besides those of the Redis transport:

    - `lease` (seconds; 30): how soon another worker gets what one that died had in hand. It is kept as long as the worker lives, so a
      task may take longer. `visibility_timeout` has no meaning here.
    - `maxdeliveries` (0): after so many deliveries a message is a dead letter; 0: never. Of queues that are created from now on.
    - `dead_letters` (False): whether what is rejected without requeue is kept as a dead letter.
    """

    QoS = QoS
    lease: float = 30.0
    maxdeliveries: int = 0
    dead_letters: bool = False
    supports_batch_publish = False
    #: Those of older versions of kombu.
    brpop_timeout: float = 1
    _expires: ClassVar[dict[str, int]] = {}

    #: What the server could not be told when a channel was closed, by server.
    abandoned: ClassVar[dict[str, list[Held]]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._queue_of: dict[str, str] = {}
        self._no_ack: set[str] = set()
        self._asked_at = 0.0
        super().__init__(*args, **kwargs)
        self.held = Held(self._create_client, max(1, to_ms(self.lease)))
        found = self._create_client().execute_command("COMMAND INFO", "TSGEN.MCLAIM")
        if not any(found.values() if isinstance(found, dict) else found or []):
            self.close()
            raise VersionMismatch("the server has no module tsgen, or one without TSGEN.MCLAIM: load libtsgen.so into it")

    def _key(self, queue: str, priority: int) -> str:
        key: str = self.global_keyprefix + self._q_for_pri(queue, priority)
        self._queue_of[key] = queue
        return key

    def _q_for_pri(self, queue: str, pri: int) -> str:
        pri = self.priority(pri)
        return f"{queue}:priority:{pri}" if pri else queue

    def _keys(self, queue: str) -> list[str]:
        return [self._key(queue, step) for step in self.priority_steps]

    # Publishing

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        """Under the id of its task, so that it can be found and removed by that; a second one of that id stands beside the first."""
        priority, headers = self._get_message_priority(message), message.get("headers") or {}
        key, tag, payload = self._key(queue, priority), message["properties"]["delivery_tag"], dumps(message).encode()
        id = headers["id"] if headers.get("task") and headers.get("id") else tag
        with self.conn_or_acquire() as client:
            if self._add(client, key, "NX", due(headers), id, payload) is None:
                found = client.execute_command("TSGEN.GET", key, id)
                # It is there already if redis-py has sent the command twice.
                if found is None or found[2] != payload:
                    self._add(client, key, due(headers), f"{id}:{tag}", payload)
            if queue in self._expires:
                client.pexpire(self._q_for_pri(queue, priority), self._expires[queue])

    def _add(self, client: Any, key: str, *words: str | bytes) -> int | None:
        try:
            reply: int | None = client.execute_command("TSGEN.ADD", key, *words)
        except redis.ResponseError as error:
            if "needs a CLOCK key" not in str(error):
                raise
            try:
                client.execute_command("TSGEN.CREATE", key, "CLOCK", "MAXDELIVERIES", self.maxdeliveries)
            except redis.ResponseError as exists:
                if "BUSYKEY" not in str(exists):
                    raise
            reply = client.execute_command("TSGEN.ADD", key, *words)
        return reply

    # Consuming

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:
        (self._no_ack.add if no_ack else self._no_ack.discard)(queue)
        return super().basic_consume(queue, no_ack, *args, **kwargs)

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:
        message = super().basic_get(queue, no_ack=no_ack, **kwargs)
        if message is not None and no_ack:
            self.held.ack(message.delivery_tag)
        return message

    def _get(self, queue: str) -> dict[str, Any]:
        keys = self._keys(queue)
        self.held.keys.update(keys)
        with self.conn_or_acquire() as client:
            reply = client.execute_command(*self._claim(keys, 1))
        for _, message in self._messages(reply):
            return message
        raise Empty

    def _claim(self, keys: list[str], count: int) -> list[Any]:
        return ["TSGEN.MCLAIM", len(keys), *keys, self.held.consumer, "COUNT", count, "LEASE", max(1, to_ms(self.lease))]

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Sends a claim that waits. The names are of the Redis transport, whose poller calls this."""
        queues = self._queue_cycle.consume(len(self.active_queues))
        if not queues:
            return
        self._tell_what_is_late()
        keys = [self._key(queue, step) for step in self.priority_steps for queue in queues]
        # A consumer without a limit gets one at a time, as from Redis.
        count = max(1, min(MOST, self.qos.can_consume_max_estimate() or 1))
        wait = self.brpop_timeout if timeout is None else timeout
        self.held.keys.update(keys)
        self._in_poll = self.client.connection
        self._asked_at = self._brpop_sent_at = monotonic()
        self.client.connection.send_command(*self._claim(keys, count), "BLOCK", to_ms(wait or 0))

    def _reply(self) -> Any:
        """What the claim that waits has brought."""
        connection = self.client.connection
        try:
            return self.client.parse_response(connection, "TSGEN.MCLAIM")
        except self.connection_errors:
            connection.disconnect()
            raise
        except redis.ResponseError as error:
            if not passes(error):
                raise
            # A failover, for one: the worker is to connect again.
            connection.disconnect()
            raise redis.ConnectionError(text_of(error)) from error
        finally:
            self._in_poll = None

    def _brpop_read(self, **options: Any) -> bool:
        messages = self._messages(self._reply())
        if monotonic() - self._asked_at > self.lease / 3:
            # The reply has lain here unread: who consumes had no room for it.
            self.held.verify()
        while messages:
            queue, message = messages.pop(0)
            tag = message["properties"]["delivery_tag"]
            if tag not in self.held:
                continue
            self._queue_cycle.rotate(queue)
            if queue not in self.connection._callbacks:
                self.held.nack(tag, *AT_ONCE)
                continue
            if queue in self._no_ack:
                self.held.ack(tag)
            try:
                self.connection._deliver(message, queue)
            except BaseException:
                for _, left in messages:
                    self.held.nack(left["properties"]["delivery_tag"], *AT_ONCE)
                raise
        if getattr(self, "_flush_brpop_reauth", None):
            self._flush_brpop_reauth()
        return True

    def _messages(self, reply: Any) -> list[tuple[str, dict[str, Any]]]:
        """The messages of a claim, with their queues. Raises Empty if there is none."""
        found = []
        for key, entries in reply:
            for token, deliveries, name, _, payload in entries:
                tag, key_text = f"{bytes_to_str(key)}:{token}", bytes_to_str(key)
                self.held.add(tag, key_text, token)
                try:
                    message = loads(bytes_to_str(payload))
                    headers, properties = message["headers"], message["properties"]
                    properties["delivery_tag"] = tag
                    if due(headers) != "+0":
                        # Its time has come, whatever the clock of this machine says.
                        headers["tsgen_eta"], headers["eta"] = headers["eta"], None
                    if deliveries > 1:
                        headers["redelivered"] = properties["delivery_info"]["redelivered"] = True
                except Exception as error:
                    log.warning("no message key=%s name=%r: %s", key_text, name, type(error).__name__)
                    self.held.nack(tag, "DEAD", "REASON", f"no message: {type(error).__name__}")
                    continue
                found.append((self._queue_of[key_text], message))
        if not found:
            raise Empty
        return found

    def _tell_what_is_late(self) -> None:
        late = self.abandoned.get(self._server, [])
        while late and late[-1].hand_back():
            late.pop()

    @property
    def _server(self) -> str:
        uri: str = self.connection.client.as_uri()
        return uri

    def close(self) -> None:
        """Hands back what is not acknowledged, once nothing more can come."""
        if not self.closed and hasattr(self, "held"):
            if self._in_poll:
                try:
                    if self._in_poll.can_read(timeout=self.brpop_timeout + 1):
                        self._reply()
                except Exception as error:
                    log.debug("the last claim: %s", text_of(error))
                self._in_poll = None
            if not self.held.close():
                self.abandoned.setdefault(self._server, []).append(self.held)
        super().close()

    # Queues

    def _size(self, queue: str) -> int:
        """Ready, waiting for their time, or delayed."""
        with self.conn_or_acquire() as client:
            return sum(self._info(client, key) for key in self._keys(queue))

    def _info(self, client: Any, key: str) -> int:
        try:
            reply = client.execute_command("TSGEN.INFO", key)
        except redis.ResponseError as error:
            if "no such key" in str(error):
                return 0
            raise
        pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
        return sum(value for name, value in pairs if name in (b"ready", b"waiting", b"delayed"))

    def _purge(self, queue: str) -> int:
        """Removes what nobody has in hand. How many."""
        purged = 0
        with self.conn_or_acquire() as client:
            for key in self._keys(queue):
                while rows := client.execute_command("TSGEN.RANGE", key, "-", "+", "COUNT", 1000):
                    purged += client.execute_command("TSGEN.REM", key, *(row[0] for row in rows))
        return purged

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        with self.conn_or_acquire() as client:
            return any(client.execute_command("EXISTS", key) for key in self._keys(queue))


class Channel(Claiming, kombu_redis.Channel):
    from_transport_options = (*kombu_redis.Channel.from_transport_options, *OPTIONS)


class Transport(kombu_redis.Transport):
    """`tsgen://host:port/db`, with all that stands in a URL for Redis."""

    Channel = Channel
    supports_batch_publish = False

    def __init__(self, client: Any, **kwargs: Any) -> None:
        if any(not url.startswith(f"{SCHEME}://") for url in client.alt):
            # kombu would go on with the transport of the next URL, which puts messages elsewhere.
            raise ValueError(f"several brokers are {SCHEME}://host:port/db;{SCHEME}://host:port/db")
        super().__init__(client, **kwargs)


class SentinelChannel(Claiming, kombu_redis.SentinelChannel):
    from_transport_options = (*kombu_redis.SentinelChannel.from_transport_options, *OPTIONS)


class SentinelTransport(kombu_redis.SentinelTransport):
    """`broker_transport = "tsgen.celery:SentinelTransport"`, and the rest as for kombu's: `sentinel://host:port;sentinel://host:port/db`."""

    Channel = SentinelChannel
    supports_batch_publish = False

    def __init__(self, client: Any, **kwargs: Any) -> None:
        # The other URLs are Sentinels of the same master. kombu would go on with the transport of the next URL.
        client.cycle = None
        super().__init__(client, **kwargs)


TRANSPORT_ALIASES[SCHEME] = "tsgen.celery:Transport"
