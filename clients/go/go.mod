module tsgen

go 1.22

// The Redis client that most Go programs use; it sends any command. Nothing else is needed at run time.
require github.com/redis/go-redis/v9 v9.17.3

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
)
