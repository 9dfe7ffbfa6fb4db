"""TALLY's sums into a database, each batch exactly once.

A batch that comes again, because the worker died between its commit and its ACK, has the number that it had. The number stands under a
unique constraint in the transaction that adds the sums: the second time nothing is added.

    @t.tally("likes").worker()
    def write(batch):
        with psycopg.connect(DSN) as connection:
            write_postgresql(connection, batch)

Rows of `tsgen_batches` may be removed when no batch so old can come again: `DELETE … WHERE written_at < now() - interval '30 days'`.
"""

from __future__ import annotations

import re
from typing import Any

from .jobs import Batch

#: The tables, as PostgreSQL makes them. `total` overflows with an error, and then nothing is added.
POSTGRESQL_TABLES = """
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key text NOT NULL, batch bigint NOT NULL, written_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (key, batch)
);
CREATE TABLE IF NOT EXISTS tallies (field text PRIMARY KEY, total bigint NOT NULL);
"""

#: The same for SQLite, which would go on with fractions where `total` overflows, if it were not checked.
SQLITE_TABLES = """
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key TEXT NOT NULL, batch INTEGER NOT NULL, written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (key, batch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tallies (field TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (typeof(total) = 'integer')) WITHOUT ROWID;
"""


def _checked(table: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][\w.]*", table):
        raise ValueError("a table must be named in letters, digits, _ and .")
    return table


def write_postgresql(connection: Any, batch: Batch, table: str = "tallies") -> bool:
    """Adds the sums of a batch in one statement, and commits it. False if they had been added before.

    `connection` is one of psycopg (3 or 2). `table` has the columns of `tallies`; `field` may also be uuid. Fields are in order, so writers
    do not wait for each other in a circle. Raises what the database raises; then nothing has been added.
    """
    name = _checked(table)
    statement = f"""
        WITH new AS (INSERT INTO tsgen_batches (key, batch) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING batch)
        INSERT INTO {name} AS t (field, total)
        SELECT CAST(field AS {{type}}), delta FROM unnest(%s::text[], %s::bigint[]) AS sums (field, delta) WHERE EXISTS (SELECT FROM new)
        ON CONFLICT (field) DO UPDATE SET total = t.total + excluded.total"""
    fields, sums = [field.decode() for field in batch.sums], list(batch.sums.values())
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'field'", (name,)
            )
            [kind] = cursor.fetchone()
            cursor.execute(statement.format(type=kind), (batch.key, batch.number, fields, sums))
            is_new = bool(cursor.rowcount)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return is_new


def write_sqlite(connection: Any, batch: Batch, table: str = "tallies") -> bool:
    """The same for a connection of the module sqlite3, in one transaction. Nothing of the caller's may be open on it."""
    name = _checked(table)
    with connection:
        number = (batch.key, batch.number)
        is_new: bool = connection.execute("INSERT OR IGNORE INTO tsgen_batches (key, batch) VALUES (?, ?)", number).rowcount == 1
        if is_new:
            upsert = f"INSERT INTO {name} (field, total) VALUES (?, ?) ON CONFLICT (field) DO UPDATE SET total = total + excluded.total"
            connection.executemany(upsert, [(field.decode(), delta) for field, delta in batch.sums.items()])
    return is_new
