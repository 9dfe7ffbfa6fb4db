//! What all pages of a key have: its name, where else one can go, and whether it is paused.

use super::super::address::KeyAt;
use super::super::layout::{Page, Tab};
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use crate::args::State;
use crate::bytes::{shortened, Bytes};
use crate::family::Family;
use crate::keys::Known;
use axum::response::Response;
use maud::{html, Markup};
use tsgen_client::Info;

/// The states that PEEK knows.
pub const STATES: [State; 4] = [State::Ready, State::Leased, State::Delayed, State::Dead];

/// How a state stands in addresses.
pub fn word(state: State) -> &'static str {
    match state {
        State::Ready => "ready",
        State::Leased => "leased",
        State::Delayed => "delayed",
        State::Dead => "dead",
    }
}

/// A word at the beginning of a line.
pub fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// Names on a page are cut behind so many characters. Their title has more.
const NAME: usize = 120;

/// A name: of a key, an id, a group. Of 64 KiB only the beginning is looked at. One that cannot be seen is between quotes.
pub fn name(name: &Bytes) -> Markup {
    let text = Bytes::from(&name.0[..name.0.len().min(2000)]).to_string();
    let text = if text.trim().is_empty() { format!("\"{text}\"") } else { text };
    let (short, is_cut) = (shortened(&text, NAME), name.0.len() > 2000);
    let end = if is_cut && !short.ends_with('…') { "…" } else { "" };
    html! { span.bytes title=[(short.ends_with('…')).then_some(&text)] { (short) (end) } }
}

/// A key as it stands, for one page.
pub struct Frame {
    pub visit: Visit,
    pub at: KeyAt,
    pub known: Known,
    pub info: Info,
}

impl Frame {
    /// Asks for the key and where it stands: two commands.
    pub async fn find(at: KeyAt, visit: Visit) -> Result<Self, Trouble> {
        let known = visit.app.reach.key(&at).await?;
        let info = known.info().await?;
        Ok(Self { visit, at, known, info })
    }

    pub fn key(&self) -> Bytes {
        Bytes::from(&self.at.name)
    }

    /// The path of one of its pages, without the base path: `frame.path("/dead")`.
    pub fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.at.address())
    }

    /// The same as the address of a link.
    pub fn url(&self, rest: &str) -> String {
        self.visit.url(&self.path(rest))
    }

    /// How many are in a state.
    pub fn count(&self, state: State) -> i64 {
        match state {
            State::Ready => self.info.ready,
            State::Leased => self.info.leased,
            State::Delayed => self.info.delayed,
            State::Dead => self.info.dead,
        }
    }

    /// What the family calls the name of an entry.
    pub fn id_word(&self) -> &'static str {
        match self.known.family {
            Family::Tsgen => "id",
            Family::Debounce => "group",
            Family::Expiry => "key",
            Family::Tally => "batch",
        }
    }

    /// What the family calls what is behind its gate.
    pub fn waiting_word(&self) -> &'static str {
        match self.known.family {
            Family::Tsgen => "Waiting",
            Family::Debounce => "Collecting",
            Family::Expiry => "Tracked",
            Family::Tally => "Window",
        }
    }

    fn tabs(&self, here: &str) -> Markup {
        let mut tabs = vec![("", "Key", None)];
        if self.known.family != Family::Tally {
            tabs.push(("/waiting", self.waiting_word(), Some(self.info.waiting)));
        }
        let labels = ["Ready", "Leased", "Delayed", "Dead"];
        let paths = ["/ready", "/leased", "/delayed", "/dead"];
        for ((state, label), path) in STATES.into_iter().zip(labels).zip(paths) {
            tabs.push((path, label, Some(self.count(state))));
        }
        tabs.push(("/options", "Options", None));
        html! {
            nav.tabs aria-label="This key" {
                @for (path, label, count) in tabs {
                    a href=(self.url(path)) aria-current=[(path == here).then_some("page")] {
                        (label) @if let Some(count) = count { " " span.count { (count) } }
                    }
                    " "
                }
            }
        }
    }

    /// A page of the key. `here` is its path, of those at the top.
    pub fn page(&self, here: &str, is_live: bool, body: Markup) -> Response {
        let title = shortened(&self.key().to_string(), NAME);
        let body = html! {
            p.badges {
                span.badge { (self.known.family) }
                " " span.quiet { "database " (self.at.db) }
                @if self.info.paused { " " span.badge.warn { "paused" } }
            }
            (self.tabs(here))
            (body)
        };
        self.visit.page(&Page { title: &title, tab: Tab::None, is_live }, body)
    }
}
