// What only tests need: the worker that the conformance suite runs, and a database. So the library itself depends on go-redis alone.
module tsgen/conformance

go 1.22

require (
	// PostgreSQL's driver, for the tests of WritePostgres.
	github.com/jackc/pgx/v5 v5.7.2
	github.com/redis/go-redis/v9 v9.17.3
	// Cron expressions with time zones, for recurring jobs.
	github.com/robfig/cron/v3 v3.0.1
	// SQLite without a C compiler, for the tests of WriteSQLite; one that Go 1.22 builds.
	modernc.org/sqlite v1.34.5
	tsgen v0.0.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
)

require (
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.2 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/ncruces/go-strftime v0.1.9 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	golang.org/x/crypto v0.31.0 // indirect
	golang.org/x/sync v0.10.0 // indirect
	golang.org/x/sys v0.28.0 // indirect
	golang.org/x/text v0.21.0 // indirect
	modernc.org/libc v1.55.3 // indirect
	modernc.org/mathutil v1.6.0 // indirect
	modernc.org/memory v1.8.0 // indirect
)

replace tsgen => ../
