//! Asks before what cannot be taken back.

use crate::args::Common;
use anyhow::bail;
use std::io::{IsTerminal, Write};

/// Asks, unless `--yes` was given. An error where there is nobody to ask, or if the answer is not yes.
pub fn confirm(common: &Common, question: &str) -> anyhow::Result<()> {
    if common.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question} There is no terminal to ask on: say --yes if that is meant");
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was done"),
    }
}
