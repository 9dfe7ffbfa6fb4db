//! What CLAIM and MCLAIM are asked for beside keys.

use crate::command::args::{is, set, Args};
use crate::command::limits::check_name;
use crate::command::tokens::BAD_TOKEN;
use crate::command::{Call, Fail};
use crate::delivery::acknowledge::Receipts;
use crate::delivery::serve::Wanted;
use crate::redis::Str;
use tsgen_engine::{Millis, MAX_TOKEN};

const ACK_IS_LAST: Fail = Fail::text("ERR ACK must come last, behind COUNT, LEASE and BLOCK");
const ACK_OF_NOTHING: Fail = Fail::text("ERR ACK needs at least one token, as CLAIM has replied with it");
const ACK_OF_ANOTHER: Fail = Fail::text("ERR ACK takes one of the keys of the command, and then tokens of that key");

pub struct ClaimOptions<'a> {
    pub wanted: Wanted<'a>,
    /// How long to wait if nothing is ready; `None`: not at all.
    pub block: Option<Millis>,
    /// What is acknowledged before the claim.
    pub receipts: Vec<Receipts<'a>>,
}

/// Whose deliveries ACK names.
#[derive(Clone, Copy)]
pub enum Acknowledged<'k, 'a> {
    /// Those of this key.
    Of(&'a Str),
    /// Those of the key that follows the word, one of these; ACK may be repeated.
    OfOne(&'k [&'a Str]),
}

impl<'a> ClaimOptions<'a> {
    /// Reads the consumer, and all that is left behind it.
    pub fn read(call: &mut Call<'a>, acknowledged: Acknowledged<'_, 'a>) -> Result<Self, Fail> {
        let consumer = call.args.required()?;
        check_name(call.ctx, "consumer", consumer.bytes())?;
        let (mut count, mut lease, mut block, mut token) = (None, None, None, None);
        let mut receipts: Vec<Receipts<'a>> = Vec::new();
        let is_repetition = call.is_repetition();
        call.args.options(|word, args| {
            if is(word, "ACK") {
                if matches!(acknowledged, Acknowledged::Of(_)) && !receipts.is_empty() {
                    return Err(Fail::text("ERR ACK given twice"));
                }
                receipts.push(acknowledged.read(args)?);
                return Ok(true);
            }
            let is_option = ["COUNT", "LEASE", "BLOCK", "TOKEN"].iter().any(|option| is(word, option));
            if !receipts.is_empty() {
                return Err(if is_option { ACK_IS_LAST } else { BAD_TOKEN });
            }
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
        let wanted = Wanted { consumer, count: count.unwrap_or(1), lease, token };
        Ok(ClaimOptions { wanted, block, receipts })
    }
}

impl<'a> Acknowledged<'_, 'a> {
    /// Reads what follows the word ACK.
    fn read(self, args: &mut Args<'a>) -> Result<Receipts<'a>, Fail> {
        let name = match self {
            Acknowledged::Of(name) => name,
            Acknowledged::OfOne(names) => {
                let given = args.value_of("ACK")?;
                names.iter().copied().find(|name| name.bytes() == given.bytes()).ok_or(ACK_OF_ANOTHER)?
            }
        };
        if args.peek().is_none() {
            return Err(ACK_OF_NOTHING);
        }
        let before = args.rest();
        let tokens = args.tokens()?;
        Ok(Receipts { name, tokens, given: &before[..before.len() - args.len()] })
    }
}
