-- Run by every worker when it connects, so it must do nothing the second time. `write_postgres` of tsgen-client writes to these tables.
BEGIN;

-- CREATE TABLE IF NOT EXISTS fails when two run it at the same moment; so they take turns. The number means nothing.
SELECT pg_advisory_xact_lock(4211902268);

CREATE TABLE IF NOT EXISTS counters (
    field uuid PRIMARY KEY,
    -- Not bigint: sums of bigints have no bound, and a batch that the database refuses would come back for ever.
    total numeric NOT NULL
);

-- The batches that are in `counters`. A row is needed for as long as its batch may still be delivered again: until it is
-- acknowledged, or as far back as the oldest backup from which you would restore Redis. Delete older ones when you like.
CREATE TABLE IF NOT EXISTS tsgen_batches (
    -- The key in Redis that the batch came from. Several keys, also those of several servers, need different names.
    key text,
    batch bigint,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, batch)
);

COMMIT;
