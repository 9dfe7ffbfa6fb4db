//! What the server tells of a command: COMMAND DOCS and COMMAND INFO, in the words that a page uses.

use super::page::Facts;
use crate::harness::*;

/// A command as the server describes it.
pub struct Told {
    pub name: String,
    docs: Reply,
    info: Reply,
}

/// The commands of the module, as COMMAND LIST names them.
pub fn listed(c: &mut Client) -> Vec<String> {
    let mut names: Vec<_> = c.ok("COMMAND LIST FILTERBY MODULE tsgen").items().iter().map(Reply::text).collect();
    names.sort();
    names
}

fn field<'r>(of: &'r Reply, name: &str) -> Option<&'r Reply> {
    of.items().chunks_exact(2).find(|pair| pair[0].text() == name).map(|pair| &pair[1])
}

fn texts(of: &Reply) -> Vec<String> {
    of.items().iter().map(Reply::text).collect()
}

impl Told {
    #[track_caller]
    pub fn of(c: &mut Client, name: &str) -> Self {
        let docs = c.ok(&format!("COMMAND DOCS {name}"));
        let info = c.ok(&format!("COMMAND INFO {name}"));
        assert_eq!(docs.items().len(), 2, "COMMAND DOCS {name}: {docs}");
        Told { name: name.to_owned(), docs: docs.items()[1].clone(), info: info.items()[0].clone() }
    }

    pub fn text(&self, name: &str) -> String {
        field(&self.docs, name).unwrap_or_else(|| panic!("{} has no {name}", self.name)).text()
    }

    pub fn arguments(&self) -> Vec<ToldArgument<'_>> {
        arguments(&self.docs)
    }

    /// Name and arguments, written as redis-cli's HELP does.
    pub fn syntax(&self) -> String {
        let arguments: Vec<_> = self.arguments().iter().map(ToldArgument::syntax).collect();
        format!("{} {}", self.name, arguments.join(" "))
    }

    pub fn arity(&self) -> i64 {
        self.info.items()[1].int()
    }

    pub fn flags(&self) -> Vec<String> {
        texts(&self.info.items()[2])
    }

    pub fn facts(&self) -> Facts {
        let flags: Vec<_> = self.flags().into_iter().filter(|flag| flag != "module").collect();
        let keys: Vec<_> = self.info.items()[8].items().iter().map(key_and_permission).collect();
        Facts {
            since: self.text("since"),
            complexity: self.text("complexity"),
            flags: flags.join(" "),
            keys: keys.join(", "),
        }
    }
}

/// A key spec, as the argument it is about and what ACL asks for. The only one that is found by a word is the sink's.
fn key_and_permission(spec: &Reply) -> String {
    let kind = spec.field("begin_search").field("type").text();
    let name = if kind == "index" { "key" } else { "stream" };
    format!("`{name}` `{}`", permission(&texts(spec.field("flags"))))
}

/// What a user needs to be allowed for a key of these flags, as ACL SETUSER writes it.
pub fn permission(flags: &[String]) -> &'static str {
    let has = |flag: &str| flags.iter().any(|have| have == flag);
    match (has("access"), has("update") || has("insert") || has("delete")) {
        (true, true) => "%RW~",
        (true, false) => "%R~",
        (false, true) => "%W~",
        (false, false) => panic!("a key that is neither read nor written: {flags:?}"),
    }
}

/// One argument in COMMAND DOCS.
pub struct ToldArgument<'r>(&'r Reply);

fn arguments(of: &Reply) -> Vec<ToldArgument<'_>> {
    field(of, "arguments").map_or(Vec::new(), |list| list.items().iter().map(ToldArgument).collect())
}

impl ToldArgument<'_> {
    fn token(&self) -> Option<String> {
        field(self.0, "token").map(Reply::text)
    }

    fn kind(&self) -> String {
        self.0.field("type").text()
    }

    fn is(&self, flag: &str) -> bool {
        field(self.0, "flags").is_some_and(|flags| texts(flags).iter().any(|have| have == flag))
    }

    fn syntax(&self) -> String {
        let parts: Vec<_> = arguments(self.0).iter().map(ToldArgument::syntax).collect();
        let own = match self.kind().as_str() {
            "pure-token" => String::new(),
            "oneof" => parts.join("|"),
            "block" => parts.join(" "),
            _ => self.0.field("name").text(),
        };
        let once = format!("{} {own}", self.token().unwrap_or_default()).trim().to_owned();
        let again = if self.is("multiple_token") { &once } else { &own };
        let written = if self.is("multiple") { format!("{once} [{again} ...]") } else { once.clone() };
        if self.is("optional") {
            format!("[{written}]")
        } else {
            written
        }
    }

    /// The words of the syntax that a user has to understand: option words, and what stands for a value.
    pub fn words(&self) -> Vec<String> {
        let parts = arguments(self.0);
        let has_value = !matches!(self.kind().as_str(), "pure-token" | "oneof" | "block");
        let name = has_value.then(|| self.0.field("name").text());
        self.token().into_iter().chain(name).chain(parts.iter().flat_map(ToldArgument::words)).collect()
    }

    /// The fewest words it takes, and whether it may take more.
    pub fn width(&self) -> (i64, bool) {
        let parts: Vec<_> = arguments(self.0).iter().map(ToldArgument::width).collect();
        let varies = parts.iter().any(|part| part.1);
        let (own, varies) = match self.kind().as_str() {
            "pure-token" => (0, false),
            "oneof" => {
                let least = parts.iter().map(|part| part.0).min().unwrap_or(0);
                (least, varies || parts.iter().any(|part| part.0 != least))
            }
            "block" => (parts.iter().map(|part| part.0).sum(), varies),
            _ => (1, false),
        };
        let least = if self.is("optional") { 0 } else { own + i64::from(self.token().is_some()) };
        (least, varies || self.is("optional") || self.is("multiple"))
    }

    /// The types of this argument and its parts.
    pub fn kinds(&self) -> Vec<String> {
        let parts = arguments(self.0);
        std::iter::once(self.kind()).chain(parts.iter().flat_map(ToldArgument::kinds)).collect()
    }
}
