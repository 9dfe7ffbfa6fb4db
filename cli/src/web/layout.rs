//! What all pages have around them.

use super::visit::{add_cookie, Visit, TOKEN};
use crate::table;
use axum::response::{IntoResponse, Response};
use maud::{html, Markup, DOCTYPE};

/// Which of the pages at the top it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Nodes,
    Workers,
    Events,
    /// A page of a key, an error, a question.
    None,
}

const TABS: &[(Tab, &str, &str)] = &[
    (Tab::Overview, "/", "Overview"),
    (Tab::Workers, "/workers", "Workers"),
    (Tab::Events, "/events", "Events"),
    (Tab::Nodes, "/nodes", "Nodes"),
];

/// A page, but for its body.
pub struct Page<'p> {
    /// Its title and its heading.
    pub title: &'p str,
    pub tab: Tab,
    /// Whether it is to show what comes: then it is fetched again at each new picture. What is in it must not depend on what somebody is
    /// typing, and what he types is kept.
    pub is_live: bool,
}

/// Seconds after which a page that is live is loaded again without script, if that is wanted.
const EVERY: [&str; 4] = ["2", "10", "60", "600"];

impl Visit {
    /// A whole page.
    pub fn page(&self, page: &Page, body: Markup) -> Response {
        let mut reply = whole(self, page, body).into_response();
        if self.told.is_some() {
            let mut over = self.cookie("told", "");
            over.make_removal();
            add_cookie(&mut reply, &over);
        }
        reply
    }
}

fn whole(visit: &Visit, page: &Page, body: Markup) -> Markup {
    let every = EVERY.into_iter().find(|every| page.is_live && *every == visit.query.get("refresh"));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · tsgen" }
                link rel="stylesheet" href=(visit.url("/style.css"));
                link rel="icon" href=(visit.url("/icon.svg"));
                script src=(visit.url("/live.js")) defer {}
                @if let Some(every) = every {
                    noscript { meta http-equiv="refresh" content=(every); }
                }
            }
            body data-live=[page.is_live.then(|| visit.url("/live"))] {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.name href=(visit.url("/")) { "tsgen" }
                    @if visit.who.is_in { nav aria-label="Pages" {
                        @for (tab, path, label) in TABS {
                            a href=(visit.url(path)) aria-current=[(*tab == page.tab).then_some("page")] { (label) }
                        }
                    } }
                    @if !visit.may_act() { span.badge { "read only" } }
                    @if let Some(user) = &visit.who.user { span.user { (user) } }
                    @if visit.who.session.is_some() {
                        form method="post" action=(visit.url("/logout")) {
                            input type="hidden" name=(TOKEN) value=(visit.token());
                            button { "Log out" }
                        }
                    }
                }
                main #main {
                    @if let Some(told) = &visit.told { p.told role="status" { (told.0) } }
                    p.lost #lost role="status" hidden { "No connection to tsgen. It is tried again." }
                    h1 { (page.title) }
                    div #content {
                        @if visit.who.is_in { (troubles(visit)) }
                        (body)
                    }
                    @if page.is_live { noscript { (refresh(visit)) } }
                }
            }
        }
    }
}

/// What went wrong with the servers, and how old is what is shown.
fn troubles(visit: &Visit) -> Markup {
    let picture = visit.app.watch.now();
    let troubles = picture.troubles();
    html! {
        @if !troubles.is_empty() {
            div.note.bad {
                @for trouble in troubles.iter().take(5) { p { (trouble) } }
                @if troubles.len() > 5 { p { "and " (troubles.len() - 5) " more: see the nodes." } }
                @if let Some(age) = picture.nodes.iter().filter(|node| node.trouble.is_some()).filter_map(|node| node.age()).max() {
                    p { "What is shown of it is " (length(age)) " old." }
                }
            }
        }
    }
}

/// A length of time as people write it, in whole seconds.
pub fn length(of: std::time::Duration) -> String {
    table::length(i64::try_from(of.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000))
}

/// Without script: a choice of how often the page is to be loaded again.
fn refresh(visit: &Visit) -> Markup {
    html! {
        p.refresh {
            "Load again every "
            @for every in EVERY {
                a href=(visit.with("refresh", every)) { (every) " s" } " "
            }
            a href=(visit.with("refresh", "")) { "never" }
        }
    }
}
