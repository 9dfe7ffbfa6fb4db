"""Sums reach a database once, also if the worker is killed between its commit and its ACK, or does not get to either."""

import os
import sqlite3
import subprocess
import sys

import psycopg
import pytest

from tsgen import Batch
from tsgen.exactly_once import POSTGRESQL_TABLES, SQLITE_TABLES, write_postgresql, write_sqlite

#: A worker that kills itself with SIGKILL after (or before) the commit of a first delivery.
WORKER = """
import os, signal, sqlite3, sys
import psycopg
from tsgen import Tsgen
from tsgen.exactly_once import write_postgresql, write_sqlite
kind, where, moment = sys.argv[1:]
t = Tsgen(os.environ["REDIS_URL"])

@t.tally("likes").worker(lease=1)
def work(batch):
    connection = psycopg.connect(where) if kind == "postgresql" else sqlite3.connect(where)
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    print((write_postgresql if kind == "postgresql" else write_sqlite)(connection, batch))
    sys.stdout.flush()
    if moment == "after":
        os.kill(os.getpid(), signal.SIGKILL)
t.run(burst=moment == "never")
"""


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request, tmp_path):
    """Kind, where, and a function that connects."""
    if request.param == "sqlite":
        where = str(tmp_path / "db")
        connection = sqlite3.connect(where)
        connection.executescript(SQLITE_TABLES)
        return "sqlite", where, connection
    where = os.environ["POSTGRES_DSN"]
    connection = psycopg.connect(where, autocommit=True)
    connection.execute("DROP TABLE IF EXISTS tallies; DROP TABLE IF EXISTS tsgen_batches")
    connection.execute(POSTGRESQL_TABLES)
    return "postgresql", where, connection


def totals(connection):
    return dict(connection.execute("SELECT field, total FROM tallies").fetchall())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_worker_counts_once(t, database, moment):
    kind, where, connection = database
    likes = t.tally("likes")
    likes.create(lease=1)
    likes.mincr({"v": 5, "w": 2})
    likes.seal()
    killed = subprocess.run([sys.executable, "-c", WORKER, kind, where, moment], capture_output=True, text=True, timeout=60)
    assert killed.returncode == -9, killed.stderr
    assert totals(connection) == ({"v": 5, "w": 2} if moment == "after" else {})
    while not likes.info()["ready"]:
        pass
    second = subprocess.run([sys.executable, "-c", WORKER, kind, where, "never"], capture_output=True, text=True, timeout=60, check=True)
    assert second.stdout.split() == ["False" if moment == "after" else "True"]
    assert totals(connection) == {"v": 5, "w": 2}
    assert likes.info()["acked"] == 1


def test_sums_are_added(database):
    kind, where, connection = database
    write = write_postgresql if kind == "postgresql" else write_sqlite
    one = psycopg.connect(where) if kind == "postgresql" else connection
    assert write(one, Batch("likes", 1, 1, b"7", number=7, sums={b"v": 5})) is True
    assert write(one, Batch("likes", 2, 2, b"7", number=7, sums={b"v": 5})) is False
    assert write(one, Batch("other", 1, 1, b"7", number=7, sums={b"v": -1, b"w": 1})) is True
    assert totals(connection) == {"v": 4, "w": 1}
    # Refused as a whole: the number is not taken.
    with pytest.raises((UnicodeDecodeError, psycopg.Error, sqlite3.Error)):
        write(one, Batch("likes", 3, 1, b"8", number=8, sums={b"v": 1, b"\xff": 1}))
    with pytest.raises((psycopg.Error, sqlite3.Error)):
        write(one, Batch("likes", 3, 1, b"8", number=8, sums={b"v": 2**63 - 1}))
    assert write(one, Batch("likes", 4, 2, b"8", number=8, sums={b"v": 1})) is True
    with pytest.raises(ValueError, match="letters"):
        write(one, Batch("likes", 5, 1, b"9", number=9), "t; DROP TABLE tallies")
