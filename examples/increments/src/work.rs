//! Writes batches to the database, one at a time, and acknowledges each once it is in there.
//!
//! Redis delivers a batch at least once, and always under the same number. `write_postgres` commits the number and the sums together or
//! not at all, and no number is committed twice, so the sums are added exactly once: whether a worker dies before or after the COMMIT, the
//! COMMIT's reply is lost, or two workers have got the same batch. (The second waits until the first has committed, and then adds nothing.)
//!
//! It would be wrong to keep only the highest number and skip what is below it: batches do not come in order. One that another worker
//! holds, or that could not be written at first, comes after batches that were sealed later, and would be lost.

use crate::tally::Tally;
use anyhow::{bail, Context};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout, Instant};
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;
use tsgen_client::{write_postgres, Batch, Failure, Handler, Job, Stopper};
use uuid::Uuid;

/// How long a database that hangs is waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// How long the writing of what is ready may take, once it has been told to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

#[derive(clap::Args)]
pub struct Worker {
    /// Where PostgreSQL is, as a URL or in words
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "host=/run/postgresql dbname=increments"
    )]
    database: String,
    /// The name of this worker; no two that run at the same time may share one
    #[arg(long, default_value_t = format!("worker-{}", Uuid::new_v4()), hide_default_value = true)]
    name: String,
    /// How long the writing of a batch may take, and so how long after the death of this worker another one gets its batch
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    lease_ms: u64,
}

impl Worker {
    /// Works until told to stop. After a failure it starts anew, with a new connection to the database, after pauses that double from a
    /// tenth of a second up to three seconds. An error if the failure leaves something unwritten and there is no time to try again.
    pub async fn run(self, tally: Tally, stop: CancellationToken) -> anyhow::Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let Err(error) = self.work(&tally, &stop).await else { return Ok(()) };
            if started.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            println!("{}: {error:#}; trying again in {pause:?}", self.name);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return Err(error.context("stopped, and what is in Redis stays there for the next worker"));
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Writes batches until told to stop, and then those that are ready.
    async fn work(&self, tally: &Tally, stop: &CancellationToken) -> anyhow::Result<()> {
        // First the database: who cannot write should not claim, but leave it to those who can.
        let connected = timeout(CONNECT_WITHIN, connect(&self.database)).await;
        let database = Arc::new(connected.context("PostgreSQL does not answer")?.context("PostgreSQL")?);
        println!("{}: ready", self.name);

        let (worker, writer, outcome) = self.worker(tally, &database)?;
        worker.run_until(writer, stop.cancelled()).await.context("Redis")?;
        outcome.look()?;

        let (worker, writer, outcome) = self.worker(tally, &database)?;
        let finished = timeout(FINISH_WITHIN, worker.run_until_empty(writer)).await;
        finished.context("Redis does not answer")?.context("Redis")?;
        outcome.look()?;
        println!("{}: stopped", self.name);
        Ok(())
    }

    /// A worker that ends at its first failure, for then the database has to be looked for.
    fn worker(&self, tally: &Tally, database: &Arc<Client>) -> anyhow::Result<(tsgen_client::Worker, Writer, Outcome)> {
        let (lease, stopper, outcome) = (Duration::from_millis(self.lease_ms), Stopper::new(), Outcome::default());
        let worker = tsgen_client::Worker::new(&tally.connection()?, &tally.key)
            .consumer(&self.name)
            .lease(lease)
            .shutdown_timeout(lease)
            .stopped_by(&stopper);
        let (name, database, told) = (self.name.clone(), database.clone(), outcome.clone());
        Ok((worker, Writer { name, database, lease, stopper, outcome: told }, outcome))
    }
}

/// Writes a batch.
struct Writer {
    name: String,
    database: Arc<Client>,
    lease: Duration,
    stopper: Stopper,
    outcome: Outcome,
}

impl Handler<Batch> for Writer {
    async fn handle(&self, job: Job<Batch>) -> Result<(), Failure> {
        let (name, number, deliveries) = (&self.name, job.payload.number, job.deliveries);
        // A database that takes longer than the lease is taken for one that is away; should it commit after all, the next delivery of the
        // batch finds it there.
        let written = timeout(self.lease, write_postgres(&*self.database, &job.payload, "counters")).await;
        match written.map_err(anyhow::Error::from).and_then(|written| Ok(written?)) {
            Ok(is_new) => {
                let fate = if is_new { "written" } else { "was there already" };
                println!("{name}: batch {number} delivery {deliveries}: {fate}");
                Ok(())
            }
            // Handed back by the library, rather than kept: while this worker connects again, one that still has its connection may write
            // it, after the key's BACKOFF.
            Err(error) => {
                self.outcome.tell(format!("PostgreSQL, batch {number} delivery {deliveries}: {error:#}"));
                self.stopper.stop();
                Err(error.into())
            }
        }
    }
}

/// What has failed, if anything.
#[derive(Clone, Default)]
struct Outcome(Arc<Mutex<Option<String>>>);

impl Outcome {
    fn tell(&self, failure: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }

    fn look(&self) -> anyhow::Result<()> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => bail!(failure),
            None => Ok(()),
        }
    }
}

/// Connects, and makes the tables if they are not there.
async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // The connection's end, good or bad, is an error of whatever the client does next.
    tokio::spawn(connection);
    client.batch_execute(include_str!("../schema.sql")).await?;
    Ok(client)
}
