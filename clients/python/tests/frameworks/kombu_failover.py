"""kombu's tests of failover, which it runs for AMQP alone, with two servers of tsgen: the first one is away."""

import os

import kombu
import pytest
from t.integration.common import BaseFailover


@pytest.fixture
def invalid_connection():
    return kombu.Connection("tsgen://127.0.0.1:1")


@pytest.fixture
def failover_connection():
    return kombu.Connection(f"tsgen://127.0.0.1:1;tsgen://127.0.0.1:{os.environ['REDIS_PORT']}", connect_timeout=10)


@pytest.fixture
def connection():
    return kombu.Connection(f"tsgen://127.0.0.1:{os.environ['REDIS_PORT']}")


class test_failover(BaseFailover):
    pass
