//! The users of the pages: a file with a line for each, `name:$argon2id$…`, as `tsgen web-user` makes them.

use crate::args::WebUser;
use crate::Outcome;
use anyhow::{anyhow, bail, Context};
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHashString, PasswordHasher, PasswordVerifier, SaltString};
use argon2::Argon2;
use std::collections::HashMap;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A password has at least so many characters, and at most so many bytes.
const SHORTEST: usize = 12;
const LONGEST: usize = 1024;

/// So many passwords are looked at at a time, for each takes 19 MiB and a core for some ms; and for so long the next one waits.
const AT_ONCE: usize = 2;
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Users {
    hashes: HashMap<String, PasswordHashString>,
    /// Of a password that nobody has: a name that there is none of takes as long as one that there is.
    nobody: PasswordHashString,
    room: Arc<Semaphore>,
}

fn hash(password: &str) -> anyhow::Result<PasswordHashString> {
    let salt = SaltString::generate(&mut OsRng);
    let hash =
        Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|error| anyhow!("argon2: {error}"))?;
    Ok(hash.serialize())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && !name.contains(':')
        && !name.chars().any(|c| c.is_control() || c.is_whitespace())
}

impl Users {
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("--users {}", file.display()))?;
        Self::of(&text).with_context(|| format!("--users {}", file.display()))
    }

    fn of(text: &str) -> anyhow::Result<Self> {
        let mut hashes = HashMap::new();
        for (nth, line) in text.lines().enumerate().map(|(nth, line)| (nth + 1, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let of_line = line.split_once(':').filter(|(name, _)| is_name(name));
            // What does not fit is not repeated: it may be a password.
            let (name, hash) = of_line.with_context(|| format!("line {nth} is none of `tsgen web-user NAME`"))?;
            let hash =
                PasswordHashString::new(hash).ok().filter(|hash| hash.algorithm().as_str().starts_with("argon2"));
            let hash = hash.with_context(|| {
                format!("line {nth} has no argon2 hash of {name}: make it with `tsgen web-user {name}`")
            })?;
            if hashes.insert(name.to_owned(), hash).is_some() {
                bail!("line {nth}: {name} is there twice");
            }
        }
        if hashes.is_empty() {
            bail!("there is no user in it: `tsgen web-user NAME` makes a line for it");
        }
        Ok(Self { hashes, nobody: hash("nobody has this password")?, room: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    pub fn has(&self, name: &str) -> bool {
        self.hashes.contains_key(name)
    }

    /// Whether this is the user's password; an error if too many others are asked for at the moment.
    pub async fn is_password(&self, name: &str, password: &str) -> anyhow::Result<bool> {
        let (hash, is_known) = match self.hashes.get(name) {
            Some(hash) => (hash.clone(), true),
            None => (self.nobody.clone(), false),
        };
        if password.len() > LONGEST {
            return Ok(false);
        }
        let waiting = tokio::time::timeout(PATIENCE, self.room.clone().acquire_owned()).await;
        let permit = waiting.context("too many want to log in at the moment")??;
        let password = password.to_owned();
        let looked = tokio::task::spawn_blocking(move || {
            let hash: PasswordHash = hash.password_hash();
            let is_it = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
            drop(permit);
            is_it
        });
        Ok(looked.await? && is_known)
    }
}

/// `tsgen web-user NAME`: prints a line for the file. The password is asked for twice on a terminal, and else the first line of the input.
pub fn make(user: &WebUser) -> anyhow::Result<Outcome> {
    let name = &user.name;
    if !is_name(name) {
        bail!("a name of a user has 1 to 100 bytes, without colons, blanks and control characters");
    }
    let password = if std::io::stdin().is_terminal() {
        let password = rpassword::prompt_password(format!("Password of {name}: "))?;
        if rpassword::prompt_password("Again: ")? != password {
            bail!("these are two different passwords");
        }
        password
    } else {
        let mut text = String::new();
        std::io::stdin().take(64 << 10).read_to_string(&mut text)?;
        text.lines().next().unwrap_or_default().to_owned()
    };
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        bail!("a password has at least {SHORTEST} characters, and at most {LONGEST} bytes");
    }
    crate::table::line(format!("{name}:{}", hash(&password)?.as_str()))?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_the_one_of_its_user() {
        let line = |name: &str, password| format!("{name}:{}\n", hash(password).expect("a hash").as_str());
        let text = format!("# comment\n\n{}{}", line("ada", "correct horse"), line("eve", "battery staple"));
        let users = Users::of(&text).expect("users");
        for (name, password, is_right) in [
            ("ada", "correct horse", true),
            ("ada", "battery staple", false),
            ("eve", "correct horse", false),
            ("bob", "nobody has this password", false),
            ("ada", "", false),
        ] {
            assert_eq!(users.is_password(name, password).await.expect("looked"), is_right, "{name} {password}");
        }
        assert!(!users.is_password("ada", &"x".repeat(LONGEST + 1)).await.expect("looked"));
    }

    #[test]
    fn a_file_that_is_none_is_told_of_without_what_is_in_it() {
        for (text, said) in [
            ("", "no user in it"),
            ("ada secret", "line 1 is none of"),
            ("# x\nada:secret", "line 2 has no argon2 hash of ada"),
            ("a b:secret", "line 1 is none of"),
        ] {
            let error = Users::of(text).err().expect("an error").to_string();
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
        let line = format!("ada:{}\n", hash("correct horse").expect("a hash").as_str());
        assert!(Users::of(&line.repeat(2)).err().expect("an error").to_string().contains("line 2: ada is there twice"));
    }
}
