// One contender in Go: `bench <name>`. docs/benchmarks.md tells what is measured; the last line printed is the result, JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"tsgen"
)

const (
	concurrency = 50
	delay       = time.Second
	gap         = 20 * time.Millisecond
)

// due is what a job carries: Unix microseconds.
type due struct{ At int64 }

type contender interface {
	add(at due, delay time.Duration) error
	work(handle func(due))
	close()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func size(name string) int {
	number, err := strconv.Atoi(os.Getenv(name))
	must(err)
	return number
}

type ours struct {
	client *redis.Client
	queue  *tsgen.DelayQueue
	count  atomic.Int64
	cancel context.CancelFunc
	ended  chan error
}

func (o *ours) add(at due, delay time.Duration) error {
	_, err := o.queue.Add(context.Background(), strconv.FormatInt(o.count.Add(1), 10), at, delay)
	return err
}

func (o *ours) work(handle func(due)) {
	worker := tsgen.NewWorker(o.client, "bench", tsgen.Typed(func(_ context.Context, _ *tsgen.Job, at due) error {
		handle(at)
		return nil
	}), tsgen.Concurrency(concurrency))
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	go func() { o.ended <- worker.Run(ctx) }()
}

func (o *ours) close() {
	o.cancel()
	must(<-o.ended)
}

type theirs struct {
	client *asynq.Client
	server *asynq.Server
}

func (t *theirs) add(at due, delay time.Duration) error {
	payload, err := json.Marshal(at)
	must(err)
	options := []asynq.Option{}
	if delay > 0 {
		options = append(options, asynq.ProcessIn(delay))
	}
	_, err = t.client.Enqueue(asynq.NewTask("bench", payload), options...)
	return err
}

func (t *theirs) work(handle func(due)) {
	must(t.server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		var at due
		must(json.Unmarshal(task.Payload(), &at))
		handle(at)
		return nil
	})))
}

func (t *theirs) close() { t.server.Shutdown() }

func open(name string) contender {
	address := strings.TrimPrefix(os.Getenv("REDIS_URL"), "redis://")
	if name == "asynq" {
		redis := asynq.RedisClientOpt{Addr: address}
		config := asynq.Config{Concurrency: concurrency, LogLevel: asynq.ErrorLevel}
		return &theirs{asynq.NewClient(redis), asynq.NewServer(redis, config)}
	}
	client := redis.NewClient(&redis.Options{Addr: address})
	return &ours{client: client, queue: tsgen.New(client).DelayQueue("bench"), ended: make(chan error, 1)}
}

// handled is what handlers have seen.
type handled struct {
	sync.Mutex
	times    []time.Time
	lateness []float64
}

func (h *handled) handle(at due) {
	now := time.Now()
	h.Lock()
	defer h.Unlock()
	h.times = append(h.times, now)
	h.lateness = append(h.lateness, float64(now.UnixMicro()-at.At)/1000)
}

func (h *handled) wait(count int) {
	for {
		h.Lock()
		length := len(h.times)
		h.Unlock()
		if length >= count {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (h *handled) clear() {
	h.Lock()
	defer h.Unlock()
	h.times, h.lateness = nil, nil
}

func main() {
	jobs, result, seen := size("JOBS"), map[string]float64{}, &handled{}
	contender := open(os.Args[1])
	must(contender.add(due{time.Now().UnixMicro()}, 0))

	began := time.Now()
	var group sync.WaitGroup
	for range concurrency {
		group.Add(1)
		go func() {
			defer group.Done()
			for range jobs / concurrency {
				must(contender.add(due{}, 0))
			}
		}()
	}
	group.Wait()
	result["adds"] = float64(jobs) / time.Since(began).Seconds()

	contender.work(seen.handle)
	seen.wait(jobs + 1)
	first, last := seen.times[0], seen.times[0]
	for _, at := range seen.times {
		if at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	result["handled"] = float64(jobs) / last.Sub(first).Seconds()

	for _, phase := range []struct {
		name  string
		count int
		delay time.Duration
	}{{"", size("TIMED"), 0}, {"delayed_", size("DELAYED"), delay}} {
		seen.clear()
		start := time.Now()
		for n := range phase.count {
			time.Sleep(time.Until(start.Add(time.Duration(n) * gap)))
			must(contender.add(due{time.Now().Add(phase.delay).UnixMicro()}, phase.delay))
		}
		seen.wait(phase.count)
		sort.Float64s(seen.lateness)
		result[phase.name+"p50"] = seen.lateness[phase.count/2]
		result[phase.name+"p99"] = seen.lateness[phase.count*99/100]
	}
	contender.close()
	line, err := json.Marshal(result)
	must(err)
	fmt.Println(string(line))
}
