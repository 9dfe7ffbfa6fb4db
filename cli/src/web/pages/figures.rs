//! The figures that INFO tells of a key, as people read them.

use super::frame;
use super::moment;
use crate::bytes::Bytes;
use crate::table;
use maud::{html, Markup};
use tsgen_client::{Figure, Info};

/// Those of these names.
pub fn figures(info: &Info, is_one: impl Fn(&str) -> bool) -> Markup {
    html! {
        dl {
            @for (name, figure) in info.figures.iter().filter(|(name, _)| is_one(name)) {
                dt { (name) } dd { (shown(name, figure)) }
            }
        }
    }
}

/// Lengths of time are told by these names, beside those that end in `-age`.
const LENGTHS: &[&str] = &["lease", "backoff", "maxbackoff", "idle", "maxwait", "every", "sourceidle", "remember"];

pub fn shown(name: &str, figure: &Figure) -> Markup {
    match figure {
        Figure::Integer(0)
            if matches!(name, "maxdeliveries" | "maxbackoff" | "maxlen" | "grouplimit" | "maxjump" | "sinkmaxlen") =>
        {
            html! { "no limit" }
        }
        Figure::Integer(0) if matches!(name, "remember" | "sourceidle") => html! { "off" },
        Figure::Integer(ms) if name.ends_with("-age") || LENGTHS.contains(&name) => html! { (table::length(*ms)) },
        Figure::Integer(ms) if matches!(name, "next-deadline" | "opened-at" | "seals-at") => moment::from_now(*ms),
        Figure::Integer(n) => html! { (n) },
        Figure::Text(text) if text.0.is_empty() => html! { span.quiet { "none" } },
        Figure::Text(text) => frame::name(&Bytes::from(text)),
        Figure::Names(names) => html! {
            @for name in names.iter().take(100) { (frame::name(&Bytes::from(name))) " " }
            @if names.len() > 100 { "and " (names.len() - 100) " more" }
        },
        Figure::Nil => html! { span.quiet { "none" } },
    }
}
