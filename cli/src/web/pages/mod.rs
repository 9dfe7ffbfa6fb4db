//! The pages of a key. Their paths begin with `/key/{db}/{name}`, which [`KeyAt`] reads.

use super::act::Act;
use super::address::KeyAt;
use super::layout::{Page, Tab};
use super::trouble::Reply;
use super::visit::Visit;
use super::App;
use crate::bytes::{shortened, Bytes};
use axum::extract::State;
use axum::routing::{get, post};
use axum::Router;
use maud::html;

pub fn routes() -> Router<App> {
    Router::new().route("/key/{db}/{name}", get(page)).route("/key/{db}/{name}/pause", post(pause))
}

async fn page(visit: Visit, State(app): State<App>, at: KeyAt) -> Reply {
    let known = app.reach.key(&at).await?;
    let info = known.info().await?;
    let (label, word) = if info.paused { ("Resume", "no") } else { ("Pause", "yes") };
    let body = html! {
        p { (known.family) @if info.paused { " " span.badge { "paused" } } }
        (visit.button(&format!("{}/pause", at.address()), label, &[("paused", word)]))
    };
    let title = shortened(&Bytes::from(&at.name).to_string(), 200);
    Ok(visit.page(&Page { title: &title, tab: Tab::None, is_live: true }, body))
}

async fn pause(State(app): State<App>, at: KeyAt, act: Act) -> Reply {
    let is_paused = act.fields.get("paused") == "yes";
    let (action, word, said) = if is_paused { ("pause", "yes", "Paused.") } else { ("resume", "no", "Resumed.") };
    let known = app.reach.key(&at).await?;
    act.take(action, Some(&at), &at.address(), async {
        let command = known.family.command("ALTER");
        known.tsgen.command(Some(&at.name), [command.as_bytes(), &at.name, b"PAUSED", word.as_bytes()]).await?;
        Ok(said.to_owned())
    })
    .await
}
