//! The URL of the command line in its parts, so that one of the same kind can be made for another node or database.

use percent_encoding::{utf8_percent_encode, NON_ALPHANUMERIC};

/// An URL in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub scheme: String,
    /// `user:password`, as it stands in the URL.
    user: String,
    pub hosts: Vec<String>,
    /// The database, the name of the master, or the path of a socket.
    pub path: String,
    query: String,
    /// `#insecure`: by TLS, and whatever certificate the server shows.
    pub is_insecure: bool,
}

impl Url {
    pub fn parse(text: &str) -> Self {
        let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
        let (rest, is_insecure) = rest.strip_suffix("#insecure").map_or((rest, false), |rest| (rest, true));
        let is_socket = scheme.ends_with("unix");
        // First: whatever a password has in it, it is no part of what the server is called.
        let (user, rest) = if is_socket { ("", rest) } else { rest.rsplit_once('@').unwrap_or(("", rest)) };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, path) = if is_socket { ("", rest) } else { rest.split_once('/').unwrap_or((rest, "")) };
        let hosts = hosts.split(',').map(str::to_owned).collect();
        let [scheme, user, path, query] = [scheme, user, path, query].map(str::to_owned);
        Self { scheme, user, hosts, path, query, is_insecure }
    }

    pub fn text(&self) -> String {
        let at = if self.user.is_empty() { "" } else { "@" };
        let slash = if self.is_socket() || self.path.is_empty() { "" } else { "/" };
        let asks = if self.query.is_empty() { "" } else { "?" };
        let (scheme, user, hosts) = (&self.scheme, &self.user, self.hosts.join(","));
        format!("{scheme}://{user}{at}{hosts}{slash}{}{asks}{}", self.path, self.query)
    }

    /// Sets a parameter of the query.
    fn set(&mut self, name: &str, value: &str) {
        let others = self.query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
        let pairs: Vec<String> = others.map(str::to_owned).chain([format!("{name}={value}")]).collect();
        self.query = pairs.join("&");
    }

    pub fn with_credentials(mut self, user: Option<&str>, password: Option<&str>) -> Self {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        if self.is_socket() {
            for (name, value) in [("user", user), ("pass", password)] {
                if let Some(value) = value {
                    self.set(name, &encoded(value));
                }
            }
            return self;
        }
        let (own_user, own_password) = self.user.split_once(':').unwrap_or((&self.user, ""));
        let user = user.filter(|_| own_user.is_empty()).map_or_else(|| own_user.to_owned(), encoded);
        let password = password.filter(|_| own_password.is_empty()).map_or_else(|| own_password.to_owned(), encoded);
        self.user = if user.is_empty() && password.is_empty() { String::new() } else { format!("{user}:{password}") };
        self
    }

    pub fn without_credentials(self) -> Self {
        Self { user: String::new(), query: String::new(), ..self }
    }

    /// The same for one server, at this address.
    pub fn one(&self, host: &str) -> Self {
        let scheme = if self.is_secure() { "rediss" } else { "redis" };
        Self { scheme: scheme.to_owned(), hosts: vec![host.to_owned()], path: String::new(), ..self.clone() }
    }

    /// The same in this database.
    pub fn in_db(&self, db: u32) -> Self {
        let mut url = self.clone();
        if url.is_socket() {
            url.set("db", &db.to_string());
        } else {
            url.path = db.to_string();
        }
        url
    }

    pub fn is_cluster(&self) -> bool {
        matches!(self.scheme.as_str(), "cluster" | "clusters")
    }

    pub fn is_sentinel(&self) -> bool {
        matches!(self.scheme.as_str(), "sentinel" | "sentinels")
    }

    /// Whether it is by TLS.
    pub fn is_secure(&self) -> bool {
        matches!(self.scheme.as_str(), "rediss" | "valkeys" | "clusters" | "sentinels")
    }

    /// The same by TLS; `false` where there is none.
    pub fn secure(&mut self) -> bool {
        if !self.is_secure() && !self.is_socket() {
            self.scheme.push('s');
        }
        self.is_secure()
    }

    pub fn is_socket(&self) -> bool {
        self.scheme.ends_with("unix")
    }

    /// What the server is called: its address, or the path of its socket. No credentials.
    pub fn place(&self) -> String {
        if self.is_socket() {
            self.path.clone()
        } else {
            self.hosts.join(",")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str, user: Option<&str>, password: Option<&str>) -> String {
        Url::parse(url).with_credentials(user, password).text()
    }

    #[test]
    fn an_url_is_what_it_was() {
        for url in [
            "redis://localhost:6379",
            "redis://ada:secret@host:1/3?protocol=resp3",
            "unix:///run/redis.sock?db=2",
            "sentinel://:secret@a:1,b:2/mymaster",
            "cluster://a:1,b:2",
            "rediss://h:1/3",
            "clusters://a:1,b:2",
        ] {
            assert_eq!(Url::parse(url).text(), url);
        }
        assert_eq!(Url::parse("host:1").text(), "redis://host:1");
    }

    #[test]
    fn a_node_of_an_url_by_tls_is_by_tls() {
        let secured = |text: &str| {
            let mut url = Url::parse(text);
            (url.secure(), url.one("h:9").text())
        };
        for text in [
            "redis://a:1",
            "rediss://a:1#insecure",
            "host:1",
            "cluster://a:1",
            "clusters://a:1,b:2",
            "sentinel://a:1/m",
        ] {
            assert_eq!(secured(text), (true, "rediss://h:9".to_owned()), "{text}");
        }
        assert!(!secured("unix:///s").0 && Url::parse("rediss://h:1/2#insecure").is_insecure);
        assert_eq!(Url::parse("rediss://h:1/2#insecure").in_db(3).text(), "rediss://h:1/3");
    }

    #[test]
    fn credentials_come_in_where_there_are_none() {
        assert_eq!(with("redis://h:1/2", None, Some("a b@c")), "redis://:a%20b%40c@h:1/2");
        assert_eq!(with("redis://h:1", Some("ada"), Some("x")), "redis://ada:x@h:1");
        assert_eq!(with("redis://eve:y@h:1", Some("ada"), Some("x")), "redis://eve:y@h:1");
        assert_eq!(with("redis://eve@h:1", None, Some("x")), "redis://eve:x@h:1");
        assert_eq!(with("cluster://a:1,b:2", None, Some("x")), "cluster://:x@a:1,b:2");
        assert_eq!(with("unix:///s?db=2", Some("ada"), Some("x")), "unix:///s?db=2&user=ada&pass=x");
        assert_eq!(with("redis://h:1", None, None), "redis://h:1");
    }

    #[test]
    fn a_place_has_no_password() {
        for password in ["se?cret", "se/cret", "se#cret", "se@cret", "?", "/x?y=z@w"] {
            for scheme in ["redis", "rediss", "sentinel", "clusters"] {
                let url = Url::parse(&format!("{scheme}://ada:{password}@h:1/0"));
                assert_eq!((url.place().as_str(), url.path.as_str()), ("h:1", "0"), "{password}");
            }
        }
    }

    #[test]
    fn a_database_is_named() {
        assert_eq!(Url::parse("redis://h:1/2").in_db(3).text(), "redis://h:1/3");
        assert_eq!(Url::parse("unix:///s?db=2&user=a").in_db(3).text(), "unix:///s?user=a&db=3");
    }
}
