//! An error with its causes, in one sentence.

use crate::bytes::Bytes;
use std::error::Error;

/// Each cause once: what an error has already said with its own words is left out.
pub fn sentence(error: &anyhow::Error) -> String {
    causes(error.chain())
}

fn causes<'e>(chain: impl Iterator<Item = &'e (dyn Error + 'static)>) -> String {
    let mut said = String::new();
    for cause in chain.map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.ends_with(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    // Some of it is what a server has said, and a terminal obeys some bytes.
    Bytes::from(said.replace(['\r', '\n'], " ")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_twice() {
        let refused = || std::io::Error::other("Connection refused");
        let error = anyhow::Error::from(refused()).context("no answer: Connection refused").context("h:1");
        assert_eq!(sentence(&error), "h:1: no answer: Connection refused");
        assert_eq!(sentence(&anyhow::Error::from(refused()).context("INFO")), "INFO: Connection refused");
    }

    #[test]
    fn nothing_is_said_that_a_terminal_would_obey() {
        let error = anyhow::anyhow!("-ERR \x1b]0;x\x07\x1b[2J\r\nno \u{202e}such");
        assert_eq!(sentence(&error), "-ERR \\x1b]0;x\\x07\\x1b[2J  no \\xe2\\x80\\xaesuch");
    }
}
