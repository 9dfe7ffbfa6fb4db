//! The options of a gate that take one value: each family lists its own in a table. From it follow what CREATE and ALTER take, COMMAND DOCS, the
//! configs, F.INFO, and the CREATE that explains a key to replicas.

use crate::command::args::{is, set, Args};
use crate::command::Fail;
use crate::delivery::fields::{yes_or_no, Field, Shown};
use crate::redis::config::{Config, Number};
use crate::redis::{OwnedStr, Str};

/// The arguments of a command that is being built.
pub type Strings = Vec<OwnedStr>;

/// An option of a gate with the rules `R`.
pub struct GateOption<R> {
    pub word: &'static str,
    /// Its field in F.INFO.
    pub field: &'static str,
    pub kind: Kind,
    /// Whether ALTER cannot change it.
    pub is_fixed: bool,
    /// The value; a switch is 0 or 1, a choice its place in the list. `None` only for an option that need not be set.
    pub get: fn(&R) -> Option<i64>,
    pub set: fn(&mut R, i64),
}

/// What the value of an option is.
pub enum Kind {
    Number(Range),
    /// A time in ms.
    Duration(Range),
    Bytes(Range),
    /// Yes or no.
    Switch(Option<Number>),
    /// One of these words, in lower case.
    Choice(&'static [&'static str]),
}

/// The range of a number.
pub enum Range {
    /// That of the config which has the default.
    OfConfig(Number),
    Of {
        min: i64,
        max: i64,
    },
    /// The same, with a default that is the same in every version, so nobody is told of it.
    WithDefault {
        min: i64,
        max: i64,
        default: i64,
    },
}

impl Range {
    fn min(&self) -> i64 {
        match self {
            Range::OfConfig(config) => config.min,
            Range::Of { min, .. } | Range::WithDefault { min, .. } => *min,
        }
    }

    fn max(&self) -> i64 {
        match self {
            Range::OfConfig(config) => config.max,
            Range::Of { max, .. } | Range::WithDefault { max, .. } => *max,
        }
    }

    fn is_told(&self, value: i64) -> bool {
        !matches!(self, Range::WithDefault { default, .. } if *default == value)
    }
}

impl<R> GateOption<R> {
    fn config(&'static self) -> Option<Config> {
        match &self.kind {
            Kind::Number(Range::OfConfig(config))
            | Kind::Duration(Range::OfConfig(config))
            | Kind::Bytes(Range::OfConfig(config)) => Some(Config::Number(config)),
            Kind::Switch(config) => config.as_ref().map(Config::Switch),
            Kind::Number(_) | Kind::Duration(_) | Kind::Bytes(_) | Kind::Choice(_) => None,
        }
    }

    fn read(&self, args: &mut Args<'_>) -> Result<i64, Fail> {
        match &self.kind {
            Kind::Number(range) | Kind::Bytes(range) => args.number_of(self.word, range.min(), range.max()),
            Kind::Duration(range) => {
                let duration = args.millis_of(self.word, range.min().unsigned_abs())?;
                Ok(i64::try_from(duration.0).unwrap_or(i64::MAX))
            }
            Kind::Switch(_) => args.yes_or_no_of(self.word).map(i64::from),
            Kind::Choice(words) => {
                let given = args.value_of(self.word)?;
                let at = words.iter().position(|word| is(given, word));
                at.map(|at| at as i64).ok_or_else(|| {
                    let words: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
                    format!("ERR {} must be {}", self.word, words.join(" or ")).into()
                })
            }
        }
    }

    fn syntax(&self) -> String {
        let value = match &self.kind {
            Kind::Number(_) => "n".to_owned(),
            Kind::Duration(_) => "duration".to_owned(),
            Kind::Bytes(_) => "bytes".to_owned(),
            Kind::Switch(_) => "yes|no".to_owned(),
            Kind::Choice(words) => words.join("|").to_ascii_uppercase(),
        };
        format!(" [{} {value}]", self.word)
    }

    /// Whether a CREATE that makes a key with this value must say so.
    fn is_told(&self, value: i64) -> bool {
        match &self.kind {
            Kind::Number(range) | Kind::Duration(range) | Kind::Bytes(range) => range.is_told(value),
            Kind::Switch(_) | Kind::Choice(_) => true,
        }
    }

    fn word_of(&self, value: i64) -> Option<&'static [u8]> {
        match &self.kind {
            Kind::Switch(_) => Some(yes_or_no(value != 0)),
            Kind::Choice(words) => usize::try_from(value).ok().and_then(|at| words.get(at)).map(|word| word.as_bytes()),
            Kind::Number(_) | Kind::Duration(_) | Kind::Bytes(_) => None,
        }
    }
}

/// The configs of the defaults of these options.
pub fn configs<R>(options: &'static [GateOption<R>]) -> Vec<Config> {
    options.iter().filter_map(GateOption::config).collect()
}

/// Sets each of these options that has a config to the default that the config says.
pub fn set_defaults<R>(options: &'static [GateOption<R>], rules: &mut R) {
    for option in options {
        if let Some(Config::Number(config) | Config::Switch(config)) = option.config() {
            (option.set)(rules, config.get());
        }
    }
}

/// The options of CREATE as COMMAND DOCS shows them, behind the key.
pub fn create_syntax<R>(options: &[GateOption<R>]) -> String {
    options.iter().map(GateOption::syntax).collect()
}

/// Those of ALTER.
pub fn alter_syntax<R>(options: &[GateOption<R>]) -> String {
    options.iter().filter(|option| !option.is_fixed).map(GateOption::syntax).collect()
}

/// The fields of these options in F.INFO.
pub fn fields<R>(options: &[GateOption<R>], rules: &R) -> Vec<Field<'static>> {
    let shown = |option: &GateOption<R>| match (option.get)(rules) {
        Some(value) => option.word_of(value).map_or(Shown::Signed(value), Shown::Word),
        None => Shown::Null,
    };
    options.iter().map(|option| Field(option.field, shown(option))).collect()
}

/// The arguments of a CREATE that makes a key with these values.
pub fn explain<R>(options: &[GateOption<R>], rules: &R, to: &mut Strings) {
    for option in options {
        if let Some(value) = (option.get)(rules).filter(|value| option.is_told(*value)) {
            let value = option.word_of(value).map_or_else(|| OwnedStr::number(value), OwnedStr::new);
            to.extend([OwnedStr::new(option.word.as_bytes()), value]);
        }
    }
}

/// Options that were given, with their values.
pub struct Given<R: 'static>(Vec<(&'static GateOption<R>, i64)>);

impl<R> Default for Given<R> {
    fn default() -> Self {
        Given(Vec::new())
    }
}

impl<R> Given<R> {
    /// Reads one of these options for CREATE if `word` is one.
    pub fn read(&mut self, options: &'static [GateOption<R>], word: &Str, args: &mut Args<'_>) -> Result<bool, Fail> {
        let Some(option) = options.iter().find(|option| is(word, option.word)) else { return Ok(false) };
        let mut before = self.0.iter().find(|(before, _)| before.word == option.word).map(|(_, value)| *value);
        let value = option.read(args)?;
        set(&mut before, option.word, value)?;
        self.0.push((option, value));
        Ok(true)
    }

    /// Reads one of these options for ALTER if `word` is one. Fails on one that is fixed, as are those options in no table that `fixed` names.
    pub fn read_change(
        &mut self,
        options: &'static [GateOption<R>],
        fixed: &[&str],
        word: &Str,
        args: &mut Args<'_>,
    ) -> Result<bool, Fail> {
        let in_table = options.iter().filter(|option| option.is_fixed).map(|option| option.word);
        let fixed: Vec<&str> = fixed.iter().copied().chain(in_table).collect();
        if fixed.iter().any(|fixed| is(word, fixed)) {
            return Err(fail_fixed(&fixed));
        }
        self.read(options, word, args)
    }

    /// These options, and those of `base` for all that were not given.
    pub fn over(self, mut base: R) -> R {
        for (option, value) in self.0 {
            (option.set)(&mut base, value);
        }
        base
    }
}

/// The error of an ALTER of one of these options, none of which it can change.
fn fail_fixed(words: &[&str]) -> Fail {
    let verb = if words.len() == 1 { "is" } else { "are" };
    let words = match words {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => words.concat(),
    };
    format!("ERR {words} {verb} fixed when the key is created").into()
}

/// A number that is never negative as an option has it.
pub fn signed(number: u64) -> Option<i64> {
    Some(i64::try_from(number).unwrap_or(i64::MAX))
}
