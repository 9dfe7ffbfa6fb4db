"""The Celery transport under Sentinels: SENTINELS and MASTER name a master with one replica."""

import os

import pytest
import redis
from kombu import Connection
from processes import DEADLINE, eventually

URLS = os.environ.get("SENTINELS", "")


@pytest.fixture
def sentinel():
    host, port = URLS.split(";")[0].removeprefix("sentinel://").split(":")
    return redis.Redis(host, int(port))


def connect():
    options = {"master_name": os.environ["MASTER"]}
    return Connection(URLS, transport="tsgen.celery:SentinelTransport", transport_options=options)


def test_a_failover(sentinel):
    def master():
        return sentinel.sentinel_get_master_addr_by_name(os.environ["MASTER"])

    with connect() as connection:
        queue = connection.SimpleQueue("jobs")
        queue.put("before")
        first = master()
        redis.Redis(*first).wait(1, 60_000)
        sentinel.sentinel_failover(os.environ["MASTER"])
        eventually(lambda: master() != first)
        eventually(lambda: redis.Redis(*master()).role()[0] == b"master")
    with connect() as connection:
        queue = connection.SimpleQueue("jobs")
        queue.put("after")
        for body in ("before", "after"):
            message = queue.get(timeout=DEADLINE)
            assert message.payload == body
            message.ack()
        assert len(queue) == 0
