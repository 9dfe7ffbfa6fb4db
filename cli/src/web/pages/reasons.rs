//! Why entries have died: how many of each reason.

use super::super::visit::Visit;
use super::frame::Frame;
use super::listed::PATTERN;
use super::work::STEP;
use super::{content, moment};
use crate::bytes::{shortened, Bytes};
use crate::dead;
use crate::keys::Known;
use maud::{html, Markup};
use std::collections::HashMap;

/// So many dead letters are counted for one page: some commands of 1000 each.
const COUNTED: usize = 20_000;
/// And so many bytes of reasons, or a step more: one has up to 64 KiB.
const BYTES: usize = 16 << 20;
/// So many reasons are listed.
const LISTED: usize = 20;

#[derive(Default)]
pub struct Reasons {
    /// Most frequent first: reason, how many, and when the last died.
    pub by_count: Vec<(Vec<u8>, u64, i64)>,
    /// How many were counted.
    pub counted: usize,
    /// Whether there are more.
    pub is_cut: bool,
}

/// Counts the reasons of the first dead letters.
pub async fn count(known: &Known) -> anyhow::Result<Reasons> {
    let mut counts: HashMap<Vec<u8>, (u64, i64)> = HashMap::new();
    let mut reasons = Reasons::default();
    let (mut after, mut bytes) = (0, 0);
    loop {
        let page = dead::page(known, STEP, after).await?;
        reasons.counted += page.len();
        bytes += page.iter().map(|letter| letter.reason.0.len()).sum::<usize>();
        let last = page.last().map(|last| last.token);
        let is_last = page.len() < STEP;
        for letter in page {
            let (count, last) = counts.entry(letter.reason.0).or_insert((0, i64::MIN));
            (*count, *last) = (*count + 1, letter.died_at.max(*last));
        }
        match last {
            Some(last) if !is_last && reasons.counted < COUNTED && bytes < BYTES => after = last,
            _ => {
                reasons.is_cut = !is_last;
                break;
            }
        }
    }
    reasons.by_count = counts.into_iter().map(|(reason, (count, last))| (reason, count, last)).collect();
    reasons.by_count.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
    Ok(reasons)
}

/// A pattern that a reason matches. What a field of a form cannot hold is `?` there, and the rest of a long one `*`.
pub fn pattern(reason: &[u8]) -> String {
    let text = String::from_utf8_lossy(&reason[..reason.len().min(PATTERN)]);
    let mut pattern = String::new();
    for c in text.chars().map(|c| if c.is_control() { '?' } else { c }) {
        if pattern.len() >= PATTERN / 2 {
            pattern.push('*');
            break;
        }
        pattern.push(c);
    }
    pattern
}

/// A reason as people read it.
pub fn shown(reason: &Bytes) -> Markup {
    if reason.0.is_empty() {
        return html! { span.quiet { "no reason given" } };
    }
    let text = String::from_utf8_lossy(&reason.0);
    html! { span.reason { (content::visible(&shortened(&text, 300))) } }
}

/// How many died of each reason, each with a way to its letters.
pub fn table(frame: &Frame, reasons: &Reasons) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Reasons" { table {
            caption {
                "Reasons"
                @if reasons.is_cut { " of the first " (reasons.counted) " dead letters; there are more" }
            }
            thead { tr { th.n { "Letters" } th { "Last" } th { "Reason" } } }
            tbody {
                @for (reason, count, last) in reasons.by_count.iter().take(LISTED) {
                    tr {
                        td.n data-label="Letters" { (count) }
                        td data-label="Last" { (moment::from_now(*last)) }
                        td.long { a href=(link(&frame.visit, reason)) { (shown(&Bytes::from(reason))) } }
                    }
                }
            }
        } }
        @if reasons.by_count.len() > LISTED { p.quiet { "And " (reasons.by_count.len() - LISTED) " more reasons." } }
    }
}

/// The page of the letters of one reason. An empty one is matched by no pattern but `*`, so that has a word of its own.
fn link(visit: &Visit, reason: &[u8]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("reason", &pattern(reason));
    format!("{}{}?{}", visit.app.base, visit.path, query.finish())
}
