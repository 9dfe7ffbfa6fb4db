package tsgen

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Tsgen is the way in: keys of all families. Each call returns a redis.Error with the server's text if it is refused (WRONGTYPE for a key
// of another family, OOM, NOPERM, FULL, …), and a network error if it was not answered. Whether one is repeated by itself is up to the
// client's MaxRetries: never with Open, three times with a client that is not told otherwise. An Incr may count twice then, and an Add with
// NX say that it added nothing.
type Tsgen struct {
	Client redis.UniversalClient
	// Codec writes and reads payloads and items: JSON.
	Codec Codec
	// Clock is the virtual clock of a test, or nil.
	Clock *VirtualClock
}

// New is a Tsgen with JSON.
func New(client redis.UniversalClient) *Tsgen { return &Tsgen{Client: client, Codec: JSON} }

// Call sends one command of the module, at the time of the virtual clock if there is one; its key is the first argument.
func (t *Tsgen) Call(ctx context.Context, name string, key string, words ...any) (any, error) {
	return send(ctx, t.Client, command(ctx, t.Clock, 1, append([]any{name, key}, words...)...))
}

// A VirtualClock is a test's own: all commands run at its time, until it is jumped on.
type VirtualClock struct{ ms atomic.Int64 }

// NewVirtualClock begins at a time in Unix ms, of a Tsgen and of workers WithClock. It sets `tsgen.virtual-clock yes` in the server.
func (t *Tsgen) NewVirtualClock(ctx context.Context, now int64) (*VirtualClock, error) {
	if err := t.Client.ConfigSet(ctx, "tsgen.virtual-clock", "yes").Err(); err != nil {
		return nil, err
	}
	t.Clock = &VirtualClock{}
	t.Clock.ms.Store(now)
	return t.Clock, nil
}

// Now is its time in Unix ms.
func (c *VirtualClock) Now() int64 { return c.ms.Load() }

// Jump lets so much time pass.
func (c *VirtualClock) Jump(d time.Duration) { c.ms.Add(ms(d)) }

// Elements is a key of TSGEN: elements behind a watermark.
func (t *Tsgen) Elements(key string) *Elements { return &Elements{Key{t, "TSGEN", key}} }

// DelayQueue is a key of TSGEN whose watermark is the server's clock. It is created when it is first added to.
func (t *Tsgen) DelayQueue(key string) *DelayQueue { return &DelayQueue{*t.Elements(key)} }

// Debounce is a key whose groups fire when they have been quiet.
func (t *Tsgen) Debounce(key string) *Debounce { return &Debounce{Key{t, "DEBOUNCE", key}} }

// Expiry is a watcher of keys whose time to live runs out.
func (t *Tsgen) Expiry(key string) *Expiry { return &Expiry{Key{t, "EXPIRY", key}} }

// Tally is a key of sums by windows.
func (t *Tsgen) Tally(key string) *Tally { return &Tally{Key{t, "TALLY", key}} }

// Take takes cost (0 to burst) from a rate limit if there is room: of limit (1 to 10⁹) in each period (1 ms to ten years), burst at once.
// A burst of 0 is limit.
func (t *Tsgen) Take(ctx context.Context, key string, limit int64, period time.Duration, burst, cost int64) (Taken, error) {
	words := []any{limit, ms(period), "COST", cost}
	if burst != 0 {
		words = append(words, "BURST", burst)
	}
	reply, err := t.Call(ctx, "THROTTLE.TAKE", key, words...)
	of := list(reply)
	if err != nil || len(of) < 5 {
		return Taken{}, err
	}
	length := func(reply any) time.Duration { return time.Duration(integer(reply)) * time.Millisecond }
	return Taken{integer(of[0]) == 1, integer(of[1]), integer(of[2]), max(0, length(of[3])), length(of[4])}, nil
}

// Taken is what Take tells. RetryAfter is 0 if it was allowed.
type Taken struct {
	Allowed    bool
	Limit      int64
	Remaining  int64
	RetryAfter time.Duration
	ResetAfter time.Duration
}

// A Key has what keys of all families have in common.
type Key struct {
	tsgen  *Tsgen
	family string
	name   string
}

func (k Key) call(ctx context.Context, command string, words ...any) (any, error) {
	return k.tsgen.Call(ctx, k.family+"."+command, k.name, words...)
}

func (k Key) count(ctx context.Context, command string, words ...any) (int64, error) {
	reply, err := k.call(ctx, command, words...)
	return integer(reply), err
}

// Create makes the key; BUSYKEY if it exists.
func (k Key) Create(ctx context.Context, options ...Option) error {
	_, err := k.call(ctx, "CREATE", flat(options)...)
	return err
}

// Alter changes options from now on, all or none. ERR if there is no such key.
func (k Key) Alter(ctx context.Context, options ...Option) error {
	_, err := k.call(ctx, "ALTER", flat(options)...)
	return err
}

// Claim leases up to count (1 to 10000) ready entries to a consumer, oldest first, and does not wait; a lease of 0 is that of the key.
// The tokens in ack are acknowledged first, in the same write. The payload of an entry that does not decode is nil. A Worker is the loop around it.
func (k Key) Claim(ctx context.Context, consumer string, count int, lease time.Duration, ack ...any) ([]*Job, error) {
	words := append([]any{consumer, "COUNT", count}, leased(lease)...)
	if len(ack) > 0 {
		words = append(append(words, "ACK"), ack...)
	}
	reply, err := k.call(ctx, "CLAIM", words...)
	return k.jobs(k.name, reply), err
}

// ClaimFrom claims from this key and others of its family (and slot) by strict priority; count is the total. ack has tokens by key.
func (k Key) ClaimFrom(ctx context.Context, others []string, consumer string, count int, lease time.Duration, ack map[string][]any) ([]*Job, error) {
	words := []any{k.family + ".MCLAIM", 1 + len(others), k.name}
	for _, key := range others {
		words = append(words, key)
	}
	words = append(append(words, consumer, "COUNT", count), leased(lease)...)
	for key, tokens := range ack {
		words = append(append(words, "ACK", key), tokens...)
	}
	reply, err := send(ctx, k.tsgen.Client, command(ctx, k.tsgen.Clock, 2, words...))
	var found []*Job
	for _, pair := range list(reply) {
		found = append(found, k.jobs(text(list(pair)[0]), list(pair)[1])...)
	}
	return found, err
}

func leased(lease time.Duration) []any {
	if lease == 0 {
		return nil
	}
	return []any{"LEASE", ms(lease)}
}

func (k Key) jobs(key string, reply any) (found []*Job) {
	for _, entry := range list(reply) {
		job, _ := parse(k.family, key, list(entry), k.tsgen.Codec)
		found = append(found, job)
	}
	return found
}

// Ack: the work is done, and the entries are gone. Tokens are integers, or ranges "first-last"; how many were current.
func (k Key) Ack(ctx context.Context, tokens ...any) (int64, error) {
	return k.count(ctx, "ACK", tokens...)
}

// Nack: these deliveries have failed. They come back as the verdict says: nil is the key's BACKOFF, else RetryAfter or Dead. An error's
// text is the reason, of at most 65536 bytes. How many of the tokens were current.
func (k Key) Nack(ctx context.Context, why error, tokens ...any) (int64, error) {
	_, how := verdictOf(why)
	tokens = append(tokens, how...)
	if why != nil && why.Error() != "" {
		tokens = append(tokens, "REASON", why.Error())
	}
	return k.count(ctx, "NACK", tokens...)
}

// Extend: leases end so long (1 ms to ten years) from now. How many of the tokens were current.
func (k Key) Extend(ctx context.Context, lease time.Duration, tokens ...any) (int64, error) {
	return k.count(ctx, "EXTEND", append([]any{ms(lease)}, tokens...)...)
}

// Release: what the consumer holds, up to 10000 entries, is ready at once and not counted as delivered. How many; at 10000 call again.
func (k Key) Release(ctx context.Context, consumer string) (int64, error) {
	return k.count(ctx, "RELEASE", consumer)
}

// Leased is an entry with a running lease, or a delayed one: without a consumer, Until is when it comes back.
type Leased struct {
	Token      int64
	Consumer   string
	Until      int64
	Deliveries int64
	Name       string
}

// Pending lists entries with running leases, by token: of one consumer or, if that is empty, of all. after is the last token of the page
// before; count 1 to 10000.
func (k Key) Pending(ctx context.Context, consumer string, count int, after int64) ([]Leased, error) {
	words := []any{"COUNT", count, "AFTER", after}
	if consumer != "" {
		words = append(words, "CONSUMER", consumer)
	}
	return k.pending(ctx, words...)
}

// Delayed lists entries that are delayed after a failed delivery, next to come back first.
func (k Key) Delayed(ctx context.Context, count int) ([]Leased, error) {
	return k.pending(ctx, "DELAYED", "COUNT", count)
}

func (k Key) pending(ctx context.Context, words ...any) (found []Leased, err error) {
	reply, err := k.call(ctx, "PENDING", words...)
	for _, row := range list(reply) {
		of := list(row)
		found = append(found, Leased{integer(of[0]), text(of[1]), integer(of[2]), integer(of[3]), text(of[4])})
	}
	return found, err
}

// A DeadLetter is what Dead lists.
type DeadLetter struct {
	Token      int64
	Deliveries int64
	Name       string
	DiedAt     int64
	Reason     string
}

// Dead lists dead letters by token. after is the last token of the page before; count 1 to 10000.
func (k Key) Dead(ctx context.Context, count int, after int64) (found []DeadLetter, err error) {
	reply, err := k.call(ctx, "DEAD", "COUNT", count, "AFTER", after)
	for _, row := range list(reply) {
		of := list(row)
		found = append(found, DeadLetter{integer(of[0]), integer(of[1]), text(of[2]), integer(of[3]), text(of[4])})
	}
	return found, err
}

// Peek lists entries of a state (READY, DELAYED, LEASED or DEAD; of TSGEN also WAITING) with their content, and changes nothing. Each is a
// map by the server's names: token, deliveries, bytes, entry (what CLAIM has behind the deliveries), and what applies of held, group,
// consumer, until, reason and died-at. count is 1 to 10000; a page has at most 4 MiB of content. The cursor is for after, and "0" at the
// beginning and at the end.
func (k Key) Peek(ctx context.Context, state string, count int, after string) (cursor string, page []map[string]any, err error) {
	words := []any{state, "COUNT", count}
	if after != "" && after != "0" {
		words = append(words, "AFTER", after)
	}
	reply, err := k.call(ctx, "PEEK", words...)
	if err != nil || len(list(reply)) < 2 {
		return "0", nil, err
	}
	for _, entry := range list(list(reply)[1]) {
		page = append(page, fields(entry))
	}
	return text(list(reply)[0]), page, nil
}

// Promote ends the delays of these entries. How many.
func (k Key) Promote(ctx context.Context, tokens ...any) (int64, error) {
	return k.count(ctx, "PROMOTE", tokens...)
}

// PromoteAll ends up to count delays, next to come back first. How many.
func (k Key) PromoteAll(ctx context.Context, count int) (int64, error) {
	return k.count(ctx, "PROMOTE", "ALL", "COUNT", count)
}

// Requeue gives dead letters their old place back, with no deliveries counted. How many.
func (k Key) Requeue(ctx context.Context, tokens ...any) (int64, error) {
	return k.count(ctx, "REQUEUE", tokens...)
}

// RequeueAll does that with up to count of them. How many.
func (k Key) RequeueAll(ctx context.Context, count int) (int64, error) {
	return k.count(ctx, "REQUEUE", "ALL", "COUNT", count)
}

// Discard removes dead letters for good. How many.
func (k Key) Discard(ctx context.Context, tokens ...any) (int64, error) {
	return k.count(ctx, "DISCARD", tokens...)
}

// DiscardAll does that with up to count of them. How many.
func (k Key) DiscardAll(ctx context.Context, count int) (int64, error) {
	return k.count(ctx, "DISCARD", "ALL", "COUNT", count)
}

// Info has gate, counts by state, ages, totals and options, by the server's names: int64, string or nil. ERR if there is no such key.
func (k Key) Info(ctx context.Context) (map[string]any, error) {
	reply, err := k.call(ctx, "INFO")
	return fields(reply), err
}

// Elements is a key of TSGEN.
type Elements struct{ Key }

// Added is what became of an element: it waits, or it is ready; or neither, for NX or XX forbade it or its id is remembered.
type Added struct{ Waits, IsReady bool }

func added(reply any) Added {
	return Added{Waits: reply == int64(1), IsReady: reply == int64(0)}
}

// An Element is what AddAll adds.
type Element struct {
	Timestamp int64
	ID        string
	Payload   any
}

// Add adds an element, or replaces the one with its id. The timestamp is in the unit of the watermark. Options are NX, XX, InGroup and
// Repeat. LATE and FULL as the options of the key say.
func (e *Elements) Add(ctx context.Context, timestamp int64, id string, payload any, options ...AddOption) (Added, error) {
	return e.add(ctx, timestamp, id, payload, options)
}

func (e *Elements) add(ctx context.Context, timestamp any, id string, payload any, options []AddOption) (Added, error) {
	data, err := e.tsgen.Codec.Marshal(payload)
	if err != nil {
		return Added{}, err
	}
	words := append(flat(options), timestamp, id, data)
	reply, err := e.call(ctx, "ADD", words...)
	if isNil(err) {
		err = nil
	}
	return added(reply), err
}

// AddAll adds elements, all or none; for each what Add returns. Options as in Add.
func (e *Elements) AddAll(ctx context.Context, elements []Element, options ...AddOption) (found []Added, err error) {
	words := flat(options)
	for _, element := range elements {
		data, err := e.tsgen.Codec.Marshal(element.Payload)
		if err != nil {
			return nil, err
		}
		words = append(words, element.Timestamp, element.ID, data)
	}
	reply, err := e.call(ctx, "MADD", words...)
	for _, one := range list(reply) {
		found = append(found, added(one))
	}
	return found, err
}

// Postpone gives an element that is there another timestamp, and keeps its payload and group. Whether it was there.
func (e *Elements) Postpone(ctx context.Context, timestamp int64, id string) (bool, error) {
	reply, err := e.call(ctx, "ADD", "XX", timestamp, id)
	if isNil(err) {
		err = nil
	}
	return reply != nil, err
}

// Advance raises the watermark to a timestamp. Options are FromSource and Force. The watermark; redis.Nil while sources have not reported.
// JUMP if that is more than the key's MAXJUMP at once.
func (e *Elements) Advance(ctx context.Context, timestamp int64, options ...AdvanceOption) (int64, error) {
	return e.count(ctx, "ADVANCE", append([]any{timestamp}, flat(options)...)...)
}

// Watermark is the watermark; on keys with a clock the server's time in Unix ms. redis.Nil while it is unset.
func (e *Elements) Watermark(ctx context.Context) (int64, error) { return e.count(ctx, "WATERMARK") }

// Found is what Get tells. State is waiting, ready, leased, delayed or dead.
type Found struct {
	State     string
	Timestamp int64
	Raw       []byte
	Payload   any
	// Every is how often it comes again; 0: once.
	Every time.Duration
}

// Get finds the newest element of an id, whatever its state; redis.Nil if there is none. An error of the codec comes with the rest.
func (e *Elements) Get(ctx context.Context, id string) (*Found, error) {
	reply, err := e.call(ctx, "GET", id)
	of := list(reply)
	if err != nil || len(of) < 3 {
		return nil, err
	}
	found := &Found{State: text(of[0]), Timestamp: integer(of[1]), Raw: []byte(text(of[2]))}
	if len(of) > 3 {
		found.Every = time.Duration(integer(of[3])) * time.Millisecond
	}
	return found, decode(e.tsgen.Codec, found.Raw, &found.Payload)
}

// Rem removes elements, whatever their state. How many.
func (e *Elements) Rem(ctx context.Context, ids ...string) (int64, error) {
	return e.count(ctx, "REM", names(ids)...)
}

// Range lists waiting and ready elements by timestamp: "-" and "+" are the ends, "(5" is above 5; count 1 to 10000. A payload that does
// not decode is nil.
func (e *Elements) Range(ctx context.Context, low, high string, count int) (found []Element, err error) {
	reply, err := e.call(ctx, "RANGE", low, high, "COUNT", count)
	for _, row := range list(reply) {
		of := list(row)
		element := Element{ID: text(of[0]), Timestamp: integer(of[1])}
		_ = decode(e.tsgen.Codec, []byte(text(of[2])), &element.Payload)
		found = append(found, element)
	}
	return found, err
}

// A Source of a watermark. Timestamp and ReportedAt (Unix ms) are nil until it reports; IsIdle: it is left out.
type Source struct {
	Name       string
	Timestamp  *int64
	ReportedAt *int64
	IsIdle     bool
}

// Sources lists the declared sources.
func (e *Elements) Sources(ctx context.Context) (found []Source, err error) {
	reply, err := e.call(ctx, "SOURCES")
	maybe := func(reply any) *int64 {
		if n, is := reply.(int64); is {
			return &n
		}
		return nil
	}
	for _, row := range list(reply) {
		of := list(row)
		found = append(found, Source{text(of[0]), maybe(of[1]), maybe(of[2]), integer(of[3]) == 1})
	}
	return found, err
}

// DelayQueue is a key of TSGEN with a clock.
type DelayQueue struct{ Elements }

// Add adds a job that is due so long from now (0 to ten years), or replaces the one with its id. Options as in Elements.Add.
func (q *DelayQueue) Add(ctx context.Context, id string, payload any, delay time.Duration, options ...AddOption) (Added, error) {
	return q.schedule(ctx, fmt.Sprintf("+%d", ms(delay)), id, payload, options)
}

// AddAt adds a job that is due at a time.
func (q *DelayQueue) AddAt(ctx context.Context, id string, payload any, at time.Time, options ...AddOption) (Added, error) {
	return q.schedule(ctx, fmt.Sprintf("%dms", at.UnixMilli()), id, payload, options)
}

func (q *DelayQueue) schedule(ctx context.Context, due, id string, payload any, options []AddOption) (Added, error) {
	added, err := q.add(ctx, due, id, payload, options)
	if err == nil || !strings.Contains(err.Error(), "needs a CLOCK key") {
		return added, err
	}
	if refused := q.Create(ctx, Clock); refused != nil && !strings.Contains(refused.Error(), "BUSYKEY") {
		return Added{}, refused
	}
	return q.add(ctx, due, id, payload, options)
}

// Debounce is a key of DEBOUNCE.
type Debounce struct{ Key }

// Push adds items and restarts the group's idle timeout. How many it is collecting now; 0 if that filled it and it fired.
func (d *Debounce) Push(ctx context.Context, group string, items ...any) (int64, error) {
	words := []any{group}
	for _, item := range items {
		data, err := d.tsgen.Codec.Marshal(item)
		if err != nil {
			return 0, err
		}
		words = append(words, data)
	}
	return d.count(ctx, "PUSH", words...)
}

// Get tells when a collecting group fires (Unix ms), and its items; redis.Nil if it is not collecting.
func (d *Debounce) Get(ctx context.Context, group string) (firesAt int64, found []Item, err error) {
	reply, err := d.call(ctx, "GET", group)
	of := list(reply)
	if err != nil || len(of) < 2 {
		return 0, nil, err
	}
	found, err = items(d.tsgen.Codec, of[1])
	return integer(of[0]), found, err
}

// Collecting is a group that has not fired yet; FiresAt in Unix ms.
type Collecting struct {
	Name    string
	Items   int64
	FiresAt int64
}

// Groups lists collecting groups, next to fire first. after is the last group of the page before; count 1 to 10000.
func (d *Debounce) Groups(ctx context.Context, count int, after string) (found []Collecting, err error) {
	reply, err := d.call(ctx, "GROUPS", paged(count, after)...)
	for _, row := range list(reply) {
		of := list(row)
		found = append(found, Collecting{text(of[0]), integer(of[1]), integer(of[2])})
	}
	return found, err
}

func paged(count int, after string) []any {
	if after == "" {
		return []any{"COUNT", count}
	}
	return []any{"COUNT", count, "AFTER", after}
}

// Flush fires these groups now. How many were collecting.
func (d *Debounce) Flush(ctx context.Context, groups ...string) (int64, error) {
	return d.count(ctx, "FLUSH", names(groups)...)
}

// FlushAll fires up to count collecting groups now, next to fire first. How many.
func (d *Debounce) FlushAll(ctx context.Context, count int) (int64, error) {
	return d.count(ctx, "FLUSHALL", "COUNT", count)
}

// Cancel drops collecting groups with their items. How many.
func (d *Debounce) Cancel(ctx context.Context, groups ...string) (int64, error) {
	return d.count(ctx, "CANCEL", names(groups)...)
}

// Expiry is a key of EXPIRY.
type Expiry struct{ Key }

// Tracked is a watched key that has a time to live; Deadline in Unix ms.
type Tracked struct {
	Name     string
	Deadline int64
}

// Tracked lists watched keys that have a time to live, next to expire first. after is the last key of the page before; count 1 to 10000.
func (e *Expiry) Tracked(ctx context.Context, count int, after string) (found []Tracked, err error) {
	reply, err := e.call(ctx, "TRACKED", paged(count, after)...)
	for _, row := range list(reply) {
		found = append(found, Tracked{text(list(row)[0]), integer(list(row)[1])})
	}
	return found, err
}

// Tally is a key of TALLY.
type Tally struct{ Key }

// Incr adds to the sum of a field (signed 64 bits); the sum in this window. Sent twice, it counts twice.
func (t *Tally) Incr(ctx context.Context, field string, delta int64) (int64, error) {
	return t.count(ctx, "INCR", field, delta)
}

// A Delta is an increment of a field.
type Delta struct {
	Field string
	Delta int64
}

// IncrAll adds to several sums, all or none; these sums.
func (t *Tally) IncrAll(ctx context.Context, deltas ...Delta) (sums []int64, err error) {
	var words []any
	for _, delta := range deltas {
		words = append(words, delta.Field, delta.Delta)
	}
	reply, err := t.call(ctx, "MINCR", words...)
	for _, sum := range list(reply) {
		sums = append(sums, integer(sum))
	}
	return sums, err
}

// Get is what no batch that was acknowledged had of this field: open window and all batches.
func (t *Tally) Get(ctx context.Context, field string) (int64, error) {
	return t.count(ctx, "GET", field)
}

// Seal seals the open window now. The number of its fields; 0 if none was open.
func (t *Tally) Seal(ctx context.Context) (int64, error) { return t.count(ctx, "SEAL") }

func names(all []string) []any {
	words := make([]any, len(all))
	for at, name := range all {
		words[at] = name
	}
	return words
}

func isNil(err error) bool { return errors.Is(err, redis.Nil) }
