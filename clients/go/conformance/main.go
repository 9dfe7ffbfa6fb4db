// The worker that the conformance suite runs; clients/conformance/README.md tells what it must do.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/robfig/cron/v3"
	"tsgen"
)

type config struct {
	URL               string   `json:"url"`
	Keys              []string `json:"keys"`
	Family            string   `json:"family"`
	Concurrency       int      `json:"concurrency"`
	LeaseMS           int64    `json:"lease_ms"`
	ShutdownTimeoutMS int64    `json:"shutdown_timeout_ms"`
	Burst             bool     `json:"burst"`
	Recurring         []struct {
		Name string `json:"name"`
		Cron string `json:"cron"`
		TZ   string `json:"tz"`
	} `json:"recurring"`
}

// say prints a line in one write: lines of several goroutines must not mix.
func say(words ...any) { os.Stdout.WriteString(fmt.Sprintln(words...)) }

func micros() int64 { return time.Now().UnixMicro() }

// content is what the handler got, as JSON.
func content(job *tsgen.Job) any {
	switch {
	case job.Group != nil:
		values, plausible := []any{}, true
		for _, item := range job.Group.Items {
			values = append(values, item.Value)
			plausible = plausible && item.At > 1_600_000_000_000
		}
		return []any{job.Group.Reason, values, plausible}
	case job.Expired != nil:
		return []any{job.Expired.Type, string(job.Expired.Value), job.Expired.Reason, job.Expired.Deadline > 1_600_000_000_000}
	case job.Batch != nil:
		var total int64
		for _, sum := range job.Batch.Sums {
			total += sum
		}
		return []any{len(job.Batch.Fields), total, job.Batch.Number > 0, job.Batch.SealedAt >= job.Batch.OpenedAt}
	}
	return job.Payload
}

type unprintable struct{}

func (unprintable) Error() string { panic("no text") }

type order struct {
	Do   string `json:"do"`
	MS   int64  `json:"ms"`
	Text string `json:"text"`
	Hex  string `json:"hex"`
}

func handle(ctx context.Context, job *tsgen.Job) error {
	say("start", job.ID, job.Deliveries, micros())
	defer func() { say("end", job.ID, micros()) }()
	order := order{Do: "tell"}
	if _, is := job.Payload.(map[string]any); is {
		order.Do = ""
		if err := job.Decode(&order); err != nil {
			return err
		}
	}
	switch order.Do {
	case "sleep":
		time.Sleep(time.Duration(order.MS) * time.Millisecond)
	case "hold":
		<-ctx.Done()
		return context.Cause(ctx)
	case "deaf":
		time.Sleep(time.Hour)
	case "fail":
		return errors.New(order.Text)
	case "fail-once":
		if job.Deliveries == 1 {
			panic("the first time")
		}
	case "fail-bytes":
		text, _ := hex.DecodeString(order.Hex)
		return errors.New(string(text))
	case "unprintable":
		return unprintable{}
	case "exit":
		runtime.Goexit()
	case "retry":
		if job.Deliveries == 1 {
			return tsgen.RetryAfter(time.Duration(order.MS)*time.Millisecond, errors.New("later"))
		}
	case "dead":
		return fmt.Errorf("%w", tsgen.Dead(errors.New(order.Text)))
	case "tell":
		told, _ := json.Marshal(content(job))
		say("got", job.ID, string(told))
	}
	return nil
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	settings := config{Family: "TSGEN", Concurrency: 1, LeaseMS: 30_000, ShutdownTimeoutMS: 30_000}
	if err := json.Unmarshal([]byte(os.Args[1]), &settings); err != nil {
		panic(err)
	}
	options := []tsgen.WorkerOption{
		tsgen.Family(settings.Family),
		tsgen.AndThen(settings.Keys[1:]...),
		tsgen.Concurrency(settings.Concurrency),
		tsgen.LeaseFor(time.Duration(settings.LeaseMS) * time.Millisecond),
		tsgen.ShutdownTimeout(time.Duration(settings.ShutdownTimeoutMS) * time.Millisecond),
		tsgen.WithHooks(tsgen.Hooks{
			OnReady:  func() { say("ready") },
			OnDone:   func(job *tsgen.Job, _ time.Duration) { say("done", job.ID) },
			OnFailed: func(job *tsgen.Job, _ error, _ time.Duration) { say("failed", job.ID) },
			OnLost:   func(job *tsgen.Job) { say("lost", job.ID) },
		}),
	}
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	for _, job := range settings.Recurring {
		schedule, err := parser.Parse("CRON_TZ=" + job.TZ + " " + job.Cron)
		if err != nil {
			panic(err)
		}
		options = append(options, tsgen.Recurring(job.Name, schedule, nil))
	}
	t, err := tsgen.Open(settings.URL)
	if err != nil {
		panic(err)
	}
	worker := t.Worker(settings.Keys[0], tsgen.HandlerFunc(handle), options...)
	run := func() error { return tsgen.Run(context.Background(), worker) }
	if settings.Burst {
		run = func() error { return worker.RunUntilEmpty(context.Background()) }
	}
	if err := run(); err != nil {
		say("error", err)
		os.Exit(1)
	}
	say("stopped")
}
