/** Sums reach a database once, also if the worker is killed between its commit and its ACK, or does not get to either. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { POSTGRESQL_TABLES, SQLITE_TABLES, writePostgresql, writeSqlite } from '../src/exactly-once.js';
import { Batch } from '../src/index.js';
import { postgresql } from './postgresql.js';
import { needed, tsgen, until } from './server.js';

const dsn = needed('POSTGRES_DSN');
const pool = postgresql(dsn);
const folder = mkdtempSync(join(tmpdir(), 'tsgen-sqlite-'));
const file = join(folder, 'db');
const sqlite = new DatabaseSync(file);

interface Kind {
  where: string;
  write(batch: Batch, table?: string): Promise<boolean>;
  rows(sql: string): Promise<unknown[]>;
  overflows: RegExp;
}

const kinds: Record<string, Kind> = {
  postgresql: {
    where: dsn,
    write: (batch, table) => writePostgresql(pool, batch, table),
    rows: async (sql) => (await pool.query(sql)).rows,
    overflows: /out of range/,
  },
  sqlite: {
    where: file,
    write: async (batch, table) => writeSqlite(sqlite, batch, table),
    async rows(sql) {
      const statement = sqlite.prepare(sql);
      statement.setReadBigInts(true);
      return statement.all();
    },
    overflows: /CHECK constraint/,
  },
};

beforeEach(async () => {
  const drop = 'DROP TABLE IF EXISTS tallies; DROP TABLE IF EXISTS tsgen_batches;';
  await pool.query(drop + POSTGRESQL_TABLES);
  sqlite.exec(drop + SQLITE_TABLES);
});
after(async () => {
  sqlite.close();
  rmSync(folder, { recursive: true });
  await pool.end();
});

async function totals(kind: Kind): Promise<Record<string, string>> {
  const rows = (await kind.rows('SELECT field, total FROM tallies')) as { field: string; total: unknown }[];
  return Object.fromEntries(rows.map(({ field, total }) => [field, String(total)]));
}

/** What a worker in a process of its own prints, and what ended it. */
async function work(...args: string[]): Promise<{ signal: string | null; printed: string }> {
  const program = fileURLToPath(new URL('tally_worker.js', import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  let printed = '';
  child.stdout.on('data', (data) => {
    printed += data;
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { signal, printed };
}

const batch = (key: string, number: bigint, ...sums: [string | Buffer, bigint][]) => {
  const entries = sums.map(([field, sum]) => [Buffer.from(field), sum] as const);
  return new Batch(key, 1n, 1, number, 0, 0, entries);
};

for (const [name, kind] of Object.entries(kinds)) {
  for (const moment of ['before', 'after']) {
    test(`${name}: a worker that is killed ${moment} the commit counts once`, async () => {
      const likes = tsgen().tally('likes');
      await likes.create({ lease: '1s' });
      await likes.mincr([
        ['v', 5],
        ['w', 2n ** 62n],
      ]);
      await likes.seal();
      const all = { v: '5', w: String(2n ** 62n) };
      assert.equal((await work(name, kind.where, moment)).signal, 'SIGKILL');
      assert.deepEqual(await totals(kind), moment === 'after' ? all : {});
      await until('its lease is over', async () => (await likes.info()).ready === 1);
      assert.deepEqual(await work(name, kind.where, 'never'), { signal: null, printed: `${moment === 'before'}\n` });
      assert.deepEqual(await totals(kind), all);
      assert.equal((await likes.info()).acked, 1);
    });
  }

  test(`${name}: sums are added`, async () => {
    const { write } = kind;
    assert.equal(await write(batch('likes', 7n, ['v', 5n])), true);
    assert.equal(await write(batch('likes', 7n, ['v', 5n])), false);
    assert.equal(await write(batch('other', 7n, ['v', -1n], ['w"{}\\,', 1n])), true);
    assert.deepEqual(await totals(kind), { v: '4', 'w"{}\\,': '1' });
    // Refused as a whole: the number is not taken.
    await assert.rejects(write(batch('likes', 8n, ['v', 1n], [Buffer.from([0xff]), 1n])), TypeError);
    await assert.rejects(write(batch('likes', 8n, ['v', 2n ** 63n - 1n])), kind.overflows);
    assert.equal(await write(batch('likes', 8n, ['v', 1n])), true);
    assert.equal((await totals(kind)).v, '5');
    await assert.rejects(write(batch('likes', 9n), 't; DROP TABLE tallies'), /letters/);
  });
}

test('postgresql: fields may be UUIDs', async () => {
  await pool.query('DROP TABLE tallies; CREATE TABLE tallies (field uuid PRIMARY KEY, total bigint NOT NULL)');
  const field = '0190a6e0-0000-7000-8000-000000000001';
  assert.equal(await writePostgresql(pool, batch('likes', 7n, [field, 5n])), true);
  assert.deepEqual(await totals(kinds.postgresql as Kind), { [field]: '5' });
});
