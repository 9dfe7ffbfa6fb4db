//! The secret of the process, and the codes that are made with it. A new process has a new one, so what was made before is taken no more.

use anyhow::anyhow;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub struct Secret([u8; 32]);

/// Bytes that nobody can guess, in hexadecimal.
pub fn random() -> anyhow::Result<String> {
    Ok(hexadecimal(&bytes()?))
}

fn bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Secret {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(bytes()?))
    }

    fn mac(&self, what: &str, of: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length will do");
        mac.update(what.as_bytes());
        mac.update(b"\0");
        mac.update(of.as_bytes());
        mac
    }

    /// A code that only this process can make, of a kind of thing and one of them.
    pub fn code(&self, what: &str, of: &str) -> String {
        hexadecimal(&self.mac(what, of).finalize().into_bytes())
    }

    /// Whether a code is the one for this. How long that takes does not tell how much of it is right.
    pub fn is_code(&self, what: &str, of: &str, code: &str) -> bool {
        let byte = |at: usize| code.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        let bytes: Option<Vec<u8>> = (0..code.len()).step_by(2).map(byte).collect();
        bytes.is_some_and(|bytes| self.mac(what, of).verify_slice(&bytes).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_codes_are_taken() {
        let (secret, other) = (Secret::new().expect("a secret"), Secret::new().expect("a secret"));
        let code = secret.code("form", "ada");
        assert!(secret.is_code("form", "ada", &code));
        assert!(!secret.is_code("form", "eve", &code) && !secret.is_code("told", "ada", &code));
        assert!(!other.is_code("form", "ada", &code));
        for wrong in ["", "0", "zz", "\u{e9}\u{e9}", &code[2..], &format!("{code}00")] {
            assert!(!secret.is_code("form", "ada", wrong), "{wrong}");
        }
    }
}
