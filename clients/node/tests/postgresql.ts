/** The database of the tests' own, that `make test-clients` starts. */

import pg from 'pg';

/** PostgreSQL where `dsn` says, which is as psql takes it: `host=/folder user=name dbname=name`. */
export function postgresql(dsn: string): pg.Pool {
  const { host, user, dbname: database } = Object.fromEntries(dsn.split(' ').map((part) => part.split('=')));
  return new pg.Pool({ host, user, database });
}
