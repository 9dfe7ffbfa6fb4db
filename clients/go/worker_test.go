package tsgen

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

var quiet = WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))

type mail struct {
	To string `json:"to"`
}

func TestATestJumpsAnHour(t *testing.T) {
	s := connected(t, 3)
	clock := must(s.NewVirtualClock(ctx, 1_900_000_000_000))(t)
	must(s.DelayQueue("mails").Add(ctx, "mail-1", mail{"ada"}, time.Hour))(t)
	var to []string
	handler := Typed(func(_ context.Context, _ *Job, payload mail) error {
		to = append(to, payload.To)
		return nil
	})
	worker := func() *Worker { return NewWorker(s.Client, "mails", handler, WithClock(clock), quiet) }
	ok(t, worker().RunUntilEmpty(ctx))
	equal(t, to, []string(nil))
	clock.Jump(time.Hour)
	ok(t, worker().RunUntilEmpty(ctx))
	equal(t, to, []string{"ada"})
}

func TestATypedPayloadThatIsNoneIsADeadLetter(t *testing.T) {
	s := connected(t, 3)
	must(s.DelayQueue("mails").Add(ctx, "mail-1", []string{"secret"}, 0))(t)
	handler := Typed(func(context.Context, *Job, mail) error { panic("not reached") })
	ok(t, NewWorker(s.Client, "mails", handler, quiet).RunUntilEmpty(ctx))
	dead := must(s.DelayQueue("mails").Dead(ctx, 5, 0))(t)
	equal(t, dead[0].Reason, "payload does not decode: *json.UnmarshalTypeError")
}

func TestAPanicIsAFailureAndAHooksPanicIsNothing(t *testing.T) {
	s := connected(t, 3)
	queue := s.DelayQueue("mails")
	ok(t, queue.Create(ctx, Clock, MaxDeliveries(2)))
	must(queue.Add(ctx, "mail-1", nil, 0))(t)
	var failed atomic.Int64
	hooks := Hooks{OnClaim: func(*Job) { panic("a hook") }, OnFailed: func(*Job, error, time.Duration) { failed.Add(1) }}
	handler := HandlerFunc(func(context.Context, *Job) error { panic("oops") })
	ok(t, NewWorker(s.Client, "mails", handler, WithHooks(hooks), quiet).RunUntilEmpty(ctx))
	equal(t, failed.Load(), int64(2))
	equal(t, must(queue.Dead(ctx, 5, 0))(t)[0].Reason, "panic: oops")
}

func TestTheEndOfTheContextHandsBackWhatRuns(t *testing.T) {
	s := connected(t, 3)
	queue := s.DelayQueue("mails")
	must(queue.Add(ctx, "mail-1", nil, 0))(t)
	type keyOf struct{}
	running, stop := context.WithCancel(context.WithValue(ctx, keyOf{}, "value"))
	var cause, value any
	handler := HandlerFunc(func(ctx context.Context, _ *Job) error {
		value = ctx.Value(keyOf{})
		stop()
		<-ctx.Done()
		cause = context.Cause(ctx)
		return ctx.Err()
	})
	worker := NewWorker(s.Client, "mails", handler, ShutdownTimeout(50*time.Millisecond), quiet)
	ok(t, worker.Run(running))
	equal(t, []any{cause, value}, []any{ErrStopped, "value"})
	found := must(queue.Get(ctx, "mail-1"))(t)
	equal(t, found.State, "ready")
	equal(t, must(queue.Claim(ctx, "me", 1, 0))(t)[0].Deliveries, int64(1))
	if worker.SinceLastClaim() > time.Minute {
		t.Error("it has claimed just now")
	}
}

func TestALostJobEndsItsContext(t *testing.T) {
	s := connected(t, 3)
	queue := s.DelayQueue("mails")
	must(queue.Add(ctx, "mail-1", nil, 0))(t)
	began, ended := make(chan struct{}), make(chan error, 1)
	handler := HandlerFunc(func(ctx context.Context, _ *Job) error {
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil
	})
	worker := NewWorker(s.Client, "mails", handler, LeaseFor(300*time.Millisecond), quiet)
	stopped := make(chan error, 1)
	go func() { stopped <- worker.Run(ctx) }()
	<-began
	must(queue.Rem(ctx, "mail-1"))(t)
	equal(t, <-ended, ErrLost)
	worker.Stop()
	ok(t, <-stopped)
}

func TestRunEndsWithTheErrorOfOneOfItsWorkers(t *testing.T) {
	s := connected(t, 3)
	ok(t, s.Debounce("scans").Create(ctx))
	handler := HandlerFunc(func(context.Context, *Job) error { return nil })
	must(s.DelayQueue("mails").Add(ctx, "mail-1", nil, time.Hour))(t)
	err := Run(ctx, NewWorker(s.Client, "mails", handler, quiet), NewWorker(s.Client, "scans", handler, quiet))
	refused(t, err, "WRONGTYPE")
}

func TestWhatAWorkerDoesNotTake(t *testing.T) {
	s := connected(t, 3)
	refused(t, NewWorker(s.Client, "mails", nil, Concurrency(0)).Run(ctx), "Concurrency")
	refused(t, NewWorker(redis.NewRing(&redis.RingOptions{}), "mails", nil).Run(ctx), "Ring")
}

// A client that repeats commands is the user's, not the worker's: a claim whose reply is lost must not be sent again by go-redis.
func TestClaimsAreNotRepeatedByTheClient(t *testing.T) {
	s := connected(t, 3)
	for _, timeout := range []time.Duration{patience, block + time.Second} {
		client := must(separate(s.Client, timeout))(t).(*redis.Client)
		equal(t, client.Options().MaxRetries, 0)
		equal(t, client.Options().ReadTimeout, timeout)
		ok(t, client.Close())
	}
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, MaxRetries: 5})
	claimer := must(separate(cluster, block+time.Second))(t).(*redis.ClusterClient)
	equal(t, []int{claimer.Options().MaxRetries, claimer.Options().MaxRedirects}, []int{-1, 0})
	if s.Client.(*redis.Client).Options().MaxRetries == 0 {
		t.Error("the user's client was changed")
	}
}

func TestWhichErrorsPass(t *testing.T) {
	for text, want := range map[string]bool{
		"LOADING Redis is loading": true, "READONLY You can't": true, "NOREPLICAS Not enough": true, "MOVED 1 a:1": true, "BUSY Redis is busy": true,
		"WRONGTYPE Operation": false, "NOPERM this user": false, "ERR unknown command": false, "NOAUTH Authentication": false, "BUSYKEY there is": false,
	} {
		equal(t, passes(dataError{text}), want)
	}
	equal(t, passes(io.EOF), true)
	equal(t, passes(errors.New("redis: all sentinels specified in configuration are unreachable")), true)
}

func TestARecurringJobHasOneNextRun(t *testing.T) {
	s := connected(t, 3)
	clock := must(s.NewVirtualClock(ctx, 1_900_000_000_000))(t)
	var ids []string
	handler := HandlerFunc(func(_ context.Context, job *Job) error {
		ids = append(ids, job.ID)
		if len(ids) == 2 {
			return Dead(errors.New("no"))
		}
		return nil
	})
	work := func() {
		t.Helper()
		ok(t, NewWorker(s.Client, "reports", handler, Recurring("hourly", every(time.Hour), "x"), WithClock(clock), quiet).RunUntilEmpty(ctx))
	}
	work()
	clock.Jump(time.Hour)
	work()
	// Missed runs are one run; and a run that is a dead letter has a successor, too.
	clock.Jump(5 * time.Hour)
	work()
	clock.Jump(time.Hour)
	work()
	equal(t, len(ids), 3)
	next := must(s.Elements("reports").Range(ctx, "-", "+", 5))(t)
	equal(t, []any{len(next), next[0].Payload, strings.HasPrefix(next[0].ID, "hourly@")}, []any{1, "x", true})
}

type every time.Duration

func (e every) Next(after time.Time) time.Time {
	return after.Truncate(time.Duration(e)).Add(time.Duration(e))
}
