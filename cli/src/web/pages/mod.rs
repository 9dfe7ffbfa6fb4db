//! The pages of a key. Their paths begin with `/key/{db}/{name}`, which [`KeyAt`] reads.
//!
//! - `key` is the first of them: where the key stands. `gate` shows what opens it, `options` changes it; `figures` words what INFO tells.
//! - `entries` lists those of a state, `letters` those that are dead, `waiting` what is behind the gate; `entry` shows one, `find` looks for ids.
//!   `listed` finds which entries are on a page.
//! - `content` shows what entries carry, within bounds; `download` hands it out as it is.
//! - `steer` has the small actions. `work` does what takes many commands, and tells how far it is.

mod content;
mod download;
mod entries;
mod entry;
mod figures;
mod find;
mod frame;
mod gate;
mod key;
mod letters;
mod listed;
mod options;
mod reasons;
mod steer;
mod waiting;
mod work;

use super::address::KeyAt;
use super::moment;
use super::visit::Visit;
use super::App;
use crate::args::State;
use axum::routing::{get, post};
use axum::Router;
pub use work::Works;

pub fn routes() -> Router<App> {
    let mut routes = Router::new()
        .route("/key/{db}/{name}", get(key::page))
        .route("/key/{db}/{name}/dead", get(letters::page))
        .route("/key/{db}/{name}/waiting", get(waiting::page))
        .route("/key/{db}/{name}/find", get(find::page))
        .route("/key/{db}/{name}/options", get(options::page).post(options::alter))
        .route("/key/{db}/{name}/pause", post(steer::pause))
        .route("/key/{db}/{name}/resume", post(steer::resume))
        .route("/key/{db}/{name}/promote", post(steer::promote))
        .route("/key/{db}/{name}/requeue", post(letters::requeue))
        .route("/key/{db}/{name}/discard", post(letters::discard))
        .route("/key/{db}/{name}/work/{number}", get(work::page).post(work::stop));
    for state in frame::STATES {
        let path = |rest: &str| format!("/key/{{db}}/{{name}}/{}{rest}", frame::word(state));
        if !matches!(state, State::Dead) {
            routes = routes.route(&path(""), get(move |at: KeyAt, visit: Visit| entries::page(at, visit, state)));
        }
        routes = routes
            .route(&path("/entry"), get(move |at: KeyAt, visit: Visit| entry::page(at, visit, state)))
            .route(&path("/download"), get(move |at: KeyAt, visit: Visit| download::send(at, visit, state)));
    }
    routes
}
