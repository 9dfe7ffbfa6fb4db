//! `F.LOAD`: rebuilds a key from chunks of its snapshot. A rewritten AOF consists of these commands.

use crate::command::args::{is, unknown_option};
use crate::command::caller::check_caller;
use crate::command::{Call, Command, Fail, Outcome, Row};
use crate::delivery::family::Family;
use crate::delivery::keyspace;
use crate::delivery::persistence::{arrive, damaged};
use crate::delivery::stored_queue::StoredQueue;
use crate::delivery::unfinished;
use crate::redis::ctx::unix_ms;
use crate::redis::key;
use crate::redis::Str;
use std::marker::PhantomData;
use tsgen_engine::UnixMs;

/// Marks the value under the key as damaged: it was so when the file was written. If its content could not be written, an empty value is made.
fn damage<F: Family>(call: &Call<'_>, name: &Str) -> Outcome {
    unfinished::forget(call.ctx.db(), name.bytes());
    {
        let mut key = keyspace::open_write::<F>(call.ctx, name)?;
        if key.is_empty() {
            key.create(StoredQueue::<F>::new(damaged::<F>()?, UnixMs(i64::MIN)))?;
        }
        key.view()?;
    }
    key::damage(call.ctx, name);
    call.ctx.signal_modified(name);
    call.replicate();
    call.ctx.reply_simple(c"OK");
    Ok(())
}

pub struct Load<F>(PhantomData<F>);

impl<F: Family> Command for Load<F> {
    const ROW: &'static Row = &Row {
        name: F::VERBS.load.name,
        syntax: "key MORE|LAST|DAMAGED chunk",
        summary: "Rebuilds a key, chunk by chunk; only a rewritten AOF uses it",
        complexity: "O(N) with N being the number of entries in the chunk",
        ..Row::WRITE
    };

    fn run(call: &mut Call<'_>) -> Outcome {
        let (name, word, chunk) = (call.args.required()?, call.args.required()?, call.args.required()?);
        check_caller(call.ctx)?;
        if is(word, "DAMAGED") {
            return damage::<F>(call, name);
        }
        let more = is(word, "MORE");
        if !more && !is(word, "LAST") {
            return Err(unknown_option(word));
        }
        let mut key = keyspace::open_write::<F>(call.ctx, name)?;
        if !key.is_empty() {
            return Err(Fail::BUSY_KEY);
        }
        let db = call.ctx.db();
        // Where no file is loaded, the key comes with its slot from another node (Valkey 9).
        let elsewhere_at = (!call.ctx.flags().is_loading()).then(|| UnixMs(unix_ms()));
        let loader = unfinished::push::<F::Gate>(db, name.bytes(), chunk.bytes(), elsewhere_at)?;
        if more {
            unfinished::put_back(db, name.bytes(), loader);
        } else {
            let queue = loader.finish()?;
            arrive(key.create(StoredQueue::<F>::new(queue, UnixMs(i64::MIN)))?, db, name);
            call.ctx.signal_modified(name);
        }
        call.replicate();
        call.ctx.reply_simple(c"OK");
        Ok(())
    }
}
