//! Cron expressions in time zones.

use crate::error::Error;
use crate::recurring::Schedule;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};
use std::str::FromStr;

/// A cron expression: `"0 3 * * *"`, or with seconds in front, `"*/10 * * * * *"`; in a time zone of the IANA database.
///
/// Where the clock of the zone is set forward, what would fall into the gap comes behind it; where it is set back, once.
#[derive(Clone, Debug)]
pub struct Cron {
    cron: croner::Cron,
    zone: Tz,
}

impl Cron {
    /// Of an expression and a zone, such as "UTC" or "Europe/Berlin".
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if one of them is none.
    pub fn new(expression: &str, zone: &str) -> Result<Self, Error> {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser.parse(expression);
        let cron = cron.map_err(|flaw| Error::Invalid(format!("{expression:?} is no cron expression: {flaw}")))?;
        let zone = Tz::from_str(zone).map_err(|_| Error::Invalid(format!("{zone:?} is no time zone")))?;
        Ok(Self { cron, zone })
    }
}

impl Schedule for Cron {
    fn next(&self, after: i64) -> Option<i64> {
        let after = DateTime::<Utc>::from_timestamp_millis(after)?.with_timezone(&self.zone);
        Some(self.cron.find_next_occurrence(&after, false).ok()?.timestamp_millis())
    }
}
