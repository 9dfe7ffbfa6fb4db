package tsgenprom

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"tsgen"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestJobsAreCountedAndMeasuredByKeyAndOutcome(t *testing.T) {
	ctx := context.Background()
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	ok(t, err)
	client := redis.NewClient(options)
	defer func() { ok(t, client.Close()) }()
	ok(t, client.Del(ctx, "measured").Err())
	for _, id := range []string{"a", "b", "c"} {
		_, err := tsgen.New(client).DelayQueue("measured").Add(ctx, id, nil, 0)
		ok(t, err)
	}
	registry := prometheus.NewRegistry()
	hooks, err := Hooks(registry)
	ok(t, err)
	if _, err := Hooks(registry); err == nil {
		t.Fatal("they are there already")
	}
	handler := tsgen.HandlerFunc(func(_ context.Context, job *tsgen.Job) error {
		if job.ID == "b" {
			return tsgen.Dead(errors.New("no such address"))
		}
		return nil
	})
	ok(t, tsgen.NewWorker(client, "measured", handler, tsgen.WithHooks(hooks)).RunUntilEmpty(ctx))
	ok(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP tsgen_jobs_running Jobs that have been claimed and have not ended
# TYPE tsgen_jobs_running gauge
tsgen_jobs_running{key="measured"} 0
# HELP tsgen_jobs_total Jobs that have ended, by how
# TYPE tsgen_jobs_total counter
tsgen_jobs_total{key="measured",outcome="done"} 2
tsgen_jobs_total{key="measured",outcome="failed"} 1
`), "tsgen_jobs_running", "tsgen_jobs_total"))
	families, err := registry.Gather()
	ok(t, err)
	for _, family := range families {
		if family.GetName() == "tsgen_job_seconds" && family.GetMetric()[0].GetHistogram().GetSampleCount() == 3 {
			return
		}
	}
	t.Fatalf("no three handlers were measured: %v", families)
}
