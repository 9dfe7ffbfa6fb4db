//! `tsgen info KEY`: where one key stands.

use crate::args::Common;
use crate::bytes::Bytes;
use crate::keys::Known;
use crate::servers::Servers;
use crate::{table, Outcome};
use serde_json::{json, Map, Value};
use tsgen_client::Figure;

/// A figure of INFO as JSON.
pub fn value(figure: &Figure) -> Value {
    let text = |name: &tsgen_client::Name| serde_json::to_value(Bytes::from(name)).unwrap_or_default();
    match figure {
        Figure::Integer(n) => json!(n),
        Figure::Text(name) => text(name),
        Figure::Names(names) => names.iter().map(text).collect(),
        Figure::Nil => Value::Null,
    }
}

/// What a person reads: lengths and times have `-age` or `-deadline` in their names.
pub fn shown(name: &str, figure: &Figure) -> String {
    match figure {
        Figure::Integer(ms) if name.ends_with("-age") => table::length(*ms),
        Figure::Integer(ms) if name == "next-deadline" => {
            format!("{} (in {})", table::time(*ms), table::length(ms.saturating_sub(table::now())))
        }
        Figure::Text(name) => Bytes::from(name).to_string(),
        Figure::Names(names) => names.iter().map(|name| Bytes::from(name).to_string()).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

pub async fn run(common: &Common, key: &str) -> anyhow::Result<Outcome> {
    let known = Known::find(&Servers::of(common)?, key).await?;
    let info = known.info().await?;
    if common.json {
        let figures: Map<String, Value> =
            info.figures.iter().map(|(name, figure)| (name.clone(), value(figure))).collect();
        table::json(&json!({ "key": Bytes::from(&known.name), "family": known.family, "info": figures }))?;
    } else {
        let head = ["family".to_owned(), known.family.to_string()].to_vec();
        let rows = info.figures.iter().map(|(name, figure)| vec![name.clone(), shown(name, figure)]);
        table::show(&["", ""], [head].into_iter().chain(rows))?;
    }
    Ok(Outcome::Done)
}
