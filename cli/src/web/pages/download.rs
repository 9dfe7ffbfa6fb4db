//! What an entry carries, as it is, to be kept as a file. A browser is told to do nothing else with it.

use super::super::address::KeyAt;
use super::super::trouble::{Reply, Trouble};
use super::super::visit::Visit;
use super::entry;
use crate::args::State;
use crate::carried::Carried;
use crate::entries::Entry;
use crate::family::Family;
use crate::keys::Known;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use futures_util::stream::unfold;
use std::convert::Infallible;
use tokio::sync::{Semaphore, SemaphorePermit};
use tsgen_client::reply::list;

/// Contents that are held at a time, until a browser has them. One may have 512 MiB.
static HELD: Semaphore = Semaphore::const_new(4);

/// A browser that reads slowly gets so many bytes at a time.
const CHUNK: usize = 64 << 10;

/// A place among those that are held.
pub fn hold() -> Result<SemaphorePermit<'static>, Trouble> {
    let busy = "Others are loading contents just now. Try again in a moment.";
    HELD.try_acquire().map_err(|_| Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "Too much at once", busy))
}

/// The payload of an element, of any size. It is the newest of its id.
pub async fn payload(known: &Known, id: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let words = [&b"TSGEN.GET"[..], known.name.as_ref(), id];
    let reply = known.tsgen.command(Some(known.name.as_ref()), words).await?;
    let payload = list(&reply).get(2).map(tsgen_client::reply::bytes);
    Ok(payload)
}

/// The bytes that are meant: a payload, a value, or one of the items of a group.
async fn bytes(known: &Known, entry: Entry<Carried>, item: &str) -> Result<Vec<u8>, Trouble> {
    let no_bytes = || Trouble::wrong("There are no bytes of this content: see its page.");
    match entry.content {
        Some(Carried::Payload(payload)) => Ok(payload.0),
        Some(Carried::Key { value: Some(value), .. }) => Ok(value.0),
        Some(Carried::Group { items, .. }) => {
            let place: usize = item.parse().map_err(|_| no_bytes())?;
            items.into_iter().nth(place).map(|(item, _)| item.0).ok_or_else(no_bytes)
        }
        None if known.family == Family::Tsgen => payload(known, &entry.id.0).await?.ok_or_else(Trouble::no_entry),
        None => Err(Trouble::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "That is too large to be looked at",
            "The server shows no content of more than 4 MiB of this family. Whoever claims the entry gets it.",
        )),
        _ => Err(no_bytes()),
    }
}

/// A name for the file that every system takes.
fn file_name(id: &[u8], content: &[u8]) -> String {
    let plain = |byte: &u8| if byte.is_ascii_alphanumeric() || b"-_".contains(byte) { *byte as char } else { '_' };
    let name: String = id.iter().take(60).map(plain).collect();
    let text = std::str::from_utf8(content).ok();
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let kind = match text {
        Some(text) if text.trim_start().starts_with(['{', '[']) && is_json(text) => "json",
        Some(_) => "txt",
        None => "bin",
    };
    format!("{}.{kind}", if name.is_empty() { "entry" } else { &name })
}

pub async fn send(at: KeyAt, visit: Visit, state: State) -> Reply {
    let permit = hold()?;
    let known = visit.app.reach.key(&at).await?;
    let entry = entry::find(&known, &visit, state).await?.ok_or_else(Trouble::no_entry)?.entry;
    let id = entry.id.clone();
    let content = bytes(&known, entry, visit.query.get("item")).await?;
    let name = file_name(&id.0, &content);
    let length = content.len();
    // Its place is free again when all of it has gone out.
    let body = unfold((Bytes::from(content), permit), |(mut rest, permit)| async move {
        (!rest.is_empty()).then(|| {
            let chunk = rest.split_to(CHUNK.min(rest.len()));
            (Ok::<_, Infallible>(chunk), (rest, permit))
        })
    });
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (axum::http::header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_that_every_system_takes() {
        assert_eq!(file_name(b"order-7", b"{}"), "order-7.json");
        assert_eq!(file_name(b"../../etc/passwd", b"text"), "______etc_passwd.txt");
        assert_eq!(file_name(b"a\"\r\nX: y\xff", b"\xff"), "a___X__y_.bin");
        assert_eq!(file_name(b"", b"[1"), "entry.txt");
        assert!(file_name(&[b'x'; 65536], b"").len() < 100);
    }
}
