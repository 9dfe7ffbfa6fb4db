//! What keys of all families have in common.

use crate::call::{Call, Command, Words};
use crate::content::{Content, Family};
use crate::error::Error;
use crate::info::Info;
use crate::job::{Failure, Job, Undecodable, Verdict};
use crate::name::Name;
use crate::options::{ms, Options};
use crate::peek::{Page, State};
use crate::reply::{at, integer, list, maybe_bytes, name, rows};
use crate::tokens::Tokens;
use crate::tsgen::Tsgen;
use redis::Value;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// A key of a family. What only one family can do is with that: [`Key<Elements>`](crate::Elements), [`DelayQueue`](crate::DelayQueue),
/// [`Key<Debounce>`](crate::Debounce), [`Key<Expiry>`](crate::Expiry), [`Key<Tally>`](crate::Tally).
///
/// Where a count of entries is to be given, it is 1 to 10000. A page that is shorter was the last one.
pub struct Key<F> {
    pub(crate) tsgen: Tsgen,
    pub(crate) name: Name,
    family: PhantomData<fn() -> F>,
}

impl<F> Clone for Key<F> {
    fn clone(&self) -> Self {
        Self { tsgen: self.tsgen.clone(), name: self.name.clone(), family: PhantomData }
    }
}

impl<F: Family> fmt::Debug for Key<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", F::NAME, self.name)
    }
}

/// An entry with a running lease, or a delayed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Of the delivery.
    pub token: i64,
    /// Who has it; `None` if it is delayed.
    pub consumer: Option<Name>,
    /// When the lease ends, or the entry comes back, in Unix ms.
    pub until: i64,
    /// How often it has been delivered.
    pub deliveries: i64,
    /// Its id, group, watched key or batch.
    pub id: Name,
}

/// An entry that will not be delivered again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Of its last delivery.
    pub token: i64,
    /// How often it was delivered.
    pub deliveries: i64,
    /// Its id, group, watched key or batch.
    pub id: Name,
    /// When, in Unix ms.
    pub died_at: i64,
    /// What the last NACK said; empty if nothing.
    pub reason: Name,
}

/// Options of [`Key::claim`].
pub enum ClaimOptions {}

impl<R> Call<ClaimOptions, R> {
    /// How many at most; 1.
    pub fn count(self, n: usize) -> Self {
        self.with("COUNT", n)
    }

    /// For how long, 1 ms to ten years; as the key says.
    pub fn lease(self, lease: Duration) -> Self {
        self.with("LEASE", ms(lease))
    }

    /// Acknowledges these in the same write, before it claims.
    pub fn ack(mut self, tokens: impl Into<Tokens>) -> Self {
        let tokens = tokens.into().words();
        if !tokens.0.is_empty() {
            self = self.with("ACK", tokens.0);
        }
        self
    }
}

/// Options of [`Key::claim_with`].
pub enum ClaimSeveral {}

impl<R> Call<ClaimSeveral, R> {
    /// How many at most, of all keys together; 1.
    pub fn count(self, n: usize) -> Self {
        self.with("COUNT", n)
    }

    /// For how long, 1 ms to ten years; as the keys say.
    pub fn lease(self, lease: Duration) -> Self {
        self.with("LEASE", ms(lease))
    }

    /// Acknowledges these of one of the keys in the same write, before it claims.
    pub fn ack(self, key: impl AsRef<[u8]>, tokens: impl Into<Tokens>) -> Self {
        let tokens = tokens.into().words();
        if tokens.0.is_empty() {
            return self;
        }
        let mut call = self.with("ACK", key.as_ref());
        call.options.add(tokens.0);
        call
    }
}

impl<F: Family> Key<F> {
    pub(crate) fn new(tsgen: Tsgen, name: Name) -> Self {
        Self { tsgen, name, family: PhantomData }
    }

    /// How it is called.
    pub fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        Command::new(&format!("{}.{name}", F::NAME), self.name.as_ref())
    }

    pub(crate) async fn run(&self, command: Command) -> Result<Value, Error> {
        self.tsgen.run(command).await
    }

    pub(crate) async fn count(&self, command: Command) -> Result<i64, Error> {
        Ok(integer(&self.run(command).await?))
    }

    async fn settle(&self, name: &str, tokens: Tokens) -> Result<i64, Error> {
        match tokens.words().0 {
            none if none.is_empty() => Ok(0),
            words => self.count(self.command(name).and(words)).await,
        }
    }

    async fn all(&self, name: &str, count: usize) -> Result<i64, Error> {
        self.count(self.command(name).and("ALL").and("COUNT").and(count)).await
    }

    /// Makes the key. `BUSYKEY` if it exists.
    pub async fn create(&self, options: Options<F>) -> Result<(), Error> {
        self.run(self.command("CREATE").and(options.words.0)).await.map(drop)
    }

    /// Changes options from now on, all or none. `ERR` if there is no such key.
    pub async fn alter(&self, options: Options<F>) -> Result<(), Error> {
        self.run(self.command("ALTER").and(options.words.0)).await.map(drop)
    }

    /// Leases ready entries to a consumer, oldest first, and does not wait: one, or `.count(n)`. A [`Worker`](crate::Worker) is the loop
    /// around it. Other options: `lease`, `ack`.
    pub fn claim<T: Content<Family = F>>(
        &self,
        consumer: impl AsRef<[u8]>,
    ) -> Call<ClaimOptions, Vec<Result<Job<T>, Undecodable>>> {
        let (head, key) = (self.command("CLAIM").and(consumer.as_ref()), self.name.clone());
        Call::new(&self.tsgen, head, Ok(Words::default()), move |reply| Job::all(&key, &reply))
    }

    /// The same of this key and others of its family (in a cluster, of its slot), by strict priority: as long as an earlier one has
    /// something, nothing of a later one.
    pub fn claim_with<T: Content<Family = F>>(
        &self,
        others: &[&Self],
        consumer: impl AsRef<[u8]>,
    ) -> Call<ClaimSeveral, Vec<Result<Job<T>, Undecodable>>> {
        let mut head = Command::new(&format!("{}.MCLAIM", F::NAME), others.len() + 1).and(self.name.as_ref());
        head.key = Some(2);
        let head = others.iter().fold(head, |head, other| head.and(other.name.as_ref())).and(consumer.as_ref());
        Call::new(&self.tsgen, head, Ok(Words::default()), |reply| {
            list(&reply).iter().flat_map(|pair| Job::all(&name(at(list(pair), 0)), at(list(pair), 1))).collect()
        })
    }

    /// The work is done, and the entries are gone. How many of the tokens were current.
    pub async fn ack(&self, tokens: impl Into<Tokens>) -> Result<i64, Error> {
        self.settle("ACK", tokens.into()).await
    }

    /// These deliveries have failed. They come back after the key's BACKOFF, or as [`Retry`](crate::Retry) and [`Dead`](crate::Dead) say; an
    /// error's text is the reason, of which at most 1024 bytes are told. How many of the tokens were current.
    pub async fn nack(&self, tokens: impl Into<Tokens>, why: impl Into<Failure>) -> Result<i64, Error> {
        let (tokens, why) = (tokens.into().words(), why.into());
        if tokens.0.is_empty() {
            return Ok(0);
        }
        let reason = why.reason();
        let mut command = self.command("NACK").and(tokens.0).and(nack_words(&why.verdict()).0);
        if !reason.is_empty() {
            command = command.and("REASON").and(reason);
        }
        self.count(command).await
    }

    /// Leases end so long (1 ms to ten years) from now. How many of the tokens were current.
    pub async fn extend(&self, lease: Duration, tokens: impl Into<Tokens>) -> Result<i64, Error> {
        match tokens.into().words().0 {
            none if none.is_empty() => Ok(0),
            words => self.count(self.command("EXTEND").and(ms(lease)).and(words)).await,
        }
    }

    /// What the consumer holds, up to 10000 entries, is ready at once and not counted as delivered. How many; at 10000 call again.
    pub async fn release(&self, consumer: impl AsRef<[u8]>) -> Result<i64, Error> {
        self.count(self.command("RELEASE").and(consumer.as_ref())).await
    }

    /// Lists entries with running leases, by token: of one consumer, or of all. `after` is the last token of the page before; 0 at first.
    pub async fn pending(&self, consumer: Option<&Name>, count: usize, after: i64) -> Result<Vec<Pending>, Error> {
        let mut command = self.command("PENDING").and("COUNT").and(count).and("AFTER").and(after);
        if let Some(consumer) = consumer {
            command = command.and("CONSUMER").and(consumer.as_ref());
        }
        Ok(pending(&self.run(command).await?))
    }

    /// Lists entries that are delayed after a failed delivery, next to come back first.
    pub async fn delayed(&self, count: usize) -> Result<Vec<Pending>, Error> {
        Ok(pending(&self.run(self.command("PENDING").and("DELAYED").and("COUNT").and(count)).await?))
    }

    /// Lists dead letters by token. `after` is the last token of the page before; 0 at first.
    pub async fn dead(&self, count: usize, after: i64) -> Result<Vec<DeadLetter>, Error> {
        let reply = self.run(self.command("DEAD").and("COUNT").and(count).and("AFTER").and(after)).await?;
        Ok(rows(&reply, |of| DeadLetter {
            token: integer(at(of, 0)),
            deliveries: integer(at(of, 1)),
            id: name(at(of, 2)),
            died_at: integer(at(of, 3)),
            reason: name(at(of, 4)),
        }))
    }

    /// Lists entries of a state with their content, and changes nothing. `after` is the cursor of the page before; "0" at first. A page
    /// has at most 4 MiB of content, so it may be short without being the last one: that has the cursor "0".
    pub async fn peek<T: Content<Family = F>>(
        &self,
        state: State,
        count: usize,
        after: &str,
    ) -> Result<Page<T>, Error> {
        let mut command = self.command("PEEK").and(state.word()).and("COUNT").and(count);
        if after != "0" {
            command = command.and("AFTER").and(after);
        }
        Ok(Page::of(&self.name, &self.run(command).await?))
    }

    /// Ends the delays of these entries. How many.
    pub async fn promote(&self, tokens: impl Into<Tokens>) -> Result<i64, Error> {
        self.settle("PROMOTE", tokens.into()).await
    }

    /// Ends up to `count` delays, next to come back first. How many.
    pub async fn promote_all(&self, count: usize) -> Result<i64, Error> {
        self.all("PROMOTE", count).await
    }

    /// Gives dead letters their old place back, with no deliveries counted. How many.
    pub async fn requeue(&self, tokens: impl Into<Tokens>) -> Result<i64, Error> {
        self.settle("REQUEUE", tokens.into()).await
    }

    /// Does that with up to `count` of them. How many.
    pub async fn requeue_all(&self, count: usize) -> Result<i64, Error> {
        self.all("REQUEUE", count).await
    }

    /// Removes dead letters for good. How many.
    pub async fn discard(&self, tokens: impl Into<Tokens>) -> Result<i64, Error> {
        self.settle("DISCARD", tokens.into()).await
    }

    /// Does that with up to `count` of them. How many.
    pub async fn discard_all(&self, count: usize) -> Result<i64, Error> {
        self.all("DISCARD", count).await
    }

    /// Where the key stands. `ERR` if there is no such key.
    pub async fn info(&self) -> Result<Info, Error> {
        Ok(Info::of(&self.run(self.command("INFO")).await?))
    }
}

/// What is to become of the entry.
pub(crate) fn nack_words(verdict: &Verdict) -> Words {
    match verdict {
        Verdict::Dead => Words::default().and("DEAD"),
        Verdict::Retry(Some(after)) => Words::default().and("DELAY").and(ms(*after)),
        Verdict::Retry(None) => Words::default(),
    }
}

fn pending(reply: &Value) -> Vec<Pending> {
    rows(reply, |of| Pending {
        token: integer(at(of, 0)),
        consumer: maybe_bytes(at(of, 1)).map(Name::from),
        until: integer(at(of, 2)),
        deliveries: integer(at(of, 3)),
        id: name(at(of, 4)),
    })
}

/// A command with `COUNT` and, except at first, `AFTER`.
pub(crate) fn paged(command: Command, count: usize, after: Option<&Name>) -> Command {
    let command = command.and("COUNT").and(count);
    match after {
        Some(after) => command.and("AFTER").and(after.as_ref()),
        None => command,
    }
}
