package tsgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Job is one delivery.
type Job struct {
	Key string
	// Token rises with each delivery of an entry: a fencing token for your database.
	Token int64
	// Deliveries is how often it has been delivered, this time included.
	Deliveries int64
	// ID is the id in TSGEN, the group in DEBOUNCE, the watched key in EXPIRY, the number of the batch in TALLY.
	ID string

	// Timestamp is that of a TSGEN element, Raw its payload as it was added, and Payload what the codec makes of it.
	Timestamp int64
	Raw       []byte
	Payload   any

	// What the other families deliver; nil in all but one.
	Group   *Group
	Expired *Expired
	Batch   *Batch

	codec Codec
}

// A Group of DEBOUNCE has fired. Reason is idle, maxwait, full or flush.
type Group struct {
	Reason string
	// Items are in order of arrival.
	Items []Item
}

// An Item of a group; At is when it was pushed, in Unix ms.
type Item struct {
	Raw   []byte
	Value any
	At    int64
}

// Expired is a key whose time to live has run out (Reason is expired), or that was evicted.
type Expired struct {
	// Type is string, list and so on; empty if the key could not be copied in time.
	Type string
	// Value is that of a string, and what DUMP returns of other types; nil if it was not kept.
	Value    []byte
	Deadline int64
	Reason   string
}

// A Batch is the sums of one window of TALLY. Number is the same on redelivery: write it under a unique constraint, as WritePostgres does.
type Batch struct {
	Key      string
	Number   int64
	OpenedAt int64
	SealedAt int64
	// Fields are in byte order, and Sums beside them.
	Fields []string
	Sums   []int64
}

// Decode reads the payload of a TSGEN element into v, as json.Unmarshal does. Its error makes a dead letter of the job when the handler
// returns it, and does not quote the payload.
func (j *Job) Decode(v any) error { return decode(j.codec, j.Raw, v) }

func decode(codec Codec, data []byte, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Dead(fmt.Errorf("payload does not decode: panic in the codec"))
		}
	}()
	if err := codec.Unmarshal(data, v); err != nil {
		return Dead(fmt.Errorf("payload does not decode: %T", err))
	}
	return nil
}

// A Codec says how payloads and items are written. A job whose payload it cannot read is a dead letter.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// JSON is the codec unless you say otherwise. In an `any`, numbers are json.Number, exact whatever their size. No bytes at all are nil.
var JSON Codec = jsonCodec{}

// Raw leaves payloads as they are: []byte, or strings.
var Raw Codec = rawCodec{}

type jsonCodec struct{}

func (jsonCodec) Marshal(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), err
}

var errNotUTF8 = errors.New("it is not UTF-8")

func (jsonCodec) Unmarshal(data []byte, v any) error {
	if len(data) == 0 {
		return nil
	}
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something follows")
	}
	return nil
}

type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	case string:
		return []byte(v), nil
	}
	return nil, fmt.Errorf("the codec Raw takes []byte and string, not %T", v)
}

func (rawCodec) Unmarshal(data []byte, v any) error {
	switch v := v.(type) {
	case *any:
		*v = data
	case *[]byte:
		*v = data
	case *string:
		*v = string(data)
	default:
		return fmt.Errorf("the codec Raw reads into *[]byte and *string, not %T", v)
	}
	return nil
}

// A Handler does the work of a job. If it returns nil, the entry is acknowledged. If it returns an error, it is tried again after the
// key's BACKOFF, MAXDELIVERIES times; RetryAfter and Dead say it more precisely. A panic is an error.
//
// ctx ends when the result does not count any more: its cause is ErrLost or ErrStopped. A handler may run twice for one entry: a process
// can die between its return and the ACK.
type Handler interface {
	Handle(ctx context.Context, job *Job) error
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(ctx context.Context, job *Job) error

func (f HandlerFunc) Handle(ctx context.Context, job *Job) error { return f(ctx, job) }

// Typed makes a Handler of a function that takes its payload as a T. A payload that is none is a dead letter.
func Typed[T any](f func(ctx context.Context, job *Job, payload T) error) Handler {
	return HandlerFunc(func(ctx context.Context, job *Job) error {
		var payload T
		if err := job.Decode(&payload); err != nil {
			return err
		}
		return f(ctx, job, payload)
	})
}

var (
	// ErrLost is the cause of a handler's ctx when the token is no longer current: somebody else has, or may get, the entry.
	ErrLost = errors.New("tsgen: the job is lost: somebody else has it, or it was removed")
	// ErrStopped is the cause when the worker has stopped, and hands the entry back.
	ErrStopped = errors.New("tsgen: the worker has stopped, and hands the job back")
)

type verdict struct {
	err   error
	dead  bool
	after time.Duration
}

func (v *verdict) Error() string {
	if v.err == nil {
		return ""
	}
	return v.err.Error()
}

func (v *verdict) Unwrap() error { return v.err }

// verdictOf tells whether an error makes a dead letter, and what NACK is told of it.
func verdictOf(err error) (isDead bool, how []any) {
	var said *verdict
	switch {
	case !errors.As(err, &said):
		return false, nil
	case said.dead:
		return true, []any{"DEAD"}
	}
	return false, []any{"DELAY", ms(said.after)}
}

// RetryAfter is returned by a handler: try again after so long (0 to ten years) instead of the key's BACKOFF. The delivery counts. err may be nil.
func RetryAfter(after time.Duration, err error) error {
	return &verdict{err: err, after: max(0, after)}
}

// Dead is returned by a handler: a dead letter at once, with the text of err as reason.
func Dead(err error) error { return &verdict{err: err, dead: true} }

// reasonOf is the text of an error as REASON: never fails, and is never too long.
func reasonOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T", err)
		}
	}()
	text = strings.ToValidUTF8(err.Error(), "\uFFFD")
	for cut := 1024; len(text) > cut; cut-- {
		if utf8.RuneStart(text[cut]) {
			return text[:cut]
		}
	}
	return text
}

// parse makes a job of an entry of CLAIM's reply, and says why its payload does not decode, if it does not.
func parse(family, key string, entry []any, codec Codec) (*Job, error) {
	job := &Job{Key: key, Token: integer(entry[0]), Deliveries: integer(entry[1]), ID: text(entry[2]), codec: codec}
	switch family {
	case "TALLY":
		job.Batch = &Batch{Key: key, Number: integer(entry[2]), OpenedAt: integer(entry[3]), SealedAt: integer(entry[4])}
		flat := list(entry[5])
		for at := 0; at+1 < len(flat); at += 2 {
			job.Batch.Fields = append(job.Batch.Fields, text(flat[at]))
			job.Batch.Sums = append(job.Batch.Sums, integer(flat[at+1]))
		}
	case "EXPIRY":
		job.Expired = &Expired{Type: text(entry[3]), Deadline: integer(entry[5]), Reason: text(entry[6])}
		if entry[4] != nil {
			job.Expired.Value = []byte(text(entry[4]))
		}
	case "DEBOUNCE":
		job.Group = &Group{Reason: text(entry[3])}
		var err error
		job.Group.Items, err = items(codec, entry[4])
		return job, err
	default:
		job.Timestamp, job.Raw = integer(entry[3]), []byte(text(entry[4]))
		return job, decode(codec, job.Raw, &job.Payload)
	}
	return job, nil
}

func items(codec Codec, reply any) ([]Item, error) {
	flat := list(reply)
	found := make([]Item, 0, len(flat)/2)
	for at := 0; at+1 < len(flat); at += 2 {
		item := Item{Raw: []byte(text(flat[at])), At: integer(flat[at+1])}
		if err := decode(codec, item.Raw, &item.Value); err != nil {
			return found, err
		}
		found = append(found, item)
	}
	return found, nil
}

// What replies are made of. A reply that is something else is a zero.

func integer(reply any) int64 {
	switch reply := reply.(type) {
	case int64:
		return reply
	case string:
		n, _ := strconv.ParseInt(reply, 10, 64)
		return n
	}
	return 0
}

func text(reply any) string {
	switch reply := reply.(type) {
	case string:
		return reply
	case int64:
		return strconv.FormatInt(reply, 10)
	}
	return ""
}

func list(reply any) []any {
	found, _ := reply.([]any)
	return found
}

// fields makes a map of what is a map in RESP3 and a flat array in RESP2.
func fields(reply any) map[string]any {
	found := map[string]any{}
	if pairs, is := reply.(map[any]any); is {
		for name, value := range pairs {
			found[text(name)] = value
		}
	}
	flat := list(reply)
	for at := 0; at+1 < len(flat); at += 2 {
		found[text(flat[at])] = flat[at+1]
	}
	return found
}
