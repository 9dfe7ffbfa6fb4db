//! One call of a command: its arguments, its time, and how it goes to replicas and the AOF.
//!
//! The rule is in docs/design.md: a command that does not depend on time is replicated as it came; the others are replicated with their
//! time, inside of `TSGEN.AT`; a command that changed nothing is not replicated.

use crate::command::args::{Args, WithUnit};
use crate::redis::ctx::unix_ms;
use crate::redis::{Ctx, OwnedStr, Str};
use std::ffi::CStr;
use tsgen_engine::UnixMs;

/// The envelope: runs one command at a given time.
pub const AT: &CStr = c"TSGEN.AT";

/// One call of a command.
pub struct Call<'a> {
    pub ctx: &'a Ctx,
    /// The arguments that are still to be parsed.
    pub args: Args<'a>,
    /// The name of the command.
    pub name: &'static CStr,
    /// All arguments, without the command's name.
    pub given: &'a [&'a Str],
    /// The time to act at, if the call is a repetition (inside of `TSGEN.AT`).
    at: Option<UnixMs>,
}

impl<'a> Call<'a> {
    pub fn new(ctx: &'a Ctx, name: &'static CStr, given: &'a [&'a Str], at: Option<UnixMs>) -> Self {
        Call { ctx, args: Args::new(given), name, given, at }
    }

    /// The time of this call. Ask once and keep it.
    pub fn now(&self) -> UnixMs {
        self.at.unwrap_or_else(|| UnixMs(unix_ms()))
    }

    /// Whether a client sent the command, and not a master or an AOF.
    pub fn is_by_client(&self) -> bool {
        let flags = self.ctx.flags();
        !self.is_repetition() && !flags.is_replicated() && !flags.is_loading()
    }

    /// Whether the call is inside of `TSGEN.AT`.
    pub fn is_repetition(&self) -> bool {
        self.at.is_some()
    }
}

impl Call<'_> {
    /// Replicates the command as it came; inside of an envelope, the envelope.
    pub fn replicate(&self) {
        self.ctx.replicate_verbatim();
    }

    /// Replicates the command with its time, and its durations in milliseconds; inside of an envelope, the envelope.
    pub fn replicate_timed(&self, now: UnixMs) {
        if self.is_repetition() && self.args.with_units().is_empty() {
            self.ctx.replicate_verbatim();
        } else {
            self.replicate_timed_with(now, &[]);
        }
    }

    /// Replicates the command with its time, and with more arguments at its end, which no client sends.
    pub fn replicate_timed_with(&self, now: UnixMs, more: &[&Str]) {
        if self.args.with_units().is_empty() && more.is_empty() {
            return self.replicate_timed_as(now, self.given);
        }
        let mut arguments = self.given.to_vec();
        arguments.extend(more);
        self.replicate_timed_in_ms(now, arguments);
    }

    /// Replicates the command with its time and these arguments, each in the place of the one that came. Durations go in milliseconds.
    pub fn replicate_timed_in_ms(&self, now: UnixMs, arguments: Vec<&Str>) {
        let with_units = self.args.with_units();
        let number = |with_unit: &WithUnit| OwnedStr::number(i64::try_from(with_unit.read.0).unwrap_or(i64::MAX));
        let numbers: Vec<OwnedStr> = with_units.iter().map(number).collect();
        let mut arguments = arguments;
        with_units.iter().zip(&numbers).for_each(|(with_unit, number)| arguments[with_unit.place] = number);
        self.replicate_timed_as(now, &arguments);
    }

    /// Replicates the command with its time, and with these arguments instead of those that came.
    pub fn replicate_timed_as(&self, now: UnixMs, arguments: &[&Str]) {
        self.ctx.replicate_at(AT, now.0, self.name, arguments);
    }
}
