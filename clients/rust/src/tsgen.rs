//! The way in: a server, and keys of all families on it.

use crate::call::{Call, Command, Words};
use crate::clock::VirtualClock;
use crate::content::{Debounce, Elements, Expiry, Family, Tally};
use crate::elements::DelayQueue;
use crate::error::Error;
use crate::key::Key;
use crate::link::Link;
use crate::name::Name;
use crate::options::ms;
use crate::reply::{at, integer, list};
use crate::server::Server;
use redis::{ToRedisArgs, Value};
use std::sync::Arc;
use std::time::Duration;

/// How long the server may take to answer a command that does not wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A server with the module. Its clones share one connection, which is made again when it has ended.
///
/// Each call fails with [`Error::Refused`] if the server refuses it, and with [`Error::Unanswered`] if the connection ends or there is no
/// answer within 5 s. Nothing is repeated: an `incr` that was not answered may have been counted.
#[derive(Clone)]
pub struct Tsgen {
    pub(crate) server: Server,
    link: Arc<Link>,
    pub(crate) clock: Option<VirtualClock>,
}

impl<S: Into<Server>> From<S> for Tsgen {
    /// Connects when it is first needed.
    fn from(server: S) -> Self {
        let server = server.into();
        Self { link: Arc::new(Link::new(server.clone(), PATIENCE)), server, clock: None }
    }
}

impl Tsgen {
    /// Connects to an URL, as [`Server::at`] takes it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is none; [`Error::Unanswered`] if there is nobody.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let tsgen = Self::from(Server::at(url)?);
        tsgen.link.connect().await?;
        Ok(tsgen)
    }

    /// The same with a clock of its own, which begins at a time in Unix ms; so do workers of it. For tests, with a server of theirs: this
    /// sets `tsgen.virtual-clock yes` in it.
    pub async fn with_virtual_clock(mut self, now: i64) -> Result<(Self, VirtualClock), Error> {
        let words = Words::default().and("CONFIG").and("SET").and("tsgen.virtual-clock").and("yes");
        self.link.send(&Command { words, key: None }).await?;
        let clock = VirtualClock::at(now);
        self.clock = Some(clock.clone());
        Ok((self, clock))
    }

    pub(crate) async fn run(&self, command: Command) -> Result<Value, Error> {
        self.link.send(&command.at(self.clock.as_ref().map(VirtualClock::now))).await
    }

    /// Any command, of the server or of the module, for what has no call here; in a cluster to the node of `key`, or to any.
    pub async fn command<W: ToRedisArgs>(
        &self,
        key: Option<&[u8]>,
        words: impl IntoIterator<Item = W>,
    ) -> Result<Value, Error> {
        let words = words.into_iter().fold(Words::default(), Words::and);
        let key = key.and_then(|key| words.0.iter().position(|word| word == key));
        self.link.send(&Command { words, key }).await
    }

    /// A key of a family.
    pub fn key<F: Family>(&self, name: impl Into<Name>) -> Key<F> {
        Key::new(self.clone(), name.into())
    }

    /// A key of TSGEN: elements behind a watermark.
    pub fn elements(&self, name: impl Into<Name>) -> Key<Elements> {
        self.key(name)
    }

    /// A key of TSGEN whose watermark is the server's clock. It is created when it is first added to.
    pub fn delay_queue(&self, name: impl Into<Name>) -> DelayQueue {
        DelayQueue(self.key(name))
    }

    /// A key whose groups fire when they have been quiet.
    pub fn debounce(&self, name: impl Into<Name>) -> Key<Debounce> {
        self.key(name)
    }

    /// A watcher of keys whose time to live runs out.
    pub fn expiry(&self, name: impl Into<Name>) -> Key<Expiry> {
        self.key(name)
    }

    /// A key of sums by windows.
    pub fn tally(&self, name: impl Into<Name>) -> Key<Tally> {
        self.key(name)
    }

    /// Takes 1 from a rate limit, if there is room: of `limit` (1 to 10⁹) in each period (1 ms to ten years). Options: `burst`, `cost`.
    pub fn take(&self, key: impl AsRef<[u8]>, limit: u64, period: Duration) -> Call<TakeOptions, Taken> {
        let head = Command::new("THROTTLE.TAKE", key.as_ref()).and(limit).and(ms(period));
        Call::new(self, head, Ok(Words::default()), |reply| {
            let of = |place| integer(at(list(&reply), place));
            let length = |ms: i64| Duration::from_millis(ms.max(0).unsigned_abs());
            Taken {
                allowed: of(0) == 1,
                limit: of(1),
                remaining: of(2),
                retry_after: length(of(3)),
                reset_after: length(of(4)),
            }
        })
    }
}

/// Options of [`Tsgen::take`].
pub enum TakeOptions {}

impl Call<TakeOptions, Taken> {
    /// How much may be taken at once: 1 to 10⁹; the limit.
    pub fn burst(self, n: u64) -> Self {
        self.with("BURST", n)
    }

    /// How much to take: 0 to the burst; 1.
    pub fn cost(self, n: u64) -> Self {
        self.with("COST", n)
    }
}

/// What a rate limit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whether there was room.
    pub allowed: bool,
    /// The limit.
    pub limit: i64,
    /// How much is left.
    pub remaining: i64,
    /// After how long there is room; 0 if it was allowed.
    pub retry_after: Duration,
    /// After how long all of it is there again.
    pub reset_after: Duration,
}
