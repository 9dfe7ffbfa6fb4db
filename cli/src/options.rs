//! `tsgen create`, `alter`, `pause` and `resume`. The server knows its options; this only makes words of them, so that those of newer
//! modules work too.

use crate::args::Common;
use crate::confirm::confirm;
use crate::family::Family;
use crate::keys::Known;
use crate::servers::Servers;
use crate::{table, Outcome};
use anyhow::bail;

/// `--lease 30s --clock` becomes `LEASE 30s CLOCK`.
fn words(options: &[String]) -> anyhow::Result<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    for option in options {
        match option.strip_prefix("--") {
            Some("") => bail!("--: an option of the key is expected behind it, such as --lease 30s"),
            Some(option) => match option.split_once('=') {
                Some((name, value)) => words.extend([name.to_uppercase(), value.to_owned()]),
                None => words.push(option.to_uppercase()),
            },
            None if words.is_empty() => bail!("{option}: options of the key begin with --, such as --lease 30s"),
            None => words.push(option.clone()),
        }
    }
    Ok(words)
}

fn done(common: &Common) -> anyhow::Result<Outcome> {
    if common.json {
        table::json(&serde_json::json!({ "done": true }))?;
    }
    Ok(Outcome::Done)
}

pub async fn create(common: &Common, family: Family, key: &str, options: &[String]) -> anyhow::Result<Outcome> {
    let options = words(options)?;
    let tsgen = Servers::of(common)?.tsgen().await?;
    let words = [family.command("CREATE"), key.to_owned()].into_iter().chain(options);
    tsgen.command(Some(key.as_bytes()), words).await?;
    done(common)
}

/// Options of ALTER that cannot be taken back: what they set back, hand on or forget is gone.
const FOR_GOOD: [&str; 5] = ["WATERMARK", "SOURCE", "REMSOURCE", "SINK", "REMEMBER"];

pub async fn alter(common: &Common, key: &str, options: &[String]) -> anyhow::Result<Outcome> {
    let options = words(options)?;
    let known = Known::find(&Servers::of(common)?, key).await?;
    if options.iter().any(|word| FOR_GOOD.contains(&word.as_str())) {
        confirm(common, &format!("Change {} of {key}? It may not be taken back.", options.join(" ")))?;
    }
    change(&known, options).await?;
    done(common)
}

pub async fn pause(common: &Common, key: &str, is_paused: bool) -> anyhow::Result<Outcome> {
    set_paused(&Known::find(&Servers::of(common)?, key).await?, is_paused).await?;
    done(common)
}

/// Begins or ends a pause.
pub async fn set_paused(known: &Known, is_paused: bool) -> anyhow::Result<()> {
    change(known, ["PAUSED", if is_paused { "yes" } else { "no" }].map(str::to_owned).to_vec()).await
}

/// Changes options, given as the words of ALTER.
pub async fn change(known: &Known, options: Vec<String>) -> anyhow::Result<()> {
    let key = known.name.0.clone();
    let options = options.into_iter().map(String::into_bytes);
    let words = [known.family.command("ALTER").into_bytes(), key.clone()].into_iter().chain(options);
    known.tsgen.command(Some(&key), words).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(options: &[&str]) -> anyhow::Result<String> {
        Ok(words(&options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>())?.join(" "))
    }

    #[test]
    fn options_become_the_words_of_the_server() {
        assert_eq!(told(&["--clock", "--lease", "30s"]).expect("words"), "CLOCK LEASE 30s");
        assert_eq!(told(&["--sources", "2", "north", "south"]).expect("words"), "SOURCES 2 north south");
        assert_eq!(told(&["--lease=30s", "--prefix="]).expect("words"), "LEASE 30s PREFIX ");
        assert_eq!(told(&["--late", "reject"]).expect("words"), "LATE reject");
    }

    #[test]
    fn what_is_no_option_is_said() {
        assert!(told(&["lease", "30s"]).expect_err("no option").to_string().contains("begin with --"));
        assert!(told(&["--clock", "--"]).expect_err("no option").to_string().contains("expected behind it"));
    }
}
