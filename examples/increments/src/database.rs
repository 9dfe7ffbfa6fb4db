//! The counters in PostgreSQL: batches go in, each of them once.

use tokio_postgres::{Client, Error, NoTls, Statement};
use uuid::Uuid;

/// Whose batch it is, and its number. No row if it was there already.
const REMEMBER: &str = "INSERT INTO batches (source, batch) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// Rows are locked in the order of the arrays, which is that of the batch.
const ADD: &str = "INSERT INTO counters (key, value) SELECT * FROM UNNEST($1::uuid[], $2::bigint[]) \
                   ON CONFLICT (key) DO UPDATE SET value = counters.value + EXCLUDED.value";

pub struct Database {
    client: Client,
    remember: Statement,
    add: Statement,
}

/// One batch of sums, as columns.
pub struct Batch {
    pub number: i64,
    /// Rising, so that workers side by side take row locks in one order, and none waits for one that waits for it.
    pub keys: Vec<Uuid>,
    /// As many as keys.
    pub sums: Vec<i64>,
}

impl Database {
    /// Connects, and makes the tables if they are not there.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // The connection's end, good or bad, is an error of whatever the client does next.
        tokio::spawn(connection);
        client.batch_execute(include_str!("../schema.sql")).await?;
        let (remember, add) = (client.prepare(REMEMBER).await?, client.prepare(ADD).await?);
        Ok(Self { client, remember, add })
    }

    /// Adds a batch to the counters unless it is in there already; replies with whether it was new.
    ///
    /// Redis delivers a batch at least once, and always under the same number. The number and the sums are committed together or
    /// not at all, and no number is committed twice, so the sums are added exactly once: whether a worker dies before or after
    /// the COMMIT, the COMMIT's reply is lost, or two workers have got the same batch. (The second waits at the first statement
    /// until the first has committed, and then adds nothing.)
    ///
    /// It would be wrong to keep only the highest number and skip what is below it: batches do not come in order. One that another
    /// worker holds, or that could not be written at first, comes after batches that were sealed later, and would be lost.
    pub async fn add(&mut self, source: &str, batch: &Batch) -> Result<bool, Error> {
        let transaction = self.client.transaction().await?;
        let is_new = transaction.execute(&self.remember, &[&source, &batch.number]).await? == 1;
        if is_new {
            transaction.execute(&self.add, &[&batch.keys, &batch.sums]).await?;
        }
        transaction.commit().await?;
        Ok(is_new)
    }
}
