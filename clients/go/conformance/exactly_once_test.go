package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"tsgen"
)

var ctx = context.Background()

func client(t *testing.T) redis.UniversalClient {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		t.Fatal("set REDIS_URL to a server with the module, whose data may go: ", err)
	}
	return redis.NewClient(options)
}

func database(t *testing.T) *sql.DB {
	dsn := os.Getenv("POSTGRES_DSN")
	if dsn == "" {
		t.Fatal("set POSTGRES_DSN to a database of PostgreSQL, whose tables may go")
	}
	db, err := sql.Open("pgx", dsn)
	check(t, err)
	return db
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func empty(t *testing.T) *sql.DB {
	db := database(t)
	_, err := db.Exec("DROP TABLE IF EXISTS tallies; DROP TABLE IF EXISTS tsgen_batches;" + tsgen.PostgresTables)
	check(t, err)
	return db
}

func totals(t *testing.T, db *sql.DB) string {
	t.Helper()
	rows, err := db.Query("SELECT field, total FROM tallies ORDER BY field::text COLLATE \"C\"")
	check(t, err)
	defer rows.Close()
	var told []string
	for rows.Next() {
		var field string
		var total int64
		check(t, rows.Scan(&field, &total))
		told = append(told, fmt.Sprintf("%s=%d", field, total))
	}
	check(t, rows.Err())
	return strings.Join(told, " ")
}

// TestMain is the worker, too: one that kills itself with SIGKILL before or after the commit, or never.
func TestMain(m *testing.M) {
	moment := os.Getenv("TSGEN_TEST_WORKER")
	if moment == "" {
		os.Exit(m.Run())
	}
	var t testing.T
	handler := tsgen.HandlerFunc(func(ctx context.Context, job *tsgen.Job) error {
		db := database(&t)
		if moment == "before" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		isNew, err := tsgen.WritePostgres(ctx, db, job.Batch, "tallies")
		fmt.Println(isNew, err)
		if moment == "after" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return err
	})
	worker := tsgen.NewWorker(client(&t), "likes", handler, tsgen.Family("TALLY"), tsgen.LeaseFor(time.Second))
	if err := worker.RunUntilEmpty(ctx); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func work(moment string) (string, error) {
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "TSGEN_TEST_WORKER="+moment)
	told, err := command.Output()
	return strings.TrimSpace(string(told)), err
}

func TestAKilledWorkerCountsOnce(t *testing.T) {
	for moment, want := range map[string]struct{ written, second string }{
		"before": {"", "true <nil>"},
		"after":  {"v=5 w=2", "false <nil>"},
	} {
		t.Run(moment, func(t *testing.T) {
			db := empty(t)
			defer db.Close()
			redis := client(t)
			defer redis.Close()
			check(t, redis.FlushAll(ctx).Err())
			likes := tsgen.New(redis).Tally("likes")
			check(t, likes.Create(ctx, tsgen.Lease(time.Second)))
			_, err := likes.IncrAll(ctx, tsgen.Delta{Field: "v", Delta: 5}, tsgen.Delta{Field: "w", Delta: 2})
			check(t, err)
			_, err = likes.Seal(ctx)
			check(t, err)
			told, err := work(moment)
			if err == nil || err.Error() != "signal: killed" {
				t.Fatal("it was not killed: ", told, err)
			}
			if got := totals(t, db); got != want.written {
				t.Fatal(got)
			}
			for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				info, err := likes.Info(ctx)
				check(t, err)
				if info["ready"] == int64(1) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the lease has not ended")
				}
			}
			told, err = work("never")
			check(t, err)
			if got := totals(t, db); told != want.second || got != "v=5 w=2" {
				t.Fatal(told, got)
			}
			if info, _ := likes.Info(ctx); info["acked"] != int64(1) {
				t.Fatal(info)
			}
		})
	}
}

func TestSumsAreAdded(t *testing.T) {
	db := empty(t)
	defer db.Close()
	write := func(key string, number int64, isNew bool, pairs ...any) {
		t.Helper()
		batch := &tsgen.Batch{Key: key, Number: number}
		for at := 0; at < len(pairs); at += 2 {
			batch.Fields = append(batch.Fields, pairs[at].(string))
			batch.Sums = append(batch.Sums, int64(pairs[at+1].(int)))
		}
		is, err := tsgen.WritePostgres(ctx, db, batch, "tallies")
		check(t, err)
		if is != isNew {
			t.Fatal("whether it was new: ", is)
		}
	}
	odd := `a"b\,{} NULL`
	write("likes", 7, true, odd, 5, "", 3, "NULL", 1)
	write("likes", 7, false, odd, 5)
	write("other", 7, true, odd, -1, "ü", 1)
	if got := totals(t, db); got != "=3 NULL=1 "+odd+"=4 ü=1" {
		t.Fatal(got)
	}
	// Refused as a whole: the number is not taken.
	if _, err := tsgen.WritePostgres(ctx, db, &tsgen.Batch{Key: "likes", Number: 8, Fields: []string{"v", "\xff"}, Sums: []int64{1, 1}}, "tallies"); err == nil {
		t.Fatal("bytes that are not UTF-8 were written")
	}
	write("likes", 8, true, "v", 1)
	if _, err := tsgen.WritePostgres(ctx, db, &tsgen.Batch{}, "t; DROP TABLE tallies"); err == nil || !strings.Contains(err.Error(), "letters") {
		t.Fatal(err)
	}
}

func TestFieldsMayBeUUIDs(t *testing.T) {
	db := empty(t)
	defer db.Close()
	_, err := db.Exec("DROP TABLE tallies; CREATE TABLE tallies (field uuid PRIMARY KEY, total bigint NOT NULL)")
	check(t, err)
	batch := &tsgen.Batch{Key: "likes", Number: 1, Fields: []string{"6f1b0a52-0000-4000-8000-000000000001"}, Sums: []int64{2}}
	// In the caller's transaction, with what else belongs to it.
	tx, err := db.Begin()
	check(t, err)
	_, err = tsgen.WritePostgres(ctx, tx, batch, "tallies")
	check(t, err)
	check(t, tx.Commit())
	if got := totals(t, db); got != batch.Fields[0]+"=2" {
		t.Fatal(got)
	}
}
