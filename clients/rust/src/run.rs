//! A worker while it runs: claims, works, keeps leases, settles, and hands back.

use crate::claims::{Claims, Keyed};
use crate::error::Error;
use crate::hands::{tokens, Hand, Hands, Settled};
use crate::hooks::Hooks;
use crate::job::{Claimed, Failure, Verdict};
use crate::key::nack_words;
use crate::line::{insist, Line, Pause};
use crate::name::Name;
use crate::recurring::Recurring;
use crate::reply::list;
use crate::worker::{Launch, Work, Worker};
use redis::Value;
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

pub(crate) struct Run {
    pub(crate) worker: Worker,
    recurring: Vec<Recurring>,
    launch: Launch,
    is_burst: bool,
    pub(crate) line: Line,
    pub(crate) hands: Hands,
    /// A hand is free.
    changed: Notify,
    /// There is something to acknowledge.
    settled: Notify,
    /// A CLAIM waits, so what is done is acknowledged without it.
    claiming: AtomicBool,
    flushing: tokio::sync::Mutex<()>,
    failure: Mutex<Option<Error>>,
}

impl Run {
    pub fn new(
        worker: Worker,
        recurring: Vec<Recurring>,
        launch: Launch,
        family: &'static str,
        is_burst: bool,
    ) -> Self {
        Self {
            line: Line::new(&worker.tsgen, family),
            hands: Hands::new(worker.consumer.clone()),
            worker,
            recurring,
            launch,
            is_burst,
            changed: Notify::new(),
            settled: Notify::new(),
            claiming: AtomicBool::new(false),
            flushing: tokio::sync::Mutex::default(),
            failure: Mutex::default(),
        }
    }

    fn keys(&self) -> &[Name] {
        &self.worker.keys
    }

    pub async fn work(self: Arc<Self>) -> Result<(), Error> {
        let mut background = JoinSet::new();
        let (this, that) = (self.clone(), self.clone());
        background.spawn(async move { this.guard(this.keep_leases().await) });
        background.spawn(async move { that.guard(that.flush_while_claiming().await) });
        let mut jobs = JoinSet::new();
        let ended = self.claim_until_stopped(&mut jobs).await;
        self.guard(ended);
        self.worker.stopper.stopping.cancel();
        self.wind_up(&mut jobs).await;
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), Err)
    }

    /// What ends any part of the worker ends the worker.
    fn guard(&self, ended: Result<(), Error>) {
        if let Err(error) = ended {
            tracing::error!(family = self.line.family, keys = ?self.keys(), %error, "tsgen: the worker ends");
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            self.worker.stopper.stopping.cancel();
        }
    }

    /// Unless the worker stops before.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.worker.stopper.stopping.cancelled() => None,
            done = work => Some(done),
        }
    }

    /// Asks what the server's module can do, and sees to it that each schedule has its next run.
    async fn begin(&self) -> Result<Claims, Error> {
        let has_mclaim = self.line.now().is_none() && self.line.knows("MCLAIM").await?;
        for recurring in &self.recurring {
            insist(|| recurring.begin(&self.line, &self.keys()[0])).await?;
        }
        let (keys, lease) = (self.keys().to_vec(), self.worker.lease);
        Ok(Claims { keys, lease, is_blocking: !self.is_burst, has_mclaim })
    }

    async fn claim_until_stopped(self: &Arc<Self>, jobs: &mut JoinSet<()>) -> Result<(), Error> {
        let Some(claims) = self.unless_stopped(self.begin()).await else { return Ok(()) };
        let claims = claims?;
        self.tell(|hooks| hooks.on_ready());
        let mut pause = Pause::default();
        while !self.worker.stopper.stopping.is_cancelled() {
            while jobs.try_join_next().is_some() {}
            let free = self.worker.concurrency.saturating_sub(self.hands.running());
            if free > 0 {
                // What is in hand now may come back ready behind the claim.
                let was_idle = self.hands.is_empty();
                match self.claim(&claims, free, jobs).await {
                    Err(error) if !error.passes() => return Err(error),
                    Err(error) => {
                        if self.unless_stopped(pause.wait()).await.is_some() {
                            tracing::warn!(keys = ?self.keys(), %error, "tsgen: trying again to claim");
                        }
                        continue;
                    }
                    Ok(found) => {
                        pause = Pause::default();
                        if found || !self.is_burst {
                            continue;
                        }
                        if was_idle {
                            return Ok(());
                        }
                    }
                }
            }
            self.unless_stopped(self.changed.notified()).await;
        }
        Ok(())
    }

    /// Whether there was anything. What was claimed begins.
    async fn claim(self: &Arc<Self>, claims: &Claims, count: usize, jobs: &mut JoinSet<()>) -> Result<bool, Error> {
        if !claims.has_mclaim {
            self.unless_stopped(self.flush()).await.unwrap_or(Ok(()))?;
        }
        // First, so that what is done from now on is acknowledged without waiting for this claim.
        self.claiming.store(true, Ordering::SeqCst);
        let settled = if claims.has_mclaim { self.hands.take_done() } else { Settled::new() };
        let name = self.hands.take_name();
        let reply = self.unless_stopped(claims.claim(&self.line, &name, count, &settled)).await;
        self.claiming.store(false, Ordering::SeqCst);
        match reply {
            None => {
                // Whatever it got or may still get is handed back in the end, with all names that are in use.
                self.line.break_off().await;
                self.hands.put_back(settled);
                Ok(false)
            }
            Some(Err(error)) => {
                self.hands.put_back(settled);
                if !error.passes() {
                    self.hands.let_go(&name);
                    return Err(error);
                }
                // It may have been done and its reply lost; or it waits in the server still, until its connection is closed.
                self.line.break_off().await;
                if let Some(released) = self.unless_stopped(self.line.release(self.keys(), &name)).await {
                    released?;
                    self.hands.let_go(&name);
                }
                Err(error)
            }
            Some(Ok(found)) => {
                self.worker.health.has_claimed();
                self.confirm(&settled);
                let is_any = self.start(found, &name, jobs);
                self.hands.let_go(&name);
                Ok(is_any)
            }
        }
    }

    fn start(self: &Arc<Self>, found: Vec<Keyed>, name: &str, jobs: &mut JoinSet<()>) -> bool {
        let mut is_any = false;
        for (key, rows) in found {
            for row in rows {
                is_any = true;
                let row = list(&row).to_vec();
                let hand = self.hands.start(Claimed::of(&key, &row), name);
                self.tell(|hooks| hooks.on_claim(&hand.claimed));
                let this = self.clone();
                jobs.spawn(async move { this.guard(this.handle(hand, row).await) });
            }
        }
        is_any
    }

    async fn handle(&self, hand: Arc<Hand>, row: Vec<Value>) -> Result<(), Error> {
        let began = Instant::now();
        let ended = Caught { work: Some((self.launch)(hand.claimed.clone(), row)) }.await;
        let took = began.elapsed();
        let job = &hand.claimed;
        match ended {
            _ if self.hands.is_lost(&hand) => self.let_go(&hand),
            // It gave up as it was told. It is handed back with all that is held.
            Err(_) if job.stopped.is_cancelled() => {}
            Err(why) => return self.failed(&hand, &why, took).await,
            Ok(()) if !self.hands.finish(&hand) => self.let_go(&hand),
            Ok(()) => {
                self.tell(|hooks| hooks.on_done(job, took));
                if let Some(recurring) = self.schedule_of(job) {
                    let ack = self.line.command("ACK", job.key.as_ref()).and(job.token);
                    let plan = || recurring.plan(&self.line, &job.key, job.timestamp, Some(ack.clone()));
                    let planned = insist(plan).await;
                    self.let_go(&hand);
                    return planned;
                }
                self.hands.add_done(hand);
                self.changed.notify_one();
                self.settled.notify_one();
            }
        }
        Ok(())
    }

    /// The schedule that a job is a run of.
    fn schedule_of(&self, job: &Claimed) -> Option<&Recurring> {
        self.recurring.iter().find(|recurring| job.key == self.keys()[0] && recurring.has(job))
    }

    async fn failed(&self, hand: &Hand, why: &Failure, took: Duration) -> Result<(), Error> {
        let job = &hand.claimed;
        self.tell(|hooks| hooks.on_failed(job, why, took));
        tracing::warn!(key = %job.key, id = %job.id, deliveries = job.deliveries, "tsgen: failed");
        let verdict = why.verdict();
        let nack = self.line.command("NACK", job.key.as_ref()).and(job.token).and(nack_words(&verdict).0);
        let with_reason = nack.clone().and("REASON").and(why.reason());
        let send = async |command| match self.schedule_of(job) {
            Some(recurring) if matches!(verdict, Verdict::Dead) => {
                insist(|| recurring.plan(&self.line, &job.key, job.timestamp, Some(Clone::clone(&command)))).await
            }
            _ => self.line.insist_on(command).await.map(drop),
        };
        let mut told = send(with_reason).await;
        if told.as_ref().is_err_and(|error| error.says("REASON")) {
            // The server takes only shorter names (tsgen.max-name-size).
            told = send(nack).await;
        }
        self.let_go(hand);
        told
    }

    /// This worker does not hold it any more.
    fn let_go(&self, hand: &Hand) {
        self.hands.drop(hand);
        self.changed.notify_one();
    }

    fn confirm(&self, settled: &Settled) {
        self.hands.confirm(settled);
        self.changed.notify_one();
    }

    /// Sends the ACKs of what ends while CLAIM waits; if it does not, they go with the next CLAIM.
    async fn flush_while_claiming(&self) -> Result<(), Error> {
        loop {
            self.settled.notified().await;
            if self.claiming.load(Ordering::SeqCst) {
                self.flush().await?;
            }
        }
    }

    async fn flush(&self) -> Result<(), Error> {
        let _one = self.flushing.lock().await;
        let mut settled = Taken { hands: &self.hands, settled: self.hands.take_done() };
        for (key, hands) in &settled.settled {
            let ack = self.line.command("ACK", key.as_ref()).and(tokens(hands).words().0);
            self.line.insist_on(ack).await?;
        }
        self.confirm(&std::mem::take(&mut settled.settled));
        Ok(())
    }

    /// Lets handlers end, and hands back the rest.
    async fn wind_up(&self, jobs: &mut JoinSet<()>) {
        let hurry = &self.worker.stopper.hurry;
        let has_failed = self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if !has_failed {
            tokio::select! {
                () = ended(jobs) => {}
                () = hurry.cancelled() => {}
                () = sleep(self.worker.shutdown_timeout) => {}
            }
        }
        for hand in self.hands.in_work() {
            hand.claimed.stopped.cancel();
        }
        let (grace, limit) = if hurry.is_cancelled() { (100, 1000) } else { (1000, 5000) };
        let _ = timeout(Duration::from_millis(grace), ended(jobs)).await;
        for hand in self.hands.in_work() {
            self.hands.lose(&hand);
        }
        match timeout(Duration::from_millis(limit), self.farewell()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "tsgen: could not hand back everything"),
            Err(_) => tracing::warn!("tsgen: could not hand back everything in time"),
        }
    }

    async fn farewell(&self) -> Result<(), Error> {
        let mut told = self.flush().await;
        for name in self.hands.names_in_use() {
            told = told.and(self.line.release(self.keys(), &name).await);
        }
        told
    }

    pub(crate) fn tell(&self, each: impl Fn(&dyn Hooks)) {
        for hooks in &self.worker.hooks {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| each(&**hooks))) {
                tracing::error!("tsgen: a hook failed: {}", Failure::panic(&*payload));
            }
        }
    }
}

async fn ended(jobs: &mut JoinSet<()>) {
    while jobs.join_next().await.is_some() {}
}

/// What was taken is put back, unless it was confirmed: also if its flush is broken off.
struct Taken<'a> {
    hands: &'a Hands,
    settled: Settled,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.hands.put_back(std::mem::take(&mut self.settled));
    }
}

/// A handler's work. A panic of it is a failure, also one while its variables are dropped.
struct Caught {
    work: Option<Work>,
}

impl Future for Caught {
    type Output = Result<(), Failure>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let step = || {
            let ended = self.work.as_mut().map(|work| work.as_mut().poll(context));
            if ended.as_ref().is_none_or(Poll::is_ready) {
                self.work = None;
            }
            ended.unwrap_or(Poll::Pending)
        };
        catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|payload| Poll::Ready(Err(Failure::panic(&*payload))))
    }
}
