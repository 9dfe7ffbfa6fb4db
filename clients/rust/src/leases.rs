//! How a worker keeps what it works on: one EXTEND for all of it, and who has lost his job is told.

use crate::error::Error;
use crate::hands::{by_key, tokens, Hand};
use crate::name::Name;
use crate::options::ms;
use crate::reply::integer;
use crate::run::Run;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

impl Run {
    /// Extends all that is worked on at a third of the lease.
    pub(crate) async fn keep_leases(&self) -> Result<(), Error> {
        let mut ticks = tokio::time::interval((self.worker.lease / 3).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for (key, hands) in by_key(self.hands.in_work()) {
                match self.extend(&key, &hands).await {
                    Err(error) if !error.passes() => return Err(error),
                    Err(error) => tracing::warn!(%key, %error, "tsgen: cannot extend leases now"),
                    Ok(()) => {}
                }
            }
        }
    }

    async fn extend(&self, key: &Name, hands: &[Arc<Hand>]) -> Result<(), Error> {
        let count = async |hands: &[Arc<Hand>]| {
            let command = self.line.command("EXTEND", key.as_ref()).and(ms(self.worker.lease));
            let reply = self.line.call(&command.and(tokens(hands).words().0)).await?;
            Ok::<_, Error>(usize::try_from(integer(&reply)).unwrap_or_default())
        };
        let all = count(hands).await?;
        if all == hands.len() {
            return Ok(());
        }
        // Some are lost, or were settled meanwhile: which?
        for hand in hands.chunks(1) {
            let is_current = hands.len() > 1 && count(hand).await? == 1;
            if !is_current && self.hands.lose(&hand[0]) {
                let job = &hand[0].claimed;
                tracing::warn!(%key, id = %job.id, "tsgen: lost: somebody else has it");
                self.tell(|hooks| hooks.on_lost(job));
                job.lost.cancel();
            }
        }
        Ok(())
    }
}
