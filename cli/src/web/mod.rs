//! `tsgen web`: what the keys hold, and what an operator does about it, as pages in a browser.
//!
//! Each page is whole without script: links, forms, and an address that says what is shown. With script (one small file of our own) a page
//! that is live is fetched again whenever there is a new picture of the servers, and what differs is changed in place.
//!
//! - `guard` stands before everything: which hosts, who, and whether a form is to be taken. What it lets through it says in a [`Visit`].
//! - `visit` is what a page is made from, `layout` is what all have around them, `act` is what an action is made from.
//! - What a page shows of many keys is in the picture of [`watch`](crate::watch), and not asked for while the page is made.
//! - `address` tells how keys stand in addresses; the pages of a key are in `pages`.
//! - `trouble` is an error that a person reads.

mod act;
mod address;
mod assets;
mod attempts;
mod events;
mod graph;
mod guard;
mod layout;
mod live;
mod login;
mod moment;
mod nodes;
mod overview;
mod pages;
mod reach;
mod secret;
mod sessions;
mod trouble;
pub mod users;
mod visit;
mod who;
mod workers;

use crate::args::{Common, Web};
use crate::metrics;
use crate::serve;
use crate::servers::Servers;
use crate::watch::{Options, Watch};
use crate::Outcome;
use anyhow::{bail, Context};
use attempts::Attempts;
use axum::routing::{get, post};
use axum::Router;
use events::Events;
use reach::Reach;
use secret::Secret;
use sessions::Sessions;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use who::Gate;
use workers::Workers;

/// So many pages may listen for new pictures at a time.
const LISTENERS: usize = 256;

/// What all requests share.
pub struct Shared {
    pub web: Web,
    /// What all addresses begin with: nothing, or `/some/path`.
    pub base: String,
    /// The picture of all keys that pages are made from.
    pub watch: Watch,
    pub reach: Reach,
    pub events: Events,
    pub workers: Workers,
    pub gate: Gate,
    pub sessions: Sessions,
    pub attempts: Attempts,
    pub secret: Secret,
    /// What takes many commands, and goes on meanwhile.
    pub works: pages::Works,
    pub listeners: Arc<Semaphore>,
    /// Where it listens.
    address: SocketAddr,
}

impl Shared {
    /// Two programs on one host, at different ports, share their cookies, so the port is in the name.
    pub fn cookie_name(&self, name: &str) -> String {
        format!("tsgen-{name}-{}", self.address.port())
    }
}

/// The state of the router.
pub type App = Arc<Shared>;

/// `/some/path` of what was given as `--base-path`; nothing for the root.
fn base(path: &str) -> anyhow::Result<String> {
    let path = path.trim_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if !path.chars().all(is_plain) || path.split('/').any(|part| matches!(part, "." | "..")) || path.contains("//") {
        bail!("--base-path must be a path of letters, digits and -._~, such as /tsgen");
    }
    Ok(if path.is_empty() { String::new() } else { format!("/{path}") })
}

fn router(app: &App) -> Router {
    let own = Router::new()
        .route("/", get(overview::page))
        .route("/workers", get(workers::page))
        .route("/events", get(events::page))
        .route("/nodes", get(nodes::page))
        .route("/live", get(live::stream))
        .route("/style.css", get(assets::style))
        .route("/live.js", get(assets::script))
        .route("/icon.svg", get(assets::icon))
        .route("/login", get(login::page).post(login::enter))
        .route("/logout", post(login::leave))
        .merge(metrics::routes(app.watch.clone(), app.web.max_keys).with_state(()))
        .merge(pages::routes())
        .fallback(trouble::no_such_page);
    let all = match app.base.as_str() {
        "" => own,
        base => {
            let overview = get(overview::page);
            Router::new().route(&format!("{base}/"), overview).nest(base, own).fallback(trouble::no_such_page)
        }
    };
    all.layer(axum::middleware::from_fn_with_state(app.clone(), guard::guard)).with_state(app.clone())
}

/// Serves until it is told to end. It starts whether the servers answer or not: a page says so.
pub async fn run(common: &Common, web: &Web) -> anyhow::Result<Outcome> {
    let (base, gate) = (base(&web.base_path)?, Gate::of(web)?);
    let listener = TcpListener::bind(web.listen).await.with_context(|| format!("--listen {}", web.listen))?;
    let options = Options { every: web.every, keys_per_second: web.keys_per_second, ..Options::default() };
    let app = Arc::new(Shared {
        web: web.clone(),
        base,
        watch: Watch::start(Servers::of(common)?, options),
        reach: Reach::new(common),
        events: Events::default(),
        workers: Workers::default(),
        gate,
        sessions: Sessions::default(),
        attempts: Attempts::default(),
        secret: Secret::new()?,
        works: pages::Works::default(),
        listeners: Arc::new(Semaphore::new(LISTENERS)),
        address: listener.local_addr()?,
    });
    app.events.follow(app.watch.clone());
    let address = app.address;
    eprintln!("tsgen: web: http://{address}{}/", app.base);
    serve::serve(listener, router(&app)).await?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_a_path() {
        let told = |path| base(path).ok();
        assert_eq!([told(""), told("/")], [Some(String::new()), Some(String::new())]);
        assert_eq!([told("a/b/"), told("/tsgen")], [Some("/a/b".to_owned()), Some("/tsgen".to_owned())]);
        assert_eq!([told("/a b"), told("/../x"), told("a//b"), told("/{x}")], [None, None, None, None]);
    }
}
