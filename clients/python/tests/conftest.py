"""A server of the tests' own, that `make test-clients` starts: REDIS_URL, with `tsgen.virtual-clock yes`; and POSTGRES_DSN."""

import os

import pytest
from processes import Process

from tsgen import AsyncTsgen, Tsgen


@pytest.fixture
def url():
    return os.environ["REDIS_URL"]


@pytest.fixture
def t(url):
    t = Tsgen(url)
    t.client.flushall()
    return t


@pytest.fixture
def a(t, url):
    return AsyncTsgen(url)


@pytest.fixture
def start(tmp_path):
    """Starts programs in a folder of the test's own; none of them outlives it."""
    running = []

    def start(*command, **environment):
        running.append(Process(command, tmp_path, environment))
        return running[-1]

    yield start
    for process in running:
        process.kill()
