"""A server of the tests' own, that `make test-clients` starts: REDIS_URL, with `tsgen.virtual-clock yes`; and POSTGRES_DSN."""

import os

import pytest

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
