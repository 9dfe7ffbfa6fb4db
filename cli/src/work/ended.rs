//! What came of the work on an entry: for the library, and for the log.

use crate::bytes::Bytes;
use std::time::Duration;
use tsgen_client::{Claimed, Dead, Failure, Family, Retry, Tsgen, Withdrawn};

/// How long MAXDELIVERIES may take to be told. The entry is settled only then.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of the work on an entry.
pub enum Ended {
    Done,
    /// It is to be tried again after so long.
    Later(Duration, String),
    /// It will never work.
    Hopeless(String),
    /// It has failed: whether it is tried again is up to the key.
    Failed(String),
    /// It was taken out of hand.
    Withdrawn(Withdrawn),
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Ended {
    /// As the library takes it.
    pub fn told(self) -> Result<(), Failure> {
        match self {
            Self::Done => Ok(()),
            Self::Later(after, reason) => Err(Retry::after(after).because(reason).into()),
            Self::Hopeless(reason) => Err(Dead::because(reason).into()),
            Self::Failed(reason) => Err(reason.into()),
            Self::Withdrawn(withdrawn) => Err(withdrawn.into()),
        }
    }

    /// What becomes of the entry, in a word for the log, and why. `most`: the key's MAXDELIVERIES, 0 for no limit, as far as it is known.
    fn outcome(&self, deliveries: i64, most: Option<i64>) -> (&'static str, Option<&str>) {
        let tried_again = match most {
            Some(most) if most > 0 && deliveries >= most => "dead",
            Some(_) => "retry",
            None => "failed",
        };
        match self {
            Self::Done => ("done", None),
            Self::Later(_, reason) | Self::Failed(reason) => (tried_again, Some(reason)),
            Self::Hopeless(reason) => ("dead", Some(reason)),
            Self::Withdrawn(Withdrawn::Lost) => ("lost", None),
            Self::Withdrawn(Withdrawn::Stopped) => ("handed back", None),
        }
    }
}

/// Says what came of an entry, in a line with fields. What it carries is not in it.
pub async fn log<F: Family>(tsgen: &Tsgen, claimed: &Claimed, ended: &Ended, took: Duration) {
    let most = match ended {
        Ended::Later(..) | Ended::Failed(_) => {
            let key = tsgen.key::<F>(claimed.key.clone());
            let info = tokio::time::timeout(PATIENCE, key.info()).await;
            info.ok().and_then(Result::ok).map(|info| info["maxdeliveries"].integer())
        }
        _ => None,
    };
    let (outcome, reason) = ended.outcome(claimed.deliveries, most);
    let [key, id] = [&claimed.key.0, &claimed.id.0].map(|name| Bytes::from(name).to_string());
    let (deliveries, took_ms) = (claimed.deliveries, u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let reason = reason.map(|reason| Bytes::from(reason).to_string());
    if matches!(outcome, "done" | "handed back") {
        tracing::info!(key, id, deliveries, outcome, took_ms, "entry");
    } else {
        tracing::warn!(key, id, deliveries, outcome, took_ms, reason, "entry");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_what_becomes_of_an_entry() {
        let failed = Ended::Failed("full".into());
        assert_eq!(failed.outcome(2, Some(3)), ("retry", Some("full")));
        assert_eq!(failed.outcome(2, Some(0)), ("retry", Some("full")));
        assert_eq!(failed.outcome(3, Some(3)), ("dead", Some("full")));
        assert_eq!(failed.outcome(3, None), ("failed", Some("full")));
        assert_eq!(Ended::Hopeless("no".into()).outcome(1, None), ("dead", Some("no")));
        assert_eq!(Ended::Withdrawn(Withdrawn::Lost).outcome(1, None), ("lost", None));
    }
}
