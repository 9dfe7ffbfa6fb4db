//! TALLY's sums into a database, each batch exactly once.
//!
//! A batch that comes again, because the worker died between its commit and its ACK, has the number that it had. The number stands under a
//! unique constraint in the transaction that adds the sums: the second time nothing is added.

use crate::content::Batch;
use crate::name::Name;

/// The tables that [`write_postgres`] needs. A total that overflows is an error, and then nothing is added. Rows of `tsgen_batches` may be
/// removed when no batch so old can come again.
#[cfg(feature = "postgres")]
pub const POSTGRES_TABLES: &str = "
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key text NOT NULL, batch bigint NOT NULL, written_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (key, batch)
);
CREATE TABLE IF NOT EXISTS tallies (field text PRIMARY KEY, total bigint NOT NULL);
";

/// The same for SQLite, which would go on with fractions where `total` overflows, if it were not checked.
#[cfg(feature = "sqlite")]
pub const SQLITE_TABLES: &str = "
CREATE TABLE IF NOT EXISTS tsgen_batches (
    key TEXT NOT NULL, batch INTEGER NOT NULL, written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (key, batch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tallies (field TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (typeof(total) = 'integer')) WITHOUT ROWID;
";

/// Why a batch was not written. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The name of the table goes into the statement as it is.
    #[error("a table must be named in letters, digits, _ and .")]
    Table,
    /// A database's text is UTF-8.
    #[error("a name that is not UTF-8: {0:?}")]
    Text(Name),
    /// What the database says.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    /// What the database says.
    #[cfg(feature = "sqlite")]
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

fn checked(table: &str) -> Result<&str, WriteError> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let begins = |first: &u8| first.is_ascii_alphabetic() || *first == b'_';
    let is_one = table.as_bytes().first().is_some_and(begins) && table.as_bytes().iter().all(is_name);
    is_one.then_some(table).ok_or(WriteError::Table)
}

fn text(name: &Name) -> Result<&str, WriteError> {
    name.as_str().ok_or_else(|| WriteError::Text(name.clone()))
}

/// Adds the sums of a batch to a table in one statement, and so in one transaction. False if they had been added before, or if there are
/// none.
///
/// `client` is a client, or a transaction of yours with what else belongs to it. The table has the columns of `tallies`; `field` may also be
/// uuid. Fields go in byte order, so that writers do not wait for each other in a circle.
///
/// # Errors
///
/// Then nothing has been added.
#[cfg(feature = "postgres")]
pub async fn write_postgres(
    client: &impl tokio_postgres::GenericClient,
    batch: &Batch,
    table: &str,
) -> Result<bool, WriteError> {
    let (table, key) = (checked(table)?, text(&batch.key)?);
    let fields = batch.sums.iter().map(|(field, _)| text(field)).collect::<Result<Vec<_>, _>>()?;
    let sums: Vec<i64> = batch.sums.iter().map(|(_, sum)| *sum).collect();
    let column = "SELECT format_type(atttypid, NULL) FROM pg_attribute
                  WHERE attrelid = CAST($1::text AS regclass) AND attname = 'field'";
    let kind: String = client.query_one(column, &[&table]).await?.try_get(0)?;
    let statement = format!(
        "WITH new AS (INSERT INTO tsgen_batches (key, batch) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING batch)
         INSERT INTO {table} AS t (field, total)
         SELECT CAST(field AS {kind}), delta FROM unnest($3::text[], $4::bigint[]) AS sums (field, delta)
         WHERE EXISTS (SELECT FROM new)
         ON CONFLICT (field) DO UPDATE SET total = t.total + excluded.total"
    );
    Ok(client.execute(&statement, &[&key, &batch.number, &fields, &sums]).await? > 0)
}

/// The same in one transaction of SQLite. It blocks its thread: call it in `tokio::task::spawn_blocking`.
///
/// # Errors
///
/// Then nothing has been added.
#[cfg(feature = "sqlite")]
pub fn write_sqlite(connection: &mut rusqlite::Connection, batch: &Batch, table: &str) -> Result<bool, WriteError> {
    let upsert = format!(
        "INSERT INTO {} (field, total) VALUES (?1, ?2) ON CONFLICT (field) DO UPDATE SET total = total + excluded.total",
        checked(table)?
    );
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let number = (text(&batch.key)?, batch.number);
    let is_new = transaction.execute("INSERT OR IGNORE INTO tsgen_batches (key, batch) VALUES (?1, ?2)", number)? == 1;
    if is_new {
        let mut add = transaction.prepare(&upsert)?;
        for (field, sum) in &batch.sums {
            add.execute((text(field)?, sum))?;
        }
    }
    transaction.commit()?;
    Ok(is_new)
}
