"""Typed calls: each command of the module has one, and makes of the reply what its docstring says."""

import asyncio
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import redis

import tsgen.options
from tsgen import RAW, AsyncTsgen, Found, Tsgen
from tsgen.connection import connect_async
from tsgen.jobs import to_ms

DOCS = Path(__file__).parents[3] / "docs/commands"

#: Commands that no client sends, and the one that `virtual_clock` wraps the others in.
NOT_CALLED = {"tsgen.at"}


class Sent:
    """Which commands a client has been asked for."""

    def __init__(self, client):
        self.names = set()
        self._execute = client.execute_command
        client.execute_command = self

    def __call__(self, *words, **options):
        self.names.add(words[0].lower())
        return self._execute(*words, **options)


def has(t, command):
    found = t.client.execute_command("COMMAND INFO", command)
    return any(found.values() if isinstance(found, dict) else found)


def delivery(key, name):
    """All that a key with one ready entry of this name can do."""
    [[token, deliveries, found, *_]] = key.claim("me", count=5, lease=60)
    assert (deliveries, found) == (1, name)
    name = b"%d" % name if isinstance(name, int) else name  # a batch: an integer here, text in listings
    cursor, [entry] = key.peek("LEASED", count=1)
    assert (entry["token"], entry["deliveries"], entry["consumer"], entry["entry"][0]) == (token, 1, b"me", found)
    assert cursor == 0
    [leased] = key.pending(consumer="me")
    assert (leased.token, leased.consumer, leased.name) == (token, b"me", name)
    assert key.extend(30, token) == 1
    assert key.nack(token, delay=timedelta(hours=1)) == 1
    [delayed] = key.delayed()
    assert (delayed.consumer, delayed.deliveries) == (None, 1)
    assert key.promote() == 1
    [[token, *_]] = key.claim("me")
    assert key.nack(token, dead=True, reason="why") == 1
    [dead] = key.dead()
    assert (dead.token, dead.name, dead.reason) == (token, name, b"why")
    assert key.requeue(token) == 1
    [[token, *_]] = key.claim("me")
    assert key.release("me") == 1
    assert key.ack(token) == 0
    [[token, *_]] = key.claim("me")
    key.nack(token, dead=True)
    assert key.discard(f"{token}-{token}") == 1
    info = key.info()
    assert (info["ready"], info["lease"], info["sink"]) == (0, 7000, "")
    key.alter(lease=timedelta(seconds=8), maxdeliveries=3)
    assert (key.info()["lease"], key.info()["maxdeliveries"]) == (8000, 3)
    assert key.peek("READY") == (0, [])
    if has(key.server, f"{key.FAMILY}.MCLAIM"):
        assert key.mclaim("me", f"{key.key}other") == {}


def test_every_command_has_a_call(t):
    sent = Sent(t.client)
    orders = t.tsgen("orders")
    orders.create(lease=7, late="READY")
    assert orders.add(5, "a", {"n": 2**60}) is True
    assert orders.add(5, "a", nx=True) is None
    assert orders.add(6, "a", xx=True) is True
    assert orders.get("a") == Found("waiting", 6, {"n": 2**60})
    assert orders.madd([(7, "b", None), (8, b"\xff", [1])]) == [True, True]
    assert orders.range("(6") == [(b"b", 7, None), (b"\xff", 8, [1])]
    assert orders.rem("b", b"\xff", "none") == 2
    assert orders.watermark() is None
    assert orders.advance(6) == 6
    delivery(orders, b"a")
    assert orders.get("a") is None
    grouped = t.tsgen("grouped")
    grouped.create(grouplimit=1, fair=True)
    assert grouped.madd([(1, "a", 1), (2, "b", 2)], group="g") == [True, True]
    assert grouped.add(3, "c", group="h") is True
    assert [entry["group"] for entry in grouped.peek("WAITING")[1]] == [b"g", b"g", b"h"]
    assert (grouped.advance(5), [entry[2] for entry in grouped.claim("me", count=5)]) == (5, [b"a", b"c"])
    sources = t.tsgen("sources")
    sources.create(sources=["east", "west"])
    assert sources.advance(3, source="east") is None
    assert [(source.name, source.timestamp) for source in sources.sources()] == [(b"east", 3), (b"west", None)]
    sources.alter(source=("east", 2), addsource=["north", "south"], remsource=["west"], sourceidle=3600, maxjump=10, paused=True)
    assert [(source.name, source.timestamp, source.idle) for source in sources.sources()] == [
        (b"east", 2, False),
        (b"north", None, False),
        (b"south", None, False),
    ]
    with pytest.raises(redis.ResponseError, match="JUMP"):
        sources.advance(100, source="east")
    assert sources.advance(100, source="east", force=True) is None
    info = sources.info()
    assert (info["sourceidle"], info["maxjump"], info["paused"]) == (3_600_000, 10, "yes")

    scans = t.debounce("scans")
    scans.create(idle=3600, maxwait=timedelta(days=1), maxitems=5, unique=False, lease=7)
    assert scans.push("seller-1", "x", {"y": 1}) == 2
    at, items = scans.get("seller-1")
    assert ([item for item, _ in items], at > items[0][1]) == (["x", {"y": 1}], True)
    assert [group[:2] for group in scans.groups()] == [(b"seller-1", 2)]
    scans.push("seller-2", "z")
    assert scans.cancel("seller-2") == 1
    assert scans.flush("seller-1") == 1
    assert scans.flushall() == 0
    delivery(scans, b"seller-1")

    watcher = t.expiry("watcher")
    watcher.create(prefix=["order:", "cart:"], maxvalue=100, keepevicted=True, lease=7)
    t.client.set("order:1", "books", ex=100)
    t.client.set("order:2", "books", px=1)
    while not watcher.info()["ready"]:
        pass
    assert [name for name, _ in watcher.tracked()] == [b"order:1"]
    delivery(watcher, b"order:2")

    likes = t.tally("likes")
    likes.create(every=3600, field="ANY", min=-5, max=10, lease=7)
    assert likes.incr("v") == 1
    assert likes.mincr({"v": 5, b"w": -2}) == [6, -2]
    assert likes.get("v") == 6
    assert likes.seal() == 2
    batch = t.client.execute_command("TALLY.CLAIM", "likes", "me")[0][2]
    likes.release("me")
    delivery(likes, batch)

    door = t.throttle("door")
    assert door.take(2, 60, cost=2).allowed
    taken = door.take(2, timedelta(minutes=1), burst=2)
    assert (taken.allowed, taken.remaining) == (False, 0)
    assert 0 < taken.retry_after <= 30 < taken.reset_after <= 60

    known = t.client.execute_command("COMMAND LIST", "FILTERBY", "MODULE", "tsgen")
    internal = set((DOCS / "internal.md").read_text().lower().split())
    wanted = {name.decode().lower() for name in known} - internal - NOT_CALLED
    assert wanted <= sent.names, f"without a call: {wanted - sent.names}"


@pytest.mark.parametrize("family", ["Tsgen", "Debounce", "Expiry", "Tally"])
def test_every_option_has_a_type(family):
    for command, kinds in (("create", ["Create"]), ("alter", ["Alter", "Options"])):
        page = (DOCS / f"{family}.{command}.md".lower()).read_text()
        syntax = next(line for line in page.splitlines() if line.startswith("    "))
        wanted = {word.lower() for word in re.findall(r"[\[|]([A-Z]+)", syntax)} - {"reject", "uuid"}
        [kind, *_] = [getattr(tsgen.options, family + kind) for kind in kinds if hasattr(tsgen.options, family + kind)]
        assert kind.__optional_keys__ == wanted, command


def test_a_delay_queue_makes_itself(t):
    mails = t.delay_queue("mails")
    assert mails.add("a", {"to": "ada"}, delay=3600) is True
    assert mails.add("a", delay=3600, nx=True) is None
    assert mails.add("nightly", "report", delay=3600, every=timedelta(days=1)) is True
    assert mails.add("nightly", delay=7200, xx=True) is True
    found = mails.get("nightly")
    assert found is not None
    assert (found.state, found.payload, found.every) == ("waiting", "report", 86_400_000)
    assert mails.rem("nightly") == 1
    assert mails.add("b", at=datetime(2001, 1, 1, tzinfo=timezone.utc)) is False
    assert mails.get("b").timestamp == 978307200000
    assert mails.info()["gate"] == "clock"
    t.tsgen("orders").add(1, "a")
    with pytest.raises(redis.ResponseError, match="needs a CLOCK key"):
        t.delay_queue("orders").add("a")


def test_errors_are_the_servers(t):
    t.delay_queue("mails").add("a")
    with pytest.raises(redis.ResponseError, match="TSGEN key, not a DEBOUNCE key"):
        t.debounce("mails").push("g", "x")
    with pytest.raises(redis.ResponseError, match="BUSYKEY"):
        t.tsgen("mails").create()
    with pytest.raises(ValueError, match="negative"):
        t.delay_queue("mails").add("a", delay=-1)


def test_durations_are_never_cut_short():
    assert [to_ms(d) for d in (0, 1, 0.0011, timedelta(microseconds=1), timedelta(days=1))] == [0, 1000, 2, 1, 86_400_000]
    assert to_ms(0.1 + 0.2) == 300


def test_without_a_url_it_is_the_local_server():
    for t in Tsgen(), Tsgen(None), Tsgen(""), AsyncTsgen():
        assert t.url == "redis://localhost:6379"
        assert t.client.connection_pool.connection_kwargs["port"] == 6379


def test_urls_of_sentinels_and_clusters():
    master = connect_async("sentinel://ada:p%40ss@10.0.0.7,10.0.0.8:7/main/3").connection_pool
    assert (master.service_name, master.connection_kwargs["password"], master.connection_kwargs["db"]) == ("main", "p@ss", 3)
    sentinels = [sentinel.connection_pool.connection_kwargs for sentinel in master.sentinel_manager.sentinels]
    assert [(place["host"], place["port"]) for place in sentinels] == [("10.0.0.7", 26379), ("10.0.0.8", 7)]
    cluster = connect_async("cluster://ada:p%40ss@10.0.0.7,10.0.0.8:7001")
    # Any of them tells of the others.
    assert set(cluster.nodes_manager.startup_nodes) == {"10.0.0.7:6379", "10.0.0.8:7001"}
    assert cluster.connection_kwargs["password"] == "p@ss"
    master = connect_async("sentinel://ada:secret@[::1],[::2]:7/main").connection_pool
    sentinels = [sentinel.connection_pool.connection_kwargs for sentinel in master.sentinel_manager.sentinels]
    assert [(place["host"], place["port"]) for place in sentinels] == [("::1", 26379), ("::2", 7)]
    # What redis-py knows is not looked into here.
    assert connect_async("redis://[::1]").connection_pool.connection_kwargs["host"] == "::1"


def test_raw_payloads(url, t):
    raw = Tsgen(url, codec=RAW).delay_queue("raw")
    raw.add("a", b"\xff\x00")
    assert raw.get("a").payload == b"\xff\x00"


def test_with_asyncio(a, url):
    async def talk():
        t = AsyncTsgen(url)
        mails = t.delay_queue("mails")
        assert await mails.add("a", {"to": "ada"}) is False
        [[token, *_]] = await mails.claim("me")
        assert await mails.ack(token) == 1
        assert (await mails.info())["acked"] == 1
        await t.client.aclose()

    asyncio.run(talk())


def test_the_face_without_asyncio_is_made_from_the_other():
    subprocess.run([sys.executable, Path(__file__).parents[1] / "tools/unasync.py", "--check"], check=True)
