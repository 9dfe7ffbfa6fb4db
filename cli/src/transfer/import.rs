//! `tsgen import`: checks all lines, and then adds what they say.
//!
//! A key that is not there is created, aside, and has its name once all of it is there; first with options that refuse and end nothing that was accepted once; its own come last. An entry that was
//! delivered already is brought back as long as nothing else is there to be claimed: dead letters first, then what is delayed or was in hand. All
//! others follow in the order of the lines, what is behind the gate last.

use super::aside::Aside;
use super::expected::Expected;
use super::interrupt::Interrupt;
use super::restore::{commands, restore, was_delivered, Restored, Terms, CONSUMER, MOST_DELIVERIES};
use super::source::Source;
use super::{Head, State};
use crate::args::{Common, Import};
use crate::bytes::Bytes;
use crate::confirm::confirm;
use crate::family::Family;
use crate::keys::{Kind, Known};
use crate::options::change;
use crate::servers::Servers;
use crate::{table, with_key, Outcome};
use anyhow::{bail, Context};
use serde::Serialize;
use tsgen_client::reply::{list, text};
use tsgen_client::{Figure, Info, Name, Tsgen};

/// Options that a key has only once all that is imported is there: until then nothing is refused, dropped or handed on for them.
const LAST: [(&str, &str); 10] = [
    ("LATE", "READY"),
    ("MAXDELIVERIES", "0"),
    ("MAXLEN", "0"),
    ("MAXJUMP", "0"),
    ("IDLE", "315360000000"),
    ("MAXWAIT", "0"),
    ("MAXITEMS", "0"),
    ("EVERY", "315360000000"),
    ("MAXFIELDS", "100000"),
    // One that is 0 stays so.
    ("GROUPLIMIT", "1000000"),
];

#[derive(Default, Serialize)]
struct Count {
    imported: u64,
    /// Dead letters for a key that was there already.
    dead_left_out: u64,
    too_large_left_out: u64,
    /// Deliveries that a newer element of the same id has replaced.
    replaced_left_out: u64,
    /// Entries whose deliveries, delays or deaths did not come back.
    as_new: u64,
    /// Lines that are done with, in the order in which they are added.
    #[serde(skip)]
    lines: u64,
    #[serde(skip)]
    expected: Expected,
}

/// Where everything goes.
struct Target<'t> {
    known: Known,
    terms: Terms,
    /// It is created here, so nothing is in it but what comes.
    aside: Option<&'t Aside<'t>>,
    /// The server's time is so far ahead of the one here, in ms.
    ahead_ms: i64,
    interrupt: Interrupt,
}

/// The options in pairs of a word and its value. CLOCK and SOURCES come before them.
fn pairs_of(head: &Head) -> (Vec<Bytes>, Vec<(String, Bytes)>) {
    let word = |word: &Bytes| String::from_utf8_lossy(&word.0).to_uppercase();
    let gate = match head.options.first().map(word).as_deref() {
        Some("CLOCK") => 1,
        Some("SOURCES") => 2 + head.options.get(1).map_or(0, |n| String::from_utf8_lossy(&n.0).parse().unwrap_or(0)),
        _ => 0,
    };
    let (gate, options) = head.options.split_at(gate.min(head.options.len()));
    let pairs = options.chunks_exact(2).map(|pair| (word(&pair[0]), pair[1].clone()));
    (gate.to_vec(), pairs.collect())
}

/// The terms of a key that is to be made with these options.
fn terms(family: Family, gate: &[Bytes], options: &[(String, Bytes)]) -> Terms {
    let of = |name: &str| {
        let (_, value) = options.iter().find(|(own, _)| own == name)?;
        std::str::from_utf8(&value.0).ok()?.parse().ok()
    };
    let is_clock = gate.first().is_some_and(|word| word.0 == b"CLOCK");
    let is = |name: &str| options.iter().any(|(word, value)| word == name && value.0 == b"yes");
    let has_groups = is("FAIR") || of("GROUPLIMIT").is_some_and(|limit| limit > 0);
    let (min, max) = (of("MIN").unwrap_or(i64::MIN), of("MAX").unwrap_or(i64::MAX));
    Terms { family, is_clock, has_groups, is_paused: is("PAUSED"), min, max }
}

/// The terms of a key that is there.
fn terms_of(family: Family, info: &Info) -> Terms {
    let is = |name: &str| matches!(&info[name], Figure::Text(text) if text.0 == b"yes");
    let number = |name: &str, default| match info[name] {
        Figure::Integer(n) => n,
        _ => default,
    };
    Terms {
        family,
        is_clock: info.gate == "clock",
        has_groups: is("fair") || number("grouplimit", 0) > 0,
        is_paused: is("paused"),
        min: number("min", i64::MIN),
        max: number("max", i64::MAX),
    }
}

/// The options of the export that are kept for the end, as words of ALTER.
fn last(options: &[(String, Bytes)]) -> Vec<String> {
    let own = options
        .iter()
        .filter(|(word, value)| LAST.iter().any(|(own, _)| own == word) && (word != "GROUPLIMIT" || value.0 != b"0"));
    // None of them is anything but a number or a word.
    own.flat_map(|(word, value)| [word.clone(), value.to_string()]).collect()
}

/// The server's clock less the one here.
async fn ahead(tsgen: &Tsgen) -> anyhow::Result<i64> {
    let reply = tsgen.command(None, ["TIME"]).await.context("TIME")?;
    let [seconds, micros] = list(&reply) else { bail!("TIME: the reply is {reply:?}") };
    Ok(text(seconds).parse::<i64>()? * 1000 + text(micros).parse::<i64>()? / 1000 - table::now())
}

pub async fn import(common: &Common, import: &Import) -> anyhow::Result<Outcome> {
    let mut source = Source::open(import)?;
    let head = source.head()?;
    source.whole(&head)?;
    let from = &source.from;
    let family = Family::ALL.into_iter().find(|family| family.name() == head.family);
    let family = family.with_context(|| format!("{from}: there is no family {}", head.family))?;
    if family == Family::Expiry {
        bail!("a key of EXPIRY cannot be imported: its entries come from the keys that it watches");
    }
    let servers = Servers::of(common)?;
    let tsgen = servers.tsgen().await?;
    let key = import.key.as_str();
    let name = Name::from(key);
    let own = match Kind::of(&tsgen, key.as_bytes()).await? {
        Kind::Nothing => None,
        Kind::Ours(own) if own == family => {
            Some(Known { tsgen: tsgen.clone(), family, name: name.clone() }.info().await?)
        }
        Kind::Ours(own) => bail!("{key} is a key of {own}, and the export is one of {family}"),
        Kind::Other(kind) => bail!("{key} is a {kind}, and the export is one of {family}"),
    };
    let (gate, options) = pairs_of(&head);
    let terms = own.as_ref().map_or_else(|| terms(family, &gate, &options), |info| terms_of(family, info));
    let latest = checked(&mut source, terms, head.watermark, import.skip)?;
    let mut count = Count::default();
    let filled = Filled { source: &mut source, head: &head, latest, import, count: &mut count };
    if own.is_some() {
        confirm(common, &format!("{key} exists. Add to it?"))?;
        let interrupt = Interrupt::noted(None)?;
        let target = Target { known: Known { tsgen, family, name }, terms, aside: None, ahead_ms: 0, interrupt };
        let done = target.fill(filled).await;
        done.with_context(|| {
            let with_dead = if import.with_dead { " --with-dead" } else { "" };
            let (imported, lines) = (count.imported, count.lines);
            format!("{imported} entries were imported before this; the rest: `tsgen import {key} FILE{with_dead} --skip {lines}`")
        })?;
    } else {
        if import.skip > 0 {
            bail!("--skip goes on with an import into a key that is there, and {key} is not");
        }
        let aside = Aside::of(&tsgen, key).await?;
        let (ahead_ms, interrupt) = (ahead(&tsgen).await?, Interrupt::noted(Some(aside.left()))?);
        let known = Known { tsgen: tsgen.clone(), family, name: Name::from(&aside.name) };
        let target = Target { known, terms, aside: Some(&aside), ahead_ms, interrupt };
        let filled = target.fill(filled).await;
        aside.end(filled, &target.known, &count.expected).await?;
        // The next run of an element takes the place of the one that was in hand.
        count.imported = count.expected.count().unsigned_abs();
    }
    told(common, &count, own.is_none() && terms.is_paused, key)
}

/// Reads all lines: nothing is done before all of it is understood. The latest timestamp that was delivered, or the watermark.
fn checked(source: &mut Source, terms: Terms, watermark: Option<i64>, skip: u64) -> anyhow::Result<Option<i64>> {
    let (mut latest, mut count) = (watermark, 0);
    for (at, line) in source.entries()? {
        let line = line.with_context(|| at.clone())?;
        if line.content.is_some() {
            commands(terms, &line).context(at)?;
        }
        if was_delivered(&line) {
            latest = latest.max(Some(line.timestamp));
        }
        count += 1;
    }
    if skip > count {
        bail!("--skip {skip}: {} has {count} entries only", source.from);
    }
    Ok(latest)
}

/// What a key is filled with, and how far that is.
struct Filled<'i> {
    source: &'i mut Source,
    head: &'i Head,
    latest: Option<i64>,
    import: &'i Import,
    count: &'i mut Count,
}

impl Target<'_> {
    async fn fill(&self, filled: Filled<'_>) -> anyhow::Result<()> {
        let Filled { source, head, latest, import, count } = filled;
        let (gate, options) = pairs_of(head);
        if self.aside.is_some() {
            self.create(head, gate, &options, latest).await?;
            self.delivered(source, count).await?;
            self.set_back(head, latest).await?;
        }
        self.others(source, import, count, false).await?;
        // What a group of DEBOUNCE collects goes by the options of its key.
        if self.aside.is_some() && self.terms.family == Family::Debounce {
            self.last(&options).await?;
        }
        self.others(source, import, count, true).await?;
        if self.aside.is_some() && self.terms.family != Family::Debounce {
            self.last(&options).await?;
        }
        // What is added to a key that was there is there.
        if self.aside.is_some() {
            self.interrupt.check()?;
        }
        Ok(())
    }

    /// Creates the key with options under which nothing is refused, and brings its watermark to where it was.
    async fn create(
        &self,
        head: &Head,
        gate: Vec<Bytes>,
        options: &[(String, Bytes)],
        latest: Option<i64>,
    ) -> anyhow::Result<()> {
        let Known { tsgen, family, name } = &self.known;
        let mut words = vec![family.command("CREATE").into_bytes(), name.0.clone()];
        words.extend(gate.into_iter().map(|word| word.0));
        for (word, value) in options {
            let last = LAST.iter().find(|(own, _)| own == word && (*own != "GROUPLIMIT" || value.0 != b"0"));
            let value = last.map_or_else(|| value.0.clone(), |(_, for_now)| for_now.as_bytes().to_vec());
            words.extend([word.clone().into_bytes(), value]);
        }
        tsgen.command(Some(&name.0), words).await.with_context(|| format!("the options of the export, on {name}"))?;
        if let Some(aside) = self.aside {
            aside.made().await?;
        }
        // What was delivered is to be claimed once more, so none of it may wait.
        let Some(latest) = latest.filter(|_| *family == Family::Tsgen && !self.terms.is_clock) else { return Ok(()) };
        let key = tsgen.elements(name.clone());
        for source in &head.sources {
            key.advance(latest).source(&source.name.0).force().await?;
        }
        if head.sources.is_empty() {
            key.advance(latest).force().await?;
        }
        Ok(())
    }

    /// Brings the watermark and each source to where they were. All of them are as far as `latest`, if there is one.
    async fn set_back(&self, head: &Head, latest: Option<i64>) -> anyhow::Result<()> {
        let Known { tsgen, family, name } = &self.known;
        let alter = async |words: &[&[u8]]| -> anyhow::Result<()> {
            let head = [&family.command("ALTER").into_bytes()[..], &name.0].map(<[u8]>::to_vec);
            let words = head.into_iter().chain(words.iter().map(|word| word.to_vec()));
            tsgen.command(Some(&name.0), words).await?;
            Ok(())
        };
        if let Some(watermark) = head.watermark.filter(|watermark| latest > Some(*watermark)) {
            alter(&[b"WATERMARK", watermark.to_string().as_bytes()]).await?;
        }
        // While all others are where the watermark is, so that it does not rise.
        for source in head.sources.iter().filter(|source| latest.is_some() && source.timestamp.is_none()) {
            alter(&[b"REMSOURCE", &source.name.0, b"ADDSOURCE", &source.name.0]).await?;
        }
        for source in &head.sources {
            match source.timestamp {
                Some(at) if head.watermark.is_some_and(|watermark| at < watermark) => {
                    alter(&[b"SOURCE", &source.name.0, at.to_string().as_bytes()]).await?;
                }
                Some(at) => drop(tsgen.elements(name.clone()).advance(at).source(&source.name.0).force().await?),
                None => {}
            }
        }
        Ok(())
    }

    /// Sets what was kept for the end.
    async fn last(&self, options: &[(String, Bytes)]) -> anyhow::Result<()> {
        let words = last(options);
        if words.is_empty() {
            return Ok(());
        }
        change(&self.known, words).await.context("the options of the export")
    }

    /// What was delivered already: dead letters first, for a dead run and the next one have one id.
    async fn delivered(&self, source: &mut Source, count: &mut Count) -> anyhow::Result<()> {
        let Known { tsgen, name, .. } = &self.known;
        let mut aside = Vec::new();
        for is_dead in [true, false] {
            for (at, line) in source.entries()? {
                let line = line.with_context(|| at.clone())?;
                let is_meant = was_delivered(&line) && !line.is_replaced && line.content.is_some();
                if !is_meant || (line.state == State::Dead) != is_dead {
                    continue;
                }
                self.interrupt.check()?;
                let now = table::now() + self.ahead_ms;
                match restore(tsgen, &name.0, self.terms, &line, now).await.context(at)? {
                    Restored::There => {}
                    Restored::Aside(token) => aside.push(token),
                    Restored::AsNew => count.as_new += 1,
                }
                count.as_new += u64::from(line.deliveries > MOST_DELIVERIES);
                count.expected.add(self.known.family, &line);
                count.imported += 1;
            }
        }
        for tokens in aside.chunks(10_000) {
            with_key!(self.known.family, tsgen, name.clone(), key => key.promote(tokens).await)?;
        }
        let release =
            [self.known.family.command("RELEASE").as_bytes(), &name.0, CONSUMER.as_bytes()].map(<[u8]>::to_vec);
        tsgen.command(Some(&name.0), release).await.context("RELEASE")?;
        Ok(())
    }

    /// All others; those that wait, or those that do not.
    async fn others(
        &self,
        source: &mut Source,
        import: &Import,
        count: &mut Count,
        is_waiting: bool,
    ) -> anyhow::Result<()> {
        for (at, line) in source.entries()? {
            let line = line.with_context(|| at.clone())?;
            if (line.state == State::Waiting) != is_waiting {
                continue;
            }
            self.interrupt.check()?;
            if count.lines < import.skip {
                // An import before has done with it.
            } else if line.is_replaced {
                count.replaced_left_out += 1;
            } else if line.content.is_none() {
                count.too_large_left_out += 1;
            } else if was_delivered(&line) && self.aside.is_some() {
                // It is there already.
            } else if line.state == State::Dead && !import.with_dead {
                count.dead_left_out += 1;
            } else {
                for command in commands(self.terms, &line).with_context(|| at.clone())? {
                    let (command, rest) = command.split_first().context("a command")?;
                    let words = [command, &self.known.name.0].into_iter().chain(rest);
                    self.known.tsgen.command(Some(&self.known.name.0), words).await.with_context(|| at.clone())?;
                }
                count.imported += 1;
                count.as_new += u64::from(was_delivered(&line));
                count.expected.add(self.known.family, &line);
            }
            count.lines += 1;
        }
        Ok(())
    }
}

fn told(common: &Common, count: &Count, is_paused: bool, key: &str) -> anyhow::Result<Outcome> {
    if common.json {
        table::json(count)?;
        return Ok(Outcome::Done);
    }
    table::line(format!("imported {}", count.imported))?;
    let said = [
        (
            count.dead_left_out,
            "left out",
            "dead letters, for the key was there: --with-dead adds them as entries that are tried again",
        ),
        (count.too_large_left_out, "left out", "entries whose content was too large to export"),
        (count.replaced_left_out, "left out", "deliveries that a newer element of their id has replaced"),
        (count.as_new, "without their deliveries, delays or deaths:", "of them"),
    ];
    for (n, before, behind) in said.into_iter().filter(|(n, ..)| *n > 0) {
        table::line(format!("{before} {n} {behind}"))?;
    }
    if is_paused {
        table::line(format!("{key} is paused, as the exported key was: tsgen resume {key}"))?;
    }
    Ok(Outcome::Done)
}
