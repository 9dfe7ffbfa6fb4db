//! TALLY's sums in databases. That a worker which is killed counts once is tested in `clients/conformance`.

use crate::postgres::Postgres;
use tsgen_client::{write_postgres, write_sqlite, Batch, Name, WriteError, POSTGRES_TABLES, SQLITE_TABLES};

fn batch(key: &str, number: i64, sums: &[(&[u8], i64)]) -> Batch {
    let sums = sums.iter().map(|(field, sum)| (Name::from(*field), *sum)).collect();
    Batch { key: key.into(), number, opened_at: 1, sealed_at: 2, sums }
}

const ODD: &[u8] = b"a\"b\\,{} NULL";

#[test]
fn sqlite_has_each_batch_once() {
    let mut database = rusqlite::Connection::open_in_memory().expect("a database");
    database.execute_batch(SQLITE_TABLES).expect("tables");
    let mut write = |batch: &Batch| write_sqlite(&mut database, batch, "tallies");
    assert!(write(&batch("likes", 7, &[(ODD, 5), (b"w", 2)])).expect("written"));
    assert!(!write(&batch("likes", 7, &[(ODD, 5)])).expect("written before"));
    assert!(write(&batch("other", 7, &[(ODD, -1)])).expect("written"));
    // Refused as a whole: the number is not taken.
    assert!(matches!(write(&batch("likes", 8, &[(b"w", 1), (b"\xff", 1)])), Err(WriteError::Text(_))));
    assert!(matches!(write(&batch("likes", 8, &[(b"v", 1), (b"w", i64::MAX)])), Err(WriteError::Sqlite(_))));
    assert!(write(&batch("likes", 8, &[(b"w", 1)])).expect("written"));
    let table = write_sqlite(&mut database, &batch("likes", 9, &[]), "t; DROP TABLE tallies");
    assert!(matches!(table, Err(WriteError::Table)));
    let total: i64 = database.query_row("SELECT sum(total) FROM tallies", (), |row| row.get(0)).expect("a sum");
    assert_eq!(total, 7);
}

#[tokio::test]
async fn postgres_has_each_batch_once() {
    let server = Postgres::start();
    let (mut client, connection) =
        tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.expect("a client");
    tokio::spawn(connection);
    client.batch_execute(POSTGRES_TABLES).await.expect("tables");
    let first = batch("likes", 7, &[(b"", 3), (b"NULL", 1), (ODD, 5)]);
    assert!(write_postgres(&client, &first, "tallies").await.expect("written"));
    assert!(!write_postgres(&client, &first, "tallies").await.expect("written before"));
    // Refused as a whole: the number is not taken.
    let refused = batch("likes", 8, &[(b"v", 1), (b"NULL", i64::MAX)]);
    assert!(matches!(write_postgres(&client, &refused, "tallies").await, Err(WriteError::Postgres(_))));
    let refused = batch("likes", 8, &[(b"\xff", 1)]);
    assert!(matches!(write_postgres(&client, &refused, "tallies").await, Err(WriteError::Text(_))));
    // In the caller's transaction, with what else belongs to it.
    let transaction = client.transaction().await.expect("a transaction");
    assert!(write_postgres(&transaction, &batch("likes", 8, &[(b"v", 1)]), "tallies").await.expect("written"));
    transaction.rollback().await.expect("nothing");
    assert!(write_postgres(&client, &batch("likes", 8, &[(ODD, 1)]), "tallies").await.expect("written"));
    assert_eq!(server.query("SELECT string_agg(total::text, ' ' ORDER BY field COLLATE \"C\") FROM tallies"), "3 1 6");
    client
        .batch_execute("CREATE TABLE by_uuid (field uuid PRIMARY KEY, total bigint NOT NULL)")
        .await
        .expect("a table");
    let uuid = batch("views", 1, &[(b"6f1b0a52-0000-4000-8000-000000000001", 2)]);
    assert!(write_postgres(&client, &uuid, "by_uuid").await.expect("written"));
    assert_eq!(server.query("SELECT total FROM by_uuid"), "2");
}
