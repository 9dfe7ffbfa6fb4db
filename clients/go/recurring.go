package tsgen

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A Schedule tells the first time behind one: a cron expression, for example. The Schedule of robfig/cron is one as it is.
type Schedule interface {
	Next(after time.Time) time.Time
}

// A run's id is the name of its schedule and its time, so whoever adds "the next one" between two runs adds the same: there is one,
// however many workers there are. The clock is the server's.
type recurring struct {
	name     string
	schedule Schedule
	payload  any
}

// scheduleOf is the schedule that a job is a run of.
func (r *run) scheduleOf(job *Job) *recurring {
	if r.family == "TSGEN" && job.Key == r.keys[0] {
		for at := range r.schedules {
			if strings.HasPrefix(job.ID, r.schedules[at].name+"@") {
				return &r.schedules[at]
			}
		}
	}
	return nil
}

// first adds the next run if it is not there, and creates the key if that is not there.
func (r *run) first(ctx context.Context, schedule recurring) error {
	err := r.plan(ctx, schedule, nil, "")
	if err == nil || !strings.Contains(err.Error(), "needs a CLOCK key") {
		return err
	}
	_, _ = r.line.call(ctx, "CREATE", r.keys[0], "CLOCK") // refused if somebody else has just created it
	return r.plan(ctx, schedule, nil, "")
}

// plan adds the next run, in one write with the command that settles this one.
func (r *run) plan(ctx context.Context, schedule recurring, job *Job, settle string, words ...any) error {
	after, err := r.now(ctx)
	if err != nil {
		return err
	}
	if job != nil {
		after = max(after, job.Timestamp)
	}
	due := schedule.schedule.Next(time.UnixMilli(after)).UnixMilli()
	if due <= after {
		return dataError{fmt.Sprintf("ERR the schedule %s has no next time", schedule.name)}
	}
	payload, err := r.codec.Marshal(schedule.payload)
	if err != nil {
		return dataError{"ERR the payload of the schedule " + schedule.name + ": " + err.Error()}
	}
	pipe := r.line.control.TxPipeline()
	add := command(ctx, r.clock, 1, "TSGEN.ADD", r.keys[0], "NX", fmt.Sprintf("%dms", due), fmt.Sprintf("%s@%d", schedule.name, due), payload)
	_ = pipe.Process(ctx, add)
	if settle != "" {
		_ = pipe.Process(ctx, command(ctx, r.clock, 1, append([]any{"TSGEN." + settle}, words...)...))
	}
	replies, err := pipe.Exec(ctx)
	for _, reply := range replies {
		if reply.Err() != nil && !isNil(reply.Err()) {
			return reply.Err()
		}
	}
	if isNil(err) {
		return nil
	}
	return err
}

func (r *run) now(ctx context.Context) (int64, error) {
	if r.clock != nil {
		return r.clock.Now(), nil
	}
	now, err := r.line.control.Time(ctx).Result()
	return now.UnixMilli(), err
}

// A dataError does not pass: what it is about is in this program.
type dataError struct{ text string }

func (e dataError) Error() string { return e.text }
func (e dataError) RedisError()   {}
