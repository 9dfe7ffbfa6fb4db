//! The lines of an export, as they are read.

use super::{End, Head, Line, FORMAT};
use crate::args::Import;
use crate::bytes::Bytes;
use anyhow::{bail, Context};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};

/// How many entries there are, if this is the last line.
fn end_of(line: &str) -> Option<u64> {
    // An entry is not read for this.
    line.starts_with("{\"end\":").then(|| serde_json::from_str::<End>(line).ok()).flatten().map(|end| end.end)
}

/// The lines, which are read more than once: what comes by the standard input is kept in a file without a name.
pub struct Source {
    pub from: String,
    file: File,
}

impl Source {
    pub fn open(import: &Import) -> anyhow::Result<Self> {
        let from = import.file.display().to_string();
        let file = match from.as_str() {
            "-" => {
                let mut file = tempfile::tempfile().context("a temporary file")?;
                std::io::copy(&mut std::io::stdin(), &mut file).context("a temporary file")?;
                file
            }
            _ => File::open(&import.file).with_context(|| from.clone())?,
        };
        Ok(Self { from, file })
    }

    /// All lines, from the first on.
    fn lines(&mut self) -> anyhow::Result<std::io::Lines<BufReader<&File>>> {
        self.file.rewind().with_context(|| format!("{}: it is to be a file", self.from))?;
        Ok(BufReader::new(&self.file).lines())
    }

    pub fn head(&mut self) -> anyhow::Result<Head> {
        let from = self.from.clone();
        let first = self.lines()?.next().with_context(|| format!("{from} is empty"))??;
        let head: Head =
            serde_json::from_str(&first).with_context(|| format!("{from}: line 1 is not that of an export"))?;
        if head.tsgen_export != FORMAT {
            bail!("{from}: format {} is not known here, only {FORMAT}: use a newer tsgen", head.tsgen_export);
        }
        Ok(head)
    }

    /// An error unless the export is as long as its last line says. Of one by an older program it is said that nobody knows.
    pub fn whole(&mut self, head: &Head) -> anyhow::Result<()> {
        let from = self.from.clone();
        if !head.has_end {
            let older = format!("{from} is by an older tsgen, whose exports do not tell their end: it may be cut off");
            let _ = writeln!(std::io::stderr(), "tsgen: {}", Bytes::from(older));
            return Ok(());
        }
        let (mut count, mut end) = (0, None);
        for line in self.lines()?.skip(1) {
            let line = line.with_context(|| from.clone())?;
            if end.is_some() {
                bail!("{from}: there is more behind the line of its end");
            }
            match end_of(&line) {
                Some(told) => end = Some(told),
                None => count += 1,
            }
        }
        match end {
            Some(told) if told == count => Ok(()),
            Some(told) => bail!("{from}: by its last line it has {told} entries, and there are {count}"),
            None => bail!("{from} is cut off: its last line, which tells how many entries there are, is missing"),
        }
    }

    /// Each entry, with where it stands.
    pub fn entries(&mut self) -> anyhow::Result<impl Iterator<Item = (String, anyhow::Result<Line>)> + use<'_>> {
        let from = self.from.clone();
        let lines = self.lines()?.enumerate().skip(1);
        let entries = lines.filter(|(_, line)| line.as_ref().map_or(true, |line| end_of(line).is_none()));
        Ok(entries.map(move |(nth, line)| {
            let read = line.map_err(anyhow::Error::from).and_then(|line| Ok(serde_json::from_str(&line)?));
            (format!("{from}: line {}", nth + 1), read)
        }))
    }
}
