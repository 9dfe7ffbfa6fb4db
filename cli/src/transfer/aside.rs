//! Where the entries of a key that is not there come together: under a name of its own, which no other import has. The key gets its name once all
//! are in it, in one step; so an import that ends before leaves the key as it was, and nobody is handed a part of it.

use super::expected::Expected;
use crate::keys::{Kind, Known};
use anyhow::{anyhow, bail, ensure, Context};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tsgen_client::reply::maybe_integer;
use tsgen_client::{Error, Tsgen};

/// A server that is asked to remove what is left is waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// What an import has left that was killed goes by itself after a week. The time to live also says that the key is the one that was made.
const WEEK: &[u8] = b"604800";

pub struct Aside<'t> {
    tsgen: &'t Tsgen,
    key: String,
    pub name: String,
}

/// What all such names have, between that of the key and what is by chance.
const MARK: &str = ":tsgen-import:";
/// So many slots has a cluster.
const SLOTS: u16 = 16_384;

/// The slot of a name that has no tag, or of a tag: by CRC-16/XMODEM.
fn slot(text: &str) -> u16 {
    let bit = |crc: u16| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 };
    text.bytes().fold(0, |crc, byte| (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| bit(crc))) % SLOTS
}

/// What goes before the end of a name beside a key, so that it is in the same slot of a cluster. The slot goes by what stands between the first `{`
/// and the next `}`, if there is something, and else by all of the name.
enum Before {
    /// The key, which has a tag.
    Key,
    /// The key in braces.
    Braces,
    /// Another tag of its slot, and the key behind it: no tag has a `}` in it, and none is empty.
    Tag,
}

impl Before {
    fn of(key: &str) -> Self {
        let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
        match tag {
            Some(tag) if !tag.is_empty() => Self::Key,
            _ if key.is_empty() || key.contains('}') => Self::Tag,
            _ => Self::Braces,
        }
    }
}

/// A name beside the key, in the same slot of a cluster, with this at its end.
fn beside(key: &str, chance: &str) -> String {
    match Before::of(key) {
        Before::Key => format!("{key}{MARK}{chance}"),
        Before::Braces => format!("{{{key}}}{MARK}{chance}"),
        Before::Tag => {
            let own = slot(key);
            // Some 16 000 are tried, in less than a hundredth of a second.
            let tag = (0_u32..).map(|nth| format!("{nth:x}")).find(|tag| slot(tag) == own).unwrap_or_default();
            format!("{{{tag}}}:{key}{MARK}{chance}")
        }
    }
}

/// The keys that such a name can be beside, the likely one first: `mails` and `{mails}` have the same. None: the name is no such one.
pub fn keys_beside(name: &str) -> Vec<&str> {
    let Some((rest, chance)) = name.rsplit_once(MARK) else { return Vec::new() };
    if chance.len() != 16 || !chance.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Vec::new();
    }
    let braced = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let braced = braced.filter(|key| matches!(Before::of(key), Before::Braces));
    let tagged = rest.strip_prefix('{').and_then(|rest| rest.split_once("}:"));
    let tagged = tagged.filter(|(tag, key)| matches!(Before::of(key), Before::Tag) && slot(tag) == slot(key));
    let own = Some(rest).filter(|key| matches!(Before::of(key), Before::Key));
    [braced, tagged.map(|(_, key)| key), own].into_iter().flatten().collect()
}

/// What the server's client has said.
fn of_client(error: &anyhow::Error) -> Option<&Error> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn is_unanswered(error: &anyhow::Error) -> bool {
    matches!(of_client(error), Some(Error::Unanswered(_)))
}

/// Whether there is no key of that name.
fn is_missing(error: &anyhow::Error) -> bool {
    matches!(of_client(error), Some(Error::Refused { text, .. }) if text.contains("no such key"))
}

impl<'t> Aside<'t> {
    /// A place for what is to be `key`. Nothing is there.
    pub async fn of(tsgen: &'t Tsgen, key: &str) -> anyhow::Result<Self> {
        let mut chance = [0; 8];
        getrandom::fill(&mut chance).map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
        let aside =
            Self { tsgen, key: key.to_owned(), name: beside(key, &format!("{:016x}", u64::from_le_bytes(chance))) };
        let kind = Kind::of(tsgen, aside.name.as_bytes()).await.with_context(|| aside.needed())?;
        match kind {
            Kind::Nothing => aside.may().await.map(|()| aside),
            _ => bail!("{}, where the entries are to come together, is there already", aside.name),
        }
    }

    fn needed(&self) -> String {
        format!("the entries of {} come together as {}, and this user needs the same on both", self.key, self.name)
    }

    /// Whether this user may do in the end what is to be done then: asked while there is nothing to do it with.
    async fn may(&self) -> anyhow::Result<()> {
        self.ask("PERSIST", &[]).await.with_context(|| self.needed())?;
        match self.ask("RENAMENX", &[self.key.as_bytes()]).await {
            Err(error) if is_missing(&error) => Ok(()),
            renamed => renamed.map(drop).with_context(|| self.needed()),
        }
    }

    /// A command on the key aside, and its number.
    async fn ask(&self, command: &str, rest: &[&[u8]]) -> anyhow::Result<Option<i64>> {
        let name = self.name.as_bytes();
        let words = [&[command.as_bytes(), name], rest].concat();
        let reply = self.tsgen.command(Some(name), words).await.with_context(|| format!("{command} {}", self.name))?;
        Ok(maybe_integer(&reply))
    }

    /// It was made, and is to go by itself if nobody comes back for it.
    pub async fn made(&self) -> anyhow::Result<()> {
        self.ask("EXPIRE", &[WEEK]).await.map(drop)
    }

    /// Whether all are in it, and it is what was made here.
    async fn check(&self, known: &Known, expected: &Expected) -> anyhow::Result<()> {
        let (name, there, added) = (&self.name, known.info().await?, expected.count());
        let there = there.waiting + there.ready + there.leased + there.delayed + there.dead;
        ensure!(there >= added, "of {added} entries {there} are in {name}: somebody else has changed it");
        ensure!(self.ask("PERSIST", &[]).await? == Some(1), "{name} is not what it was: somebody else has changed it");
        Ok(())
    }

    /// It gets the name of the key; false if that has come into being meanwhile. Where there is no answer it is asked again, for it may be done.
    async fn rename(&self) -> anyhow::Result<bool> {
        let started = Instant::now();
        let mut is_again = false;
        loop {
            let renamed = self.ask("RENAMENX", &[self.key.as_bytes()]).await;
            match renamed {
                Err(error) if is_unanswered(&error) => {
                    if started.elapsed() > PATIENCE {
                        return Err(error);
                    }
                    is_again = true;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                // It is not there any more, for its name is that of the key.
                Err(error) if is_again && is_missing(&error) => return Ok(true),
                renamed => return Ok(renamed? == Some(1)),
            }
        }
    }

    /// The key is filled, or that has failed: it gets its name, or is removed.
    pub async fn end(&self, filled: anyhow::Result<()>, known: &Known, expected: &Expected) -> anyhow::Result<()> {
        let checked = match filled {
            Ok(()) => self.check(known, expected).await,
            failed => failed,
        };
        let renamed = match checked {
            Ok(()) => self.rename().await,
            Err(failure) => return Err(failure.context(self.undo().await)),
        };
        let Self { key, .. } = self;
        match renamed {
            Ok(true) => Ok(()),
            Ok(false) => Err(anyhow!("{key} has come into being meanwhile").context(self.undo().await)),
            Err(error) if is_unanswered(&error) => Err(error
                .context(format!("all was imported, and {key} may be in place; if it is not there, {}", self.left()))),
            Err(error) => Err(error.context(self.undo().await)),
        }
    }

    /// Removes what was imported by then, and says what there is now.
    async fn undo(&self) -> String {
        let key = &self.key;
        match timeout(PATIENCE, self.ask("UNLINK", &[])).await {
            Ok(Ok(_)) => format!("nothing was imported, and {key} can be imported again"),
            _ => format!("nothing is in {key}, but {}", self.left()),
        }
    }

    /// What an import that ends just anywhere leaves.
    pub fn left(&self) -> String {
        format!(
            "what was imported by then may be left as {}: remove it by UNLINK; after a week it goes by itself",
            self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{beside, keys_beside, slot};

    /// As a cluster has it.
    fn slot_of(name: &str) -> u16 {
        let tag = name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
        slot(tag.filter(|tag| !tag.is_empty()).unwrap_or(name))
    }

    #[test]
    fn the_name_is_in_the_slot_of_the_key() {
        // As CLUSTER KEYSLOT tells.
        assert_eq!([slot("123456789"), slot("foo")], [12_739, 12_182]);
        assert_eq!(beside("mails", "5"), "{mails}:tsgen-import:5");
        assert_eq!(beside("a{b}c", "5"), "a{b}c:tsgen-import:5");
        assert_eq!(beside("a{b", "5"), "{a{b}:tsgen-import:5");
        for key in [
            "",
            "mails",
            "a{b}c",
            "a{b",
            "a}b",
            "}",
            "{",
            "{}",
            "a{}b",
            "{}{b}",
            "}{",
            "}{b}",
            "a}{b}c{d}",
            "{{b}}",
            "{a}}",
        ] {
            assert_eq!(slot_of(&beside(key, "5")), slot_of(key), "{key}");
        }
    }

    #[test]
    fn the_key_is_told_by_the_name() {
        for key in ["a{b}c", "{b}:c", "x{t}:y", "{{b}}"] {
            assert_eq!(keys_beside(&beside(key, "0123456789abcdef")), [key], "{key}");
        }
        for key in ["", "a{b", "a}b", "{}", "a{}b", "}", "k:tsgen-import:0123456789abcdef"] {
            let name = beside(key, "0123456789abcdef");
            let other = name.strip_suffix(":tsgen-import:0123456789abcdef").expect("the end");
            assert_eq!(keys_beside(&name), [key, other], "{key}");
        }
        assert_eq!(keys_beside("{mails}:tsgen-import:0123456789abcdef"), ["mails", "{mails}"]);
        for name in [
            "mails",
            "mails:tsgen-import:0123456789abcdef",
            "{mails}:tsgen-import:5",
            "{mails}:tsgen-import:0123456789abcdeg",
            "{mails}:tsgen-import:0123456789ABCDEF",
        ] {
            assert!(keys_beside(name).is_empty(), "{name}");
        }
    }
}
