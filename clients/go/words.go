package tsgen

import "time"

// ms is a length of time as the server takes it: whole milliseconds, rounded up, so that nothing comes early.
func ms(d time.Duration) int64 {
	if d <= 0 {
		return d.Milliseconds()
	}
	return (d - 1).Milliseconds() + 1
}

func flat[Words ~[]any](options []Words) []any {
	var words []any
	for _, option := range options {
		words = append(words, option...)
	}
	return words
}

// An AddOption is for adding elements.
type AddOption []any

var (
	// NX adds only if there is no element of this id, XX only if there is one.
	NX = AddOption{"NX"}
	XX = AddOption{"XX"}
)

// InGroup is for keys with GroupLimit or Fair; without it an element is in the group of its id.
func InGroup(group string) AddOption { return AddOption{"GROUP", group} }

// Repeat lets an element of a Clock key come again so often, each time it is done or dead (EVERY): 1 ms to ten years.
func Repeat(d time.Duration) AddOption { return AddOption{"EVERY", ms(d)} }

// An AdvanceOption is for Advance.
type AdvanceOption []any

// Force says that an Advance by more than MaxJump is meant.
var Force = AdvanceOption{"FORCE"}

// FromSource raises one source's part of the watermark.
func FromSource(name string) AdvanceOption { return AdvanceOption{"SOURCE", name} }

// An Option of a key, for Create and Alter. What is not given has the server's default.
type Option []any

// Clock lets the watermark of a TSGEN key be the server's clock. For Create.
var Clock = Option{"CLOCK"}

// Unique: an item that a DEBOUNCE group has is not added again. For Create.
var Unique = Option{"UNIQUE", "yes"}

// Lease is how long a claimed entry belongs to its worker: 1 ms to ten years.
func Lease(d time.Duration) Option { return Option{"LEASE", ms(d)} }

// MaxDeliveries until an entry is a dead letter; 0: no limit.
func MaxDeliveries(n int64) Option { return Option{"MAXDELIVERIES", n} }

// Backoff is the delay after a first failed delivery, doubled with each further one: 0 to ten years.
func Backoff(d time.Duration) Option { return Option{"BACKOFF", ms(d)} }

// MaxBackoff is the longest delay; 0: ten years.
func MaxBackoff(d time.Duration) Option { return Option{"MAXBACKOFF", ms(d)} }

// Sink is the stream that ready entries go to; empty: none.
func Sink(stream string) Option { return Option{"SINK", stream} }

// SinkMaxLen is about how many entries the stream keeps; 0: all.
func SinkMaxLen(n int64) Option { return Option{"SINKMAXLEN", n} }

// Paused: the key hands out nothing.
func Paused(is bool) Option { return Option{"PAUSED", yes(is)} }

// MaxLen is how many entries the key may hold; 0: no limit. Not in EXPIRY.
func MaxLen(n int64) Option { return Option{"MAXLEN", n} }

// GroupLimit is how many entries of one group may be leased or delayed at a time; 0: any. Not in TALLY.
func GroupLimit(n int64) Option { return Option{"GROUPLIMIT", n} }

// Fair: groups that have something take turns. For Create. Not in TALLY.
func Fair(is bool) Option { return Option{"FAIR", yes(is)} }

// Sources of the watermark of a TSGEN key, which is the lowest of theirs. For Create.
func Sources(all ...string) Option {
	return append(Option{"SOURCES", len(all)}, names(all)...)
}

// Late is how TSGEN treats late elements: READY or REJECT.
func Late(how string) Option { return Option{"LATE", how} }

// SourceIdle is after how long without a report a source is left out; 0: never.
func SourceIdle(d time.Duration) Option { return Option{"SOURCEIDLE", ms(d)} }

// MaxJump is by how much an Advance may raise the watermark; 0: any. Not with Clock.
func MaxJump(n int64) Option { return Option{"MAXJUMP", n} }

// Remember is for how long an id is remembered once its work is done, so that a repeated Add adds nothing; 0: not.
func Remember(d time.Duration) Option { return Option{"REMEMBER", ms(d)} }

// RememberMax is how many ids are remembered at the most.
func RememberMax(n int64) Option { return Option{"REMEMBERMAX", n} }

// SetBack sets the watermark of a TSGEN key. For Alter.
func SetBack(timestamp int64) Option { return Option{"WATERMARK", timestamp} }

// SetSource sets back what one source has reported. For Alter.
func SetSource(name string, timestamp int64) Option { return Option{"SOURCE", name, timestamp} }

// AddSource declares a source. For Alter.
func AddSource(name string) Option { return Option{"ADDSOURCE", name} }

// RemSource gives one up. For Alter.
func RemSource(name string) Option { return Option{"REMSOURCE", name} }

// Idle is how long a DEBOUNCE group must be quiet: 1 ms to ten years.
func Idle(d time.Duration) Option { return Option{"IDLE", ms(d)} }

// MaxWait is after how long it fires at the latest; 0: never.
func MaxWait(d time.Duration) Option { return Option{"MAXWAIT", ms(d)} }

// MaxItems: with so many items it fires at once: 0 to 100000; 0: 100000.
func MaxItems(n int64) Option { return Option{"MAXITEMS", n} }

// Prefix is how the names of keys begin that EXPIRY watches: 1 to 100 of them. For Create.
func Prefix(name string) Option { return Option{"PREFIX", name} }

// MaxValue: values of more bytes are not kept; 0 to 134217728. For Create.
func MaxValue(bytes int64) Option { return Option{"MAXVALUE", bytes} }

// KeepEvicted: values of evicted keys are kept.
func KeepEvicted(is bool) Option { return Option{"KEEPEVICTED", yes(is)} }

// MaxHeld is how many bytes of values an EXPIRY key may hold; 0: any.
func MaxHeld(bytes int64) Option { return Option{"MAXHELD", bytes} }

// Every: a TALLY window is sealed so long after its first increment, 1 ms to ten years.
func Every(d time.Duration) Option { return Option{"EVERY", ms(d)} }

// MaxFields: a window is sealed with so many fields, 1 to 100000.
func MaxFields(n int64) Option { return Option{"MAXFIELDS", n} }

// FieldType is what fields are: ANY or UUID. For Create.
func FieldType(kind string) Option { return Option{"FIELD", kind} }

// Min and Max are the smallest and the largest increment that is allowed. For Create.
func Min(delta int64) Option { return Option{"MIN", delta} }
func Max(delta int64) Option { return Option{"MAX", delta} }

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
