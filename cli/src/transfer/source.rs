//! The lines of an export, as they are read.

use super::{Head, Line, FORMAT};
use crate::args::Import;
use anyhow::{bail, Context};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek};

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

    /// Each entry, with where it stands.
    pub fn entries(&mut self) -> anyhow::Result<impl Iterator<Item = (String, anyhow::Result<Line>)> + use<'_>> {
        let from = self.from.clone();
        Ok(self.lines()?.enumerate().skip(1).map(move |(nth, line)| {
            let read = line.map_err(anyhow::Error::from).and_then(|line| Ok(serde_json::from_str(&line)?));
            (format!("{from}: line {}", nth + 1), read)
        }))
    }
}
