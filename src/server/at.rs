//! `TSGEN.AT`: runs one command of ours at a given time. Replicas and the AOF repeat with it what depends on time.
//!
//! It also tells operations of another behaviour apart from ours. Operations of behaviour 1 have a bare time, `ms`, which costs nothing; a
//! later version will send `2:ms`. A command that is replicated without an envelope is of behaviour 1 for ever.

use crate::command::args::{in_range, integer};
use crate::command::behaviour;
use crate::command::call::AT;
use crate::command::caller;
use crate::command::table;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::redis::command::KeySpec;
use crate::redis::{log, Ctx};
use crate::server::families::FAMILIES;
use tsgen_engine::{UnixMs, REPEATED};

/// The latest time: tokens that are made from it stay within JavaScript's exact integers.
const MAX_MS: i64 = 8_796_093_022_207;

const FORBIDDEN: Fail =
    Fail::text("ERR TSGEN.AT is how replicas and the AOF repeat a command; ordinary clients need CONFIG SET tsgen.virtual-clock yes");
const UNKNOWN: Fail = Fail::text("ERR TSGEN.AT takes a command of this module that changes or reads one key");

pub struct At;

impl Command for At {
    const ROW: &'static Row = &Row {
        name: AT,
        keys: &[KeySpec::ReadUpdate(3)],
        syntax: "unix-ms command key [arg ...]",
        summary: "Runs one command of this module at a given time; for replicas, the AOF and tests",
        complexity: "That of the command",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let time = call.args.required()?;
        if let Some(behaviour) = other_behaviour(time.bytes()) {
            return Err(refuse(call.ctx, behaviour));
        }
        let ms = in_range("unix-ms", time, 0, MAX_MS)?;
        let name = call.args.required()?;
        let flags = call.ctx.flags();
        if !(flags.is_replicated() || flags.is_loading() || caller::has_virtual_clock()) {
            return Err(FORBIDDEN);
        }
        let entry = table::find(name.bytes()).filter(|entry| {
            entry
                .row
                .keys
                .iter()
                .any(|key| matches!(key, KeySpec::Read(1) | KeySpec::Update(1) | KeySpec::ReadUpdate(1)))
        });
        let entry = entry.ok_or(UNKNOWN)?;
        let given = call.args.take_rest();
        let mut inner = Call::new(call.ctx, entry.row.name, given, Some(UnixMs(ms)));
        if let (Some(key), false) = (given.first(), flags.is_replicated() || flags.is_loading()) {
            FAMILIES.iter().any(|family| (family.decide_at)(call.ctx, key, UnixMs(ms)));
        }
        let outcome = if entry.takes(given.len()) { (entry.run)(&mut inner) } else { Err(Fail::Arity) };
        if let Err(fail) = outcome {
            fail.reply(call.ctx, entry.row.name);
        }
        Ok(())
    }
}

/// The behaviour that a time names, if we cannot repeat that behaviour.
fn other_behaviour(time: &[u8]) -> Option<u32> {
    let colon = time.iter().position(|byte| *byte == b':')?;
    integer(&time[colon + 1..])?;
    let behaviour = u32::try_from(integer(&time[..colon])?).ok()?;
    (!REPEATED.contains(&behaviour)).then_some(behaviour)
}

/// The error for an operation that cannot be repeated. An AOF with such an operation does not load, as with an unknown command: to go on
/// after it would be to lose what it did.
fn refuse(ctx: &Ctx, behaviour: u32) -> Fail {
    let why = format!("an operation of behaviour {behaviour} cannot be repeated: {}", behaviour::repeated());
    if ctx.flags().is_loading() {
        log::warn(&format!("{why}. Load this AOF with the version that wrote it, or a newer one"));
        std::process::exit(1);
    }
    format!("ERR {why}").into()
}
