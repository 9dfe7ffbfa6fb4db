//! A worker before it runs: its keys, its options, and its handler.

use crate::codec::Encode;
use crate::content::{Content, Family};
use crate::error::Error;
use crate::hooks::Hooks;
use crate::job::{Claimed, Dead, Failure, Job};
use crate::line::chance;
use crate::name::Name;
use crate::recurring::{Recurring, Schedule};
use crate::run::Run;
use crate::stopper::Stopper;
use crate::tsgen::Tsgen;
use redis::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Does the work of a job: any `async fn(Job<T>) -> Result<(), E>`, where `E` is [`Failure`] or any error.
///
/// `Ok`, and the entry is acknowledged. `Err`, and it is tried again after the key's BACKOFF, MAXDELIVERIES times; [`Retry`](crate::Retry)
/// and [`Dead`] say it more precisely. A panic is an error. A handler may run twice for one entry: a process can die between its end and
/// the ACK.
///
/// What blocks a thread belongs into `tokio::task::spawn_blocking`; else leases may not be kept meanwhile.
pub trait Handler<T>: Send + Sync + 'static {
    /// Does it.
    fn handle(&self, job: Job<T>) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl<T, F, W, E> Handler<T> for F
where
    F: Fn(Job<T>) -> W + Send + Sync + 'static,
    W: Future<Output = Result<(), E>> + Send,
    E: Into<Failure>,
{
    fn handle(&self, job: Job<T>) -> impl Future<Output = Result<(), Failure>> + Send {
        let work = self(job);
        async { work.await.map_err(Into::into) }
    }
}

pub(crate) type Work = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// A handler without the type of its content: takes a row of CLAIM's reply.
pub(crate) type Launch = Arc<dyn Fn(Claimed, Vec<Value>) -> Work + Send + Sync>;

fn launch<T: Content>(handler: impl Handler<T>) -> Launch {
    let handler = Arc::new(handler);
    Arc::new(move |claimed, row| {
        let handler = handler.clone();
        Box::pin(async move {
            match Job::of(claimed, &row) {
                Ok(job) => handler.handle(job).await,
                Err(undecodable) => Err(Dead::because(undecodable).into()),
            }
        })
    })
}

/// Works on the entries of one key, or of several by strict priority. Which family they are of is what the handler takes: a `Job<Mail>` is
/// an element of TSGEN, a `Job<Group<…>>` of DEBOUNCE, a `Job<Expired>` of EXPIRY, a `Job<Batch>` of TALLY.
#[must_use = "a worker works when it is run"]
pub struct Worker {
    pub(crate) tsgen: Tsgen,
    pub(crate) keys: Vec<Name>,
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) hooks: Vec<Box<dyn Hooks>>,
    pub(crate) consumer: String,
    pub(crate) recurring: Result<Vec<Recurring>, Error>,
    pub(crate) stopper: Stopper,
    pub(crate) health: Health,
}

impl Worker {
    /// A worker of a key. It makes two connections of its own; and it has the virtual clock of the [`Tsgen`], if that has one.
    pub fn new(tsgen: &Tsgen, key: impl Into<Name>) -> Self {
        let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/etc/hostname")).unwrap_or_default();
        Self {
            tsgen: tsgen.clone(),
            keys: vec![key.into()],
            concurrency: 1,
            lease: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(30),
            hooks: Vec::new(),
            consumer: format!("{}:{}:{:08x}", host.trim(), std::process::id(), chance(1 << 32)),
            recurring: Ok(Vec::new()),
            stopper: Stopper::new(),
            health: Health(Arc::new(Mutex::new(Instant::now()))),
        }
    }

    /// A further key, by strict priority: as long as an earlier one has something, nothing of a later one begins.
    pub fn and_then(mut self, key: impl Into<Name>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// How many entries are worked on at once: 1 to 10000; 1.
    pub fn concurrency(self, concurrency: usize) -> Self {
        Self { concurrency, ..self }
    }

    /// How soon another worker takes over if this process dies: 1 ms to ten years; 30 s. It is kept while a handler runs.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// How long handlers may go on when the worker has to stop: 30 s. Then the rest is handed back, ready at once and not counted.
    pub fn shutdown_timeout(self, shutdown_timeout: Duration) -> Self {
        Self { shutdown_timeout, ..self }
    }

    /// Adds hooks.
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks.push(Box::new(hooks));
        self
    }

    /// A name that no other worker has: by default of host, process and chance.
    pub fn consumer(self, name: impl Into<String>) -> Self {
        Self { consumer: name.into(), ..self }
    }

    /// Adds a job of the first key at each time of a schedule: a [`Cron`](crate::Cron) expression, or a function that tells the first
    /// time behind one, in Unix ms. Its id is `name@` and the Unix ms of its time.
    ///
    /// Whichever worker of the key acknowledges one run adds the next in the same write, so there is one, however many workers there are;
    /// runs that were missed are one run. A run that fails is tried again as any job. For keys of TSGEN.
    pub fn recurring(
        mut self,
        name: impl Into<String>,
        schedule: impl Schedule,
        payload: &(impl Encode + ?Sized),
    ) -> Self {
        self.recurring = self.recurring.and_then(|mut all| {
            let payload = payload.encode().map_err(Error::Encode)?;
            all.push(Recurring { name: name.into(), schedule: Box::new(schedule), payload });
            Ok(all)
        });
        self
    }

    /// Lets a [`Stopper`] stop it, and stop with it whatever else has that one when this worker fails.
    pub fn stopped_by(self, stopper: &Stopper) -> Self {
        Self { stopper: stopper.clone(), ..self }
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// For a health probe.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Works until SIGTERM or SIGINT comes, or its [`Stopper`] stops it. A second signal hands back at once.
    ///
    /// Dropped before it has ended, it hands nothing back: leases run out.
    ///
    /// # Errors
    ///
    /// What will not pass by itself: a key of another family, a missing permission or module.
    pub async fn run<T: Content>(self, handler: impl Handler<T>) -> Result<(), Error> {
        let stopper = self.stopper();
        tokio::select! {
            biased;
            Err(error) = stopper.stop_at_signals() => Err(error),
            ended = self.start(launch(handler), T::Family::NAME, false) => ended,
        }
    }

    /// Works until a future is ready, or its [`Stopper`] stops it; signals are up to you.
    ///
    /// # Errors
    ///
    /// As those of [`run`](Self::run).
    pub async fn run_until<T: Content>(
        self,
        handler: impl Handler<T>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let stopper = self.stopper();
        let stopping = async {
            shutdown.await;
            stopper.stop();
            std::future::pending().await
        };
        tokio::select! {
            ended = self.start(launch(handler), T::Family::NAME, false) => ended,
            ended = stopping => ended,
        }
    }

    /// Works on what is ready now, retries included, and returns when nothing is ready or in hand: for tests.
    ///
    /// # Errors
    ///
    /// As those of [`run`](Self::run).
    pub async fn run_until_empty<T: Content>(self, handler: impl Handler<T>) -> Result<(), Error> {
        self.start(launch(handler), T::Family::NAME, true).await
    }

    async fn start(mut self, launch: Launch, family: &'static str, is_burst: bool) -> Result<(), Error> {
        if !(1..=10_000).contains(&self.concurrency) {
            return Err(Error::Invalid("concurrency must be between 1 and 10000".into()));
        }
        let recurring = std::mem::replace(&mut self.recurring, Ok(Vec::new()))?;
        Arc::new(Run::new(self, recurring, launch, family, is_burst)).work().await
    }
}

/// Whether a worker lives.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<Instant>>);

impl Health {
    /// How long ago CLAIM was answered, if only with nothing. Above 30 s while hands are free, something is wrong.
    pub fn since_last_claim(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    pub(crate) fn has_claimed(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}
