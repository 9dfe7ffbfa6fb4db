//! Which names of hosts requests may have.
//!
//! A name that somebody else has pointed at this address would make what is served here a part of his site, and his pages could read it: DNS
//! rebinding. So a request has to name a host that is meant.

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// What is said to a request for another.
pub const UNKNOWN: &str = "The name of the host in the address is not one that tsgen was told of: start it with --host NAME for each name it is reached by.";

/// The name of a host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a request is for a host that is meant: an address, which is nobody's to point elsewhere, this machine, or one of these names.
pub fn is_meant(parts: &Parts, own: &[String]) -> bool {
    let told = || parts.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = without_port(parts.uri.host().unwrap_or_else(told)).trim_end_matches('.').to_ascii_lowercase();
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    is_address || is_local || own.iter().any(|own| own.eq_ignore_ascii_case(&name))
}

/// Lets through what is for a host that is meant.
pub async fn guard(State(own): State<Arc<Vec<String>>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if is_meant(&parts, &own) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, format!("{UNKNOWN}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_a_name() {
        let names = ["a.b:80", "a.b", "[::1]:8380", "[::1]", "127.0.0.1:1"].map(without_port);
        assert_eq!(names, ["a.b", "a.b", "[::1]", "[::1]", "127.0.0.1"]);
    }

    #[test]
    fn a_name_has_to_be_meant_and_an_address_has_not() {
        let is_meant = |host: &str| {
            let (parts, ()) = Request::builder().header(HOST, host).body(()).expect("a request").into_parts();
            is_meant(&parts, &["Queues.example".to_owned()])
        };
        for host in ["127.0.0.1:9380", "[::1]:1", "localhost", "a.localhost:2", "queues.EXAMPLE.:80"] {
            assert!(is_meant(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "xqueues.example", "127.0.0.1.evil.example"] {
            assert!(!is_meant(host), "{host}");
        }
    }
}
