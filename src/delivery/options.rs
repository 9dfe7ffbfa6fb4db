//! The options of delivery are one table. From it follow the options of CREATE and ALTER, COMMAND DOCS, the configs, F.INFO, and the CREATE
//! that explains a key to replicas.

use crate::command::args::{is, set, Args};
use crate::command::limits::{check_name, MAX_MS};
use crate::command::{Fail, Outcome};
use crate::delivery::family::Family;
use crate::delivery::fields::{yes_or_no, Field, Shown};
use crate::delivery::gate_options::{self, Strings};
use crate::redis::command::KeySpec;
use crate::redis::config::{Config, Number};
use crate::redis::{Ctx, OwnedStr, Str};
use tsgen_engine::{DeliveryOptions, Millis, Queue, Sink, MAX_GROUP_LIMIT};

/// The keys of CREATE and ALTER: the key itself, and the stream of its sink.
pub const KEYS: &[KeySpec] = &[KeySpec::Update(1), KeySpec::After(c"SINK")];

/// The words of options that not all families take.
const MAXLEN: &str = "MAXLEN";
const GROUPLIMIT: &str = "GROUPLIMIT";
const FAIR: &str = "FAIR";

/// An option, with all that commands, docs, configs and INFO need of it. It takes one value.
pub struct DeliveryOption {
    word: &'static str,
    /// Its field in F.INFO.
    field: &'static str,
    kind: Kind,
    get: fn(&DeliveryOptions) -> Setting<'_>,
    /// Changes the option to a setting of its kind.
    set: fn(&mut DeliveryOptions, &Setting<'_>) -> Outcome,
}

/// What the value of an option is.
enum Kind {
    /// A number; its range, and the config of its default.
    Number(Number),
    /// A time in ms; likewise.
    Duration(Number),
    /// The name of another key: none unless one is given, and an empty name takes it away.
    Stream,
    /// A number, 0 unless it is given, which makes sense only together with the option before it.
    Detail,
    /// A number up to this, 0 unless it is given.
    Limit(u32),
    /// Yes, or no unless it is given.
    Switch,
}

/// The value of an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting<'a> {
    Number(u64),
    Name(&'a [u8]),
    Switch(bool),
}

impl Setting<'_> {
    fn number(&self) -> u64 {
        match self {
            Setting::Number(number) => *number,
            Setting::Name(_) | Setting::Switch(_) => 0,
        }
    }

    fn name(&self) -> &[u8] {
        match self {
            Setting::Name(name) => name,
            Setting::Number(_) | Setting::Switch(_) => &[],
        }
    }

    fn is_on(&self) -> bool {
        *self == Setting::Switch(true)
    }
}

/// The table.
pub static OPTIONS: [DeliveryOption; 10] = [
    DeliveryOption {
        word: "LEASE",
        field: "lease",
        kind: Kind::Duration(Number::new(c"lease", 30_000, 1, MAX_MS)),
        get: |options| Setting::Number(options.lease.0),
        set: |options, to| {
            options.lease = Millis(to.number());
            Ok(())
        },
    },
    DeliveryOption {
        word: "MAXDELIVERIES",
        field: "maxdeliveries",
        kind: Kind::Number(Number::new(c"max-deliveries", 16, 0, u32::MAX as i64)),
        get: |options| Setting::Number(u64::from(options.max_deliveries)),
        set: |options, to| {
            options.max_deliveries = u32::try_from(to.number()).unwrap_or(u32::MAX);
            Ok(())
        },
    },
    DeliveryOption {
        word: "BACKOFF",
        field: "backoff",
        kind: Kind::Duration(Number::new(c"backoff", 0, 0, MAX_MS)),
        get: |options| Setting::Number(options.backoff.0),
        set: |options, to| {
            options.backoff = Millis(to.number());
            Ok(())
        },
    },
    DeliveryOption {
        word: "MAXBACKOFF",
        field: "maxbackoff",
        kind: Kind::Duration(Number::new(c"max-backoff", 0, 0, MAX_MS)),
        get: |options| Setting::Number(options.max_backoff.0),
        set: |options, to| {
            options.max_backoff = Millis(to.number());
            Ok(())
        },
    },
    DeliveryOption {
        word: MAXLEN,
        field: "maxlen",
        kind: Kind::Number(Number::new(c"max-len", 0, 0, i64::MAX)),
        get: |options| Setting::Number(options.max_len),
        set: |options, to| {
            options.max_len = to.number();
            Ok(())
        },
    },
    DeliveryOption {
        word: "SINK",
        field: "sink",
        kind: Kind::Stream,
        get: |options| Setting::Name(options.sink.as_ref().map_or(&[], |sink| &sink.stream)),
        set: |options, to| {
            let before = options.sink.take().filter(|before| *before.stream == *to.name());
            let anew = || Sink { stream: to.name().into(), max_len: 0 };
            options.sink = (!to.name().is_empty()).then(|| before.unwrap_or_else(anew));
            Ok(())
        },
    },
    DeliveryOption {
        word: "SINKMAXLEN",
        field: "sinkmaxlen",
        kind: Kind::Detail,
        get: |options| Setting::Number(options.sink.as_ref().map_or(0, |sink| sink.max_len)),
        set: |options, to| {
            let sink = options.sink.as_mut().ok_or(Fail::text("ERR SINKMAXLEN needs a SINK"))?;
            sink.max_len = to.number();
            Ok(())
        },
    },
    DeliveryOption {
        word: GROUPLIMIT,
        field: "grouplimit",
        kind: Kind::Limit(MAX_GROUP_LIMIT),
        get: |options| Setting::Number(u64::from(options.group_limit)),
        set: |options, to| {
            options.group_limit = u32::try_from(to.number()).unwrap_or(MAX_GROUP_LIMIT);
            Ok(())
        },
    },
    DeliveryOption {
        word: FAIR,
        field: "fair",
        kind: Kind::Switch,
        get: |options| Setting::Switch(options.fair),
        set: |options, to| {
            options.fair = to.is_on();
            Ok(())
        },
    },
    DeliveryOption {
        word: "PAUSED",
        field: "paused",
        kind: Kind::Switch,
        get: |options| Setting::Switch(options.paused),
        set: |options, to| {
            options.paused = to.is_on();
            Ok(())
        },
    },
];

impl DeliveryOption {
    fn is_of<F: Family>(&self) -> bool {
        match self.word {
            MAXLEN => F::TAKES_MAXLEN,
            GROUPLIMIT | FAIR => F::HAS_GROUPS,
            _ => true,
        }
    }

    /// Its field in F.INFO.
    pub fn shown<'a>(&self, options: &'a DeliveryOptions) -> Field<'a> {
        let shown = match (self.get)(options) {
            Setting::Number(number) => Shown::Number(number),
            Setting::Name(name) => Shown::Word(name),
            Setting::Switch(is_on) => Shown::yes_or_no(is_on),
        };
        Field(self.field, shown)
    }

    /// The config of its default, if there is one.
    fn config(&self) -> Option<&Number> {
        match &self.kind {
            Kind::Number(number) | Kind::Duration(number) => Some(number),
            Kind::Stream | Kind::Detail | Kind::Limit(_) | Kind::Switch => None,
        }
    }

    /// Reads the value; `key` is the key that gets the option.
    fn read<'a>(&self, args: &mut Args<'a>, ctx: &Ctx, key: &Str) -> Result<Setting<'a>, Fail> {
        let number = |args: &mut Args<'a>, min, max| args.number_of(self.word, min, max).map(i64::unsigned_abs);
        Ok(match &self.kind {
            Kind::Number(range) => Setting::Number(number(args, range.min, range.max)?),
            Kind::Duration(range) => Setting::Number(args.millis_of(self.word, range.min.unsigned_abs())?.0),
            Kind::Detail => Setting::Number(number(args, 0, i64::MAX)?),
            Kind::Limit(max) => Setting::Number(number(args, 0, i64::from(*max))?),
            Kind::Switch => Setting::Switch(args.yes_or_no_of(self.word)?),
            Kind::Stream => {
                let stream = args.value_of(self.word)?.bytes();
                check_name(ctx, self.word, stream)?;
                if stream == key.bytes() {
                    return Err(format!("ERR {} must be another key", self.word).into());
                }
                Setting::Name(stream)
            }
        })
    }

    /// How COMMAND DOCS names the value.
    fn value_syntax(&self) -> &'static str {
        match self.kind {
            Kind::Number(_) | Kind::Detail | Kind::Limit(_) => "n",
            Kind::Duration(_) => "duration",
            Kind::Stream => "stream",
            Kind::Switch => "yes|no",
        }
    }
}

/// The options that a family takes.
fn options_of<F: Family>() -> impl Iterator<Item = &'static DeliveryOption> {
    OPTIONS.iter().filter(|option| option.is_of::<F>())
}

/// The configs of the defaults of these options.
pub fn configs() -> impl Iterator<Item = Config> {
    OPTIONS.iter().filter_map(|option| option.config().map(Config::Number))
}

/// The options as COMMAND DOCS shows them, behind those of the gate.
pub fn syntax<F: Family>() -> String {
    let mut sentence = String::new();
    for option in options_of::<F>() {
        let option_syntax = format!(" [{} {}]", option.word, option.value_syntax());
        match (&option.kind, sentence.pop()) {
            // A detail stands in the brackets of the option before it.
            (Kind::Detail, _) => sentence.extend([&option_syntax, "]"]),
            (_, last) => sentence.extend([last.map_or(String::new(), String::from), option_syntax]),
        }
    }
    sentence
}

/// The delivery options of a key that is created now without any option.
pub fn defaults<F: Family>() -> DeliveryOptions {
    let mut options = DeliveryOptions::default();
    for option in &OPTIONS {
        let default = option.config().map(|number| Setting::Number(number.unsigned()));
        // A number can always be set.
        default.into_iter().for_each(|default| drop((option.set)(&mut options, &default)));
    }
    F::adjust(options)
}

/// What the table of the family sets in a key that is created now without any option.
pub fn first_rules<F: Family>() -> F::Rules {
    let mut rules = F::first_rules();
    gate_options::set_defaults(F::gate_options(), &mut rules);
    rules
}

/// Options that were given, in the order of `OPTIONS`.
#[derive(Default)]
pub struct Given<'a>([Option<Setting<'a>>; OPTIONS.len()]);

impl<'a> Given<'a> {
    /// Reads one option if `word` is one; false if not. `key` is the key that gets the option.
    pub fn read<F: Family>(&mut self, word: &Str, args: &mut Args<'a>, ctx: &Ctx, key: &Str) -> Result<bool, Fail> {
        let mut options = OPTIONS.iter().zip(&mut self.0).filter(|(option, _)| option.is_of::<F>());
        let Some((option, slot)) = options.find(|(option, _)| is(word, option.word)) else { return Ok(false) };
        set(slot, option.word, option.read(args, ctx, key)?)?;
        Ok(true)
    }

    /// These options, and those of `base` for all that were not given.
    pub fn over(self, mut base: DeliveryOptions) -> Result<DeliveryOptions, Fail> {
        for (option, given) in OPTIONS.iter().zip(self.0) {
            given.map_or(Ok(()), |given| (option.set)(&mut base, &given))?;
        }
        Ok(base)
    }
}

/// The arguments of CREATE that set all of these options. An option without a config is told only if it is not at its default.
fn explain_delivery<F: Family>(options: &DeliveryOptions, to: &mut Strings) {
    let mut said = false;
    for option in options_of::<F>() {
        let setting = (option.get)(options);
        said = match option.kind {
            Kind::Number(_) | Kind::Duration(_) => true,
            Kind::Stream => !setting.name().is_empty(),
            Kind::Detail => said,
            Kind::Limit(_) => setting.number() != 0,
            Kind::Switch => setting.is_on(),
        };
        if said {
            to.extend([OwnedStr::new(option.word.as_bytes()), value(&setting)]);
        }
    }
}

/// A setting as CREATE takes it.
fn value(setting: &Setting<'_>) -> OwnedStr {
    match setting {
        Setting::Number(number) => OwnedStr::number(i64::try_from(*number).unwrap_or(i64::MAX)),
        Setting::Name(name) => OwnedStr::new(name),
        Setting::Switch(is_on) => OwnedStr::new(yes_or_no(*is_on)),
    }
}

/// The options of the CREATE that would make this key.
pub fn explain<F: Family>(queue: &Queue<F::Gate>) -> Strings {
    let mut arguments = Strings::new();
    F::explain_gate(queue, &mut arguments);
    gate_options::explain(F::gate_options(), &F::rules(queue), &mut arguments);
    explain_delivery::<F>(queue.options(), &mut arguments);
    arguments
}
