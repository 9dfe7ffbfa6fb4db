package tsgen

import "context"

// keyed are the entries that one key gave.
type keyed struct {
	key     string
	entries []any
}

// claims is how a worker claims: one key, several, with the ACKs of what is done.
type claims struct {
	line       *line
	keys       []string
	leaseMS    int64
	isBlocking bool
	// hasMclaim and canAck: which forms the server has is found out at the beginning.
	hasMclaim, canAck bool
}

func (c *claims) claim(ctx context.Context, name string, count int, settled map[string][]*hand) ([]keyed, error) {
	options := []any{"COUNT", count, "LEASE", c.leaseMS}
	if c.isBlocking {
		options = append(options, "BLOCK", block.Milliseconds())
	}
	if len(c.keys) == 1 {
		key := c.keys[0]
		if held := settled[key]; len(held) > 0 {
			options = append(append(options, "ACK"), tokens(held)...)
		}
		reply, err := c.line.claim(ctx, 1, "CLAIM", append([]any{key, name}, options...)...)
		return []keyed{{key, list(reply)}}, err
	}
	if !c.hasMclaim {
		return c.oneAfterTheOther(ctx, name, count)
	}
	words := []any{len(c.keys)}
	for _, key := range c.keys {
		words = append(words, key)
	}
	words = append(append(words, name), options...)
	for key, held := range settled {
		words = append(append(words, "ACK", key), tokens(held)...)
	}
	reply, err := c.line.claim(ctx, 2, "MCLAIM", words...)
	var found []keyed
	for _, pair := range list(reply) {
		found = append(found, keyed{text(list(pair)[0]), list(list(pair)[1])})
	}
	return found, err
}

// oneAfterTheOther is for a server whose module has no MCLAIM, and for TSGEN.AT: in turn, and a short wait on the first key if none has
// anything.
func (c *claims) oneAfterTheOther(ctx context.Context, name string, count int) ([]keyed, error) {
	var found []keyed
	ask := func(key string, more ...any) error {
		reply, err := c.line.claim(ctx, 1, "CLAIM", append([]any{key, name, "COUNT", count, "LEASE", c.leaseMS}, more...)...)
		if entries := list(reply); len(entries) > 0 {
			found = append(found, keyed{key, entries})
			count -= len(entries)
		}
		return err
	}
	for _, key := range c.keys {
		if count == 0 {
			break
		}
		if err := ask(key); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 && c.isBlocking {
		return found, ask(c.keys[0], "BLOCK", 100)
	}
	return found, nil
}
