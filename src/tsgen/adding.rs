//! What ADD and MADD share: the time of an element, and what follows once elements are added.

use crate::command::args::is;
use crate::command::limits::check_name;
use crate::command::{Call, Fail};
use crate::delivery::family::Family;
use crate::delivery::keyspace::Written;
use crate::delivery::signals::{Signals, WHEN_SET_BACK};
use crate::redis::{OwnedStr, Str};
use crate::tsgen::timestamp::When;
use crate::tsgen::Tsgen;
use std::ffi::CStr;
use tsgen_engine::{Added, Queue, UnixMs, Watermark};

const EVENT: &CStr = c"tsgen.add";

/// What a write has added: for each element, in order, its timestamp as it came, and what became of it.
pub struct Placements<W, A> {
    pub whens: W,
    pub added: A,
    /// The time of the write.
    pub now: UnixMs,
}

impl<W: AsRef<[When]>, A: AsRef<[Added]>> Placements<W, A> {
    /// The timestamps of the elements that wait.
    fn waiting(&self) -> impl Iterator<Item = i64> + '_ {
        let placed = self.whens.as_ref().iter().zip(self.added.as_ref());
        placed.filter(|(_, added)| **added == Added::Waits).map(|(when, _)| when.timestamp(self.now))
    }
}

/// The group in the argument behind GROUP.
pub fn group<'a>(call: &mut Call<'a>) -> Result<&'a [u8], Fail> {
    let group = call.args.value_of("GROUP")?.bytes();
    check_name(call.ctx, "GROUP", group)?;
    Ok(group)
}

/// The time at which elements are added. Under a watermark that is not the clock an element depends on no time, unless the key remembers what is
/// done; so the clock is not read.
pub fn time(call: &Call<'_>, queue: &Queue<Watermark>) -> UnixMs {
    if queue.is_clock() || queue.remembers() {
        call.now()
    } else {
        UnixMs(0)
    }
}

/// Replicates what was added. The signals are left to send, with `events`.
pub fn replicate<W: AsRef<[When]>, A: AsRef<[Added]>>(
    call: &Call<'_>,
    name: &Str,
    written: &mut Written<'_, Tsgen, Placements<W, A>>,
) -> Signals {
    let mut opens_at = None;
    if written.value.queue.is_clock() {
        replicate_on_clock(call, written.answer.now, written.answer.whens.as_ref());
        opens_at = written.answer.waiting().min().map(UnixMs).or(Some(WHEN_SET_BACK));
    } else if written.value.queue.remembers() {
        call.replicate_timed(written.answer.now);
    } else {
        call.replicate();
    }
    Signals::of_opening(call.ctx, name, written.value, || call.now(), opens_at)
}

/// The events of what was added.
pub fn events<W, A: AsRef<[Added]>>(
    written: &Written<'_, Tsgen, Placements<W, A>>,
) -> impl Iterator<Item = &'static CStr> + use<W, A> {
    let opened = written.answer.added.as_ref().contains(&Added::Ready);
    let ready = opened.then_some(Tsgen::VERBS.ready.event);
    written.created_event.into_iter().chain([EVENT]).chain(ready)
}

/// The place of the first timestamp among the arguments of ADD or MADD: behind the key and the options.
fn elements_begin(arguments: &[&Str]) -> usize {
    let mut at = 1;
    loop {
        at += match arguments.get(at) {
            Some(word) if is(word, "NX") || is(word, "XX") => 1,
            Some(word) if is(word, "GROUP") || is(word, "EVERY") => 2,
            _ => return at,
        };
    }
}

/// Replicates the elements of a write on a CLOCK key with its time, and with absolute timestamps.
fn replicate_on_clock(call: &Call<'_>, now: UnixMs, whens: &[When]) {
    if whens.iter().all(|when| matches!(when, When::At(_))) {
        return call.replicate_timed(now);
    }
    let absolute = |when: &When| (!matches!(when, When::At(_))).then(|| OwnedStr::number(when.timestamp(now)));
    let absolute: Vec<Option<OwnedStr>> = whens.iter().map(absolute).collect();
    // Each timestamp stands at the front of its element, and the elements are in their order.
    let mut arguments = call.given.to_vec();
    let first = elements_begin(&arguments);
    for (nth, timestamp) in absolute.iter().enumerate() {
        if let (Some(slot), Some(timestamp)) = (arguments.get_mut(first + 3 * nth), timestamp) {
            *slot = timestamp;
        }
    }
    call.replicate_timed_in_ms(now, arguments);
}
