//! What is behind the gate of a key, as lines.

use super::export::{states, Lines};
use super::written::Reading;
use super::State;
use crate::bytes::Bytes;
use crate::carried::Carried;
use crate::entries::{page_of, Entry};
use crate::family::Family;
use crate::keys::Known;
use serde_json::json;
use tsgen_client::{Info, Name, Raw};

/// So many groups or keys are asked for at a time.
const MANY: usize = 1000;

pub async fn behind(known: &Known, info: &Info, lines: &mut Lines) -> anyhow::Result<()> {
    match known.family {
        Family::Tsgen => states(known, info, &[Reading::Waiting], lines).await,
        Family::Debounce => collecting(known, lines).await,
        Family::Expiry => tracked(known, lines).await,
        // No command lists the open window.
        Family::Tally => Ok(()),
    }
}

/// An error if the module on the server is older than what an export asks for, before there is a line of it.
pub async fn readable(known: &Known) -> anyhow::Result<()> {
    let waiting = (known.family == Family::Tsgen).then_some(tsgen_client::State::Waiting);
    for state in [tsgen_client::State::Ready].into_iter().chain(waiting) {
        let asked: anyhow::Result<(Vec<Entry<Carried>>, String)> = page_of(known, state, 1, "0").await;
        let Err(error) = asked else { continue };
        let refused = match error.chain().find_map(|cause| cause.downcast_ref()) {
            Some(tsgen_client::Error::Refused { text, .. }) => text.as_str(),
            _ => "",
        };
        let lacks = match refused {
            text if text.contains("unknown command") => known.family.command("PEEK"),
            text if text.contains("what to show must be") => format!("{} with WAITING", known.family.command("PEEK")),
            _ => return Err(error),
        };
        let older = format!("the module on this server is older than this program, and has no {lacks}: export by a program of its version");
        return Err(error.context(older));
    }
    Ok(())
}

async fn collecting(known: &Known, lines: &mut Lines) -> anyhow::Result<()> {
    let key = known.tsgen.debounce(known.name.clone());
    let mut after: Option<Name> = None;
    loop {
        let page = key.groups(MANY, after.as_ref()).await?;
        for group in &page {
            // It may have fired meanwhile.
            let Some(pushed) = key.get::<Raw>(&group.name).await? else { continue };
            let items = pushed.items.map_err(|error| anyhow::anyhow!("{error}"))?;
            let id = Bytes::from(&group.name);
            let told = items.iter().map(|item| json!({ "item": Bytes::from(&item.value.0), "pushed_at_ms": item.at }));
            let line = json!({
                "state": State::Waiting, "id": id, "fires_at_ms": pushed.fires_at,
                "content": { "items": told.collect::<serde_json::Value>() },
            });
            let items = items.into_iter().map(|item| (Bytes(item.value.0), item.at)).collect();
            let content = Carried::Group { reason: String::new(), items };
            if lines.written.takes(Reading::Waiting, &Entry::waiting(id, Some(content), 0)) {
                lines.write(&line)?;
            }
        }
        match page.last() {
            Some(last) if page.len() == MANY => after = Some(last.name.clone()),
            _ => return Ok(()),
        }
    }
}

async fn tracked(known: &Known, lines: &mut Lines) -> anyhow::Result<()> {
    let key = known.tsgen.expiry(known.name.clone());
    let mut after: Option<Name> = None;
    loop {
        let page = key.tracked(MANY, after.as_ref()).await?;
        for tracked in &page {
            let (id, deadline) = (Bytes::from(&tracked.name), tracked.deadline);
            let line = json!({ "state": State::Waiting, "id": id, "deadline_ms": deadline });
            let content = Carried::Key { kind: String::new(), value: None, deadline, reason: String::new() };
            if lines.written.takes(Reading::Waiting, &Entry::waiting(id, Some(content), 0)) {
                lines.write(&line)?;
            }
        }
        match page.last() {
            Some(last) if page.len() == MANY => after = Some(last.name.clone()),
            _ => return Ok(()),
        }
    }
}
