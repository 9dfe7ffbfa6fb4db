//! Writes the sums of TALLY into a database. It kills itself with SIGKILL before or after the commit, or never.

use tsgen_client::{write_postgres, write_sqlite, Batch, Failure, Job, Tsgen, Worker};

fn argument(nth: usize) -> String {
    std::env::args().nth(nth).expect("url, database, where, moment")
}

fn die_at(moment: &str) {
    if argument(4) == moment {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

async fn write(job: Job<Batch>) -> Result<(), Failure> {
    let place = argument(3);
    die_at("before");
    let is_new = if argument(2) == "sqlite" {
        let write = move || write_sqlite(&mut rusqlite::Connection::open(place)?, &job.payload, "tallies");
        tokio::task::spawn_blocking(write).await??
    } else {
        let (client, connection) = tokio_postgres::connect(&place, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        write_postgres(&client, &job.payload, "tallies").await?
    };
    println!("{is_new}");
    die_at("after");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), tsgen_client::Error> {
    let tsgen = Tsgen::connect(&argument(1)).await?;
    Worker::new(&tsgen, "likes").lease(std::time::Duration::from_secs(1)).run_until_empty(write).await
}
