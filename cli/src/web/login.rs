//! The login, and its end.

use super::act::{audit, Act};
use super::layout::{Page, Tab};
use super::trouble::{Reply, Trouble};
use super::users::Users;
use super::visit::{add_cookie, Visit, TOKEN};
use super::who::Gate;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use base64::prelude::{Engine, BASE64_STANDARD};
use maud::html;

/// The paths that are there without a login, too.
pub const OPEN: &[&str] = &["/login", "/style.css", "/live.js", "/icon.svg"];

/// Where to go then: a path of ours, or the overview.
fn next(path: &str) -> &str {
    let is_ours = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours {
        path
    } else {
        "/"
    }
}

/// Leads there, and then to what was asked for.
pub fn redirect(visit: &Visit) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", &visit.with("", "")[visit.app.base.len()..]);
    Redirect::to(&visit.url(&format!("/login?{}", query.finish()))).into_response()
}

fn form(visit: &Visit, to: &str, failure: Option<&str>) -> Response {
    let body = html! {
        @if let Some(failure) = failure { p.note.bad role="alert" { (failure) } }
        form.login method="post" action=(visit.url("/login")) {
            input type="hidden" name=(TOKEN) value=(visit.token());
            input type="hidden" name="next" value=(to);
            label { "User" input name="user" autocomplete="username" required autofocus maxlength="100"; }
            label { "Password" input name="password" type="password" autocomplete="current-password" required maxlength="1024"; }
            button { "Log in" }
        }
    };
    let mut reply = visit.page(&Page { title: "Log in", tab: Tab::None, is_live: false }, body);
    if let Some(name) = &visit.who.visitor {
        add_cookie(&mut reply, &visit.cookie("visitor", name));
    }
    reply
}

pub async fn page(visit: Visit) -> Reply {
    if visit.who.is_in {
        return Ok(Redirect::to(&visit.url("/")).into_response());
    }
    Ok(form(&visit, next(visit.query.get("next")), None))
}

/// Whether it is the user's password. What is wrong is counted.
async fn is_right(visit: &Visit, users: &Users, user: &str, password: &str) -> Result<bool, Response> {
    let (app, address) = (&visit.app, visit.who.address);
    if let Err(after) = app.attempts.take(address) {
        let seconds = after.as_secs() + 1;
        let text = format!("Nothing was looked at. Try again in {seconds} s.");
        let mut reply = Trouble::new(StatusCode::TOO_MANY_REQUESTS, "Too many attempts", text).into_response();
        reply.headers_mut().insert(RETRY_AFTER, seconds.into());
        return Err(reply);
    }
    let is_right = users.is_password(user, password).await.map_err(|error| {
        let text = format!("{error}. Try again.");
        Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "Not now", text).into_response()
    })?;
    if is_right {
        app.attempts.give_back(address);
    }
    Ok(is_right)
}

/// Name and password in the head of a request, for programs.
pub async fn basic(visit: &Visit, users: &Users, authorization: &str) -> Result<(), Response> {
    let encoded = authorization.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("basic"));
    let decoded = encoded.and_then(|(_, encoded)| BASE64_STANDARD.decode(encoded.trim()).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    if let Some((user, password)) = text.split_once(':') {
        if is_right(visit, users, user, password).await? {
            return Ok(());
        }
        told(visit, users, user, false);
    }
    let trouble = Trouble::new(
        StatusCode::UNAUTHORIZED,
        "Who asks?",
        "A name and a password are needed, by HTTP's Basic authentication.",
    );
    let mut reply = trouble.into_response();
    reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tsgen\", charset=\"UTF-8\""));
    Err(reply)
}

/// Writes on standard error who has logged in, or tried.
fn told(visit: &Visit, users: &Users, user: &str, is_right: bool) {
    // A name that there is none of may be a password in the wrong field.
    let mut named = visit.clone();
    named.who.user = users.has(user).then(|| user.to_owned());
    audit(&named, "login", None, is_right, if is_right { "" } else { "wrong name or password" });
}

pub async fn enter(act: Act) -> Reply {
    let visit = &act.visit;
    let Gate::Users(users) = &visit.app.gate else { return Err(Trouble::no_page()) };
    let (user, password) = (act.fields.get("user"), act.fields.get("password"));
    let is_right = match is_right(visit, users, user, password).await {
        Ok(is_right) => is_right,
        Err(reply) => return Ok(reply),
    };
    told(visit, users, user, is_right);
    if !is_right {
        let mut reply = form(visit, next(act.fields.get("next")), Some("The name or the password is wrong."));
        *reply.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(reply);
    }
    if let Some(before) = &visit.who.session {
        visit.app.sessions.end(before);
    }
    let session = visit.app.sessions.begin(user)?;
    let mut reply = Redirect::to(&visit.url(next(act.fields.get("next")))).into_response();
    add_cookie(&mut reply, &visit.cookie("session", &session));
    Ok(reply)
}

pub async fn leave(act: Act) -> Reply {
    let visit = &act.visit;
    if let Some(session) = &visit.who.session {
        visit.app.sessions.end(session);
    }
    audit(visit, "logout", None, true, "");
    let mut reply = Redirect::to(&visit.url("/login")).into_response();
    let mut over = visit.cookie("session", "");
    over.make_removal();
    add_cookie(&mut reply, &over);
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_way_goes_on_here_only() {
        for path in ["/", "/key/0/a%2Fb", "/?sort=dead"] {
            assert_eq!(next(path), path);
        }
        for path in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a b", "/a\r\nb"] {
            assert_eq!(next(path), "/", "{path:?}");
        }
    }
}
