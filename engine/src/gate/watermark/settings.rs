//! The options of a TSGEN key that take one value, as one.

use super::{Late, RememberRules, Watermark, DEFAULT_REMEMBER_MAX};
use crate::error::Error;
use crate::queue::Queue;
use crate::time::{Millis, UnixMs};

/// What a key does besides following its watermark. Ranges and errors are those of [`Queue::check_settings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatermarkSettings {
    /// What happens to an element that is late on arrival.
    pub late: Late,
    /// A source that has not reported for so long is idle; 0: never.
    pub source_idle: Millis,
    /// The most by which one ADVANCE raises what it raises; 0: any.
    pub max_jump: u64,
    /// What is remembered of ids whose work is done.
    pub remember: RememberRules,
}

/// Those of a new key.
impl Default for WatermarkSettings {
    fn default() -> Self {
        let remember = RememberRules { keep: Millis::ZERO, max: DEFAULT_REMEMBER_MAX };
        WatermarkSettings { late: Late::Ready, source_idle: Millis::ZERO, max_jump: 0, remember }
    }
}

impl Queue<Watermark> {
    /// Its settings as they are.
    pub fn settings(&self) -> WatermarkSettings {
        WatermarkSettings {
            late: self.rules().late,
            source_idle: self.source_idle(),
            max_jump: self.max_jump(),
            remember: self.remember(),
        }
    }

    /// Fails exactly if [`Queue::alter_settings`] would fail.
    ///
    /// Errors: [`Error::OutOfRange`], with what is wrong.
    pub fn check_settings(&self, to: &WatermarkSettings) -> Result<(), Error> {
        self.check_source_idle(to.source_idle)?;
        self.check_max_jump(to.max_jump)?;
        to.remember.check()
    }

    /// Gives the key these settings, all or none. True if anything changed. O(number of sources).
    ///
    /// Errors: those of [`Queue::check_settings`].
    pub fn alter_settings(&mut self, to: WatermarkSettings, now: UnixMs) -> Result<bool, Error> {
        self.check_settings(&to)?;
        let changed = [
            self.alter_source_idle(to.source_idle, now),
            self.alter_max_jump(to.max_jump),
            self.alter_remember(to.remember.keep, to.remember.max)?,
            self.alter_late(to.late),
        ];
        Ok(changed.contains(&true))
    }
}
