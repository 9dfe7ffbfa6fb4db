//! `tsgen metrics`: figures of all keys for Prometheus, once or at `/metrics`.

mod choice;
mod text;

use crate::args::{Common, Metrics};
use crate::family::Family;
use crate::host;
use crate::serve;
use crate::servers::Servers;
use crate::watch::{self, complain, Options, Picture, Watch};
use crate::{table, Outcome};
use anyhow::Context;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::Router;
pub use choice::Choice;
use std::sync::{Arc, Mutex, PoisonError};
pub use text::text;
use tokio::net::TcpListener;

/// What `/metrics` tells, made once of each picture: how often somebody scrapes costs next to nothing.
struct Page {
    watch: Watch,
    told: Mutex<(Choice, Option<(u64, Bytes)>)>,
}

impl Page {
    fn text(&self, picture: &Picture) -> Bytes {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (choice, last) = &mut *told;
        match last {
            Some((nth, text)) if *nth == picture.nth => text.clone(),
            _ => last.insert((picture.nth, text(picture, choice).into())).1.clone(),
        }
    }
}

/// `/metrics`, of the picture that a watch has. `max_keys` have figures of their own.
pub fn routes(watch: Watch, max_keys: usize) -> Router {
    let told = Mutex::new((Choice::new(max_keys), None));
    Router::new().route("/metrics", get(answer)).with_state(Arc::new(Page { watch, told }))
}

async fn answer(State(page): State<Arc<Page>>) -> impl IntoResponse {
    let body = page.text(&*page.watch.first().await);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body)
}

pub async fn run(common: &Common, metrics: &Metrics) -> anyhow::Result<Outcome> {
    let servers = Servers::of(common)?;
    if let Some(listen) = metrics.listen {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("--listen {listen}"))?;
        eprintln!("tsgen: metrics: http://{}/metrics", listener.local_addr()?);
        let app = routes(Watch::start(servers, Options::default()), metrics.max_keys);
        let guarded = app.layer(from_fn_with_state(Arc::new(metrics.host.clone()), host::guard));
        serve::serve(listener, guarded).await?;
        return Ok(Outcome::Done);
    }
    let picture = watch::whole(servers, &Family::ALL).await?;
    complain(&picture.troubles());
    table::raw(&text(&picture, &mut Choice::new(metrics.max_keys)))?;
    Ok(Outcome::Done)
}
