//! Redis, PostgreSQL, and processes of the application between them.

use crate::harness::*;
use crate::postgres::Postgres;
use std::collections::BTreeMap;

pub struct World {
    pub redis: Server,
    pub postgres: Postgres,
}

impl World {
    /// A Redis whose disk has what it has answered, and an empty database.
    #[track_caller]
    pub fn new() -> Self {
        let redis = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
        Self { redis, postgres: Postgres::start() }
    }

    /// Starts a process that serves, and waits until it does.
    #[track_caller]
    pub fn serve(&self, args: &str) -> Serve {
        Serve::on(&self.redis, args)
    }

    /// Starts a worker, and waits until it is ready.
    #[track_caller]
    pub fn work(&self, args: &str) -> App {
        let worker = self.begin_work(args);
        worker.line_with(": ready");
        worker
    }

    /// Starts a worker.
    #[track_caller]
    pub fn begin_work(&self, args: &str) -> App {
        let (redis, database) = (self.redis.url(), self.postgres.url());
        let fixed = ["work", "--redis", &redis, "--database", &database];
        start(&fixed, args)
    }

    /// All counters in the database.
    #[track_caller]
    pub fn counters(&self) -> BTreeMap<String, i64> {
        self.numbers("SELECT field, total FROM counters")
    }

    /// When each counter was last changed, in Unix milliseconds.
    #[track_caller]
    pub fn committed_at(&self) -> BTreeMap<String, i64> {
        self.numbers("SELECT field, floor(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000) FROM counters")
    }

    #[track_caller]
    fn numbers(&self, sql: &str) -> BTreeMap<String, i64> {
        let rows = self.postgres.query(sql);
        let pairs = rows.lines().map(|row| row.split_once('|').expect("two columns"));
        pairs.map(|(key, number)| (key.to_owned(), number.parse().expect("an integer"))).collect()
    }

    /// Whether there is nothing left in Redis for the database.
    #[track_caller]
    pub fn is_drained(&self) -> bool {
        let info = self.redis.client().ok("TALLY.INFO increments");
        ["collecting", "ready", "leased", "delayed", "dead"].iter().all(|state| info.field(state).int() == 0)
    }

    #[track_caller]
    pub fn wait_until_drained(&self) {
        wait_until("everything is in the database", || self.is_drained());
    }
}

/// A process that serves.
pub struct Serve {
    pub app: App,
    /// Of the route.
    pub url: String,
}

impl Serve {
    #[track_caller]
    pub fn on(redis: &Server, args: &str) -> Self {
        let app = start(&["serve", "--listen", "127.0.0.1:0", "--redis", &redis.url()], args);
        let line = app.line_with("listening on ");
        let (_, address) = line.split_once("on ").expect("an address");
        Self { url: format!("{address}/increment"), app }
    }
}

/// Starts the application with these arguments and some more.
#[track_caller]
pub fn start(fixed: &[&str], args: &str) -> App {
    let args: Vec<&str> = fixed.iter().copied().chain(args.split_whitespace()).collect();
    App::start(env!("CARGO_BIN_EXE_increments"), &args)
}

/// The n-th of the keys that tests use; they rise with n.
pub fn key(n: u64) -> String {
    format!("00000000-0000-4000-8000-{n:012x}")
}
