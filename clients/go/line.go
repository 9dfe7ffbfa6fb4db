package tsgen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// block is how long one CLAIM waits in the server. A worker that is alive shows it at least so often.
	block = 10 * time.Second
	// patience is how long the server may take to answer a command that does not wait.
	patience = 5 * time.Second
)

// passing are the codes of errors that go by: a failover, a restart, a full disk, a busy script, a slot on its way.
var passing = map[string]bool{
	"LOADING": true, "READONLY": true, "MASTERDOWN": true, "NOREPLICAS": true, "UNBLOCKED": true, "CLUSTERDOWN": true,
	"TRYAGAIN": true, "MOVED": true, "ASK": true, "MISCONF": true, "BUSY": true,
}

// passes tells whether the same command may be answered later: the connection is gone, or the server is in a state that ends.
func passes(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return true
	}
	code, _, _ := strings.Cut(reply.Error(), " ")
	return passing[code]
}

// A pause before the next attempt: from 50 ms doubled up to 2 s, less up to a half of it by chance.
type pause struct{ next time.Duration }

func (p *pause) wait(ctx context.Context) {
	length := max(p.next, 50*time.Millisecond)
	p.next = min(length*2, 2*time.Second)
	timer := time.NewTimer(length/2 + rand.N(length/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// separate makes a client of the same options that never repeats a command by itself. go-redis does so by default when a reply is late
// or lost: then a CLAIM that waits in the server would be sent twice. A client for a cluster has two settings: MaxRetries is that of each
// node, and MaxRedirects, which also repeats when a connection ends; without it the worker itself follows MOVED.
func separate(client redis.UniversalClient, timeout time.Duration) (redis.UniversalClient, error) {
	switch client := client.(type) {
	case *redis.Client:
		options := *client.Options()
		options.MaxRetries, options.ReadTimeout, options.MinIdleConns = -1, timeout, 0
		// One of its own: the original's has handlers already, and go-redis would log that it cannot add its own again.
		options.PushNotificationProcessor = nil
		return redis.NewClient(&options), nil
	case *redis.ClusterClient:
		options := *client.Options()
		options.MaxRetries, options.ReadTimeout, options.MinIdleConns = -1, timeout, 0
		options.PushNotificationProcessor = nil
		if timeout > block {
			options.MaxRedirects = -1
		}
		return redis.NewClusterClient(&options), nil
	}
	return nil, fmt.Errorf("a worker takes a client of one server, of Sentinels or of a cluster, not a %T", client)
}

// A line is how a worker sends: one client for what waits in the server, one for what must not wait behind it.
type line struct {
	original redis.UniversalClient
	family   string
	clock    *VirtualClock
	log      *slog.Logger
	control  redis.UniversalClient

	mu      sync.Mutex
	claimer redis.UniversalClient
}

func newLine(client redis.UniversalClient, family string, clock *VirtualClock, log *slog.Logger) (*line, error) {
	control, err := separate(client, patience)
	if err != nil {
		return nil, err
	}
	claimer, _ := separate(client, block+10*time.Second)
	return &line{original: client, family: family, clock: clock, log: log, control: control, claimer: claimer}, nil
}

// command makes one command, whose first key is at this place behind its name; at the time of the virtual clock, if there is one.
func command(ctx context.Context, clock *VirtualClock, place int, words ...any) *redis.Cmd {
	if clock != nil {
		words = append([]any{"TSGEN.AT", clock.Now()}, words...)
		place += 2
	}
	cmd := redis.NewCmd(ctx, words...)
	cmd.SetFirstKeyPos(int8(place))
	return cmd
}

func send(ctx context.Context, client redis.UniversalClient, cmd *redis.Cmd) (any, error) {
	_ = client.Process(ctx, cmd)
	return cmd.Result()
}

// call sends one command of the family; a key is its first word.
func (l *line) call(ctx context.Context, name string, words ...any) (any, error) {
	return send(ctx, l.control, command(ctx, l.clock, 1, append([]any{l.family + "." + name}, words...)...))
}

// claim sends one that may wait in the server.
func (l *line) claim(ctx context.Context, place int, name string, words ...any) (any, error) {
	l.mu.Lock()
	claimer := l.claimer
	l.mu.Unlock()
	return send(ctx, claimer, command(ctx, l.clock, place, append([]any{l.family + "." + name}, words...)...))
}

// insist does what may be done twice until it is answered, or ctx ends. Its error does not pass.
func (l *line) insist(ctx context.Context, do func(context.Context) error) error {
	for pause := (pause{}); ; pause.wait(ctx) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := do(ctx)
		if err == nil || !passes(err) {
			return err
		}
		if ctx.Err() == nil {
			l.log.Warn("tsgen: trying again", "error", err)
		}
	}
}

func (l *line) insistOn(ctx context.Context, name string, words ...any) (reply any, err error) {
	err = l.insist(ctx, func(ctx context.Context) (err error) {
		reply, err = l.call(ctx, name, words...)
		return err
	})
	return reply, err
}

// release hands back whatever a consumer holds.
func (l *line) release(ctx context.Context, keys []string, name string) error {
	for _, key := range keys {
		for {
			count, err := l.insistOn(ctx, "RELEASE", key, name)
			if err != nil {
				return err
			}
			if integer(count) < 10_000 {
				break
			}
		}
	}
	return nil
}

// knows tells whether the server has a command of the family.
func (l *line) knows(ctx context.Context, name string) (has bool, err error) {
	err = l.insist(ctx, func(ctx context.Context) error {
		reply, err := l.control.Do(ctx, "COMMAND", "INFO", l.family+"."+name).Result()
		has = len(list(reply)) > 0 && list(reply)[0] != nil
		return err
	})
	return has, err
}

// breakOff ends a claim that waits, by closing its connection.
func (l *line) breakOff() {
	fresh, _ := separate(l.original, block+10*time.Second)
	l.mu.Lock()
	old := l.claimer
	l.claimer = fresh
	l.mu.Unlock()
	_ = old.Close()
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.claimer.Close()
	_ = l.control.Close()
}
