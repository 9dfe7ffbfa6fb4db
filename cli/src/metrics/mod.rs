//! `tsgen metrics`: figures of all keys for Prometheus, once or at `/metrics`.

mod choice;
mod text;

use crate::args::{Common, Metrics};
use crate::family::Family;
use crate::servers::Servers;
use crate::watch::{self, complain, Options, Watch};
use crate::{table, Outcome};
use anyhow::Context;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::Router;
pub use choice::Choice;
use std::sync::{Arc, Mutex, PoisonError};
pub use text::text;
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};

/// `/metrics`, of the picture that a watch has. `max_keys` have figures of their own.
pub fn routes(watch: Watch, max_keys: usize) -> Router {
    let choice = Mutex::new(Choice::new(max_keys));
    Router::new().route("/metrics", get(answer)).with_state(Arc::new((watch, choice)))
}

async fn answer(State(state): State<Arc<(Watch, Mutex<Choice>)>>) -> impl IntoResponse {
    let (watch, choice) = &*state;
    let picture = watch.first().await;
    let body = text(&picture, &mut choice.lock().unwrap_or_else(PoisonError::into_inner));
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body)
}

pub async fn run(common: &Common, metrics: &Metrics) -> anyhow::Result<Outcome> {
    let servers = Servers::of(common)?;
    if let Some(listen) = metrics.listen {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("--listen {listen}"))?;
        eprintln!("tsgen: metrics: http://{}/metrics", listener.local_addr()?);
        let app = routes(Watch::start(servers, Options::default()), metrics.max_keys);
        let mut ends = signal(SignalKind::terminate())?;
        let end = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = ends.recv() => {}
            }
        };
        // A scrape that is half sent may end; one that nobody reads may not hold the process.
        tokio::select! {
            served = async { axum::serve(listener, app).await } => served?,
            () = end => {}
        }
        return Ok(Outcome::Done);
    }
    let picture = watch::whole(servers, &Family::ALL).await?;
    complain(&picture.troubles());
    table::raw(&text(&picture, &mut Choice::new(metrics.max_keys)))?;
    Ok(Outcome::Done)
}
