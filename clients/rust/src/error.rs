//! What a call can fail with.

/// An error of anybody's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a call has failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server has refused it: `WRONGTYPE` for a key of another family, `ERR` for a bad argument, `OOM`, `NOPERM`, `FULL`, `LATE`, …
    #[error("{code} {text}")]
    Refused {
        /// The word that it begins with.
        code: String,
        /// The rest: which argument, and what it takes.
        text: String,
    },
    /// It was not answered: the connection is gone, or the answer is late. It may have been done.
    #[error("no answer: {0}")]
    Unanswered(#[source] redis::RedisError),
    /// A payload or an item cannot be written.
    #[error("the payload does not encode: {0}")]
    Encode(#[source] BoxError),
    /// What the program asks for makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// Codes of errors that go by: a failover, a restart, a full disk, a busy script, a slot on its way.
const PASSING: &[&str] = &[
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "NOREPLICAS",
    "UNBLOCKED",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MOVED",
    "ASK",
    "MISCONF",
    "BUSY",
];

impl Error {
    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether the same command may be answered later: the connection is gone, or the server is in a state that ends.
    pub fn passes(&self) -> bool {
        match self {
            Self::Refused { code, .. } => PASSING.contains(&code.as_str()),
            Self::Unanswered(_) => true,
            Self::Encode(_) | Self::Invalid(_) => false,
        }
    }

    /// Whether it is a refusal whose text has these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Refused { text, .. } if text.contains(words))
    }
}

impl From<redis::RedisError> for Error {
    fn from(error: redis::RedisError) -> Self {
        use redis::ErrorKind::{AuthenticationFailed, InvalidClientConfig, RESP3NotSupported};
        let text = error.detail().unwrap_or_default().to_owned();
        match (error.code(), error.kind()) {
            (Some(code), _) => Self::Refused { code: code.to_owned(), text },
            (None, AuthenticationFailed) => Self::Refused { code: "WRONGPASS".to_owned(), text },
            (None, InvalidClientConfig | RESP3NotSupported) => Self::Invalid(error.to_string()),
            _ => Self::Unanswered(error),
        }
    }
}
