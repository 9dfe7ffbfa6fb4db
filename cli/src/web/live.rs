//! Tells pages that there is a new picture, as server-sent events.
//!
//! Only its number is sent: a page fetches itself again. So one stream does for all pages, and a browser that is slow gets the newest number
//! when it reads again, and nothing that has piled up.

use super::trouble::{Reply, Trouble};
use super::visit::Visit;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::IntoResponse;
use futures_util::stream::unfold;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{timeout_at, Instant};

/// After so long the stream ends, and a browser that is still there asks for another one: who it is, is looked at again.
const LONGEST: Duration = Duration::from_secs(600);

pub async fn stream(visit: Visit) -> Reply {
    let Ok(permit) = visit.app.listeners.clone().try_acquire_owned() else {
        let trouble = Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open", "Try again later.");
        let mut reply = trouble.into_response();
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        return Ok(reply);
    };
    let (watch, end) = (visit.app.watch.clone(), Instant::now() + LONGEST);
    let events = unfold((watch, permit), move |(mut watch, permit)| async move {
        let picture = timeout_at(end, watch.changed()).await.ok()?;
        Some((Ok::<_, Infallible>(Event::default().event("picture").data(picture.nth.to_string())), (watch, permit)))
    });
    let mut reply = Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response();
    // Proxies that collect a reply before they pass it on.
    reply.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(reply)
}
