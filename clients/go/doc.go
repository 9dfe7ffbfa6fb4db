// Package tsgen is the worker library of the Redis module of that name: typed calls for every command, and the loop that nobody should
// have to write, over go-redis.
//
// A handler is a function. It returns nil, and the entry is acknowledged; it returns an error, and the entry is tried again.
//
//	t, err := tsgen.Open("redis://localhost:6379") // or tsgen.New(client), with a client of your own
//	worker := t.Worker("mails", tsgen.HandlerFunc(send), tsgen.Concurrency(8))
//	err = tsgen.Run(ctx, worker) // until ctx ends, or SIGTERM
//
// Main does all of this in one call.
//
// Lengths of time are time.Duration; the server counts whole milliseconds, so they are rounded up to these. Times in replies are Unix
// milliseconds of the server's clock, except the timestamps of TSGEN keys without a clock, which are in a unit of your own. Names,
// payloads and values are binary-safe: a string may hold any bytes.
package tsgen
