//! `EXPIRY.ENDS`: tells replicas and the AOF why a watched key is going to be deleted. Clients cannot call it.

use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::expiry::endings::{self, ending_of, DELETED, ENDS};
use crate::expiry::lifetime::{life_in_passing, Life};
use crate::expiry::sightings;
use crate::expiry::values::Strings;
use crate::expiry::watcher;

/// Announces the deletion of a key and its reason in front of the DEL, where the server lets nothing go out with the DEL.
pub struct Ends;

impl Command for Ends {
    const ROW: &'static Row = &Row { name: ENDS, syntax: "key watched reason", public: false, ..Row::WRITE };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (ctx, name, watched, reason) =
            (call.ctx, call.args.required()?, call.args.required()?, call.args.required()?);
        let ending = ending_of(reason);
        if ending.is_none() && !reason.bytes().eq_ignore_ascii_case(DELETED.to_bytes()) {
            return Err(Fail::text("ERR reason must be expired, evicted or deleted"));
        }
        let is_tracked = endings::note_ends(ctx, name, watched, ending);
        let comes = ending.is_some() && life_in_passing(ctx, watched) != Life::Absent;
        if comes {
            if is_tracked {
                // This is the last chance to copy the value.
                watcher::keep_now(ctx, name, watched, Strings::Copied);
            }
            sightings::deletion_comes(ctx.db(), watched.bytes());
        }
        ctx.reply_int(1);
        call.replicate();
        Ok(())
    }
}
