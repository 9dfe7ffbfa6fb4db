package tsgen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Worker works on the entries of one key, or of several by strict priority.
type Worker struct {
	client          redis.UniversalClient
	family          string
	keys            []string
	handler         Handler
	concurrency     int
	lease           time.Duration
	shutdownTimeout time.Duration
	codec           Codec
	hooks           []Hooks
	consumer        string
	clock           *VirtualClock
	log             *slog.Logger
	schedules       []recurring

	lastClaim       atomic.Int64
	stopping, hurry context.Context
	stop, hasten    context.CancelFunc
}

// NewWorker makes a worker of a key. The client is for one server, for Sentinels or for a cluster; the worker makes connections of its own
// with its options, and leaves it open.
func NewWorker(client redis.UniversalClient, key string, handler Handler, options ...WorkerOption) *Worker {
	host, _ := os.Hostname()
	w := &Worker{
		client: client, family: "TSGEN", keys: []string{key}, handler: handler, concurrency: 1, lease: 30 * time.Second,
		shutdownTimeout: 30 * time.Second, codec: JSON, consumer: fmt.Sprintf("%s:%d:%08x", host, os.Getpid(), rand.Uint32()), log: slog.Default(),
	}
	for _, option := range options {
		option(w)
	}
	w.stopping, w.stop = context.WithCancel(context.Background())
	w.hurry, w.hasten = context.WithCancel(context.Background())
	w.lastClaim.Store(time.Now().UnixNano())
	return w
}

// Worker is NewWorker with the client, the codec and the virtual clock of this Tsgen.
func (t *Tsgen) Worker(key string, handler Handler, options ...WorkerOption) *Worker {
	return NewWorker(t.Client, key, handler, append([]WorkerOption{WithCodec(t.Codec), WithClock(t.Clock)}, options...)...)
}

// SinceLastClaim is for a health probe: how long ago CLAIM was answered, if only with nothing. Above 30 s while hands are free, something
// is wrong.
func (w *Worker) SinceLastClaim() time.Duration { return time.Since(time.Unix(0, w.lastClaim.Load())) }

// Stop claims no more, gives what runs the ShutdownTimeout, and hands back the rest. Called again, it hands that back at once.
func (w *Worker) Stop() {
	if w.stopping.Err() != nil {
		w.hasten()
	}
	w.stop()
}

// Run works until ctx ends or Stop is called, and returns nil then; once. Its error is what will not pass by itself: a key of another
// family, a missing permission or module. Values of ctx reach the handlers; its end does not, for they have the ShutdownTimeout.
func (w *Worker) Run(ctx context.Context) error { return w.run(ctx, false) }

// RunUntilEmpty works on what is ready now, retries included, and returns when nothing is ready or in hand: for tests.
func (w *Worker) RunUntilEmpty(ctx context.Context) error { return w.run(ctx, true) }

// Run runs workers until ctx ends, or SIGTERM or SIGINT comes; a second signal ends them at once. If one fails, the others stop; its error.
func Run(ctx context.Context, workers ...*Worker) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	ended := make(chan error, len(workers))
	for _, worker := range workers {
		go func() { ended <- worker.Run(ctx) }()
	}
	stop := func() {
		for _, worker := range workers {
			worker.Stop()
		}
	}
	var first error
	for left := len(workers); left > 0; {
		select {
		case <-signals:
			stop()
		case err := <-ended:
			if left--; err != nil && first == nil {
				first = err
				for _, worker := range workers {
					worker.stop()
				}
			}
		}
	}
	return first
}

// A run is what a worker has while it runs.
type run struct {
	*Worker
	line   *line
	hands  *hands
	claims *claims
	// life ends when the worker has said farewell.
	life context.Context
	// changed: a hand is free, or it is time to stop; settled: there is something to acknowledge.
	changed, settled chan struct{}
	claiming         atomic.Bool
	flushing         chan struct{}
	working          sync.WaitGroup
	mu               sync.Mutex
	failure          error
}

func (w *Worker) run(ctx context.Context, burst bool) error {
	if w.concurrency < 1 || w.concurrency > 10_000 {
		return errors.New("tsgen: Concurrency must be between 1 and 10000")
	}
	line, err := newLine(w.client, w.family, w.clock, w.log)
	if err != nil {
		return err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	r := &run{
		Worker: w, line: line, hands: newHands(w.consumer), life: life, changed: make(chan struct{}, 1),
		settled: make(chan struct{}, 1), flushing: make(chan struct{}, 1),
		claims: &claims{line: line, keys: w.keys, leaseMS: ms(w.lease), isBlocking: !burst},
	}
	defer context.AfterFunc(ctx, w.stop)()
	go r.guard(r.keepLeases)
	go r.guard(r.flushWhileClaiming)
	r.guard(func() error {
		if err := r.begin(w.stopping); err != nil {
			return unlessEnded(w.stopping, err)
		}
		r.tell(func(h Hooks) {
			if h.OnReady != nil {
				h.OnReady()
			}
		})
		return r.claimUntilStopped(burst)
	})
	w.stop()
	r.windUp()
	end()
	line.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure
}

// guard: what ends any part of the worker ends the worker.
func (r *run) guard(work func() error) {
	if err := unlessEnded(r.life, work()); err != nil {
		r.log.Error("tsgen: the worker ends", "family", r.family, "keys", r.keys, "error", err)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.failure == nil {
			r.failure = err
		}
		r.stop()
	}
}

func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// begin asks what the server's module can do, and sees to it that each schedule has its next run.
func (r *run) begin(ctx context.Context) error {
	if r.clock == nil {
		has, err := r.line.knows(ctx, "MCLAIM")
		if err != nil {
			return err
		}
		r.claims.hasMclaim, r.claims.canAck = has, has
	}
	for _, schedule := range r.schedules {
		if err := r.line.insist(ctx, func(ctx context.Context) error { return r.first(ctx, schedule) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) claimUntilStopped(burst bool) error {
	var pause pause
	for r.stopping.Err() == nil {
		running, held := r.hands.counts()
		if free := r.concurrency - running; free > 0 {
			// What is in hand now may come back ready behind the claim.
			wasIdle := held == 0
			found, err := r.claim(free)
			switch {
			case err != nil && !passes(err):
				return err
			case err != nil:
				if r.stopping.Err() == nil {
					r.log.Warn("tsgen: trying again to claim", "keys", r.keys, "error", err)
					pause.wait(r.stopping)
				}
				continue
			}
			pause.next = 0
			if found || !burst {
				continue
			}
			if wasIdle {
				return nil
			}
		}
		select {
		case <-r.changed:
		case <-r.stopping.Done():
		}
	}
	return nil
}

// claim tells whether there was anything. What was claimed begins.
func (r *run) claim(count int) (found bool, err error) {
	if !r.claims.canAck {
		if err := r.flush(r.life); err != nil {
			return false, err
		}
	}
	// First, so that what is done from now on is acknowledged without waiting for this claim.
	r.claiming.Store(true)
	defer r.claiming.Store(false)
	settled, name := r.hands.takeDone(), r.hands.takeName()
	type answer struct {
		entries []keyed
		err     error
	}
	answered := make(chan answer, 1)
	go func() {
		entries, err := r.claims.claim(r.life, name, count, settled)
		answered <- answer{entries, err}
	}()
	var reply answer
	select {
	case reply = <-answered:
	case <-r.stopping.Done():
		// Whatever it got or may still get is handed back in the end, with all names that are in use.
		r.line.breakOff()
		r.hands.putBack(settled)
		return false, nil
	}
	if reply.err != nil {
		r.hands.putBack(settled)
		if !passes(reply.err) {
			r.hands.letGo(name)
			if len(settled) > 0 && strings.Contains(reply.err.Error(), "unknown option") {
				r.claims.canAck = false
				return true, nil
			}
			return false, reply.err
		}
		// It may have been done and its reply lost; or it waits in the server still, until its connection is closed.
		r.line.breakOff()
		if released := r.line.release(r.stopping, r.keys, name); released == nil {
			r.hands.letGo(name)
		} else if !passes(released) {
			return false, released
		}
		return false, reply.err
	}
	r.lastClaim.Store(time.Now().UnixNano())
	r.confirm(settled)
	for _, of := range reply.entries {
		for _, entry := range of.entries {
			found = true
			r.start(of.key, list(entry), name)
		}
	}
	r.hands.letGo(name)
	return found, nil
}

func (r *run) start(key string, entry []any, name string) {
	job, flaw := parse(r.family, key, entry, r.codec)
	held := r.hands.start(r.life, job, name)
	r.tell(func(h Hooks) {
		if h.OnClaim != nil {
			h.OnClaim(job)
		}
	})
	r.working.Add(1)
	go func() {
		defer r.working.Done()
		defer held.cancel(context.Canceled)
		r.guard(func() error { return r.work(held, flaw) })
	}()
}

func (r *run) work(held *hand, flaw error) error {
	began, err := time.Now(), flaw
	if flaw == nil {
		err = r.handle(held)
	}
	took := time.Since(began)
	switch {
	case r.hands.isLost(held):
		r.drop(held)
		return nil
	case err != nil && context.Cause(held.ctx) == ErrStopped:
		// It gave up as it was told. It is handed back with all that is held.
		return nil
	case err != nil:
		return r.failed(held, err, took)
	case !r.hands.finish(held):
		r.drop(held)
		return nil
	}
	r.tell(func(h Hooks) {
		if h.OnDone != nil {
			h.OnDone(held.job, took)
		}
	})
	if schedule := r.scheduleOf(held.job); schedule != nil {
		err := r.line.insist(r.life, func(ctx context.Context) error {
			return r.plan(ctx, *schedule, held.job, "ACK", held.job.Key, held.job.Token)
		})
		r.drop(held)
		return err
	}
	r.hands.addDone(held)
	wake(r.changed)
	wake(r.settled)
	return nil
}

// handle runs the handler in a goroutine of its own, which it may end as it likes, except with the process.
func (r *run) handle(held *hand) error {
	ended := make(chan error, 1)
	go func() {
		err := errors.New("the handler has ended its goroutine")
		defer func() {
			if p := recover(); p != nil {
				r.log.Error("tsgen: panic in a handler", "key", held.job.Key, "id", held.job.ID)
				err = panicked(p)
			}
			ended <- err
		}()
		err = r.handler.Handle(held.ctx, held.job)
	}()
	return <-ended
}

func panicked(value any) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("panic: %T", value)
		}
	}()
	return fmt.Errorf("panic: %v", value)
}

func (r *run) failed(held *hand, err error, took time.Duration) error {
	job := held.job
	r.tell(func(h Hooks) {
		if h.OnFailed != nil {
			h.OnFailed(job, err, took)
		}
	})
	r.log.Warn("tsgen: failed", "key", job.Key, "id", job.ID, "deliveries", job.Deliveries, "type", fmt.Sprintf("%T", err))
	isDead, how := verdictOf(err)
	words := append([]any{job.Key, job.Token}, how...)
	nack := func(words ...any) error {
		if schedule := r.scheduleOf(job); schedule != nil && isDead {
			return r.line.insist(r.life, func(ctx context.Context) error { return r.plan(ctx, *schedule, job, "NACK", words...) })
		}
		_, err := r.line.insistOn(r.life, "NACK", words...)
		return err
	}
	refused := nack(append(words[:len(words):len(words)], "REASON", reasonOf(err))...)
	if refused != nil && strings.Contains(refused.Error(), "REASON") {
		// The server takes only shorter names (tsgen.max-name-size).
		refused = nack(words...)
	}
	r.drop(held)
	return refused
}

// drop: this worker does not hold it any more.
func (r *run) drop(held *hand) {
	r.hands.drop(held)
	wake(r.changed)
}

// flushWhileClaiming sends the ACKs of what ends while CLAIM waits; if it does not, they go with the next CLAIM.
func (r *run) flushWhileClaiming() error {
	for {
		select {
		case <-r.settled:
		case <-r.life.Done():
			return nil
		}
		if r.claiming.Load() {
			if err := r.flush(r.life); err != nil {
				return err
			}
		}
	}
}

func (r *run) flush(ctx context.Context) error {
	select {
	case r.flushing <- struct{}{}:
		defer func() { <-r.flushing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	settled := r.hands.takeDone()
	for key, held := range settled {
		if _, err := r.line.insistOn(ctx, "ACK", append([]any{key}, tokens(held)...)...); err != nil {
			r.hands.putBack(settled)
			return err
		}
	}
	r.confirm(settled)
	return nil
}

func (r *run) confirm(settled map[string][]*hand) {
	r.hands.confirm(settled)
	wake(r.changed)
}

// keepLeases extends all that is worked on at a third of the lease.
func (r *run) keepLeases() error {
	ticker := time.NewTicker(max(r.lease/3, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-r.life.Done():
			return nil
		}
		byKey := map[string][]*hand{}
		for _, held := range r.hands.inWork() {
			byKey[held.job.Key] = append(byKey[held.job.Key], held)
		}
		for key, held := range byKey {
			if err := r.extend(key, held); err != nil {
				if !passes(err) {
					return err
				}
				r.log.Warn("tsgen: cannot extend leases now", "key", key, "error", err)
			}
		}
	}
}

func (r *run) extend(key string, held []*hand) error {
	words := append([]any{key, ms(r.lease)}, tokens(held)...)
	count, err := r.line.call(r.life, "EXTEND", words...)
	if err != nil || integer(count) == int64(len(held)) {
		return err
	}
	if len(held) > 1 {
		// Some are lost, or were settled meanwhile: which?
		for _, one := range held {
			if err := r.extend(key, []*hand{one}); err != nil {
				return err
			}
		}
		return nil
	}
	if one := held[0]; r.hands.lose(one) {
		r.log.Warn("tsgen: lost: somebody else has it", "key", key, "id", one.job.ID)
		r.tell(func(h Hooks) {
			if h.OnLost != nil {
				h.OnLost(one.job)
			}
		})
		one.cancel(ErrLost)
	}
	return nil
}

// windUp lets handlers end, and hands back the rest.
func (r *run) windUp() {
	ended := make(chan struct{})
	go func() {
		r.working.Wait()
		close(ended)
	}()
	r.mu.Lock()
	hasFailed := r.failure != nil
	r.mu.Unlock()
	if !hasFailed {
		select {
		case <-ended:
		case <-r.hurry.Done():
		case <-time.After(r.shutdownTimeout):
		}
	}
	for _, held := range r.hands.inWork() {
		held.cancel(ErrStopped)
	}
	grace, limit := time.Second, 5*time.Second
	if r.hurry.Err() != nil {
		grace, limit = 100*time.Millisecond, time.Second
	}
	select {
	case <-ended:
	case <-time.After(grace):
	}
	for _, held := range r.hands.inWork() {
		r.hands.lose(held)
	}
	ctx, cancel := context.WithTimeout(r.life, limit)
	defer cancel()
	said := make(chan error, 1)
	go func() { said <- r.farewell(ctx) }()
	select {
	case err := <-said:
		if err != nil {
			r.log.Warn("tsgen: could not hand back everything", "error", err)
		}
	case <-ctx.Done():
		r.log.Warn("tsgen: could not hand back everything in time")
	}
}

func (r *run) farewell(ctx context.Context) error {
	err := r.flush(ctx)
	for _, name := range r.hands.inUse() {
		err = errors.Join(err, r.line.release(ctx, r.keys, name))
	}
	return err
}

// tell: what a hook panics with is logged, and changes nothing.
func (r *run) tell(each func(Hooks)) {
	for _, hooks := range r.hooks {
		func() {
			defer func() {
				if p := recover(); p != nil {
					r.log.Error("tsgen: a hook panicked", "panic", panicked(p).Error())
				}
			}()
			each(hooks)
		}()
	}
}

func wake(waiting chan struct{}) {
	select {
	case waiting <- struct{}{}:
	default:
	}
}
