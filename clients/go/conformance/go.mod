// What only tests need: the worker that the conformance suite runs, and a database. So the library itself depends on go-redis alone.
module tsgen/conformance

go 1.22

require (
	// PostgreSQL's driver, for the tests of WritePostgres.
	github.com/jackc/pgx/v5 v5.7.2
	github.com/redis/go-redis/v9 v9.17.3
	// Cron expressions with time zones, for recurring jobs.
	github.com/robfig/cron/v3 v3.0.1
	tsgen v0.0.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
)

require (
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.2 // indirect
	golang.org/x/crypto v0.31.0 // indirect
	golang.org/x/sync v0.10.0 // indirect
	golang.org/x/text v0.21.0 // indirect
)

replace tsgen => ../
