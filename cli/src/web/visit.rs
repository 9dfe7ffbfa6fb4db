//! What a page is made from: who asks, for what, and what all pages need to answer.

use super::trouble::Trouble;
use super::who::Who;
use super::App;
use axum::extract::FromRequestParts;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::HeaderValue;
use axum::response::Response;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use maud::{html, Markup};
use percent_encoding::{percent_decode_str, utf8_percent_encode, NON_ALPHANUMERIC};

/// The field of a form that only a page of ours can know.
pub const TOKEN: &str = "csrf";

/// Names and values of a query, or of a form. A name may be there several times.
#[derive(Clone, Debug, Default)]
pub struct Pairs(pub Vec<(String, String)>);

impl Pairs {
    pub fn of(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first value of this name; nothing if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Whether there is one of this name, empty or not.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own == name)
    }

    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The same with another value of this name, or without it if that is empty; as it stands behind the `?` of an address.
    pub fn with(&self, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(own, value)| own != name && !value.is_empty());
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(others);
        if !value.is_empty() {
            text.append_pair(name, value);
        }
        text.finish()
    }
}

/// What was done by the form before, told once on the page behind it.
#[derive(Clone, Debug)]
pub struct Told(pub String);

/// A request that was let through: an argument of every handler that makes a page.
#[derive(Clone)]
pub struct Visit {
    pub app: App,
    pub who: Who,
    /// The path below the base path.
    pub path: String,
    pub query: Pairs,
    pub told: Option<Told>,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Trouble> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Trouble::no_page)
    }
}

impl Visit {
    /// The whole address of a path of ours.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app.base)
    }

    /// This page with another value in its query.
    pub fn with(&self, name: &str, value: &str) -> String {
        let query = self.query.with(name, value);
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{query}", self.app.base, self.path)
    }

    /// Whether there are actions at all. What is not taken is not shown.
    pub fn may_act(&self) -> bool {
        !self.app.web.read_only
    }

    /// What every form carries.
    pub fn token(&self) -> String {
        self.app.secret.code("form", &self.who.subject)
    }

    /// A form that does something, sent to this path. Nothing where nothing may be done.
    pub fn form(&self, path: &str, inner: Markup) -> Markup {
        html! {
            @if self.may_act() {
                form method="post" action=(self.url(path)) {
                    input type="hidden" name=(TOKEN) value=(self.token());
                    (inner)
                }
            }
        }
    }

    /// The same with an id, for fields that stand elsewhere on the page.
    pub fn form_of(&self, id: &str, path: &str, inner: Markup) -> Markup {
        html! {
            @if self.may_act() {
                form id=(id) method="post" action=(self.url(path)) {
                    input type="hidden" name=(TOKEN) value=(self.token());
                    (inner)
                }
            }
        }
    }

    /// A form that is only a button, with these fields.
    pub fn button(&self, path: &str, label: &str, fields: &[(&str, &str)]) -> Markup {
        self.form(
            path,
            html! {
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                button { (label) }
            },
        )
    }

    /// A cookie of ours, for as long as the browser runs.
    pub fn cookie(&self, name: &str, value: &str) -> Cookie<'static> {
        let path = if self.app.base.is_empty() { "/" } else { &self.app.base }.to_owned();
        let cookie = Cookie::build((self.app.cookie_name(name), value.to_owned())).path(path);
        cookie.http_only(true).same_site(SameSite::Strict).secure(self.who.is_https).build()
    }

    /// Has the next page tell this, once.
    pub fn tell(&self, reply: &mut Response, text: &str) {
        let text: String = text.chars().take(500).collect();
        let value = format!("{}.{}", self.app.secret.code("told", &text), utf8_percent_encode(&text, NON_ALPHANUMERIC));
        let mut cookie = self.cookie("told", &value);
        cookie.set_max_age(Duration::minutes(1));
        add_cookie(reply, &cookie);
    }

    /// What a cookie says is to be told, if it is ours.
    pub fn read_told(app: &App, value: &str) -> Option<Told> {
        let (code, text) = value.split_once('.')?;
        let text = percent_decode_str(text).decode_utf8().ok()?.into_owned();
        app.secret.is_code("told", &text, code).then_some(Told(text))
    }
}

pub fn add_cookie(reply: &mut Response, cookie: &Cookie) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        reply.headers_mut().append(SET_COOKIE, value);
    }
}
