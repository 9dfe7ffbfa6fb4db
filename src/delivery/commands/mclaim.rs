//! `F.MCLAIM`: leases ready entries of several keys to a consumer, those of the first key first, or waits for some.

use crate::command::args::Args;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::acknowledge::{acknowledge_all, check_receipts};
use crate::delivery::blocked::{self, Form, Unserved};
use crate::delivery::claim_options::{Acknowledged, ClaimOptions};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::serve::serve_several;
use crate::redis::command::KeySpec;
use crate::redis::Str;
use std::collections::HashSet;
use std::marker::PhantomData;

const TOO_FEW_KEYS: Fail = Fail::text("ERR numkeys must be followed by as many keys, and then the consumer");

/// Up to this many keys, comparing each with those before it is faster than hashing it.
const FEW: usize = 16;

pub struct ClaimFromKeys<F>(PhantomData<F>);

impl<F: Family> Command for ClaimFromKeys<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.mclaim.name,
        flags: "write blocking getkeys-api",
        keys: &[KeySpec::Counted(1)],
        syntax: "numkeys:integer key [key ...] consumer [COUNT n] [LEASE duration] [BLOCK duration] [ACK key token [token ...] ...]",
        summary: "Leases ready entries of several keys to a consumer, those of the first key first, or waits until there are some",
        complexity:
            "O(K) for K keys, and O(log(N)) for each entry acknowledged or leased, and for each lease, delay and group that ended before, up to 30000",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let names = read_keys(&mut call.args)?;
        let ClaimOptions { wanted, block, receipts } = ClaimOptions::read(call, Acknowledged::OfOne(&names))?;
        let now = call.now();
        let mut claimable = Vec::new();
        for name in &names {
            if let Some(value) = keyspace::open_write::<F>(call.ctx, name)?.value()? {
                value.queue.check_claim(None, now)?;
                // To acknowledge one entry may make another claimable.
                if !receipts.is_empty() || value.queue.claimable(now) {
                    claimable.push(*name);
                }
            }
        }
        check_receipts::<F>(call.ctx, &receipts)?;
        acknowledge_all::<F>(call.ctx, &receipts, now)?;
        if !serve_several::<F>(call.ctx, &claimable, &wanted, now) {
            let claim = Unserved { names: &names, form: Form::ByKey, wanted, block };
            blocked::wait_or_reply::<F>(call, claim, now);
        }
        Ok(())
    }
}

/// Reads the number of keys, and the keys: each once, in the order in which they were first named.
fn read_keys<'a>(args: &mut Args<'a>) -> Result<Vec<&'a Str>, Fail> {
    let count = args.required_count("numkeys")?;
    // The consumer follows.
    if count >= args.len() {
        return Err(TOO_FEW_KEYS);
    }
    let given = args.take(count);
    let mut names: Vec<&Str> = Vec::with_capacity(count);
    let mut seen = HashSet::new();
    for name in given {
        let is_new = match count <= FEW {
            true => names.iter().all(|before| before.bytes() != name.bytes()),
            false => seen.insert(name.bytes()),
        };
        if is_new {
            names.push(*name);
        }
    }
    Ok(names)
}
