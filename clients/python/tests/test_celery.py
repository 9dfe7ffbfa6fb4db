"""The Celery transport: kombu's queues on it, and Celery's own scenarios with real worker processes."""

import json
import os
import signal
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from celery import Celery, chain, chord, group
from celery.exceptions import TaskRevokedError, TimeLimitExceeded
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import VersionMismatch
from kombu.simple import SimpleQueue
from processes import DEADLINE, eventually
from redis.exceptions import ResponseError

from tsgen import RAW, Tsgen
from tsgen.celery import Transport, due
from tsgen.held import Held


@pytest.fixture
def t(t, url):
    return Tsgen(url, codec=RAW)


@pytest.fixture
def connect(t, url):
    """Connections with the options that are given."""
    open_ones = []

    def connect(**options):
        open_ones.append(Connection(url.replace("redis://", "tsgen://") + "/0", transport_options=options))
        return open_ones[-1]

    yield connect
    for connection in open_ones:
        connection.close()


def later(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def bodies(queue, count):
    """So many messages of a queue, acknowledged."""
    got = []
    for _ in range(count):
        message = queue.get(timeout=DEADLINE)
        got.append(message.payload)
        message.ack()
    return got


# kombu


def test_messages_come_in_order_and_once(t, connect):
    queue = connect().SimpleQueue("jobs")
    for n in range(5):
        queue.put({"n": n})
    assert len(queue) == 5
    assert bodies(queue, 5) == [{"n": n} for n in range(5)]
    info = t.tsgen("jobs").info()
    assert (info["acked"], info["ready"], info["leased"], info["maxdeliveries"]) == (5, 0, 0, 0)
    with pytest.raises(queue.Empty):
        queue.get(block=False)


def test_what_has_an_eta_waits_in_the_server(t, connect):
    queue = connect().SimpleQueue("jobs")
    queue.put("hour", headers={"task": "any", "id": "hour", "eta": later(3600)})
    queue.put("soon", headers={"task": "any", "id": "soon", "eta": later(0.3)})
    queue.put("now", headers={"task": "any", "id": "now", "eta": None})
    assert [t.tsgen("jobs").get(id).state for id in ("hour", "soon", "now")] == ["waiting", "waiting", "ready"]
    assert bodies(queue, 2) == ["now", "soon"]
    assert len(queue) == 1


def test_when_a_message_is_due():
    assert due({"eta": "2030-01-01T00:00:00+01:00"}) == "1893452400000ms"
    assert due({"eta": "2030-01-01T00:00:00"}) == due({"eta": "2030-01-01T00:00:00Z"}) == "1893456000000ms"
    assert due({"eta": "2030-01-01T00:00:00.123456+00:00"}) == "1893456000124ms"
    assert [due({}), due({"eta": None}), due({"eta": "soon"}), due({"eta": 5}), due({"eta": "0001-01-01T00:00:00"})] == ["+0"] * 5


def test_two_messages_of_one_task_stand_side_by_side(t, connect):
    queue = connect().SimpleQueue("jobs")
    for body in ("one", "two"):
        queue.put(body, headers={"task": "any", "id": "same", "eta": None})
    assert t.tsgen("jobs").rem("same") == 1
    assert bodies(queue, 1) == ["two"]


def test_a_publish_that_redis_py_repeats_counts_once(t, connect):
    connection = connect()
    channel = connection.default_channel
    message = channel.prepare_message("b", headers={"task": "any", "id": "same", "eta": None})
    channel._inplace_augment_message(message, "", "jobs")
    channel._put("jobs", message)
    channel._put("jobs", message)
    assert channel._size("jobs") == 1


@pytest.mark.parametrize("requeue", [True, False])
@pytest.mark.parametrize("dead_letters", [True, False])
def test_reject(t, connect, requeue, dead_letters):
    queue = connect(dead_letters=dead_letters).SimpleQueue("jobs")
    queue.put("a")
    message = queue.get(timeout=DEADLINE)
    assert not message.delivery_info.get("redelivered")
    message.reject(requeue=requeue)
    info = t.tsgen("jobs").info()
    assert (info["ready"], info["dead"]) == (int(requeue), int(dead_letters and not requeue))
    if requeue:
        message = queue.get(timeout=DEADLINE)
        assert message.delivery_info["redelivered"]
        message.ack()


def test_the_lowest_number_comes_first_as_with_redis(t, connect):
    queue = connect().SimpleQueue("jobs")
    for priority in (9, 5, 0, 3):
        queue.put(priority, priority=priority)
    assert sorted(key.decode() for key in t.client.keys("jobs*")) == ["jobs", "jobs:priority:3", "jobs:priority:9"]
    assert bodies(queue, 4) == [0, 5, 3, 9]


def test_many_queues_have_their_turns(t, connect):
    connection = connect()
    channel, got = connection.channel(), []
    queues = [Queue(name, Exchange(name), routing_key=name, channel=channel) for name in ("a", "b")]
    for queue in queues:
        queue.declare()
        for _ in range(10):
            Producer(channel).publish(queue.name, exchange=queue.exchange, routing_key=queue.routing_key)
    with Consumer(channel, queues, callbacks=[lambda body, message: (got.append(body), message.ack())]):
        while len(got) < 20:
            connection.drain_events(timeout=DEADLINE)
    assert got[:6] in (["a", "b"] * 3, ["b", "a"] * 3)


def test_prefetch_bounds_what_is_in_hand(t, connect):
    connection = connect()
    channel, got = connection.channel(), []
    queue = SimpleQueue(connection, "jobs")
    for n in range(10):
        queue.put(n)
    consumer = Consumer(channel, [queue.queue], callbacks=[lambda body, message: got.append(message)], prefetch_count=4)
    with consumer:
        while len(got) < 4:
            connection.drain_events(timeout=DEADLINE)
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.5)
        assert t.tsgen("jobs").info()["leased"] == 4
        got[0].ack()
        connection.drain_events(timeout=DEADLINE)
        assert len(got) == 5


def test_without_acknowledgement(t, connect):
    queue = connect().SimpleQueue("jobs", no_ack=True)
    queue.put("a")
    assert queue.get(timeout=DEADLINE).payload == "a"
    assert t.tsgen("jobs").info()["acked"] == 1
    queue.put("b")
    assert queue.channel.basic_get("jobs", no_ack=True).payload == "b"
    assert t.tsgen("jobs").info()["acked"] == 2


def test_purge_leaves_what_is_in_hand(t, connect):
    queue = connect().SimpleQueue("jobs")
    for n in range(2500):
        queue.put(n, priority=n % 10)
    message = queue.get(timeout=DEADLINE)
    assert queue.clear() == 2499
    assert len(queue) == 0
    message.reject(requeue=True)
    assert bodies(queue, 1) == [0]


def test_close_hands_back_and_does_not_count(t, connect):
    connection = connect()
    queue = connection.SimpleQueue("jobs")
    queue.put("a")
    queue.get(timeout=DEADLINE)
    connection.close()
    assert t.tsgen("jobs").info()["ready"] == 1
    message = connect().SimpleQueue("jobs").get(timeout=DEADLINE)
    assert not message.delivery_info.get("redelivered")


def test_leases_are_kept_by_a_thread(t, connect):
    first, second = connect(lease=0.6).SimpleQueue("jobs"), connect(lease=0.6).SimpleQueue("jobs")
    first.put("a")
    message = first.get(timeout=DEADLINE)
    with pytest.raises(second.Empty):
        second.get(timeout=3)
    message.ack()
    assert t.tsgen("jobs").info()["acked"] == 1


def test_what_is_no_message_is_a_dead_letter_with_a_reason(t, connect):
    queue = connect().SimpleQueue("jobs")
    queue.put("a")
    for name, payload in (("1", b"\xff"), ("2", b"[]"), ("3", b"{}"), ("4", b'{"headers": {}}')):
        t.delay_queue("jobs").add(name, payload)
    assert bodies(queue, 1) == ["a"]
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.5)
    assert {letter.name: letter.reason.split(b":")[0] for letter in t.tsgen("jobs").dead()} == dict.fromkeys(
        (b"1", b"2", b"3", b"4"), b"no message"
    )


def test_what_was_read_late_is_not_handed_out_twice(t, connect):
    connection = connect(lease=0.3)
    queue = connection.SimpleQueue("jobs")
    channel = queue.channel
    channel._brpop_start()
    t.delay_queue("jobs").add("x", json.dumps(channel.prepare_message("a", properties={"delivery_info": {}})).encode())
    # Nobody reads the reply, so nobody keeps the lease: another one gets it.
    eventually(lambda: t.tsgen("jobs").claim("somebody", lease=3600))
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.5)
    assert t.tsgen("jobs").info()["leased"] == 1


def test_acks_are_sent_again_and_what_is_abandoned_is_handed_back(t, connect):
    class Away:
        """A server that does not answer for a while."""

        def __init__(self):
            self.is_away = False

        def __call__(self):
            if self.is_away:
                raise ConnectionRefusedError("away")
            return t.client

    server = Away()
    held = Held(server, 600_000)
    held.keys.add("jobs")
    t.delay_queue("jobs").add("a")
    t.delay_queue("jobs").add("b")
    for token, _, name, *_ in t.tsgen("jobs").claim(held.consumer, count=2):
        held.add(name.decode(), "jobs", token)
    server.is_away = True
    held.ack("a")
    assert not held.close()
    server.is_away = False
    assert held.hand_back()
    info = t.tsgen("jobs").info()
    assert (info["acked"], info["ready"], info["leased"]) == (1, 1, 0)


def test_what_is_refused_is_told(t, connect, url):
    t.client.rpush("jobs", "a list")
    with pytest.raises(ResponseError, match="it is a list, not a TSGEN key"):
        connect().SimpleQueue("jobs").put("a")
    with pytest.raises(VersionMismatch, match="no module tsgen"):
        Connection(os.environ["PLAIN_REDIS_URL"], transport="tsgen.celery:Transport").connect()
    mixed = Connection(f"{url};{url}", transport="tsgen.celery:Transport")
    with pytest.raises(ValueError, match="several brokers"):
        mixed.connect()


def test_it_is_named_by_its_path_or_its_scheme(t, url):
    for connection in (Connection(url, transport="tsgen.celery:Transport"), Connection(url.replace("redis://", "tsgen://"))):
        with connection:
            assert type(connection.transport) is Transport
            connection.SimpleQueue("jobs").put("a")
    assert t.tsgen("jobs").info()["ready"] == 2


def test_a_key_prefix(t, connect):
    queue = connect(global_keyprefix="mine:").SimpleQueue("jobs")
    queue.put("a", priority=9)
    assert len(queue) == 1
    assert b"mine:jobs:priority:9" in t.client.keys("mine:*")
    assert bodies(queue, 1) == ["a"]
    queue.queue.delete()
    assert t.client.keys("mine:jobs*") == []


# Celery


class Workers:
    """Worker processes, and an app that sends to them."""

    def __init__(self, start, url, **options):
        self.broker, self.url, self._start = url.replace("redis://", "tsgen://") + "/0", url, start
        self._options = {"TRANSPORT_OPTIONS": json.dumps({"lease": 3, **options})}
        self.app = Celery("client", broker=self.broker, backend=url + "/1")

    def start(self, *args, **options):
        command = ["celery", "-A", "celery_app", "worker", "-l", "info", "--concurrency", "2", "-n", f"{time.monotonic()}@here", *args]
        environment = {"REDIS_URL": self.url, "BROKER_URL": self.broker, "CELERY_OPTIONS": json.dumps(options), **self._options}
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        worker = self._start(*command, PYTHONPATH=path, **environment)
        worker.wait_for(" ready.")
        return worker

    def task(self, name, *args, **options):
        return self.app.signature(f"celery_app.{name}", args=args, options=options)


@pytest.fixture
def workers(t, start, url):
    return Workers(start, url)


@pytest.fixture
def runs(url):
    """What tasks have told."""
    told = Tsgen(url + "/2").client
    return lambda: [name.decode() for name in told.lrange("runs", 0, -1)]


def test_canvas_eta_and_retries(t, workers, runs):
    workers.start()
    task = workers.task
    assert task("add", 1, 2).delay().get(timeout=DEADLINE) == 3
    assert chain(task("add", 1, 2), task("add", 3))().get(timeout=DEADLINE) == 6
    assert group(task("add", n, n) for n in range(20))().get(timeout=DEADLINE) == [2 * n for n in range(20)]
    assert chord([task("add", n, n) for n in range(20)])(task("total")).get(timeout=DEADLINE) == 380
    assert task("flaky", 0.3).delay().get(timeout=DEADLINE) == 2
    before = time.time()
    told = task("note", "a").apply_async(countdown=1).get(timeout=DEADLINE)
    assert told["eta"] is None
    assert told["now"] >= datetime.fromisoformat(told["due"]).timestamp() >= before + 0.9
    eventually(lambda: t.tsgen("celery").info()["leased"] == 0)
    assert [name for name in runs() if name != "add"] == ["flaky-0", "flaky-1", "flaky-2", "a"]


def test_remote_control(t, workers, runs):
    workers.start()
    control = workers.app.control
    assert [list(reply.values()) for reply in control.ping(timeout=DEADLINE, limit=1)] == [[{"ok": "pong"}]]
    waiting = workers.task("note", "never").apply_async(countdown=1)
    running = workers.task("work", "long", 60).delay()
    eventually(lambda: "long" in runs())
    assert control.revoke(waiting.id, reply=True, timeout=DEADLINE, limit=1)
    with pytest.raises(TaskRevokedError):
        waiting.get(timeout=DEADLINE)
    control.revoke(running.id, terminate=True)
    with pytest.raises(TaskRevokedError):
        running.get(timeout=DEADLINE)
    assert "never" not in runs()
    # Without any worker: what waits under the id of its task is in the server.
    removed = workers.task("note", "removed").apply_async(countdown=3600)
    assert t.tsgen("celery").rem(removed.id) == 1


def test_time_limits(t, workers):
    workers.start()
    assert workers.task("patient").delay().get(timeout=DEADLINE) == "soft"
    with pytest.raises(TimeLimitExceeded):
        workers.task("stubborn").delay().get(timeout=DEADLINE)


def test_rejections(t, workers, runs):
    workers.start()
    workers.task("picky", "back", True).delay()
    workers.task("picky", "gone", False).delay()
    eventually(lambda: t.tsgen("celery").info()["acked"] == 2)
    assert sorted(runs()) == ["back-False", "back-True", "gone-False"]


def test_a_task_may_take_many_leases(t, workers, runs):
    for _ in range(2):
        workers.start()
    workers.task("work", "a", 8).delay()
    eventually(lambda: t.tsgen("celery").info()["acked"] == 1)
    assert runs() == ["a", "a-end"]


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_other_pools(t, workers, runs, pool):
    """In `solo` a task runs where the loop would: a thread keeps its lease all the same."""
    for _ in range(2):
        workers.start("--pool", pool)
    workers.task("work", "a", 8).delay()
    eventually(lambda: t.tsgen("celery").info()["acked"] == 1)
    assert runs() == ["a", "a-end"]


def test_kill_9_of_a_worker(t, workers, runs):
    dying = workers.start()
    workers.task("work", "a", 2).delay()
    eventually(lambda: "a" in runs())
    dying.kill()
    workers.start()
    eventually(lambda: t.tsgen("celery").info()["acked"] == 1)
    assert runs() == ["a", "a", "a-end"]


def test_warm_shutdown(t, workers, runs):
    """What runs may end; what was only fetched is ready for others, and not counted as delivered."""
    worker = workers.start("--prefetch-multiplier", "4")
    for name in "abcd":
        workers.task("work", name, 2).delay()
    eventually(lambda: len(runs()) == 2 and t.tsgen("celery").info()["leased"] == 4)
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    info = t.tsgen("celery").info()
    assert (info["acked"], info["ready"], info["leased"]) == (2, 2, 0)
    assert sorted(runs()) == ["a", "a-end", "b", "b-end"]
    assert [entry[1] for entry in t.tsgen("celery").claim("somebody", count=2)] == [1, 1]


def test_all_connections_are_killed(t, workers, runs):
    workers.start()
    workers.task("note", "a").delay().get(timeout=DEADLINE)
    for n in range(3):
        t.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        t.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert workers.task("add", n, 1).delay().get(timeout=DEADLINE) == n + 1
    eventually(lambda: t.tsgen("celery").info()["leased"] == 0)
    assert t.tsgen("celery").info()["acked"] == 4
