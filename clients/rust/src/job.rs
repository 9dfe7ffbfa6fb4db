//! A delivery, and how work on it may end.

use crate::content::{Content, Entry};
use crate::error::BoxError;
use crate::name::Name;
use crate::reply::{at, integer, list, maybe_integer, name};
use redis::Value;
use std::error::Error as StdError;
use std::fmt::{self, Write};
use std::ops::Deref;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One delivery, whatever it carries.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The key that it came from.
    pub key: Name,
    /// Rises with each delivery of an entry: a fencing token for your database.
    pub token: i64,
    /// How often it has been delivered, this time included.
    pub deliveries: i64,
    /// The id in TSGEN, the group in DEBOUNCE, the watched key in EXPIRY, the number of the batch in TALLY.
    pub id: Name,
    /// That of an element of TSGEN; 0 in other families.
    pub timestamp: i64,
    pub(crate) lost: CancellationToken,
    pub(crate) stopped: CancellationToken,
}

impl Claimed {
    /// From a row of CLAIM's reply.
    pub(crate) fn of(key: &Name, row: &[Value]) -> Self {
        Self {
            key: key.clone(),
            token: integer(at(row, 0)),
            deliveries: integer(at(row, 1)),
            id: name(at(row, 2)),
            timestamp: maybe_integer(at(row, 3)).unwrap_or_default(),
            lost: CancellationToken::new(),
            stopped: CancellationToken::new(),
        }
    }

    /// Is cancelled when the token is no longer current: somebody else has, or may get, the entry, and the result of this work does not
    /// count. That is so after this process has stood still for longer than the lease, or when the entry was removed.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Is cancelled when the worker has stopped, and hands the entry back.
    pub fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }

    /// Waits until the work has become pointless.
    pub async fn withdrawn(&self) -> Withdrawn {
        tokio::select! {
            () = self.lost.cancelled() => Withdrawn::Lost,
            () = self.stopped.cancelled() => Withdrawn::Stopped,
        }
    }
}

/// Why work has become pointless. A handler may return it as its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withdrawn {
    /// The token is not current.
    #[error("the job is lost: somebody else has it, or it was removed")]
    Lost,
    /// The worker has stopped.
    #[error("the worker has stopped, and hands the job back")]
    Stopped,
}

/// One delivery with its content: what a handler gets.
#[derive(Clone, Debug)]
pub struct Job<T> {
    /// Key, id, token and so on: `job.id` is `job.claimed.id`.
    pub claimed: Claimed,
    /// The payload of an element of TSGEN; a [`Group`](crate::Group), an [`Expired`](crate::Expired) or a [`Batch`](crate::Batch).
    pub payload: T,
}

impl<T> Deref for Job<T> {
    type Target = Claimed;
    fn deref(&self) -> &Claimed {
        &self.claimed
    }
}

/// A delivery whose payload does not decode. It is leased: settle it by its token.
#[derive(Debug, thiserror::Error)]
#[error("payload does not decode: {flaw}")]
pub struct Undecodable {
    /// The delivery.
    pub claimed: Claimed,
    /// What the codec says.
    pub flaw: BoxError,
}

impl<T: Content> Job<T> {
    /// From a row of CLAIM's reply. A codec that panics is one that cannot read it.
    pub(crate) fn of(claimed: Claimed, row: &[Value]) -> Result<Self, Undecodable> {
        let entry = Entry { key: &claimed.key, fields: row.get(2..).unwrap_or_default() };
        match catch_unwind(AssertUnwindSafe(|| T::read(&entry))) {
            Ok(Ok(payload)) => Ok(Self { claimed, payload }),
            Ok(Err(flaw)) => Err(Undecodable { claimed, flaw }),
            Err(_) => Err(Undecodable { claimed, flaw: "panic in the codec".into() }),
        }
    }

    pub(crate) fn all(key: &Name, reply: &Value) -> Vec<Result<Self, Undecodable>> {
        list(reply).iter().map(|row| Self::of(Claimed::of(key, list(row)), list(row))).collect()
    }
}

/// A handler's error: try again after so long (0 to ten years), instead of after the key's BACKOFF. The delivery counts.
#[derive(Clone, Debug, Default, thiserror::Error)]
#[error("{reason}")]
pub struct Retry {
    pub(crate) after: Option<Duration>,
    reason: String,
}

impl Retry {
    /// After so long.
    pub fn after(after: Duration) -> Self {
        Self { after: Some(after), ..Self::default() }
    }

    /// After the key's BACKOFF, as every other error.
    pub fn by_backoff() -> Self {
        Self::default()
    }

    /// With a reason, for the logs and the dead letter.
    pub fn because(self, reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string(), ..self }
    }
}

/// A handler's error: a dead letter at once, with this reason.
#[derive(Clone, Debug, Default, thiserror::Error)]
#[error("{0}")]
pub struct Dead(pub String);

impl Dead {
    /// With this reason.
    pub fn because(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// Why a handler has failed: any error, so that `?` works. [`Retry`] and [`Dead`] say what is to become of the job, also as the source of
/// another error.
pub struct Failure(pub(crate) BoxError);

pub(crate) enum Verdict {
    Retry(Option<Duration>),
    Dead,
}

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}

/// The longest REASON that a worker sends, in bytes.
const LONGEST_REASON: usize = 1024;

impl Failure {
    fn causes(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        std::iter::successors(Some(&*self.0 as &(dyn StdError + 'static)), |&error| error.source())
    }

    pub(crate) fn verdict(&self) -> Verdict {
        for cause in self.causes() {
            if cause.is::<Dead>() {
                return Verdict::Dead;
            }
            if let Some(retry) = cause.downcast_ref::<Retry>() {
                return Verdict::Retry(retry.after);
            }
        }
        Verdict::Retry(None)
    }

    /// The error's text and those of its causes, as REASON: never fails, whatever the error does, and is never too long.
    pub fn reason(&self) -> String {
        let mut reason = String::new();
        let told = catch_unwind(AssertUnwindSafe(|| {
            for cause in self.causes() {
                let mut text = String::new();
                if write!(text, "{cause}").is_err() {
                    text = "an error that has no text".to_owned();
                }
                if !reason.contains(&text) {
                    let between = if reason.is_empty() { "" } else { ": " };
                    reason.push_str(between);
                    reason.push_str(&text);
                }
            }
        }));
        if told.is_err() && reason.is_empty() {
            reason.push_str("an error whose text panics");
        }
        let end = (0..=LONGEST_REASON.min(reason.len())).rev().find(|&at| reason.is_char_boundary(at));
        reason.truncate(end.unwrap_or_default());
        reason
    }

    /// What a panic said.
    pub(crate) fn panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self(format!("panic: {}", text.unwrap_or("of something that is no text")).into())
    }
}
