//! What went wrong, as a page that says what to do about it.
//!
//! A handler returns it as its error. It becomes a page only in the guard, which knows who asks: here it travels in the reply.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// What a handler returns.
pub type Reply = Result<Response, Trouble>;

#[derive(Clone, Debug)]
pub struct Trouble {
    pub status: StatusCode,
    /// What it is, in a few words.
    pub title: String,
    /// What was said, and what can be done. Never a password, nor an address with one.
    pub text: String,
}

impl Trouble {
    pub fn new(status: StatusCode, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status, title: title.into(), text: text.into() }
    }

    pub fn no_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no such page", "The overview lists all keys.")
    }

    pub fn no_key() -> Self {
        let text = "It may have been deleted, or it is no key of the module. The overview lists all keys.";
        Self::new(StatusCode::NOT_FOUND, "There is no such key", text)
    }

    pub fn no_entry() -> Self {
        let text = "It has moved on: it was claimed, settled, or has come back. Find it by its id.";
        Self::new(StatusCode::NOT_FOUND, "The entry is not there any more", text)
    }

    /// What was sent is wrong.
    pub fn wrong(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "That does not fit", text)
    }
}

pub async fn no_such_page() -> Trouble {
    Trouble::no_page()
}

/// Whether the server does not know the command, or what PEEK is asked to show: its module is older than this program.
fn is_missing(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref()).any(|error| match error {
        tsgen_client::Error::Refused { text, .. } => {
            text.contains("unknown command") || text.contains("what to show must be")
        }
        _ => false,
    })
}

/// Whether the key is on another node, or on the way there.
pub fn is_elsewhere(error: &tsgen_client::Error) -> bool {
    matches!(error.code(), Some("MOVED" | "ASK" | "TRYAGAIN"))
}

/// Whether something cannot be shown, but what is around it can: the server does not know a command, or the user may not send it.
pub fn is_partial(error: &anyhow::Error) -> bool {
    let refused = error.chain().find_map(|cause| cause.downcast_ref::<tsgen_client::Error>());
    is_missing(error) || refused.and_then(tsgen_client::Error::code) == Some("NOPERM")
}

impl From<anyhow::Error> for Trouble {
    /// The server has refused it, or has not answered.
    fn from(error: anyhow::Error) -> Self {
        let of_server = error.chain().find_map(|cause| cause.downcast_ref::<tsgen_client::Error>());
        let (status, title) = match of_server {
            Some(tsgen_client::Error::Refused { code, .. }) if code == "NOPERM" => {
                (StatusCode::FORBIDDEN, "The server's user may not do that")
            }
            Some(error) if is_elsewhere(error) => {
                let text = "It is on its way from one node of the cluster to another. Try again in a moment.";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, "The key is moving", text);
            }
            _ if is_missing(&error) => {
                let text = format!("{error:#}. It is older than this program: load a newer one.");
                return Self::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "The module on this server does not know that yet",
                    text,
                );
            }
            Some(tsgen_client::Error::Refused { .. } | tsgen_client::Error::Invalid(_)) => {
                (StatusCode::CONFLICT, "The server has refused it")
            }
            Some(tsgen_client::Error::Unanswered(_)) => (StatusCode::BAD_GATEWAY, "The server does not answer"),
            _ => (StatusCode::CONFLICT, "That was not possible"),
        };
        Self::new(status, title, format!("{error:#}"))
    }
}

impl From<tsgen_client::Error> for Trouble {
    fn from(error: tsgen_client::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut reply = self.status.into_response();
        reply.extensions_mut().insert(self);
        reply
    }
}
