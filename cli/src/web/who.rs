//! Who sends a request: nobody is asked, a session tells, or a proxy does.

use super::users::Users;
use super::{secret, App};
use crate::args::Web;
use anyhow::{bail, Context};
use axum::http::header::{self, HeaderMap};
use axum::http::request::Parts;
use axum::http::HeaderName;
use cookie::Cookie;
use std::net::IpAddr;

/// How it is found out.
pub enum Gate {
    /// It is not asked.
    Open,
    /// A session that has begun with a password.
    Users(Users),
    /// A header of a proxy.
    Header(HeaderName),
}

impl Gate {
    /// As the command line has it. Without a gate only this machine may come, unless somebody says that all may.
    pub fn of(web: &Web) -> anyhow::Result<Self> {
        match (&web.users, &web.user_header) {
            (Some(file), _) => Ok(Self::Users(Users::read(file)?)),
            (None, Some(name)) => {
                Ok(Self::Header(name.parse().with_context(|| format!("--user-header {name}: that is no name of a header"))?))
            }
            (None, None) if web.no_login || web.listen.ip().is_loopback() => Ok(Self::Open),
            (None, None) => bail!(
                "--listen {}: others than this machine could come, and nobody would be asked who he is. Give --users FILE (`tsgen web-user \
                 NAME` makes its lines), or --user-header NAME with --trust-proxy ADDR, or --no-login if all may do everything",
                web.listen
            ),
        }
    }
}

/// Who it is.
#[derive(Clone)]
pub struct Who {
    pub user: Option<String>,
    /// Whom forms are made for.
    pub subject: String,
    /// The name of his session.
    pub session: Option<String>,
    /// Whether he may see anything but the login.
    pub is_in: bool,
    /// What a browser is to be told that has no name for its forms yet.
    pub visitor: Option<String>,
    /// From where; what a proxy that is trusted says counts.
    pub address: IpAddr,
    pub is_https: bool,
}

pub fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = all.flat_map(Cookie::split_parse).filter_map(Result::ok).filter(|cookie| cookie.name() == name);
    found.next().map(|cookie| cookie.value().to_owned())
}

fn is_trusted(app: &App, address: IpAddr) -> bool {
    app.web.trust_proxy.iter().any(|network| network.0.contains(&address.to_canonical()))
}

/// The address that the proxies nearest to us vouch for.
fn vouched(app: &App, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut address = peer;
    let lists = headers.get_all("x-forwarded-for").iter().rev().filter_map(|list| list.to_str().ok());
    for hop in lists.flat_map(|list| list.rsplit(',')) {
        match hop.trim().parse() {
            Ok(before) if is_trusted(app, address) => address = before,
            _ => break,
        }
    }
    address
}

/// Finds out who it is.
pub fn who(app: &App, peer: IpAddr, parts: &Parts) -> Who {
    let headers = &parts.headers;
    let is_proxy = is_trusted(app, peer);
    let mut who = Who {
        user: None,
        subject: "nobody".to_owned(),
        session: None,
        is_in: true,
        visitor: None,
        address: vouched(app, peer, headers),
        is_https: is_proxy && text(headers, "x-forwarded-proto").eq_ignore_ascii_case("https"),
    };
    match &app.gate {
        Gate::Open => {}
        Gate::Header(name) => {
            let values: Vec<_> = headers.get_all(name).iter().collect();
            // Two of them: one may be from the browser.
            let named = match values[..] {
                [value] if is_proxy => std::str::from_utf8(value.as_bytes()).ok().map(str::trim),
                _ => None,
            };
            who.user = named.filter(|name| !name.is_empty() && name.len() <= 200).map(str::to_owned);
            who.is_in = who.user.is_some();
            who.subject = format!("user:{}", who.user.as_deref().unwrap_or_default());
        }
        Gate::Users(_) => {
            let session = cookie(headers, &app.cookie_name("session"));
            let of_user = session.and_then(|name| Some((app.sessions.user(&name)?, name)));
            if let Some((user, name)) = of_user {
                who.subject = format!("session:{name}");
                who.user = Some(user);
                who.session = Some(name);
                return who;
            }
            who.is_in = false;
            let visitor = cookie(headers, &app.cookie_name("visitor")).filter(|name| name.len() == 64);
            let name = visitor.clone().or_else(|| secret::random().ok()).unwrap_or_default();
            who.subject = format!("visitor:{name}");
            who.visitor = visitor.is_none().then_some(name);
        }
    }
    who
}
