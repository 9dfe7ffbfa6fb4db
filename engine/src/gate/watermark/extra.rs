//! What a snapshot keeps of options that few keys have. A key without them has none of this in its snapshot.

use super::{Kind, Watermark};
use crate::error::Error;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// One of these options, with what there is to know of it. New ones stand at the end.
#[derive(Serialize, Deserialize)]
pub enum Extra {
    /// SOURCEIDLE, and which sources are idle, by their places in the list.
    SourceIdle {
        /// After how long.
        after: Millis,
        /// Rising.
        idle: Vec<u32>,
    },
    /// MAXJUMP.
    MaxJump(u64),
}

impl Watermark {
    pub(super) fn tell_extras(&self, tell: &mut dyn FnMut(Extra)) {
        if let (Kind::Sources(sources), false) = (&self.rules.kind, self.source_idle.is_zero()) {
            let idle = (0..).zip(sources).filter(|(_, source)| source.idle).map(|(place, _)| place).collect();
            tell(Extra::SourceIdle { after: self.source_idle, idle });
        }
        if self.max_jump != 0 {
            tell(Extra::MaxJump(self.max_jump));
        }
    }

    pub(super) fn take_extra(&mut self, extra: Extra) -> Result<(), Error> {
        match extra {
            Extra::SourceIdle { after, idle } => self.take_idle(after, &idle),
            Extra::MaxJump(most) if most != 0 && self.max_jump == 0 && self.rules.kind != Kind::Clock => {
                self.max_jump = most;
                Ok(())
            }
            Extra::MaxJump(_) => Err(Error::Damaged("an impossible MAXJUMP")),
        }
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
