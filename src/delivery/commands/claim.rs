//! `F.CLAIM`: leases ready entries to a consumer, or waits for some.

use crate::command::{Call, Command, Outcome, Row};
use crate::delivery::blocked::{self, Form, Unserved};
use crate::delivery::claim_options::{Acknowledged, ClaimOptions};
use crate::delivery::family::Family;
use crate::delivery::serve::serve;
use crate::redis::command::KeySpec;
use std::marker::PhantomData;

pub struct ClaimEntries<F>(PhantomData<F>);

impl<F: Family> Command for ClaimEntries<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.claim.name,
        flags: "write blocking",
        keys: &[KeySpec::ReadUpdate(1)],
        syntax: "key consumer [COUNT n] [LEASE duration] [BLOCK duration] [ACK token [token ...]]",
        summary: "Leases ready entries to a consumer, oldest first, or waits until there are some",
        complexity:
            "O(log(N)) for each entry acknowledged or leased, and for each lease, delay and group that ended before, up to 10000",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let ClaimOptions { wanted, block, receipts } = ClaimOptions::read(call, Acknowledged::Of(name))?;
        let now = call.now();
        if !serve::<F>(call.ctx, name, &wanted, receipts.first(), now)? {
            let claim = Unserved { names: &[name], form: Form::Entries, wanted, block };
            blocked::wait_or_reply::<F>(call, claim, now);
        }
        Ok(())
    }
}
