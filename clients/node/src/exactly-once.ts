/**
 * TALLY's sums into a database, each batch exactly once.
 *
 * A batch that comes again, because the worker died between its commit and its ACK, has the number that it had. The number stands under a
 * unique constraint in the transaction that adds the sums: the second time nothing is added.
 *
 *     t.tally('likes').worker((batch) => writePostgresql(pool, batch)); // or writeSqlite(database, batch)
 *
 * Rows of `tsgen_batches` may be removed when no batch so old can come again: `DELETE … WHERE written_at < now() - interval '30 days'`.
 */

import type { Batch } from './jobs.js';

/** The tables, as PostgreSQL makes them. `total` overflows with an error, and then nothing is added. */
export const POSTGRESQL_TABLES = `
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key text NOT NULL, batch bigint NOT NULL, written_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (key, batch)
);
CREATE TABLE IF NOT EXISTS tallies (field text PRIMARY KEY, total bigint NOT NULL);
`;

/** The same for SQLite, which would go on with fractions where `total` overflows, if it were not checked. */
export const SQLITE_TABLES = `
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key TEXT NOT NULL, batch INTEGER NOT NULL, written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (key, batch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tallies (field TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (typeof(total) = 'integer')) WITHOUT ROWID;
`;

/** What `pg` calls a Pool, a Client or a PoolClient. */
export interface Postgresql {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

/** A `DatabaseSync` of node:sqlite, or a `Database` of better-sqlite3. */
export interface Sqlite {
  exec(sql: string): unknown;
  prepare(sql: string): { run(...values: (string | bigint)[]): { changes: number | bigint } };
}

function checked(table: string): string {
  if (!/^[A-Za-z_][\w.]*$/.test(table)) throw new RangeError('a table must be named in letters, digits, _ and .');
  return table;
}

/**
 * Adds the sums of a batch in one statement. False if they had been added before, or if there are none.
 *
 * `table` has the columns of `tallies`; `field` may also be uuid. Fields are in order, so writers do not wait for each other in a circle.
 * Throws what the database throws, and TypeError for a field that is not UTF-8; then nothing has been added.
 */
export async function writePostgresql(postgresql: Postgresql, batch: Batch, table = 'tallies'): Promise<boolean> {
  const name = checked(table);
  const fields = [...batch.sums.keys()];
  const sums = [...batch.sums.values()].map(String);
  const columns = await postgresql.query(
    "SELECT format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'field'",
    [name],
  );
  const { type } = (columns.rows[0] ?? { type: 'text' }) as { type: string };
  const { rowCount } = await postgresql.query(
    `WITH new AS (INSERT INTO tsgen_batches (key, batch) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING batch)
     INSERT INTO ${name} AS t (field, total)
     SELECT CAST(field AS ${type}), delta FROM unnest($3::text[], $4::bigint[]) AS sums (field, delta) WHERE EXISTS (SELECT FROM new)
     ON CONFLICT (field) DO UPDATE SET total = t.total + excluded.total`,
    [batch.key, String(batch.number), fields, sums],
  );
  return rowCount !== 0;
}

/** The same in one transaction of SQLite. Nothing of the caller's may be open in the database. It holds up the event loop meanwhile. */
export function writeSqlite(sqlite: Sqlite, batch: Batch, table = 'tallies'): boolean {
  const upsert = `INSERT INTO ${checked(table)} (field, total) VALUES (?, ?) ON CONFLICT (field) DO UPDATE SET total = total + excluded.total`;
  const { sums } = batch;
  sqlite.exec('BEGIN IMMEDIATE');
  try {
    const { changes } = sqlite.prepare('INSERT OR IGNORE INTO tsgen_batches (key, batch) VALUES (?, ?)').run(batch.key, batch.number);
    const isNew = Number(changes) === 1;
    if (isNew) {
      const add = sqlite.prepare(upsert);
      for (const [field, sum] of sums) add.run(field, sum);
    }
    sqlite.exec('COMMIT');
    return isNew;
  } catch (error) {
    try {
      sqlite.exec('ROLLBACK');
    } catch {
      // What has failed has ended the transaction itself, as a full disk does.
    }
    throw error;
  }
}
