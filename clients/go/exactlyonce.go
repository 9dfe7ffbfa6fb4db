package tsgen

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// PostgresTables are the tables that WritePostgres needs. A total that overflows is an error, and then nothing is added. Rows of
// tsgen_batches may be removed when no batch so old can come again.
const PostgresTables = `
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key text NOT NULL, batch bigint NOT NULL, written_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (key, batch)
);
CREATE TABLE IF NOT EXISTS tallies (field text PRIMARY KEY, total bigint NOT NULL);
`

var (
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
		return false, errors.New("tsgen: a table must be named in letters, digits, _ and .")
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
