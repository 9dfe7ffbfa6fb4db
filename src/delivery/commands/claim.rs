//! `F.CLAIM`: leases ready entries to a consumer, or waits for some.

use crate::command::args::{is, set};
use crate::command::limits::check_name;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::blocked;
use crate::delivery::family::Family;
use crate::delivery::figures::count_adopted_token;
use crate::delivery::keyspace;
use crate::delivery::replicate;
use crate::delivery::serve::{finish, Wanted};
use crate::delivery::signals::Signals;
use crate::redis::command::KeySpec;
use crate::redis::Str;
use std::marker::PhantomData;
use tsgen_engine::{Error, Millis, UnixMs, MAX_TOKEN};

struct Options {
    wanted: Wanted,
    block: Option<Millis>,
    /// On a replica or from the AOF: the first token that the master has handed out.
    token: Option<u64>,
}

pub struct ClaimEntries<F>(PhantomData<F>);

impl<F: Family> Command for ClaimEntries<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.claim.name,
        flags: "write blocking",
        keys: &[KeySpec::ReadUpdate(1)],
        syntax: "key consumer [COUNT n] [LEASE duration] [BLOCK duration]",
        summary: "Leases ready entries to a consumer, oldest first, or waits until there are some",
        complexity:
            "O(log(N)) for each entry leased, and for each lease, delay and group that ended before, up to 10000",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, consumer) = (call.args.required()?, call.args.required()?);
        check_name(call.ctx, "consumer", consumer.bytes())?;
        let options = parse(call)?;
        let now = call.now();
        let mut key = keyspace::open_write::<F>(call.ctx, name)?;
        if let Some(value) = key.value()? {
            if value.has_sink() {
                return Err(Error::HasSink.into());
            }
            if value.queue.claimable(now) {
                let terms = options.wanted.terms(consumer, value.queue.options(), options.token);
                let claim = value.queue.claim(&terms, now)?;
                if claim.adopted {
                    count_adopted_token();
                }
                if claim.changed && options.token.is_some() {
                    // The command came in an envelope that says everything already.
                    call.replicate();
                } else if claim.changed {
                    replicate::claim::<F>(call.ctx, [name, consumer], &terms, &claim, now);
                }
                if claim.count > 0 {
                    return finish(call.ctx, name, key, &claim, now);
                }
                // The claim only swept leases and delays that had ended: the client waits, but the key has changed.
                if claim.changed {
                    let signals = Signals::of(call.ctx, name, value, || now, None);
                    drop(key);
                    signals.send(call.ctx, name, []);
                    return none::<F>(call, name, consumer, &options, now);
                }
            }
        }
        drop(key);
        none::<F>(call, name, consumer, &options, now)
    }
}

/// There is nothing to claim: the client waits if it may, else it gets an empty reply.
fn none<F: Family>(call: &Call<'_>, name: &Str, consumer: &Str, options: &Options, now: UnixMs) -> Outcome {
    match options.block {
        Some(timeout) if !call.is_repetition() && !call.ctx.flags().denies_blocking() => {
            blocked::wait::<F>(call.ctx, name, consumer, options.wanted, timeout, now);
        }
        _ => call.ctx.reply_array(0),
    }
    Ok(())
}

fn parse(call: &mut Call<'_>) -> Result<Options, Fail> {
    let (mut count, mut lease, mut block, mut token) = (None, None, None, None);
    let is_repetition = call.is_repetition();
    call.args.options(|word, args| {
        if is(word, "COUNT") {
            set(&mut count, "COUNT", args.count_of("COUNT")?)?;
        } else if is(word, "LEASE") {
            set(&mut lease, "LEASE", args.millis_of("LEASE", 1)?)?;
        } else if is(word, "BLOCK") {
            set(&mut block, "BLOCK", args.millis_of("BLOCK", 0)?)?;
        } else if is_repetition && is(word, "TOKEN") {
            set(&mut token, "TOKEN", args.number_of("TOKEN", 1, MAX_TOKEN as i64)?.unsigned_abs())?;
        } else {
            return Ok(false);
        }
        Ok(true)
    })?;
    Ok(Options { wanted: Wanted { count: count.unwrap_or(1), lease }, block, token })
}
