//! What stands before every handler, and behind it.
//!
//! Before: the request names a host that is meant (a name that somebody else has pointed at this address would make his pages ours, which is
//! called DNS rebinding), it says who it is, and if it is to change something, it is a form of ours. Behind: headers that keep a browser from
//! doing anything with a page but showing it, and trouble becomes a page.

use super::layout::{Page, Tab};
use super::trouble::Trouble;
use super::visit::{Pairs, Visit, TOKEN};
use super::who::{cookie, text, who, Gate};
use super::{login, App};
use crate::host;
use crate::serve::{Peer, PATIENCE};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::html;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};

/// The bytes of a form at most.
const LARGEST_FORM: usize = 1 << 20;

const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let visit = visit(&app, &parts);
    let mut reply = match admit(&app, &visit, parts, body).await {
        Ok(request) if request.method() == Method::POST => finished(next.run(request)).await,
        Ok(request) => next.run(request).await,
        Err(reply) => reply,
    };
    if let Some(trouble) = trouble(&reply) {
        let kept = reply.headers().clone();
        reply = page(&visit, &trouble);
        for name in [header::ALLOW, header::RETRY_AFTER, header::SET_COOKIE, header::WWW_AUTHENTICATE] {
            for value in kept.get_all(&name) {
                reply.headers_mut().append(name.clone(), value.clone());
            }
        }
    }
    for (name, value) in HEADERS {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    reply
}

/// What has begun to change something is done to its end, and told of on standard error, also if the browser has gone by then: a handler ends
/// with its connection, and half of it may be done.
async fn finished(handled: impl Future<Output = Response> + Send + 'static) -> Response {
    tokio::spawn(handled).await.unwrap_or_else(|_| {
        let text = "A fault of tsgen: what came of it is not known. Its standard error tells more.";
        Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, "That has failed", text).into_response()
    })
}

fn visit(app: &App, parts: &Parts) -> Visit {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let path = parts.uri.path().strip_prefix(app.base.as_str()).unwrap_or("/");
    let told = cookie(&parts.headers, &app.cookie_name("told"));
    Visit {
        app: app.clone(),
        who: who(app, peer, parts),
        path: if path.is_empty() { "/" } else { path }.to_owned(),
        query: Pairs::of(parts.uri.query().unwrap_or_default().as_bytes()),
        told: told.and_then(|value| Visit::read_told(app, &value)),
    }
}

/// Lets in who may come in. Who has not logged in yet is led there.
async fn enter(app: &App, visit: &Visit, parts: &Parts) -> Result<(), Response> {
    let path = visit.path.as_str();
    if visit.who.is_in || login::OPEN.contains(&path) {
        return Ok(());
    }
    let refused = |text: &str| Trouble::new(StatusCode::UNAUTHORIZED, "Nobody knows who you are", text).into_response();
    match &app.gate {
        Gate::Open => Ok(()),
        Gate::Header(name) => Err(refused(&format!("The proxy has to say so, in the header {name}."))),
        // What scrapes has no cookies.
        Gate::Users(users) if path == "/metrics" => {
            login::basic(visit, users, text(&parts.headers, header::AUTHORIZATION)).await
        }
        Gate::Users(_) if parts.method != Method::POST && path != "/live" => Err(login::redirect(visit)),
        Gate::Users(_) => Err(refused("Nothing was done. Log in first.")),
    }
}

/// The request as the handler gets it, if it may pass.
async fn admit(app: &App, visit: &Visit, mut parts: Parts, body: Body) -> Result<Request, Response> {
    host(app, &parts).map_err(Trouble::into_response)?;
    enter(app, visit, &parts).await?;
    parts.extensions.insert(visit.clone());
    match parts.method {
        Method::GET | Method::HEAD => return Ok(Request::from_parts(parts, Body::empty())),
        Method::POST => {}
        _ => return Err(not_here().into_response()),
    }
    let fields = form(app, visit, &parts, body).await.map_err(Trouble::into_response)?;
    parts.extensions.insert(fields);
    Ok(Request::from_parts(parts, Body::empty()))
}

fn not_here() -> Trouble {
    let text = "A page may be read, or a form sent, but not the one in place of the other.";
    Trouble::new(StatusCode::METHOD_NOT_ALLOWED, "That is not done here", text)
}

/// The fields of a form, if it is one to be taken.
async fn form(app: &App, visit: &Visit, parts: &Parts, body: Body) -> Result<Pairs, Trouble> {
    // To come and to go is no action.
    if !visit.may_act() && !matches!(visit.path.as_str(), "/login" | "/logout") {
        let text = "This page was started with --read-only: it shows, and changes nothing.";
        return Err(Trouble::new(StatusCode::FORBIDDEN, "Nothing is changed here", text));
    }
    same_site(parts)?;
    if !text(&parts.headers, header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded") {
        return Err(Trouble::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "That is no form",
            "Forms are sent as a browser encodes them.",
        ));
    }
    let body = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, LARGEST_FORM)).await.map_err(|_| {
        Trouble::new(StatusCode::REQUEST_TIMEOUT, "That takes too long", "Nothing was done: the form has not come.")
    })?;
    let body = body.map_err(|_| {
        let text = format!("Nothing was done: a form may have {LARGEST_FORM} bytes.");
        Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, "That is too much", text)
    })?;
    let fields = Pairs::of(&body);
    if !app.secret.is_code("form", &visit.who.subject, fields.get(TOKEN)) {
        let text = "Nothing was done. The form is from before tsgen was started last, or before you logged in, or it is not from here. \
                    Go back, load the page again, and send it from there.";
        return Err(Trouble::new(StatusCode::FORBIDDEN, "That form is not taken", text));
    }
    Ok(fields)
}

fn host(app: &App, parts: &Parts) -> Result<(), Trouble> {
    if host::is_meant(parts, &app.web.host) {
        return Ok(());
    }
    Err(Trouble::new(StatusCode::MISDIRECTED_REQUEST, "Unknown host", host::UNKNOWN))
}

/// Browsers say where a form comes from. Those that do not are kept out by the token alone.
fn same_site(parts: &Parts) -> Result<(), Trouble> {
    let foreign = || {
        Trouble::new(
            StatusCode::FORBIDDEN,
            "That form is not taken",
            "Nothing was done: the form comes from another site.",
        )
    };
    match text(&parts.headers, "sec-fetch-site") {
        "same-origin" | "none" => Ok(()),
        "" => match text(&parts.headers, header::ORIGIN) {
            // Under our own referrer policy it may be null.
            "" | "null" => Ok(()),
            origin => {
                let from = origin.split_once("://").map_or(origin, |(_, host)| host);
                let hosts = [text(&parts.headers, header::HOST), text(&parts.headers, "x-forwarded-host")];
                if hosts.contains(&from) {
                    Ok(())
                } else {
                    Err(foreign())
                }
            }
        },
        _ => Err(foreign()),
    }
}

/// What is to be shown in place of a reply.
fn trouble(reply: &Response) -> Option<Trouble> {
    if let Some(trouble) = reply.extensions().get::<Trouble>() {
        return Some(trouble.clone());
    }
    // axum's own.
    (reply.status() == StatusCode::METHOD_NOT_ALLOWED).then(|| {
        Trouble::new(
            reply.status(),
            "That is not done here",
            "The page may be read, or the form sent, but not the other way round.",
        )
    })
}

fn page(visit: &Visit, trouble: &Trouble) -> Response {
    let body = html! {
        p { (trouble.text) }
        p { a href=(visit.url("/")) { "Overview" } }
    };
    let mut reply = visit.page(&Page { title: &trouble.title, tab: Tab::None, is_live: false }, body);
    *reply.status_mut() = trouble.status;
    reply
}
