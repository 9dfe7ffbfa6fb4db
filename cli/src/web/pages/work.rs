//! What takes many commands: it is done step by step, in a task of its own, and a page tells how far it is. It goes on when that page is
//! closed, and ends with the program. What was done then stays done.

use super::super::act::{audit, Act};
use super::super::address::KeyAt;
use super::super::trouble::{Reply, Trouble};
use super::super::visit::Visit;
use super::frame::{capital, Frame};
use crate::dead::{self, Fate};
use crate::keys::Known;
use crate::pattern;
use crate::with_key;
use axum::http::StatusCode;
use maud::html;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tsgen_client::DeadLetter;
use wildmatch::WildMatch;

/// So many may go on at a time.
const RUNNING: usize = 8;
/// So many are remembered.
const REMEMBERED: usize = 100;
/// Entries that one command lists or settles: a few ms of the server.
pub const STEP: usize = 1000;
/// What is done within so long needs no page of its own.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Task {
    /// Dead letters whose reason matches: those that were counted when it was asked. Those that die meanwhile stay.
    Settle { fate: Fate, reason: Option<String>, until: Until, count: i64 },
    /// As many delays as there were.
    Promote { most: i64 },
}

/// How far those reach that are meant. They are listed by the token of their last delivery, and one that was claimed early may die late: so
/// that it is among them, its token and its death both have to be.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    pub token: i64,
    /// Unix ms of the server.
    pub died_at: i64,
}

impl Until {
    /// As a field of a form has it.
    pub fn of(text: &str) -> Result<Self, Trouble> {
        let numbers =
            text.split_once('-').and_then(|(token, died_at)| Some((token.parse().ok()?, died_at.parse().ok()?)));
        let (token, died_at) = numbers.ok_or_else(|| Trouble::wrong("until: that is none of this page."))?;
        Ok(Self { token, died_at })
    }

    fn has(&self, letter: &DeadLetter) -> bool {
        letter.token <= self.token && letter.died_at <= self.died_at
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.token, self.died_at)
    }
}

impl Task {
    fn action(&self) -> &'static str {
        match self {
            Self::Settle { fate: Fate::Requeue, .. } => "requeue",
            Self::Settle { fate: Fate::Discard, .. } => "discard",
            Self::Promote { .. } => "promote",
        }
    }

    fn done(&self) -> &'static str {
        match self {
            Self::Settle { fate: Fate::Requeue, .. } => "requeued",
            Self::Settle { fate: Fate::Discard, .. } => "discarded",
            Self::Promote { .. } => "promoted",
        }
    }

    /// How many there are, about.
    fn count(&self) -> i64 {
        match self {
            Self::Settle { count, .. } => *count,
            Self::Promote { most } => *most,
        }
    }
}

/// `3 requeued`.
pub fn said(done: &str, count: i64) -> String {
    format!("{count} {done}.")
}

struct Work {
    number: u64,
    at: KeyAt,
    task: Task,
    done: AtomicI64,
    is_stopped: AtomicBool,
    /// How it ended: what is to be told. Nothing as long as it goes on.
    end: watch::Sender<Option<Result<String, String>>>,
}

/// All that goes on or has ended lately.
#[derive(Default)]
pub struct Works {
    last: AtomicU64,
    all: Mutex<VecDeque<Arc<Work>>>,
}

impl Works {
    fn add(&self, at: &KeyAt, task: Task) -> Result<Arc<Work>, Trouble> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.iter().filter(|work| work.end.borrow().is_none()).count() >= RUNNING {
            let text = "Nothing was done. Wait until something of that has ended.";
            return Err(Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "Too much is going on", text));
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (done, is_stopped) = (AtomicI64::new(0), AtomicBool::new(false));
        let work = Arc::new(Work { number, at: at.clone(), task, done, is_stopped, end: watch::Sender::new(None) });
        all.push_back(work.clone());
        while all.len() > REMEMBERED {
            // The oldest that has ended: there is one, since few go on.
            let ended = all.iter().position(|work| work.end.borrow().is_some()).unwrap_or(0);
            all.remove(ended);
        }
        Ok(work)
    }

    fn find(&self, at: &KeyAt, number: &str) -> Result<Arc<Work>, Trouble> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().find(|work| work.number.to_string() == number && work.at == *at);
        found.cloned().ok_or_else(|| {
            let text = "It ended long ago, or tsgen was started again meanwhile. What was done stays done.";
            Trouble::new(StatusCode::NOT_FOUND, "Nothing of that number goes on", text)
        })
    }
}

/// Begins with it. What ends soon leads back at once; else to the page that tells how far it is.
pub async fn begin(at: KeyAt, act: Act, known: Known, task: Task, back: String) -> Reply {
    let visit = act.visit.clone();
    let known = Known { tsgen: visit.app.reach.alone(at.db).await?, ..known };
    let work = visit.app.works.add(&at, task)?;
    let (going, mut end) = (work.clone(), work.end.subscribe());
    tokio::spawn(async move {
        let result = run(&known, &going).await;
        let done = going.done.load(Ordering::Relaxed);
        let said = said(going.task.done(), done);
        let end = match result {
            Ok(()) if going.is_stopped.load(Ordering::Relaxed) => Ok(format!("Stopped: {said}")),
            Ok(()) => Ok(said),
            Err(error) => Err(format!("{error:#}. Until then: {said}")),
        };
        let (is_done, text) = match &end {
            Ok(text) => (true, text),
            Err(text) => (false, text),
        };
        audit(&visit, going.task.action(), Some(&going.at), is_done, text);
        going.end.send_replace(Some(end));
    });
    let ended = tokio::time::timeout(AT_ONCE, end.wait_for(Option::is_some)).await;
    let result = match ended {
        Ok(Ok(end)) => end.clone(),
        _ => None,
    };
    match result {
        Some(Ok(text)) => Ok(act.leads(&back, Some(&text))),
        Some(Err(text)) => Err(Trouble::new(StatusCode::CONFLICT, "That was not possible", text)),
        // Without script it is loaded again, too.
        None => Ok(act.leads(&format!("{}/work/{}?refresh=2", at.address(), work.number), None)),
    }
}

async fn run(known: &Known, work: &Work) -> anyhow::Result<()> {
    let is_stopped = || work.is_stopped.load(Ordering::Relaxed);
    match &work.task {
        Task::Promote { most } => {
            let mut left = *most;
            while left > 0 && !is_stopped() {
                let most = STEP.min(usize::try_from(left).unwrap_or(STEP));
                let count = promote_some(known, most).await?;
                work.done.fetch_add(count, Ordering::Relaxed);
                left -= count;
                if count == 0 {
                    break;
                }
            }
        }
        Task::Settle { fate, reason, until, .. } => {
            let pattern = reason.as_deref().map(WildMatch::new);
            let mut after = 0;
            loop {
                let page = dead::page(known, STEP, after).await?;
                let is_last = page.len() < STEP;
                let tokens: Vec<i64> = page
                    .iter()
                    .filter(|letter| until.has(letter) && matches(pattern.as_ref(), &letter.reason.0))
                    .map(|letter| letter.token)
                    .collect();
                if is_stopped() {
                    return Ok(());
                }
                if !tokens.is_empty() {
                    work.done.fetch_add(dead::apply(known, *fate, &tokens).await?, Ordering::Relaxed);
                }
                match page.last() {
                    Some(last) if !is_last && last.token < until.token => after = last.token,
                    _ => return Ok(()),
                }
            }
        }
    }
    Ok(())
}

pub fn matches(pattern: Option<&WildMatch>, reason: &[u8]) -> bool {
    pattern.is_none_or(|pattern| pattern::matches(pattern, reason))
}

/// The number in the address.
fn number(visit: &Visit) -> &str {
    KeyAt::behind(visit, 1)
}

pub async fn page(at: KeyAt, visit: Visit) -> Reply {
    let work = visit.app.works.find(&at, number(&visit))?;
    let frame = Frame::find(at, visit).await?;
    let (done, count) = (work.done.load(Ordering::Relaxed), work.task.count());
    let end = work.end.borrow().clone();
    let body = html! {
        h2 { (capital(work.task.action())) }
        p #progress {
            label for="done" { (done) " of " (count) " " (work.task.done()) }
            " " progress #done max=(count.max(1)) value=(done) {}
        }
        @match &end {
            None => div.actions {
                p { "It goes on, also if this page is closed." }
                (frame.visit.button(&frame.path(&format!("/work/{}", work.number)), "Stop", &[]))
            },
            Some(Ok(text)) => p.note role="status" { (text) },
            Some(Err(text)) => p.note.bad role="alert" { (text) },
        }
        p { a href=(frame.url("")) { "To the key" } }
    };
    Ok(frame.page("/work", end.is_none(), body))
}

pub async fn stop(at: KeyAt, act: Act) -> Reply {
    let work = act.visit.app.works.find(&at, number(&act.visit))?;
    work.is_stopped.store(true, Ordering::Relaxed);
    let path = format!("{}/work/{}?refresh=2", at.address(), work.number);
    let said = format!("It stops before its next step: {}.", work.task.action());
    act.take("stop", Some(&at), &path, async { Ok(said) }).await
}

/// Ends up to `most` delays. How many there were.
async fn promote_some(known: &Known, most: usize) -> anyhow::Result<i64> {
    let name = known.name.clone();
    Ok(with_key!(known.family, known.tsgen, name, key => key.promote_all(most).await)?)
}
