package tsgen

import (
	"log/slog"
	"time"
)

// Hooks are told what a worker does; each may be nil. They are called by the goroutines that work, so they should be quick. What runs
// around a handler, a span for example, is a Handler around it.
type Hooks struct {
	// OnReady: before the first CLAIM.
	OnReady func()
	// OnClaim: it has been claimed, and its handler is about to begin.
	OnClaim func(job *Job)
	// OnDone: its handler has returned nil, after so long.
	OnDone func(job *Job, took time.Duration)
	// OnFailed: its handler has returned this: it will be tried again, or is a dead letter.
	OnFailed func(job *Job, err error, took time.Duration)
	// OnLost: its token is no longer current.
	OnLost func(job *Job)
}

// A WorkerOption is given to NewWorker, and to Main.
type WorkerOption func(*Worker)

// Family is what the keys are: "TSGEN", unless you say "DEBOUNCE", "EXPIRY" or "TALLY".
func Family(name string) WorkerOption { return func(w *Worker) { w.family = name } }

// AndThen adds further keys by strict priority: as long as an earlier one has something, nothing of a later one begins.
func AndThen(keys ...string) WorkerOption {
	return func(w *Worker) { w.keys = append(w.keys, keys...) }
}

// Concurrency is how many entries are worked on at once: 1 to 10000; 1.
func Concurrency(n int) WorkerOption { return func(w *Worker) { w.concurrency = n } }

// LeaseFor is how soon another worker takes over if this process dies: 1 ms to ten years; 30 s. It is kept while a handler runs.
func LeaseFor(lease time.Duration) WorkerOption { return func(w *Worker) { w.lease = lease } }

// ShutdownTimeout is how long handlers may go on when the worker has to stop: 30 s. Then the rest is handed back, and not counted.
func ShutdownTimeout(timeout time.Duration) WorkerOption {
	return func(w *Worker) { w.shutdownTimeout = timeout }
}

// WithCodec says how payloads are read: JSON.
func WithCodec(codec Codec) WorkerOption { return func(w *Worker) { w.codec = codec } }

// WithHooks adds hooks.
func WithHooks(hooks Hooks) WorkerOption {
	return func(w *Worker) { w.hooks = append(w.hooks, hooks) }
}

// Consumer is a name that no other worker has: by default of host, process and chance.
func Consumer(name string) WorkerOption { return func(w *Worker) { w.consumer = name } }

// WithClock lets the worker see the time of a virtual clock; for tests, with RunUntilEmpty.
func WithClock(clock *VirtualClock) WorkerOption { return func(w *Worker) { w.clock = clock } }

// WithLogger says where log lines go: slog.Default().
func WithLogger(log *slog.Logger) WorkerOption { return func(w *Worker) { w.log = log } }

// Recurring adds a job of the first key at each time of a schedule, such as one that robfig/cron parses. Its id is `name@` and the Unix
// ms of its time. Whichever worker of the key acknowledges one run adds the next in the same write, so there is one, however many
// workers there are; runs that were missed are one run. A run that fails is tried again as any job.
func Recurring(name string, schedule Schedule, payload any) WorkerOption {
	return func(w *Worker) {
		w.schedules = append(w.schedules, recurring{name: name, schedule: schedule, payload: payload})
	}
}
