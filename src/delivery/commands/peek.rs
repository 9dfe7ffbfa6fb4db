//! `F.PEEK`: lists entries with their content. Changes nothing.

use crate::command::args::{is, set};
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::redis::{Ctx, Str};
use std::marker::PhantomData;
use tsgen_engine::{Cursor, Delivered, Listing, Peeked, PeekedAt, UnixMs};

/// The entries that are shown without COUNT.
const DEFAULT_COUNT: usize = 10;
/// The cursor before the first page, and behind the last.
const ENDS: &[u8] = b"0";

/// The first is only for families with [`Family::LISTS_WAITING`].
const LISTINGS: [(&str, Listing); 5] = [
    ("WAITING", Listing::Waiting),
    ("READY", Listing::Ready),
    ("DELAYED", Listing::Delayed),
    ("LEASED", Listing::Leased),
    ("DEAD", Listing::Dead),
];

/// What a client asks for.
struct Options {
    listing: Listing,
    count: usize,
    after: Option<Cursor>,
}

fn parse<F: Family>(call: &mut Call<'_>) -> Result<Options, Fail> {
    let word = call.args.required()?;
    let listings = if F::LISTS_WAITING { &LISTINGS[..] } else { &LISTINGS[1..] };
    let listing = listings.iter().find(|(name, _)| is(word, name));
    let (_, listing) = listing.ok_or(Fail::text(match F::LISTS_WAITING {
        true => "ERR what to show must be WAITING, READY, DELAYED, LEASED or DEAD",
        false => "ERR what to show must be READY, DELAYED, LEASED or DEAD",
    }))?;
    let (mut count, mut after) = (None, None);
    call.args.options(|word, args| {
        if is(word, "COUNT") {
            set(&mut count, "COUNT", args.count_of("COUNT")?)?;
        } else if is(word, "AFTER") {
            set(&mut after, "AFTER", cursor(args.value_of("AFTER")?)?)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    })?;
    Ok(Options { listing: *listing, count: count.unwrap_or(DEFAULT_COUNT), after: after.flatten() })
}

fn cursor(text: &Str) -> Result<Option<Cursor>, Fail> {
    if text.bytes() == ENDS {
        return Ok(None);
    }
    let read = Cursor::read(text.bytes());
    read.map(Some).ok_or(Fail::text("ERR AFTER must be a cursor that PEEK has replied with, or 0"))
}

pub struct Peek<F>(PhantomData<F>);

impl<F: Family> Command for Peek<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.peek.name,
        syntax: match F::LISTS_WAITING {
            true => "key WAITING|READY|DELAYED|LEASED|DEAD [COUNT n] [AFTER cursor]",
            false => "key READY|DELAYED|LEASED|DEAD [COUNT n] [AFTER cursor]",
        },
        summary:
            "Lists entries with their content, page by page: what would be handed out, comes back, is leased or is dead",
        complexity: "O(log(N)+M) with M being the number of entries listed or ended since the last claim",
        ..Row::READ
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let name = call.args.required()?;
        let options = parse::<F>(call)?;
        let (ctx, now) = (call.ctx, call.now());
        let mut key = keyspace::open_read::<F>(ctx, name);
        let value = keyspace::value(&mut key)?;
        let page = value.map(|value| value.queue.peek(options.listing, options.after, options.count, now));
        let (entries, next) = page.map_or((Vec::new(), None), |page| (page.entries, page.next));
        ctx.reply_array(2);
        match next {
            Some(next) => ctx.reply_bytes(next.to_string().as_bytes()),
            None => ctx.reply_bytes(ENDS),
        }
        ctx.reply_array(entries.len());
        entries.iter().for_each(|entry| reply_entry::<F>(ctx, entry));
        Ok(())
    }
}

/// Replies with a map. An entry in every listing has token, deliveries, bytes and entry.
fn reply_entry<F: Family>(ctx: &Ctx, entry: &Peeked<'_>) {
    let more = match entry.at {
        PeekedAt::Waiting | PeekedAt::Ready { held_back: None } => 0,
        PeekedAt::Ready { held_back: Some(_) } | PeekedAt::Delayed { .. } => 1,
        PeekedAt::Leased { .. } | PeekedAt::Dead { .. } => 2,
    };
    ctx.reply_map(4 + more + usize::from(entry.group.is_some()));
    ctx.reply_bytes(b"token");
    ctx.reply_optional_int(entry.token.map(|token| token as i64));
    ctx.reply_bytes(b"deliveries");
    ctx.reply_int(i64::from(entry.deliveries));
    match entry.at {
        PeekedAt::Waiting => {}
        PeekedAt::Ready { held_back } => {
            if let Some(is_held_back) = held_back {
                ctx.reply_bytes(b"held");
                ctx.reply_int(i64::from(is_held_back));
            }
        }
        PeekedAt::Delayed { until } => reply_time(ctx, b"until", until),
        PeekedAt::Leased { consumer, until } => {
            ctx.reply_bytes(b"consumer");
            ctx.reply_bytes(consumer);
            reply_time(ctx, b"until", until);
        }
        PeekedAt::Dead { died_at, reason } => {
            ctx.reply_bytes(b"reason");
            ctx.reply_bytes(reason);
            reply_time(ctx, b"died-at", died_at);
        }
    }
    if let Some(group) = entry.group {
        ctx.reply_bytes(b"group");
        ctx.reply_bytes(group);
    }
    ctx.reply_bytes(b"bytes");
    ctx.reply_int(entry.size as i64);
    ctx.reply_bytes(b"entry");
    ctx.reply_array(F::ENTRY_FIELDS);
    let Peeked { deliveries, key, name, .. } = *entry;
    let fields = Delivered { token: entry.token.unwrap_or(0), deliveries, key, name, body: &entry.body };
    F::reply_fields(ctx, &fields, entry.extent);
}

fn reply_time(ctx: &Ctx, name: &[u8], at: UnixMs) {
    ctx.reply_bytes(name);
    ctx.reply_int(at.0);
}
