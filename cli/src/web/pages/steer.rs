//! Small actions: pause and resume, and the end of delays.

use super::super::act::{Act, Question};
use super::super::address::KeyAt;
use super::super::trouble::Reply;
use super::frame::Frame;
use super::work::{self, Task};
use crate::options::set_paused;
use crate::with_key;
use maud::{html, Markup};

/// What can be done with the key as a whole.
pub fn actions(frame: &Frame) -> Markup {
    html! {
        @if frame.visit.may_act() {
            div.actions {
                @if frame.info.paused { (frame.visit.button(&frame.path("/resume"), "Resume", &[])) }
                @else { (frame.visit.button(&frame.path("/pause"), "Pause", &[])) }
                @if frame.info.delayed > 0 { (promote_all(frame)) }
            }
        }
    }
}

pub fn promote_all(frame: &Frame) -> Markup {
    frame.visit.button(&frame.path("/promote"), "Promote all that are delayed", &[])
}

pub fn promote_one(frame: &Frame, token: i64) -> Markup {
    frame.visit.button(&frame.path("/promote"), "Promote", &[("token", &token.to_string())])
}

pub async fn pause(at: KeyAt, act: Act) -> Reply {
    set(at, act, true).await
}

pub async fn resume(at: KeyAt, act: Act) -> Reply {
    set(at, act, false).await
}

async fn set(at: KeyAt, act: Act, is_paused: bool) -> Reply {
    let known = act.visit.app.reach.key(&at).await?;
    let (action, said) = if is_paused {
        ("pause", "Paused: nothing is handed out until it is resumed.")
    } else {
        ("resume", "Resumed: entries are handed out again.")
    };
    act.take(action, Some(&at), &at.address(), async { set_paused(&known, is_paused).await.map(|()| said.to_owned()) })
        .await
}

pub async fn promote(at: KeyAt, mut act: Act) -> Reply {
    let (known, tokens) = (act.visit.app.reach.key(&at).await?, act.tokens()?);
    let back = format!("{}/delayed", at.address());
    if !tokens.is_empty() {
        let name = known.name.clone();
        let work = async {
            let count = with_key!(known.family, known.tsgen, name, key => key.promote(tokens).await)?;
            Ok(work::said("promoted", count))
        };
        return act.take("promote", Some(&at), &back, work).await;
    }
    if act.fields.get("count").is_empty() {
        act.fields.0.push(("count".to_owned(), known.info().await?.delayed.to_string()));
    }
    // As many as were asked about, however many there are by now.
    let delayed: i64 = act.fields.get("count").parse().unwrap_or_default();
    let question = Question {
        title: "Promote all that are delayed?",
        text: &format!(
            "{delayed} entries are delayed after a failed delivery. They are ready at once, and workers get them all."
        ),
        button: "Promote all",
        back: &back,
    };
    if let Some(page) = act.ask(&question) {
        return Ok(page);
    }
    work::begin(at, act, known, Task::Promote { most: delayed }, back).await
}
