package tsgen

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// A hand is a delivery: worked on, or done and not confirmed yet.
type hand struct {
	job *Job
	// name is the consumer name under which it was claimed.
	name   string
	ctx    context.Context
	cancel context.CancelCauseFunc
	isDone bool
	// isLost: the result does not count, for the token is not current, or the worker has handed it back.
	isLost bool
}

// hands is what one worker holds, from the claim until the server has confirmed how it ended, and its consumer names. It sends nothing.
//
// No claim uses a name under which anything is held. So, if the reply of a CLAIM is lost, RELEASE of its name hands back what that one
// got, and nothing else. There are at most as many names as hands, and one: consumer, consumer.1, …
type hands struct {
	mu       sync.Mutex
	consumer string
	held     map[*hand]bool
	done     map[string][]*hand
	names    map[string]int
	idle     []string
	running  int
}

func newHands(consumer string) *hands {
	return &hands{consumer: consumer, held: map[*hand]bool{}, done: map[string][]*hand{}, names: map[string]int{}}
}

// counts tells how many are worked on, and how many are held.
func (h *hands) counts() (running, held int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running, len(h.held)
}

// takeName gives a name for a claim, until letGo.
func (h *hands) takeName() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := h.consumer
	if last := len(h.idle) - 1; last >= 0 {
		name, h.idle = h.idle[last], h.idle[:last]
	} else if count := len(h.names); count > 0 {
		name = fmt.Sprintf("%s.%d", h.consumer, count)
	}
	h.names[name]++
	return name
}

func (h *hands) letGo(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unname(name)
}

func (h *hands) unname(name string) {
	if h.names[name]--; h.names[name] == 0 {
		h.idle = append(h.idle, name)
	}
}

// inUse lists the names under which something is, or may be, held.
func (h *hands) inUse() (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, count := range h.names {
		if count > 0 {
			names = append(names, name)
		}
	}
	return names
}

func (h *hands) start(ctx context.Context, job *Job, name string) *hand {
	held := &hand{job: job, name: name}
	held.ctx, held.cancel = context.WithCancelCause(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names[name]++
	h.held[held] = true
	h.running++
	return held
}

// finish tells whether the work counts. If so it is done, and still held.
func (h *hands) finish(held *hand) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if held.isLost {
		return false
	}
	held.isDone = true
	h.running--
	return true
}

// lose says that the work will not count, unless it is done already; whether that is news.
func (h *hands) lose(held *hand) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.held[held] || held.isDone || held.isLost {
		return false
	}
	held.isLost = true
	return true
}

func (h *hands) isLost(held *hand) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return held.isLost
}

// drop: it is held no more.
func (h *hands) drop(held *hand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.held[held] {
		return
	}
	delete(h.held, held)
	if !held.isDone {
		h.running--
	}
	h.unname(held.name)
}

// inWork lists those whose work goes on and counts.
func (h *hands) inWork() (found []*hand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for held := range h.held {
		if !held.isDone && !held.isLost {
			found = append(found, held)
		}
	}
	return found
}

func (h *hands) addDone(held ...*hand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range held {
		h.done[one.job.Key] = append(h.done[one.job.Key], one)
	}
}

// takeDone gives what is to be acknowledged, by key. Whoever takes it confirms it, or puts it back.
func (h *hands) takeDone() map[string][]*hand {
	h.mu.Lock()
	defer h.mu.Unlock()
	done := h.done
	h.done = map[string][]*hand{}
	return done
}

func (h *hands) putBack(settled map[string][]*hand) {
	for _, held := range settled {
		h.addDone(held...)
	}
}

func (h *hands) confirm(settled map[string][]*hand) {
	for _, all := range settled {
		for _, held := range all {
			h.drop(held)
		}
	}
}

// tokens are theirs as the server takes them: those that follow each other as one range.
func tokens(held []*hand) (words []any) {
	all := make([]int64, 0, len(held))
	for _, one := range held {
		all = append(all, one.job.Token)
	}
	slices.Sort(all)
	for at := 0; at < len(all); {
		end := at
		for end+1 < len(all) && all[end+1] <= all[end]+1 {
			end++
		}
		if at == end {
			words = append(words, all[at])
		} else {
			words = append(words, fmt.Sprintf("%d-%d", all[at], all[end]))
		}
		at = end + 1
	}
	return words
}
