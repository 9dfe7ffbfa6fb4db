//! A browser without script, as far as tests need one: it sends what it is told to, keeps cookies, and follows nothing by itself.

use crate::harness::*;
use crate::run;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

/// `tsgen web` at a server, at a port of its own.
pub struct Web {
    pub app: App,
    pub port: u16,
    /// Everything below it.
    base: String,
}

impl Web {
    #[track_caller]
    pub fn start(server: &Server, args: &[&str]) -> Self {
        Self::start_at(&run::url(server), args)
    }

    #[track_caller]
    pub fn start_at(url: &str, args: &[&str]) -> Self {
        let args = [&["web", "--listen", "127.0.0.1:0"], args].concat();
        let app = App::start_with(env!("CARGO_BIN_EXE_tsgen"), &args, &[("REDIS_URL", url.into())]);
        let line = app.line_with("tsgen: web: http://");
        let address = line.split_once("http://").expect("an address").1;
        let (host, base) = address.split_once('/').expect("a path");
        let port = host.rsplit_once(':').expect("a port").1.parse().expect("a port");
        let base = if base.is_empty() { String::new() } else { format!("/{}", base.trim_end_matches('/')) };
        Self { app, port, base }
    }

    pub fn browser(&self) -> Browser {
        Browser { port: self.port, base: self.base.clone(), cookies: BTreeMap::new(), headers: Vec::new() }
    }

    /// The page at a path, for somebody without cookies.
    #[track_caller]
    pub fn get(&self, path: &str) -> Seen {
        self.browser().get(path)
    }
}

pub struct Browser {
    port: u16,
    base: String,
    pub cookies: BTreeMap<String, String>,
    headers: Vec<(String, String)>,
}

/// A reply.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    /// A header; nothing if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// Itself, if it has this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.body);
        self
    }

    #[track_caller]
    pub fn has(self, text: &str) -> Self {
        assert!(self.body.contains(text), "no {text:?} in\n{}", self.body);
        self
    }

    #[track_caller]
    pub fn lacks(self, text: &str) -> Self {
        assert!(!self.body.contains(text), "{text:?} in\n{}", self.body);
        self
    }

    /// The code that forms of this page carry.
    #[track_caller]
    pub fn token(&self) -> String {
        let from = self.body.split_once("name=\"csrf\" value=\"").expect("a form").1;
        from.split_once('"').expect("its end").0.to_owned()
    }
}

impl Browser {
    /// One that sends these headers with every request. `Host` among them replaces the right one.
    pub fn with(mut self, headers: &[(&str, &str)]) -> Self {
        self.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Seen {
        self.send("GET", path, None)
    }

    /// Sends a form with these fields, `a=1&b=2`.
    #[track_caller]
    pub fn post(&mut self, path: &str, fields: &str) -> Seen {
        self.send("POST", path, Some(fields))
    }

    /// Looks at a page, and sends a form to a path with the code of that page.
    #[track_caller]
    pub fn act(&mut self, page: &str, path: &str, fields: &str) -> Seen {
        let token = self.get(page).is(200).token();
        self.post(path, &format!("csrf={token}&{fields}"))
    }

    #[track_caller]
    pub fn log_in(&mut self, user: &str, password: &str) -> Seen {
        self.act("/login", "/login", &format!("user={user}&password={password}"))
    }

    #[track_caller]
    pub fn send(&mut self, method: &str, path: &str, body: Option<&str>) -> Seen {
        let mut stream = self.open(method, path, body);
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("a reply");
        let reply = String::from_utf8(reply).expect("text");
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {reply:?}"));
        let (status, headers) = head.split_once("\r\n").expect("headers");
        let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers: Vec<_> = headers.lines().filter_map(pair).collect();
        for (_, cookie) in headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            match value {
                "" => self.cookies.remove(name),
                _ => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Seen { status, headers, body: body.to_owned() }
    }

    /// Sends a request, and leaves the reply to be read.
    #[track_caller]
    pub fn open(&self, method: &str, path: &str, body: Option<&str>) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        let mut text = format!("{method} {}{path} HTTP/1.1\r\nConnection: close\r\n", self.base);
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            text += &format!("Host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            text += &format!("Cookie: {}\r\n", pairs.join("; "));
        }
        if let Some(body) = body {
            text += &format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        text += body.unwrap_or_default();
        // It may answer before it has read all of it.
        let _ = stream.write_all(text.as_bytes());
        stream
    }
}

/// The same in every place of a page: what a browser is told to do with it.
#[track_caller]
pub fn is_guarded(seen: &Seen) {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    assert_eq!(seen.header("content-security-policy"), policy, "{:?}", seen.headers);
    let told = ["x-content-type-options", "referrer-policy"].map(|name| seen.header(name));
    assert_eq!(told, ["nosniff", "no-referrer"]);
    let kept = seen.header("cache-control");
    assert!(kept == "no-store" || kept == "no-cache", "{kept}");
}
