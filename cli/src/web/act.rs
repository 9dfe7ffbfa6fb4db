//! Actions: a form is sent, perhaps it is asked whether that is meant, it is done, and the page behind it says so.
//!
//! ```ignore
//! async fn discard(key: KeyAt, act: Act) -> Reply {
//!     let question = Question { title: "Discard all dead letters?", text: "They are gone for good.", button: "Discard", back: &back };
//!     if let Some(page) = act.ask(&question) {
//!         return Ok(page);
//!     }
//!     act.take("discard", Some(&key), &back, async { …; Ok(format!("{count} discarded")) }).await
//! }
//! ```
//!
//! What arrives here has passed the guard: it is a form of ours, of whom it was made for, and it is allowed to act.

use super::address::KeyAt;
use super::events;
use super::layout::{Page, Tab};
use super::trouble::{Reply, Trouble};
use super::visit::{Pairs, Visit, TOKEN};
use super::App;
use crate::bytes::Bytes;
use crate::table;
use crate::watch::KeyId;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use std::future::Future;

/// The field that says that it is meant.
const MEANT: &str = "confirmed";

/// A form that was sent: the last argument of every handler of a POST.
pub struct Act {
    pub visit: Visit,
    pub fields: Pairs,
}

impl FromRequest<App> for Act {
    type Rejection = Trouble;

    async fn from_request(request: Request, _: &App) -> Result<Self, Trouble> {
        let of = request.extensions();
        match (of.get::<Visit>(), of.get::<Pairs>()) {
            (Some(visit), Some(fields)) => Ok(Self { visit: visit.clone(), fields: fields.clone() }),
            _ => Err(Trouble::no_page()),
        }
    }
}

/// What is asked before something that cannot be taken back.
pub struct Question<'q> {
    pub title: &'q str,
    pub text: &'q str,
    /// What the button says.
    pub button: &'q str,
    /// Where the way back leads, without the base path.
    pub back: &'q str,
}

impl Act {
    /// The page that asks whether that is meant; nothing if it has been answered. The same form is sent again then.
    pub fn ask(&self, question: &Question) -> Option<Response> {
        if self.fields.get(MEANT) == "yes" {
            return None;
        }
        let visit = &self.visit;
        let fields = self.fields.0.iter().filter(|(name, _)| name != TOKEN && name != MEANT);
        let body = html! {
            p { (question.text) }
            (visit.form(&visit.path, html! {
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                input type="hidden" name=(MEANT) value="yes";
                button.danger { (question.button) }
                " "
                a href=(visit.url(question.back)) { "Back" }
            }))
        };
        Some(visit.page(&Page { title: question.title, tab: Tab::None, is_live: false }, body))
    }

    /// The numbers of the fields `token`.
    pub fn tokens(&self) -> Result<Vec<i64>, Trouble> {
        let read = |text: &str| text.parse().map_err(|_| Trouble::wrong("token: that is no token of a delivery."));
        self.fields.all("token").map(read).collect()
    }

    /// Leads to a page, which tells this once.
    pub fn leads(&self, path: &str, said: Option<&str>) -> Response {
        let mut reply = Redirect::to(&self.visit.url(path)).into_response();
        if let Some(said) = said {
            self.visit.tell(&mut reply, said);
        }
        reply
    }

    /// Does it, writes on standard error who has done what, and leads to the page `back`, which says what came of it.
    pub async fn take(
        self,
        action: &str,
        key: Option<&KeyAt>,
        back: &str,
        work: impl Future<Output = anyhow::Result<String>>,
    ) -> Reply {
        let result = work.await;
        let said = match &result {
            Ok(said) => said.clone(),
            Err(error) => format!("{error:#}"),
        };
        audit(&self.visit, action, key, result.is_ok(), &said);
        self.visit.app.watch.soon();
        match result {
            Ok(said) => Ok(self.leads(back, Some(&said))),
            Err(error) => Err(error.into()),
        }
    }
}

/// A line on standard error: when, who, from where, what, and what came of it.
pub fn audit(visit: &Visit, action: &str, key: Option<&KeyAt>, is_done: bool, said: &str) {
    let id = key.map(|key| KeyId { db: key.db, key: Bytes::from(&key.name) });
    let user = visit.who.user.as_deref().unwrap_or("-");
    let of_key = key.map_or(String::new(), |key| format!(" db={} key={}", key.db, quoted(&key.name)));
    let result = if is_done { "done" } else { "failed" };
    // Whoever tries passwords is not to push out what has happened.
    if !matches!(action, "login" | "logout") {
        visit.app.events.note(events::action(visit, action, id, is_done, said));
    }
    eprintln!(
        "tsgen: web: time={} user={} address={} action={action}{of_key} result={result} said={}",
        table::time(table::now()),
        quoted(user.as_bytes()),
        visit.who.address,
        quoted(said.as_bytes())
    );
}

/// Between quotes. Names are those of others: nothing in them ends a line or the quote, nor does a `\` at their end.
fn quoted(text: &[u8]) -> String {
    let escaped = text.iter().take(300).flat_map(|byte| match byte {
        b'"' | b'\\' => vec![b'\\', *byte],
        byte => vec![*byte],
    });
    let end = if text.len() > 300 { "…" } else { "" };
    format!("\"{}{end}\"", Bytes(escaped.collect()))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_leaves_its_quotes() {
        let quoted = |text: &str| quoted(text.as_bytes());
        assert_eq!(quoted("two books"), r#""two books""#);
        assert_eq!(quoted(r#"a" result=done said="x"#), r#""a\" result=done said=\"x""#);
        assert_eq!(quoted(r#"a\" result=done"#), r#""a\\\" result=done""#);
        assert_eq!(quoted("a\\"), r#""a\\""#);
        assert_eq!(quoted("a\nb\x1b[2J"), r#""a\nb\x1b[2J""#);
        assert!(quoted(&"\"".repeat(400)).ends_with("\\\"…\""));
    }
}
