package tsgen

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// PostgresTables are the tables that WritePostgres needs. A total that overflows is an error, and then nothing is added. Rows of
// tsgen_batches may be removed when no batch so old can come again.
const PostgresTables = `
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key text NOT NULL, batch bigint NOT NULL, written_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (key, batch)
);
CREATE TABLE IF NOT EXISTS tallies (field text PRIMARY KEY, total bigint NOT NULL);
`

// SQLiteTables are the tables that WriteSQLite needs. SQLite would go on with fractions where total overflows, if it were not checked.
const SQLiteTables = `
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key TEXT NOT NULL, batch INTEGER NOT NULL, written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (key, batch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tallies (field TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (typeof(total) = 'integer')) WITHOUT ROWID;
`

var (
	errTable  = errors.New("tsgen: a table must be named in letters, digits, _ and .")
	tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	quoted    = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
)

// WritePostgres adds the sums of a batch to a table in one statement, and so in one transaction. False if they had been added before: a
// batch that comes again, because the worker died between its commit and its ACK, has the number that it had, and that stands under a
// unique constraint.
//
// The table has the columns of `tallies`; field may also be uuid. db is an *sql.DB, *sql.Conn or *sql.Tx, of any driver with the
// placeholders $1 (pgx, lib/pq). Its error is the database's, and then nothing has been added. Fields go in byte order, so that writers do
// not wait for each other in a circle.
func WritePostgres(ctx context.Context, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, batch *Batch, table string) (bool, error) {
	if !tableName.MatchString(table) {
		return false, errTable
	}
	var kind string
	err := db.QueryRowContext(ctx, `SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = CAST($1::text AS regclass) AND attname = 'field'`, table).Scan(&kind)
	if err != nil {
		return false, err
	}
	// Arrays as text: each driver has a type of its own for them.
	fields, sums := make([]string, len(batch.Fields)), make([]string, len(batch.Sums))
	for at, field := range batch.Fields {
		fields[at], sums[at] = `"`+quoted.Replace(field)+`"`, strconv.FormatInt(batch.Sums[at], 10)
	}
	result, err := db.ExecContext(ctx, fmt.Sprintf(`
		WITH new AS (INSERT INTO tsgen_batches (key, batch) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING batch)
		INSERT INTO %s AS t (field, total)
		SELECT CAST(field AS %s), delta FROM unnest(CAST($3::text AS text[]), CAST($4::text AS bigint[])) AS sums (field, delta) WHERE EXISTS (SELECT FROM new)
		ON CONFLICT (field) DO UPDATE SET total = t.total + excluded.total`, table, kind),
		batch.Key, batch.Number, "{"+strings.Join(fields, ",")+"}", "{"+strings.Join(sums, ",")+"}")
	if err != nil {
		return false, err
	}
	count, err := result.RowsAffected()
	return count > 0, err
}

// WriteSQLite does the same in one transaction of SQLite. db is an *sql.DB or *sql.Conn of any driver (modernc.org/sqlite, mattn/go-sqlite3).
// Its error is the database's, or that a name is not UTF-8, as its text must be; and then nothing has been added.
func WriteSQLite(ctx context.Context, db interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}, batch *Batch, table string) (bool, error) {
	if !tableName.MatchString(table) {
		return false, errTable
	}
	for _, name := range append([]string{batch.Key}, batch.Fields...) {
		if !utf8.ValidString(name) {
			return false, fmt.Errorf("tsgen: a name that is not UTF-8: %q", name)
		}
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	// Does nothing behind a commit.
	defer func() { _ = tx.Rollback() }()
	// It begins with a write, so that it waits for other writers here, and does not fail for them later.
	result, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO tsgen_batches (key, batch) VALUES (?, ?)", batch.Key, batch.Number)
	if err != nil {
		return false, err
	}
	if count, err := result.RowsAffected(); err != nil || count == 0 {
		return false, err
	}
	add, err := tx.PrepareContext(ctx, fmt.Sprintf(
		"INSERT INTO %s (field, total) VALUES (?, ?) ON CONFLICT (field) DO UPDATE SET total = total + excluded.total", table))
	if err != nil {
		return false, err
	}
	defer func() { _ = add.Close() }()
	for at, field := range batch.Fields {
		if _, err := add.ExecContext(ctx, field, batch.Sums[at]); err != nil {
			return false, err
		}
	}
	if err := tx.Commit(); err != nil {
		return false, err
	}
	return true, nil
}
