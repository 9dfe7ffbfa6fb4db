//! Dead letters: how many of each reason, those of a pattern, and what becomes of them.

use super::super::act::{Act, Question};
use super::super::address::KeyAt;
use super::super::trouble::{is_partial, Reply, Trouble};
use super::super::visit::Visit;
use super::frame::{capital, Frame};
use super::listed::{self, Listed, Wanted};
use super::work::{self, Task, Until, STEP};
use super::{content, entries, moment, reasons};
use crate::args::State;
use crate::bytes::Bytes;
use crate::dead::{self, Fate};
use crate::keys::Known;
use maud::{html, Markup};
use wildmatch::WildMatch;

/// The form of the list. Its boxes are in the table, the buttons above it.
const CHOICE: &str = "choice";

pub async fn page(at: KeyAt, visit: Visit) -> Reply {
    let after = listed::cursor(&visit)?;
    let (reason, id) = (visit.query.get("reason").to_owned(), visit.query.get("id").to_owned());
    let frame = Frame::find(at, visit).await?;
    let wanted = Wanted {
        state: State::Dead,
        after: after.clone(),
        id: listed::pattern(&id)?,
        reason: frame.visit.query.has("reason").then(|| listed::bounded(&reason)).transpose()?,
    };
    let found = match listed::find(&frame.known, &wanted).await {
        // Their reasons, and what is done about them, need no PEEK.
        Err(error) if is_partial(&error) => Err(Trouble::from(error)),
        found => Ok(found?),
    };
    let counted = reasons::count(&frame.known).await?;
    let is_filtered = frame.visit.query.has("reason") || !id.is_empty();
    let body = html! {
        @if frame.info.dead == 0 { p { "There are no dead letters." } }
        @else {
            p { (frame.info.dead) " entries will not be delivered again by themselves." }
            (reasons::table(&frame, &counted))
            form.filter method="get" action=(frame.url("/dead")) {
                label { "Pattern of the reason" input name="reason" value=(reason) placeholder="*timeout*"; }
                label { "Pattern of the " (frame.id_word()) input name="id" value=(id) placeholder="order-7*"; }
                button { "Show" }
                @if is_filtered { a href=(frame.url("/dead")) { "All" } }
            }
            // What matches by its id is chosen by boxes: the loop over all knows reasons only.
            @if id.is_empty() { (all(&frame, &reason, &counted)) }
            @match &found {
                Ok(found) => {
                    (list(&frame, &found.listed))
                    (entries::pages(&frame.visit, &after, found.next.as_deref()))
                },
                Err(trouble) => p.note.bad { "The letters themselves cannot be shown. " (trouble.title) ": " (trouble.text) },
            }
        }
    };
    Ok(frame.page("/dead", false, body))
}

/// Buttons for all that match, on whatever page.
fn all(frame: &Frame, reason: &str, counted: &reasons::Reasons) -> Markup {
    let is_filtered = frame.visit.query.has("reason");
    let pattern = is_filtered.then(|| WildMatch::new(reason));
    let count: u64 = counted
        .by_count
        .iter()
        .filter(|(own, _, _)| work::matches(pattern.as_ref(), own))
        .map(|(_, count, _)| count)
        .sum();
    let count = format!("{}{count}", if counted.is_cut { "at least " } else { "" });
    let (fields, which) = if is_filtered {
        (vec![("all", "yes"), ("reason", reason)], "that match, also on other pages")
    } else {
        (vec![("all", "yes")], "dead letters of the key")
    };
    html! {
        @if frame.visit.may_act() {
            div.actions {
                span { "All " (count) " " (which) ":" }
                (frame.visit.button(&frame.path("/requeue"), "Requeue all", &fields))
                (frame.visit.button(&frame.path("/discard"), "Discard all", &fields))
            }
        }
    }
}

fn list(frame: &Frame, listed: &[Listed]) -> Markup {
    if listed.is_empty() {
        return html! { p.quiet { "None of them was found here." } };
    }
    let may_act = frame.visit.may_act();
    html! {
        @if may_act {
            // The button sends the form where it says: no script is needed.
            (frame.visit.form_of(CHOICE, &frame.path("/requeue"), html! {
                div.actions {
                    span { "Those that are ticked:" }
                    button { "Requeue" }
                    button formaction=(frame.url("/discard")) { "Discard" }
                }
            }))
        }
        div.wide tabindex="0" role="region" aria-label="Dead letters" { table.entries {
            thead { tr {
                @if may_act { th { span.hidden { "Ticked" } } }
                th { (capital(frame.id_word())) } th { "Reason" } th { "Died" } th.n { "Deliveries" } th { "Content" }
            } }
            tbody { @for listed in listed { (row(frame, listed, may_act)) } }
        } }
    }
}

fn row(frame: &Frame, listed: &Listed, may_act: bool) -> Markup {
    let entry = &listed.entry;
    let (token, death) = (entry.token.unwrap_or_default(), entry.death.as_ref());
    html! {
        tr {
            @if may_act {
                td { input type="checkbox" name="token" value=(token) form=(CHOICE) aria-label=(format!("Tick delivery {token}")); }
            }
            th scope="row" { a href=(frame.url(&format!("/dead/entry{}", listed.query()))) { (entries::label(entry)) } }
            td.long data-label="Reason" { @if let Some(death) = death { (reasons::shown(&death.reason)) } }
            td data-label="Died" { @if let Some(death) = death { (moment::from_now(death.at_ms)) } }
            td.n data-label="Deliveries" { (entry.deliveries) }
            td.content { (content::of_entry(frame, State::Dead, listed, content::Bound::LISTED)) }
        }
    }
}

pub async fn requeue(at: KeyAt, act: Act) -> Reply {
    settle(at, act, Fate::Requeue).await
}

pub async fn discard(at: KeyAt, act: Act) -> Reply {
    settle(at, act, Fate::Discard).await
}

/// How many letters match, and how far they reach: what is asked about is what is done.
async fn counted(known: &Known, reason: Option<&str>) -> anyhow::Result<(i64, Until)> {
    let pattern = reason.map(WildMatch::new);
    let (mut count, mut until, mut after) = (0, Until { token: 0, died_at: 0 }, 0);
    loop {
        let page = dead::page(known, STEP, after).await?;
        for letter in page.iter().filter(|letter| work::matches(pattern.as_ref(), &letter.reason.0)) {
            count += 1;
            until = Until { token: letter.token, died_at: until.died_at.max(letter.died_at) };
        }
        match page.last() {
            Some(last) if page.len() == STEP => after = last.token,
            _ => return Ok((count, until)),
        }
    }
}

async fn settle(at: KeyAt, mut act: Act, fate: Fate) -> Reply {
    let known = act.visit.app.reach.key(&at).await?;
    let back = format!("{}/dead", at.address());
    let (title, button, what) = match fate {
        Fate::Requeue => {
            ("Requeue", "Requeue", "They get their old place back, with no deliveries counted, and workers get them.")
        }
        Fate::Discard => ("Discard", "Discard", "They are gone for good."),
    };
    let tokens = act.tokens()?;
    if act.fields.get("all") != "yes" {
        if tokens.is_empty() {
            return Ok(act.leads(&back, Some("Nothing was ticked, and nothing was done.")));
        }
        let question =
            Question { title: &format!("{title} {} dead letters?", tokens.len()), text: what, button, back: &back };
        // One that gets another chance by a tick is meant. What is gone for good is always asked for.
        if fate == Fate::Discard {
            if let Some(page) = act.ask(&question) {
                return Ok(page);
            }
        }
        let (action, done) = match fate {
            Fate::Requeue => ("requeue", "requeued"),
            Fate::Discard => ("discard", "discarded"),
        };
        let work = async { Ok(work::said(done, dead::apply(&known, fate, &tokens).await?)) };
        return act.take(action, Some(&at), &back, work).await;
    }
    let reason = act.fields.has("reason").then(|| act.fields.get("reason").to_owned());
    reason.as_deref().map(listed::bounded).transpose()?;
    if act.fields.get("until").is_empty() {
        let (count, until) = counted(&known, reason.as_deref()).await?;
        act.fields.0.push(("until".to_owned(), until.to_string()));
        act.fields.0.push(("count".to_owned(), count.to_string()));
    }
    let until = Until::of(act.fields.get("until"))?;
    let count: i64 = act.fields.get("count").parse().unwrap_or_default();
    if count == 0 {
        return Ok(act.leads(&back, Some("None matches any more, and nothing was done.")));
    }
    let which = reason.as_ref().map_or("all of them".to_owned(), |reason| {
        // It may have been made from a reason, so it may have what turns the rest of the question round.
        format!("those whose reason matches {}", Bytes::from(reason))
    });
    let text = format!("{count} dead letters: {which}. {what} Letters that die from now on stay.");
    let question = Question {
        title: &format!("{title} {count} dead letters?"),
        text: &text,
        button: &format!("{button} {count}"),
        back: &back,
    };
    if let Some(page) = act.ask(&question) {
        return Ok(page);
    }
    work::begin(at, act, known, Task::Settle { fate, reason, until, count }, back).await
}
