//! The options of delivery are one table. From it follow the options of CREATE and ALTER, COMMAND DOCS, the configs, F.INFO, and the CREATE
//! that explains a key to replicas.

use crate::command::args::{is, set, Args};
use crate::command::limits::{check_name, MAX_MS};
use crate::command::Fail;
use crate::delivery::family::{Family, Strings};
use crate::redis::command::{KeyRequest, KeySpec};
use crate::redis::config::{Config, Number};
use crate::redis::{Ctx, OwnedStr, Str};
use tsgen_engine::{DeliveryOptions, Millis, Queue, Sink};

/// The keys of CREATE and ALTER: the key itself, and the stream of its sink.
pub const KEYS: &[KeySpec] = &[KeySpec::Update(1), KeySpec::After(c"SINK")];

/// The word of an option that not all families take.
const MAXLEN: &str = "MAXLEN";
/// The words of the sink and of the pause; each takes one value, as all options of delivery do.
const SINK: &str = "SINK";
const SINKMAXLEN: &str = "SINKMAXLEN";
const PAUSED: &str = "PAUSED";

/// An option whose value is a number, with all that commands, docs, configs and INFO need of it.
pub struct NumberOption {
    word: &'static str,
    /// Its field in F.INFO.
    pub field: &'static str,
    is_duration: bool,
    /// Its range, and the config of its default.
    number: Number,
    pub get: fn(&DeliveryOptions) -> u64,
    set: fn(&mut DeliveryOptions, u64),
}

/// The options of delivery whose values are numbers, except that of the sink.
pub static NUMBERS: [NumberOption; 5] = [
    NumberOption {
        word: "LEASE",
        field: "lease",
        is_duration: true,
        number: Number::new(c"lease", 30_000, 1, MAX_MS),
        get: |options| options.lease.0,
        set: |options, ms| options.lease = Millis(ms),
    },
    NumberOption {
        word: "MAXDELIVERIES",
        field: "maxdeliveries",
        is_duration: false,
        number: Number::new(c"max-deliveries", 16, 0, u32::MAX as i64),
        get: |options| u64::from(options.max_deliveries),
        set: |options, most| options.max_deliveries = u32::try_from(most).unwrap_or(u32::MAX),
    },
    NumberOption {
        word: "BACKOFF",
        field: "backoff",
        is_duration: true,
        number: Number::new(c"backoff", 0, 0, MAX_MS),
        get: |options| options.backoff.0,
        set: |options, ms| options.backoff = Millis(ms),
    },
    NumberOption {
        word: "MAXBACKOFF",
        field: "maxbackoff",
        is_duration: true,
        number: Number::new(c"max-backoff", 0, 0, MAX_MS),
        get: |options| options.max_backoff.0,
        set: |options, ms| options.max_backoff = Millis(ms),
    },
    NumberOption {
        word: MAXLEN,
        field: "maxlen",
        is_duration: false,
        number: Number::new(c"max-len", 0, 0, i64::MAX),
        get: |options| options.max_len,
        set: |options, most| options.max_len = most,
    },
];

impl NumberOption {
    fn is_of<F: Family>(&self) -> bool {
        F::TAKES_MAXLEN || self.word != MAXLEN
    }

    fn read(&self, args: &mut Args<'_>) -> Result<u64, Fail> {
        if self.is_duration {
            return args.millis_of(self.word, self.number.min.unsigned_abs()).map(|duration| duration.0);
        }
        args.number_of(self.word, self.number.min, self.number.max).map(i64::unsigned_abs)
    }
}

/// The number options that a family takes.
fn numbers_of<F: Family>() -> impl Iterator<Item = &'static NumberOption> {
    NUMBERS.iter().filter(|option| option.is_of::<F>())
}

/// The configs of the defaults of these options.
pub fn configs() -> impl Iterator<Item = Config> {
    NUMBERS.iter().map(|option| Config::Number(&option.number))
}

/// The options as COMMAND DOCS shows them, behind those of the gate.
pub fn syntax<F: Family>() -> String {
    let option = |option: &NumberOption| {
        let value = if option.is_duration { "duration" } else { "n" };
        format!("[{} {value}] ", option.word)
    };
    let numbers: String = numbers_of::<F>().map(option).collect();
    format!("{numbers}[{SINK} stream [{SINKMAXLEN} n]] [{PAUSED} yes|no]")
}

/// The delivery options of a key that is created now without any option.
pub fn defaults<F: Family>() -> DeliveryOptions {
    let mut options = DeliveryOptions::default();
    NUMBERS.iter().for_each(|option| (option.set)(&mut options, option.number.unsigned()));
    F::adjust(options)
}

/// Options that were given.
#[derive(Default)]
pub struct Given<'a> {
    /// In the order of `NUMBERS`.
    numbers: [Option<u64>; NUMBERS.len()],
    /// Empty: no sink.
    sink: Option<&'a [u8]>,
    sink_max_len: Option<u64>,
    paused: Option<bool>,
}

impl<'a> Given<'a> {
    /// Reads one option if `word` is one; false if not. `key` is the key that gets the option.
    pub fn read<F: Family>(&mut self, word: &Str, args: &mut Args<'a>, ctx: &Ctx, key: &Str) -> Result<bool, Fail> {
        let mut numbers = NUMBERS.iter().zip(&mut self.numbers).filter(|(option, _)| option.is_of::<F>());
        if let Some((option, slot)) = numbers.find(|(option, _)| is(word, option.word)) {
            set(slot, option.word, option.read(args)?)?;
        } else if is(word, SINKMAXLEN) {
            set(&mut self.sink_max_len, SINKMAXLEN, args.number_of(SINKMAXLEN, 0, i64::MAX)?.unsigned_abs())?;
        } else if is(word, PAUSED) {
            set(&mut self.paused, PAUSED, args.yes_or_no_of(PAUSED)?)?;
        } else if is(word, SINK) {
            let stream = args.value_of(SINK)?.bytes();
            check_name(ctx, SINK, stream)?;
            if stream == key.bytes() {
                return Err(Fail::text("ERR SINK must be another key"));
            }
            set(&mut self.sink, SINK, stream)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// These options, and those of `base` for all that were not given.
    pub fn over(self, mut base: DeliveryOptions) -> Result<DeliveryOptions, Fail> {
        let max_len = self.sink_max_len;
        base.sink = match (self.sink, base.sink) {
            (Some(b""), _) => None,
            (Some(stream), before) => {
                let kept = before.filter(|before| *before.stream == *stream).map_or(0, |before| before.max_len);
                Some(Sink { stream: stream.into(), max_len: max_len.unwrap_or(kept) })
            }
            (None, Some(before)) => Some(Sink { max_len: max_len.unwrap_or(before.max_len), ..before }),
            (None, None) => None,
        };
        if max_len.is_some() && base.sink.is_none() {
            return Err(Fail::text("ERR SINKMAXLEN needs a SINK"));
        }
        for (option, number) in NUMBERS.iter().zip(self.numbers) {
            number.into_iter().for_each(|number| (option.set)(&mut base, number));
        }
        base.paused = self.paused.unwrap_or(base.paused);
        Ok(base)
    }
}

/// The arguments of CREATE that set all of these options. PAUSED is not said where it is "no", its only default.
fn explain_delivery<F: Family>(options: &DeliveryOptions, to: &mut Strings) {
    let number = |number: u64| OwnedStr::number(i64::try_from(number).unwrap_or(i64::MAX));
    for option in numbers_of::<F>() {
        to.extend([OwnedStr::new(option.word.as_bytes()), number((option.get)(options))]);
    }
    if let Some(sink) = &options.sink {
        let (word, max_len) = (OwnedStr::new(SINK.as_bytes()), OwnedStr::new(SINKMAXLEN.as_bytes()));
        to.extend([word, OwnedStr::new(&sink.stream), max_len, number(sink.max_len)]);
    }
    if options.paused {
        to.extend([PAUSED, "yes"].map(|word| OwnedStr::new(word.as_bytes())));
    }
}

/// The position of the SINK stream in `argv` of CREATE or ALTER, if one is named. Skips over the options before SINK.
fn sink_position<F: Family>(argv: &[&Str]) -> Option<usize> {
    let mut at = 2;
    while let Some(word) = argv.get(at) {
        if is(word, SINK) {
            return argv.get(at + 1).filter(|stream| !stream.bytes().is_empty()).map(|_| at + 1);
        }
        at += match F::plan_option_width(word, argv.get(at + 1).copied()) {
            Some(width) => width,
            None if NUMBERS.iter().any(|option| is(word, option.word)) => 2,
            None if is(word, SINKMAXLEN) || is(word, PAUSED) => 2,
            None => return None,
        };
    }
    None
}

/// The options of the CREATE that would make this key.
pub fn explain<F: Family>(queue: &Queue<F::Gate>) -> Strings {
    let mut arguments = Strings::new();
    F::explain_gate(queue, &mut arguments);
    explain_delivery::<F>(queue.options(), &mut arguments);
    arguments
}

/// The keys of CREATE and ALTER.
pub fn find_keys<F: Family>(argv: &[&Str], request: &KeyRequest<'_>) {
    if argv.len() > 1 {
        request.key_at(1);
    }
    if let Some(position) = sink_position::<F>(argv) {
        request.key_at(position);
    }
}
