// Hooks for Prometheus: a module of its own, so that the library depends on go-redis alone.
module tsgen/tsgenprom

go 1.22

require (
	// The client that most Go programs have; the newest that Go 1.22 builds.
	github.com/prometheus/client_golang v1.22.0
	github.com/redis/go-redis/v9 v9.17.3
	tsgen v0.0.0
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/kylelemons/godebug v1.1.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.1 // indirect
	github.com/prometheus/common v0.62.0 // indirect
	github.com/prometheus/procfs v0.15.1 // indirect
	golang.org/x/sys v0.30.0 // indirect
	google.golang.org/protobuf v1.36.5 // indirect
)

replace tsgen => ../
