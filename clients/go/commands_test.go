package tsgen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

// connected gives a Tsgen on an empty server of the test's own.
func connected(t *testing.T, protocol int) *Tsgen {
	t.Helper()
	address := os.Getenv("REDIS_URL")
	if address == "" {
		t.Fatal("set REDIS_URL to a server with the module and tsgen.virtual-clock, whose data may go")
	}
	options := must(redis.ParseURL(address))(t)
	options.Protocol = protocol
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	ok(t, client.FlushAll(ctx).Err())
	return New(client)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must is for calls with a value and an error: must(call())(t).
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		ok(t, err)
		return value
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %#v, want %#v", got, want)
	}
}

func refused(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("%q is missing in %v", text, err)
	}
}

// sent notes which commands a client has been asked for.
type sent struct {
	mu    sync.Mutex
	names map[string]bool
}

func (s *sent) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (s *sent) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.mu.Lock()
		s.names[strings.ToLower(text(cmd.Args()[0]))] = true
		s.mu.Unlock()
		return next(ctx, cmd)
	}
}

func (s *sent) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// delivery does all that a key with one ready entry can do.
func delivery(t *testing.T, key Key, id string) {
	t.Helper()
	claim := func() *Job {
		t.Helper()
		jobs := must(key.Claim(ctx, "me", 1, 0))(t)
		equal(t, len(jobs), 1)
		return jobs[0]
	}
	jobs := must(key.Claim(ctx, "me", 5, time.Minute))(t)
	equal(t, len(jobs), 1)
	job := jobs[0]
	equal(t, []any{job.Deliveries, job.ID}, []any{int64(1), id})
	cursor, page, err := key.Peek(ctx, "LEASED", 1, "")
	ok(t, err)
	equal(t, []any{cursor, page[0]["token"], page[0]["consumer"], page[0]["deliveries"]}, []any{"0", job.Token, "me", int64(1)})
	equal(t, text(list(page[0]["entry"])[0]), id)
	pending := must(key.Pending(ctx, "me", 5, 0))(t)
	equal(t, []any{len(pending), pending[0].Token, pending[0].Consumer, pending[0].Name}, []any{1, job.Token, "me", id})
	equal(t, must(key.Extend(ctx, 30*time.Second, job.Token))(t), int64(1))
	equal(t, must(key.Nack(ctx, RetryAfter(time.Hour, nil), job.Token))(t), int64(1))
	equal(t, must(key.Delayed(ctx, 5))(t)[0].Consumer, "")
	equal(t, must(key.PromoteAll(ctx, 5))(t), int64(1))
	equal(t, must(key.Nack(ctx, Dead(errors.New("why")), claim().Token))(t), int64(1))
	dead := must(key.Dead(ctx, 5, 0))(t)
	equal(t, []any{len(dead), dead[0].Name, dead[0].Reason}, []any{1, id, "why"})
	equal(t, must(key.Requeue(ctx, dead[0].Token))(t), int64(1))
	token := claim().Token
	equal(t, must(key.Release(ctx, "me"))(t), int64(1))
	equal(t, must(key.Ack(ctx, token))(t), int64(0))
	token = claim().Token
	must(key.Nack(ctx, Dead(nil), token))(t)
	equal(t, must(key.Discard(ctx, fmt.Sprintf("%d-%d", token, token)))(t), int64(1))
	equal(t, must(key.DiscardAll(ctx, 5))(t), int64(0))
	equal(t, must(key.RequeueAll(ctx, 5))(t), int64(0))
	equal(t, must(key.Promote(ctx, token))(t), int64(0))
	info := must(key.Info(ctx))(t)
	equal(t, []any{info["ready"], info["lease"], info["sink"]}, []any{int64(0), int64(7000), ""})
	ok(t, key.Alter(ctx, Lease(8*time.Second), MaxDeliveries(3)))
	info = must(key.Info(ctx))(t)
	equal(t, []any{info["lease"], info["maxdeliveries"]}, []any{int64(8000), int64(3)})
	equal(t, len(must(key.ClaimFrom(ctx, []string{key.name + "other"}, "me", 5, time.Minute, map[string][]any{key.name: {token}}))(t)), 0)
}

func TestEveryCommandHasACall(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprintf("RESP%d", protocol), func(t *testing.T) { everyCommand(t, protocol) })
	}
}

func everyCommand(t *testing.T, protocol int) {
	s := connected(t, protocol)
	sent := &sent{names: map[string]bool{}}
	s.Client.AddHook(sent)

	orders := s.Elements("orders")
	ok(t, orders.Create(ctx, Lease(7*time.Second), Late("READY"), Remember(time.Hour), RememberMax(10)))
	equal(t, must(orders.Add(ctx, 5, "a", map[string]any{"n": int64(math.MaxInt64)}))(t), Added{Waits: true})
	equal(t, must(orders.Add(ctx, 5, "a", nil, NX))(t), Added{})
	equal(t, must(orders.Postpone(ctx, 6, "a"))(t), true)
	equal(t, must(orders.Postpone(ctx, 6, "none"))(t), false)
	found := must(orders.Get(ctx, "a"))(t)
	equal(t, []any{found.State, found.Timestamp, string(found.Raw)}, []any{"waiting", int64(6), `{"n":9223372036854775807}`})
	equal(t, fmt.Sprint(found.Payload), "map[n:9223372036854775807]")
	equal(t, must(orders.AddAll(ctx, []Element{{7, "b", nil}, {8, "\xff", []int{1}}}))(t), []Added{{Waits: true}, {Waits: true}})
	equal(t, must(orders.Range(ctx, "(6", "+", 5))(t)[0], Element{7, "b", nil})
	equal(t, must(orders.Rem(ctx, "b", "\xff", "none"))(t), int64(2))
	_, err := orders.Watermark(ctx)
	equal(t, err, redis.Nil)
	equal(t, must(orders.Advance(ctx, 6))(t), int64(6))
	delivery(t, orders.Key, "a")
	_, err = orders.Get(ctx, "a")
	equal(t, err, redis.Nil)
	grouped := s.Elements("grouped")
	ok(t, grouped.Create(ctx, GroupLimit(1), Fair(true)))
	must(grouped.AddAll(ctx, []Element{{1, "a", 1}, {2, "b", 2}}, InGroup("g")))(t)
	must(grouped.Add(ctx, 3, "c", nil, InGroup("h")))(t)
	_, waiting, err := grouped.Peek(ctx, "WAITING", 5, "")
	ok(t, err)
	equal(t, []any{len(waiting), waiting[0]["group"], waiting[2]["group"]}, []any{3, "g", "h"})
	must(grouped.Advance(ctx, 5))(t)
	equal(t, len(must(grouped.Claim(ctx, "me", 5, 0))(t)), 2)
	sources := s.Elements("sources")
	ok(t, sources.Create(ctx, Sources("east", "west")))
	_, err = sources.Advance(ctx, 3, FromSource("east"))
	equal(t, err, redis.Nil)
	east := must(sources.Sources(ctx))(t)[0]
	equal(t, []any{east.Name, *east.Timestamp, east.IsIdle}, []any{"east", int64(3), false})
	ok(t, sources.Alter(ctx, SetSource("east", 2), AddSource("north"), AddSource("south"), RemSource("west"), SourceIdle(time.Hour), MaxJump(10), Paused(true)))
	equal(t, must(sources.Sources(ctx))(t)[1], Source{Name: "north"})
	_, err = sources.Advance(ctx, 100, FromSource("east"))
	refused(t, err, "JUMP")
	_, err = sources.Advance(ctx, 100, FromSource("east"), Force)
	equal(t, err, redis.Nil)
	equal(t, must(sources.Info(ctx))(t)["paused"], "yes")

	scans := s.Debounce("scans")
	ok(t, scans.Create(ctx, Idle(time.Hour), MaxWait(24*time.Hour), MaxItems(5), Unique, Lease(7*time.Second)))
	equal(t, must(scans.Push(ctx, "seller-1", "x", 1))(t), int64(2))
	_, items, err := scans.Get(ctx, "seller-1")
	ok(t, err)
	equal(t, []any{len(items), items[0].Value, items[0].At > 0}, []any{2, "x", true})
	equal(t, must(scans.Groups(ctx, 5, ""))(t)[0].Items, int64(2))
	must(scans.Push(ctx, "seller-2", "z"))(t)
	equal(t, must(scans.Cancel(ctx, "seller-2"))(t), int64(1))
	equal(t, must(scans.Flush(ctx, "seller-1"))(t), int64(1))
	equal(t, must(scans.FlushAll(ctx, 5))(t), int64(0))
	delivery(t, scans.Key, "seller-1")

	checkouts := s.Expiry("checkouts")
	ok(t, checkouts.Create(ctx, Prefix("order:"), Prefix("cart:"), MaxValue(100), KeepEvicted(true), MaxHeld(1<<20), Lease(7*time.Second)))
	ok(t, s.Client.Set(ctx, "order:7", "books", time.Hour).Err())
	equal(t, must(checkouts.Tracked(ctx, 5, ""))(t)[0].Name, "order:7")
	ok(t, s.Client.PExpire(ctx, "order:7", time.Millisecond).Err())
	until(t, func() bool { return must(checkouts.Info(ctx))(t)["ready"] == int64(1) })
	delivery(t, checkouts.Key, "order:7")

	likes := s.Tally("likes")
	ok(t, likes.Create(ctx, Every(time.Hour), MaxFields(10), FieldType("ANY"), Min(-5), Max(math.MaxInt64), Lease(7*time.Second)))
	equal(t, must(likes.Incr(ctx, "v", math.MaxInt64-1))(t), int64(math.MaxInt64-1))
	equal(t, must(likes.IncrAll(ctx, Delta{"v", 1}, Delta{"w", -2}))(t), []int64{math.MaxInt64, -2})
	equal(t, must(likes.Get(ctx, "w"))(t), int64(-2))
	equal(t, must(likes.Seal(ctx))(t), int64(2))
	batch := must(likes.Claim(ctx, "me", 1, 0))(t)[0].Batch
	equal(t, []any{batch.Fields, batch.Sums}, []any{[]string{"v", "w"}, []int64{math.MaxInt64, -2}})
	must(likes.Release(ctx, "me"))(t)
	delivery(t, likes.Key, fmt.Sprint(batch.Number))

	equal(t, must(s.Take(ctx, "login:ada", 5, time.Minute, 0, 1))(t).Remaining, int64(4))
	taken := must(s.Take(ctx, "login:ada", 5, time.Minute, 5, 5))(t)
	equal(t, []any{taken.Allowed, taken.RetryAfter > 0}, []any{false, true})

	clock := must(s.NewVirtualClock(ctx, 1_900_000_000_000))(t)
	must(s.DelayQueue("timed").Add(ctx, "a", nil, time.Hour))(t)
	equal(t, len(must(s.DelayQueue("timed").Claim(ctx, "me", 1, 0))(t)), 0)
	clock.Jump(time.Hour)
	equal(t, len(must(s.DelayQueue("timed").Claim(ctx, "me", 1, 0))(t)), 1)

	pages := must(filepath.Glob("../../docs/commands/*.*.md"))(t)
	if len(pages) < 70 {
		t.Fatalf("%d pages of commands", len(pages))
	}
	for _, page := range pages {
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); !sent.names[name] {
			t.Errorf("no call sends %s", name)
		}
	}
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it has not come about")
		}
	}
}

func TestADelayQueueIsCreatedWhenItIsAddedTo(t *testing.T) {
	s := connected(t, 3)
	equal(t, must(s.DelayQueue("mails").AddAt(ctx, "a", "x", time.Now().Add(time.Hour)))(t), Added{Waits: true})
	equal(t, must(s.DelayQueue("mails").Add(ctx, "b", "x", 0))(t), Added{IsReady: true})
	must(s.DelayQueue("mails").Add(ctx, "nightly", "x", time.Hour, Repeat(24*time.Hour)))(t)
	equal(t, must(s.DelayQueue("mails").Get(ctx, "nightly"))(t).Every, 24*time.Hour)
	ok(t, s.Elements("orders").Create(ctx))
	_, err := s.DelayQueue("orders").Add(ctx, "a", "x", time.Hour)
	refused(t, err, "needs a CLOCK key")
}

func TestMilliseconds(t *testing.T) {
	for length, want := range map[time.Duration]int64{0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Hour: 3_600_000, -1: 0, -time.Hour: -3_600_000} {
		equal(t, ms(length), want)
	}
}

func TestTokensAreRanges(t *testing.T) {
	var held []*hand
	for _, token := range []int64{9, 1, 3, 2, 5, 6} {
		held = append(held, &hand{job: &Job{Token: token}})
	}
	equal(t, tokens(held), []any{"1-3", "5-6", int64(9)})
	equal(t, tokens(nil), []any(nil))
}

func TestCodecs(t *testing.T) {
	for data, want := range map[string]string{
		"": "<nil>", "9223372036854775808123": "9223372036854775808123", "{": "*json", "1 2": "something", "\"\xff\"": "UTF-8", "\xff": "UTF-8",
	} {
		var v any
		told := ""
		if err := JSON.Unmarshal([]byte(data), &v); err != nil {
			told = fmt.Sprintf("%T %v", err, err)
		} else {
			told = fmt.Sprint(v)
		}
		if !strings.Contains(told, want) && !(data == "{" && told != "") {
			t.Errorf("%q: %s", data, told)
		}
	}
	equal(t, string(must(JSON.Marshal(map[string]any{"a": "<ü>"}))(t)), `{"a":"<ü>"}`)
	var name string
	ok(t, Raw.Unmarshal([]byte("\xff"), &name))
	equal(t, name, "\xff")
	if _, err := Raw.Marshal(5); err == nil {
		t.Error("5 is not raw")
	}
}

func TestReasons(t *testing.T) {
	equal(t, reasonOf(errors.New("a\xffb")), "a\uFFFDb")
	long := reasonOf(errors.New("x" + strings.Repeat("ü", 1000)))
	equal(t, long, "x"+strings.Repeat("ü", 511))
	equal(t, reasonOf(Dead(nil)), "")
}
