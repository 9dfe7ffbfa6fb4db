//! What a snapshot keeps of the options that few keys have: telling it, and taking it in.

use super::{Kind, Watermark};
use crate::entries::MAX_NAME;
use crate::error::Error;
use crate::gate::{Extra, SavedDone, SavedRun};
use crate::snapshot::chunks::chunked;
use crate::time::Millis;

impl Watermark {
    pub(super) fn tell_extras(&self, tell: &mut dyn FnMut(Extra<'_>)) {
        if let (Kind::Sources(sources), false) = (&self.rules.kind, self.source_idle.is_zero()) {
            let idle = (0..).zip(sources).filter(|(_, source)| source.idle).map(|(place, _)| place).collect();
            tell(Extra::SourceIdle { after: self.source_idle, idle });
        }
        if self.max_jump != 0 {
            tell(Extra::MaxJump(self.max_jump));
        }
        if !self.remembered.is_default() {
            tell(Extra::Remember { keep: self.remembered.keep, max: self.remembered.max });
        }
        let saved = self.remembered.iter().map(|(id, at)| (id.len() + 8, SavedDone { id, at }));
        chunked(saved, |chunk| tell(Extra::Remembered(chunk)));
        let (periods, past) = self.recurrences();
        let runs = periods.map(|(seq, period)| (8, SavedRun { seq, period }));
        chunked(runs, |chunk| tell(Extra::Recurring(chunk)));
        chunked(past.map(|seq| (4, seq)), |chunk| tell(Extra::Past(chunk)));
    }

    pub(super) fn take_extra(&mut self, extra: Extra<'_>) -> Result<(), Error> {
        match extra {
            Extra::SourceIdle { after, idle } => self.take_idle(after, &idle),
            Extra::MaxJump(most) if most != 0 && self.max_jump == 0 && self.rules.kind != Kind::Clock => {
                self.max_jump = most;
                Ok(())
            }
            Extra::Remember { keep, max } => {
                let possible = keep <= Millis::MAX_DURATION && max > 0 && self.remembered.is_default();
                if !possible {
                    return Err(Error::Damaged("an impossible REMEMBER"));
                }
                (self.remembered.keep, self.remembered.max) = (keep, max);
                Ok(())
            }
            Extra::Remembered(ids) => ids.iter().try_for_each(|done| self.take_done(done)),
            Extra::Recurring(_) | Extra::Past(_) if self.rules.kind != Kind::Clock => {
                Err(Error::Damaged("EVERY without a clock"))
            }
            Extra::Recurring(runs) => runs.iter().try_for_each(|run| self.take_period(run.seq, run.period)),
            Extra::Past(runs) => runs.into_iter().try_for_each(|seq| self.take_past(seq)),
            Extra::MaxJump(_) => Err(Error::Damaged("an impossible MAXJUMP")),
        }
    }

    fn take_done(&mut self, done: &SavedDone<'_>) -> Result<(), Error> {
        let hash = self.names.hash(done.id);
        if done.id.len() > MAX_NAME {
            return Err(Error::Damaged("a name too long"));
        }
        if self.remembered.holds(&self.names, done.id, hash) {
            return Err(Error::Damaged("an id stands twice"));
        }
        let position = self.remembered.push(done.id, done.at);
        self.names.insert_done(hash, position);
        Ok(())
    }

    fn take_idle(&mut self, after: Millis, idle: &[u32]) -> Result<(), Error> {
        let impossible = Error::Damaged("an impossible SOURCEIDLE");
        let possible = !after.is_zero() && after <= Millis::MAX_DURATION && self.source_idle.is_zero();
        let (Kind::Sources(sources), true) =
            (&mut self.rules.kind, possible && idle.is_sorted_by(|one, next| one < next))
        else {
            return Err(impossible);
        };
        for place in idle {
            sources.get_mut(*place as usize).ok_or(Error::Damaged("a source that is not there"))?.idle = true;
        }
        self.source_idle = after;
        Ok(())
    }
}
