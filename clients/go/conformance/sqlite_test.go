package main

import (
	"database/sql"
	"math"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"tsgen"
)

func TestSQLiteHasEachBatchOnceAndNothingOfOneThatFails(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "sums.db"))
	check(t, err)
	defer func() { check(t, db.Close()) }()
	_, err = db.Exec(tsgen.SQLiteTables)
	check(t, err)
	count := func(table string) (n int64) {
		t.Helper()
		check(t, db.QueryRow("SELECT COUNT(*) FROM "+table).Scan(&n))
		return n
	}
	total := func(field string) (n int64) {
		t.Helper()
		check(t, db.QueryRow("SELECT total FROM tallies WHERE field = ?", field).Scan(&n))
		return n
	}
	batch := func(number int64, fields []string, sums ...int64) *tsgen.Batch {
		return &tsgen.Batch{Key: "likes", Number: number, Fields: fields, Sums: sums}
	}
	first := batch(1, []string{"v", "w'\"\\"}, 5, 2)
	for _, step := range []struct {
		batch *tsgen.Batch
		isNew bool
	}{{first, true}, {first, false}, {batch(2, []string{"v"}, -1), true}, {first, false}} {
		isNew, err := tsgen.WriteSQLite(ctx, db, step.batch, "tallies")
		check(t, err)
		if isNew != step.isNew {
			t.Fatalf("batch %d: %v", step.batch.Number, isNew)
		}
	}
	if total("v") != 4 || total("w'\"\\") != 2 || count("tsgen_batches") != 2 {
		t.Fatal(total("v"), total("w'\"\\"), count("tsgen_batches"))
	}
	for name, refused := range map[string]*tsgen.Batch{
		"a total that overflows":  batch(3, []string{"new", "v"}, 1, math.MaxInt64),
		"a name that is not text": batch(4, []string{"new", "\xff"}, 1, 1),
	} {
		if isNew, err := tsgen.WriteSQLite(ctx, db, refused, "tallies"); isNew || err == nil {
			t.Fatal(name, isNew, err)
		}
	}
	if _, err := tsgen.WriteSQLite(ctx, db, batch(5, []string{"new"}, 1), "tallies; DROP TABLE tallies"); err == nil {
		t.Fatal("a table of any name")
	}
	if count("tallies") != 2 || count("tsgen_batches") != 2 || total("v") != 4 {
		t.Fatal("something of what was refused is there")
	}
}
