"""The Celery transport under Sentinels: SENTINELS and MASTER name a master with one replica."""

import os

import pytest
import redis
from kombu import Connection
from processes import DEADLINE, eventually

URLS = os.environ.get("SENTINELS", "")


@pytest.fixture
def sentinels():
    addresses = [url.removeprefix("sentinel://").split(":") for url in URLS.split(";")]
    return [redis.Redis(host, int(port)) for host, port in addresses]


def connect():
    options = {"master_name": os.environ["MASTER"]}
    return Connection(URLS, transport="tsgen.celery:SentinelTransport", transport_options=options)


def test_a_failover(sentinels):
    name = os.environ["MASTER"]

    def masters():
        return {sentinel.sentinel_get_master_addr_by_name(name) for sentinel in sentinels}

    with connect() as connection:
        queue = connection.SimpleQueue("jobs")
        queue.put("before")
        (first,) = masters()
        redis.Redis(*first).wait(1, 60_000)
        sentinels[0].sentinel_failover(name)
        # The one that leads knows it before the others, and a client may ask any.
        eventually(lambda: len(masters()) == 1 and first not in masters())
        (master,) = masters()
        eventually(lambda: redis.Redis(*master).role()[0] == b"master")
    with connect() as connection:
        queue = connection.SimpleQueue("jobs")
        queue.put("after")
        for body in ("before", "after"):
            message = queue.get(timeout=DEADLINE)
            assert message.payload == body
            message.ack()
        assert len(queue) == 0
