//! Jobs that come again by a schedule.
//!
//! A run's id is the name of its schedule and its time, so whoever adds "the next one" between two runs adds the same: there is one,
//! however many workers there are. The clock is the server's.

use crate::call::Command;
use crate::error::Error;
use crate::job::Claimed;
use crate::line::Line;
use crate::name::Name;

/// Tells when a recurring job is due: a [`Cron`](crate::Cron) expression, or a function.
pub trait Schedule: Send + Sync + 'static {
    /// The first time behind one; both in Unix ms. `None` if there is none.
    fn next(&self, after: i64) -> Option<i64>;
}

impl<F: Fn(i64) -> Option<i64> + Send + Sync + 'static> Schedule for F {
    fn next(&self, after: i64) -> Option<i64> {
        self(after)
    }
}

pub(crate) struct Recurring {
    pub name: String,
    pub schedule: Box<dyn Schedule>,
    pub payload: Vec<u8>,
}

impl Recurring {
    /// Whether a job is a run of it.
    pub fn has(&self, job: &Claimed) -> bool {
        job.id.0.strip_prefix(self.name.as_bytes()).is_some_and(|rest| rest.starts_with(b"@"))
    }

    /// Adds the next run if it is not there, and creates the key if that is not there.
    pub async fn begin(&self, line: &Line, key: &Name) -> Result<(), Error> {
        match self.plan(line, key, 0, None).await {
            Err(error) if error.says("needs a CLOCK key") => {
                // Refused if somebody else has just created it.
                let _ = line.call(&line.command("CREATE", key.as_ref()).and("CLOCK")).await;
                self.plan(line, key, 0, None).await
            }
            answer => answer,
        }
    }

    /// Adds the next run, in one write with the command that settles this one, whose time is given.
    pub async fn plan(&self, line: &Line, key: &Name, time: i64, settle: Option<Command>) -> Result<(), Error> {
        let after = line.time().await?.max(time);
        let due = self.schedule.next(after).filter(|&due| due > after);
        let due = due.ok_or_else(|| Error::Invalid(format!("the schedule {} has no next time", self.name)))?;
        let add = line.command("ADD", key.as_ref()).and("NX").and(format!("{due}ms"));
        let add = add.and(format!("{}@{due}", self.name)).and(&self.payload[..]);
        line.transact([add].into_iter().chain(settle).collect()).await
    }
}
