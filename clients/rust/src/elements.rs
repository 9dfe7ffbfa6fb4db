//! TSGEN: elements, their watermark, and delay queues.

use crate::call::{Call, Command, Words};
use crate::codec::{Decode, Encode};
use crate::content::Elements;
use crate::error::{BoxError, Error};
use crate::key::Key;
use crate::name::Name;
use crate::options::ms;
use crate::reply::{at, bytes, integer, list, maybe_integer, name, rows, text};
use redis::Value;
use std::ops::Deref;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It waits.
    Waits,
    /// It is ready at once.
    IsReady,
    /// Neither: NX or XX forbade it, or its id is remembered.
    Nothing,
}

impl Added {
    fn of(reply: &Value) -> Self {
        match reply {
            Value::Int(1) => Self::Waits,
            Value::Int(0) => Self::IsReady,
            _ => Self::Nothing,
        }
    }
}

/// Options of adding an element.
pub enum AddOptions {}

impl<R> Call<AddOptions, R> {
    fn word(mut self, word: &str) -> Self {
        self.options.add(word);
        self
    }

    /// Only if there is no element of this id.
    pub fn nx(self) -> Self {
        self.word("NX")
    }

    /// Only if there is one.
    pub fn xx(self) -> Self {
        self.word("XX")
    }

    /// For keys with GROUPLIMIT or FAIR; without it an element is in the group of its id.
    pub fn group(self, group: impl AsRef<[u8]>) -> Self {
        self.with("GROUP", group.as_ref())
    }

    /// It comes again so often (1 ms to ten years), each time it is done or dead. In keys with a clock.
    pub fn every(self, period: Duration) -> Self {
        self.with("EVERY", ms(period))
    }
}

/// Options of adding several elements.
pub enum AddAllOptions {}

impl<R> Call<AddAllOptions, R> {
    /// For keys with GROUPLIMIT or FAIR; without it an element is in the group of its id.
    pub fn group(self, group: impl AsRef<[u8]>) -> Self {
        self.with("GROUP", group.as_ref())
    }
}

/// Options of [`Key::advance`].
pub enum AdvanceOptions {}

impl<R> Call<AdvanceOptions, R> {
    /// Raises this source's part of the watermark.
    pub fn source(self, name: impl AsRef<[u8]>) -> Self {
        self.with("SOURCE", name.as_ref())
    }

    /// More than the key's MAXJUMP at once is meant.
    pub fn force(mut self) -> Self {
        self.options.add("FORCE");
        self
    }
}

/// What [`Key::get`] finds.
#[derive(Debug)]
pub struct Found<T> {
    /// `waiting`, `ready`, `leased`, `delayed` or `dead`.
    pub state: String,
    /// In the unit of the watermark.
    pub timestamp: i64,
    /// The payload, or what the codec says of it.
    pub payload: Result<T, BoxError>,
    /// How often it comes again.
    pub every: Option<Duration>,
}

/// A row of [`Key::range`].
#[derive(Debug)]
pub struct Ranged<T> {
    /// Its id.
    pub id: Name,
    /// In the unit of the watermark.
    pub timestamp: i64,
    /// The payload, or what the codec says of it.
    pub payload: Result<T, BoxError>,
}

/// A source of a watermark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: Name,
    /// What it has reported; `None` until it does.
    pub timestamp: Option<i64>,
    /// When, in Unix ms.
    pub reported_at: Option<i64>,
    /// Whether it has been silent for so long that it is left out.
    pub is_idle: bool,
}

impl Key<Elements> {
    fn adding(&self, due: Words, id: impl AsRef<[u8]>, payload: &(impl Encode + ?Sized)) -> Call<AddOptions, Added> {
        let tail = payload.encode().map(|bytes| due.and(id.as_ref()).and(bytes)).map_err(Error::Encode);
        Call::new(&self.tsgen, self.command("ADD"), tail, |reply| Added::of(&reply))
    }

    /// Adds an element, or replaces the one with its id. The timestamp is in the unit of the watermark. Options: `nx`, `xx`, `group`,
    /// `every`. `LATE` and `FULL` as the options of the key say.
    pub fn add(
        &self,
        timestamp: i64,
        id: impl AsRef<[u8]>,
        payload: &(impl Encode + ?Sized),
    ) -> Call<AddOptions, Added> {
        self.adding(Words::default().and(timestamp), id, payload)
    }

    /// Adds elements (timestamp, id, payload), all or none; what became of each. Option: `group`.
    pub fn add_all<'a, I: AsRef<[u8]> + 'a, P: Encode + 'a>(
        &self,
        elements: impl IntoIterator<Item = &'a (i64, I, P)>,
    ) -> Call<AddAllOptions, Vec<Added>> {
        let tail = elements.into_iter().try_fold(Words::default(), |words, (timestamp, id, payload)| {
            Ok(words.and(*timestamp).and(id.as_ref()).and(payload.encode().map_err(Error::Encode)?))
        });
        Call::new(&self.tsgen, self.command("MADD"), tail, |reply| list(&reply).iter().map(Added::of).collect())
    }

    /// Gives an element that is there another timestamp, and keeps its payload and group. Whether it was there.
    pub async fn postpone(&self, timestamp: i64, id: impl AsRef<[u8]>) -> Result<bool, Error> {
        let reply = self.run(self.command("ADD").and("XX").and(timestamp).and(id.as_ref())).await?;
        Ok(reply != Value::Nil)
    }

    /// Raises the watermark to a timestamp. The watermark; `None` while sources have not reported. Options: `source`, `force`. `JUMP` if
    /// that is more than the key's MAXJUMP at once.
    pub fn advance(&self, timestamp: i64) -> Call<AdvanceOptions, Option<i64>> {
        let head = self.command("ADVANCE").and(timestamp);
        Call::new(&self.tsgen, head, Ok(Words::default()), |reply| maybe_integer(&reply))
    }

    /// The watermark; in keys with a clock the server's time in Unix ms. `None` while it is unset.
    pub async fn watermark(&self) -> Result<Option<i64>, Error> {
        Ok(maybe_integer(&self.run(self.command("WATERMARK")).await?))
    }

    /// Finds the newest element of an id, whatever its state.
    pub async fn get<T: Decode>(&self, id: impl AsRef<[u8]>) -> Result<Option<Found<T>>, Error> {
        let reply = self.run(self.command("GET").and(id.as_ref())).await?;
        let of = list(&reply);
        Ok((!of.is_empty()).then(|| Found {
            state: text(at(of, 0)),
            timestamp: integer(at(of, 1)),
            payload: T::decode(&bytes(at(of, 2))),
            every: maybe_integer(at(of, 3)).map(|ms| Duration::from_millis(ms.unsigned_abs())),
        }))
    }

    /// Removes elements, whatever their state. How many.
    pub async fn rem<I: AsRef<[u8]>>(&self, ids: impl IntoIterator<Item = I>) -> Result<i64, Error> {
        self.of_names("REM", ids).await
    }

    /// Lists waiting and ready elements by timestamp: "-" and "+" are the ends, "(5" is above 5; `count` is 1 to 10000.
    pub async fn range<T: Decode>(&self, low: &str, high: &str, count: usize) -> Result<Vec<Ranged<T>>, Error> {
        let reply = self.run(self.command("RANGE").and(low).and(high).and("COUNT").and(count)).await?;
        Ok(rows(&reply, |of| Ranged {
            id: name(at(of, 0)),
            timestamp: integer(at(of, 1)),
            payload: T::decode(&bytes(at(of, 2))),
        }))
    }

    /// Lists the declared sources.
    pub async fn sources(&self) -> Result<Vec<Source>, Error> {
        Ok(rows(&self.run(self.command("SOURCES")).await?, |of| Source {
            name: name(at(of, 0)),
            timestamp: maybe_integer(at(of, 1)),
            reported_at: maybe_integer(at(of, 2)),
            is_idle: integer(at(of, 3)) == 1,
        }))
    }
}

impl<F: crate::content::Family> Key<F> {
    /// A command that takes names; none are a count of 0.
    pub(crate) async fn of_names<N: AsRef<[u8]>>(
        &self,
        name: &str,
        names: impl IntoIterator<Item = N>,
    ) -> Result<i64, Error> {
        let mut names = names.into_iter().peekable();
        if names.peek().is_none() {
            return Ok(0);
        }
        self.count(names.fold(self.command(name), |command: Command, name| command.and(name.as_ref()))).await
    }
}

/// A key of TSGEN with a clock. It has all that [`Key<Elements>`](Key) has.
#[derive(Clone, Debug)]
pub struct DelayQueue(pub(crate) Key<Elements>);

impl Deref for DelayQueue {
    type Target = Key<Elements>;
    fn deref(&self) -> &Key<Elements> {
        &self.0
    }
}

impl DelayQueue {
    /// Adds a job that is due so long from now (0 to ten years), or replaces the one with its id. Options: `nx`, `xx`, `group`, `every`.
    /// The key is created, if there is none.
    pub fn add(
        &self,
        id: impl AsRef<[u8]>,
        payload: &(impl Encode + ?Sized),
        delay: Duration,
    ) -> Call<AddOptions, Added> {
        self.adding(Words::default().and(format!("+{}", ms(delay))), id, payload).creating()
    }

    /// The same at a time.
    pub fn add_at(
        &self,
        id: impl AsRef<[u8]>,
        payload: &(impl Encode + ?Sized),
        time: SystemTime,
    ) -> Call<AddOptions, Added> {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.adding(Words::default().and(format!("{}ms", ms(since))), id, payload).creating()
    }
}
