//! Delivery options as CREATE and ALTER take them.

use crate::command::args::{is, set, Args};
use crate::command::limits::{check_name, MAX_MS};
use crate::command::Fail;
use crate::delivery::family::{Family, Strings};
use crate::redis::command::{KeyRequest, KeySpec};
use crate::redis::config::{Config, Number};
use crate::redis::{Ctx, OwnedStr, Str};
use tsgen_engine::{DeliveryOptions, Millis, Queue, Sink};

/// CREATE and ALTER: the key, and the stream of its sink.
pub const KEYS: &[KeySpec] = &[KeySpec::Update(1), KeySpec::After(c"SINK")];

static LEASE: Number = Number::new(c"lease", 30_000, 1, MAX_MS);
static MAX_DELIVERIES: Number = Number::new(c"max-deliveries", 16, 0, u32::MAX as i64);
static BACKOFF: Number = Number::new(c"backoff", 0, 0, MAX_MS);
static MAX_BACKOFF: Number = Number::new(c"max-backoff", 0, 0, MAX_MS);
static MAX_LEN: Number = Number::new(c"max-len", 0, 0, i64::MAX);

pub static CONFIGS: [Config; 5] = [
    Config::Number(&LEASE),
    Config::Number(&MAX_DELIVERIES),
    Config::Number(&BACKOFF),
    Config::Number(&MAX_BACKOFF),
    Config::Number(&MAX_LEN),
];

/// The delivery options of a key that is made now and not told otherwise.
pub fn defaults<F: Family>() -> DeliveryOptions {
    F::adjust(DeliveryOptions {
        lease: Millis(LEASE.unsigned()),
        max_deliveries: u32::try_from(MAX_DELIVERIES.get()).unwrap_or(0),
        backoff: Millis(BACKOFF.unsigned()),
        max_backoff: Millis(MAX_BACKOFF.unsigned()),
        max_len: MAX_LEN.unsigned(),
        sink: None,
    })
}

/// Options that were given.
#[derive(Default)]
pub struct Given<'a> {
    lease: Option<Millis>,
    max_deliveries: Option<u32>,
    backoff: Option<Millis>,
    max_backoff: Option<Millis>,
    max_len: Option<u64>,
    /// Empty: no sink.
    sink: Option<&'a [u8]>,
    sink_max_len: Option<u64>,
}

/// The words of delivery options; each takes one value.
pub const WORDS: [&str; 7] = ["LEASE", "MAXDELIVERIES", "BACKOFF", "MAXBACKOFF", "MAXLEN", "SINK", "SINKMAXLEN"];

impl<'a> Given<'a> {
    /// Reads one option if `word` is one. `key` is what it is for.
    pub fn read<F: Family>(&mut self, word: &Str, args: &mut Args<'a>, ctx: &Ctx, key: &Str) -> Result<bool, Fail> {
        let option = WORDS.into_iter().find(|option| is(word, option));
        let Some(option) = option.filter(|option| F::TAKES_MAXLEN || *option != "MAXLEN") else { return Ok(false) };
        let length = |args: &mut Args<'a>| args.number_of(option, 0, i64::MAX).map(i64::unsigned_abs);
        match option {
            "LEASE" => set(&mut self.lease, option, args.millis_of(option, 1)?)?,
            "MAXDELIVERIES" => {
                let most = args.number_of(option, 0, i64::from(u32::MAX))?;
                set(&mut self.max_deliveries, option, u32::try_from(most).unwrap_or(u32::MAX))?;
            }
            "BACKOFF" => set(&mut self.backoff, option, args.millis_of(option, 0)?)?,
            "MAXBACKOFF" => set(&mut self.max_backoff, option, args.millis_of(option, 0)?)?,
            "MAXLEN" => set(&mut self.max_len, option, length(args)?)?,
            "SINKMAXLEN" => set(&mut self.sink_max_len, option, length(args)?)?,
            _ => {
                let stream = args.value_of(option)?.bytes();
                check_name(ctx, option, stream)?;
                if stream == key.bytes() {
                    return Err(Fail::text("ERR SINK must be another key"));
                }
                set(&mut self.sink, option, stream)?;
            }
        }
        Ok(true)
    }

    /// These options, and for the rest those of `base`.
    pub fn over(self, base: DeliveryOptions) -> Result<DeliveryOptions, Fail> {
        let max_len = self.sink_max_len;
        let sink = match (self.sink, base.sink) {
            (Some(b""), _) => None,
            (Some(stream), before) => {
                let kept = before.filter(|before| *before.stream == *stream).map_or(0, |before| before.max_len);
                Some(Sink { stream: stream.into(), max_len: max_len.unwrap_or(kept) })
            }
            (None, Some(before)) => Some(Sink { max_len: max_len.unwrap_or(before.max_len), ..before }),
            (None, None) => None,
        };
        if max_len.is_some() && sink.is_none() {
            return Err(Fail::text("ERR SINKMAXLEN needs a SINK"));
        }
        Ok(DeliveryOptions {
            lease: self.lease.unwrap_or(base.lease),
            max_deliveries: self.max_deliveries.unwrap_or(base.max_deliveries),
            backoff: self.backoff.unwrap_or(base.backoff),
            max_backoff: self.max_backoff.unwrap_or(base.max_backoff),
            max_len: self.max_len.unwrap_or(base.max_len),
            sink,
        })
    }
}

/// The arguments of CREATE that say all of these options.
fn explain_delivery<F: Family>(options: &DeliveryOptions, to: &mut Strings) {
    let number = |number: u64| OwnedStr::number(i64::try_from(number).unwrap_or(i64::MAX));
    let numbers = [
        ("LEASE", options.lease.0),
        ("MAXDELIVERIES", u64::from(options.max_deliveries)),
        ("BACKOFF", options.backoff.0),
        ("MAXBACKOFF", options.max_backoff.0),
        ("MAXLEN", options.max_len),
    ];
    for (word, value) in numbers.into_iter().filter(|(word, _)| F::TAKES_MAXLEN || *word != "MAXLEN") {
        to.extend([OwnedStr::new(word.as_bytes()), number(value)]);
    }
    if let Some(sink) = &options.sink {
        to.extend([
            OwnedStr::new(b"SINK"),
            OwnedStr::new(&sink.stream),
            OwnedStr::new(b"SINKMAXLEN"),
            number(sink.max_len),
        ]);
    }
}

/// Where the SINK stream stands in `argv` of CREATE or ALTER, if one is named: skips over the options before it.
fn sink_position<F: Family>(argv: &[&Str]) -> Option<usize> {
    let mut at = 2;
    while let Some(word) = argv.get(at) {
        if is(word, "SINK") {
            return argv.get(at + 1).filter(|stream| !stream.bytes().is_empty()).map(|_| at + 1);
        }
        at += match F::plan_option_width(word, argv.get(at + 1).copied()) {
            Some(width) => width,
            None if WORDS.iter().any(|option| is(word, option)) => 2,
            None => return None,
        };
    }
    None
}

/// The options of a CREATE that would make this key.
pub fn explain<F: Family>(queue: &Queue<F::Gate>) -> Strings {
    let mut arguments = Strings::new();
    F::explain_gate(queue, &mut arguments);
    explain_delivery::<F>(queue.options(), &mut arguments);
    arguments
}

/// The keys of CREATE and ALTER.
pub fn tell_keys<F: Family>(argv: &[&Str], request: &KeyRequest<'_>) {
    if argv.len() > 1 {
        request.key_at(1);
    }
    if let Some(position) = sink_position::<F>(argv) {
        request.key_at(position);
    }
}
