/**
 * Writes batches into PostgreSQL or SQLite, and kills itself with SIGKILL `before` the commit of the first one, or `after` it; or `never`:
 * `tally_worker.js postgresql|sqlite where moment`.
 */

import { DatabaseSync } from 'node:sqlite';
import { writePostgresql, writeSqlite } from '../src/exactly-once.js';
import { type Batch, Tsgen } from '../src/index.js';
import { postgresql } from './postgresql.js';

const [kind, where = '', moment] = process.argv.slice(2);
const t = new Tsgen(process.env.REDIS_URL);
const pool = postgresql(kind === 'sqlite' ? '' : where);
const sqlite = new DatabaseSync(kind === 'sqlite' ? where : ':memory:');
const write = (batch: Batch) => (kind === 'sqlite' ? writeSqlite(sqlite, batch) : writePostgresql(pool, batch));
t.tally('likes').worker(
  async (batch) => {
    if (moment === 'before') process.kill(process.pid, 'SIGKILL');
    process.stdout.write(`${await write(batch)}\n`);
    if (moment === 'after') process.kill(process.pid, 'SIGKILL');
  },
  { lease: '1s' },
);
await t.run({ burst: moment === 'never' });
await pool.end();
