//! What opens the gate of a key: the watermark and its sources, quiet groups, times to live, the window.

use super::figures::shown;
use super::frame::{name, Frame};
use super::moment;
use crate::bytes::Bytes;
use crate::family::Family;
use maud::{html, Markup};
use tsgen_client::{Figure, Source};

/// Asks for the sources, of a key that has some; nothing else.
pub async fn section(frame: &Frame) -> anyhow::Result<Markup> {
    let figure = |name: &'static str| html! { dt { (name) } dd { (shown(name, &frame.info[name])) } };
    let info = &frame.info;
    Ok(match frame.known.family {
        Family::Tsgen => {
            let sources = match info.gate.as_str() {
                "sources" => frame.known.tsgen.elements(frame.known.name.clone()).sources().await?,
                _ => Vec::new(),
            };
            html! {
                p {
                    @match info.gate.as_str() {
                        "clock" => "The clock of the server: an element is ready when its time has come.",
                        "sources" => "The watermark of the sources: an element is ready when all of them have passed its timestamp.",
                        _ => "A watermark that a program raises: an element is ready when it has passed its timestamp.",
                    }
                }
                dl {
                    dt { "watermark" }
                    dd { @match (&info["watermark"], info.gate.as_str()) {
                        (Figure::Integer(ms), "clock") => { (crate::table::time(*ms)) },
                        (Figure::Integer(at), _) => (at),
                        _ => "unset: not all sources have reported, or nobody has raised it",
                    } }
                    (figure("late"))
                    @if info.gate == "sources" { (figure("sourceidle")) }
                    @if info.gate == "clock" { (figure("recurring")) } @else { (figure("maxjump")) }
                    (figure("remember"))
                    @if info["remember"].integer() > 0 { (figure("remembered")) }
                }
                @if !sources.is_empty() { (source_table(&sources)) }
                (groups(frame))
            }
        }
        Family::Debounce => html! {
            p { "A group is ready when it has been quiet for IDLE, has waited for MAXWAIT, or has MAXITEMS items." }
            dl { (figure("idle")) (figure("maxwait")) (figure("maxitems")) (figure("unique")) }
            p { a href=(frame.url("/waiting")) { (info.waiting) " groups are collecting" } }
            (groups(frame))
        },
        Family::Expiry => html! {
            p { "A key with one of the prefixes is ready when its time to live has run out." }
            dl { (figure("prefixes")) (figure("maxvalue")) (figure("keepevicted")) (figure("maxheld")) (figure("held-bytes")) }
            p { a href=(frame.url("/waiting")) { (info.waiting) " keys are tracked" } }
            (groups(frame))
        },
        Family::Tally => html! {
            p { "A window of sums is ready when its time is over, or when it has MAXFIELDS fields." }
            dl {
                (figure("every")) (figure("field")) (figure("min")) (figure("max")) (figure("maxfields"))
                (figure("fields")) (figure("opened-at")) (figure("seals-at"))
            }
        },
    })
}

/// Only in keys with GROUPLIMIT or FAIR.
fn groups(frame: &Frame) -> Markup {
    let info = &frame.info;
    let has_groups = info["grouplimit"].integer() > 0 || info["fair"] == "yes";
    html! {
        @if has_groups {
            p {
                (info["groups"].integer()) " groups have something queued or in hand; "
                (info["groups-at-limit"].integer()) " of them are at their limit, so that the rest of them is held back."
            }
        }
    }
}

/// The one that holds the watermark back comes first.
fn source_table(sources: &[Source]) -> Markup {
    let lowest = sources.iter().filter(|source| !source.is_idle).min_by_key(|source| source.timestamp);
    let mut sorted: Vec<&Source> = sources.iter().collect();
    sorted.sort_by_key(|source| (source.is_idle, source.timestamp));
    html! {
        div.wide tabindex="0" role="region" aria-label="Sources" { table {
            caption { "Sources, furthest behind first" }
            thead { tr { th { "Source" } th.n { "Timestamp" } th { "Reported" } th { "Standing" } } }
            tbody {
                @for source in sorted {
                    tr {
                        th scope="row" { (name(&Bytes::from(&source.name))) }
                        td.n data-label="Timestamp" { @match source.timestamp { Some(at) => (at), None => "nothing yet" } }
                        td data-label="Reported" { @match source.reported_at { Some(at) => (moment::from_now(at)), None => "never" } }
                        td {
                            @if source.is_idle { span.badge { "idle: left out" } }
                            @else if lowest.is_some_and(|lowest| lowest.timestamp == source.timestamp) { span.badge.warn { "holds the watermark" } }
                        }
                    }
                }
            }
        } }
    }
}
