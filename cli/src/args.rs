//! The command line.

mod flags;

use crate::family::Family;
use clap::{Args as Group, Parser, Subcommand, ValueEnum};
pub use flags::declared;
use std::path::PathBuf;
use std::time::Duration;

/// See and steer what tsgen holds.
///
/// Exit codes: 0 done, 1 refused by the server (or `doctor` has found something), 2 a wrong command line, 3 no server was reached, 4 an export
/// is done, but lacks something, or is not exact.
#[derive(Parser, Debug)]
#[command(name = "tsgen", version, max_term_width = 100)]
pub struct Args {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// A time between two looks at the servers.
fn every(text: &str) -> Result<Duration, String> {
    const RANGE: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match RANGE.contains(&every) {
        true => Ok(every),
        false => Err("EVERY must be between 100ms and 1day".to_owned()),
    }
}

/// Where to look, and how to show it.
#[derive(Group, Clone, Debug)]
pub struct Common {
    /// redis://user:password@host:port/database, unix://path, sentinel://host:port,…/master, or cluster://host:port,…; by TLS: rediss,
    /// sentinels, clusters
    #[arg(
        long,
        global = true,
        env = "REDIS_URL",
        default_value = "redis://127.0.0.1:6379",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub url: String,
    /// The user, if the URL does not name one
    #[arg(long, global = true, help_heading = "Server")]
    pub user: Option<String>,
    /// A file whose first line is the password, so that it is on no command line
    #[arg(long, global = true, value_name = "FILE", help_heading = "Server")]
    pub password_file: Option<PathBuf>,
    /// The password, from the variable that redis-cli takes it from, too
    #[arg(long, env = "REDISCLI_AUTH", hide = true, hide_env_values = true)]
    pub password: Option<String>,
    /// Connect by TLS, as if the URL said so
    #[arg(long, global = true, help_heading = "TLS")]
    pub tls: bool,
    /// Certificates, in PEM, of which one must have signed the server's; without it those that the system trusts
    #[arg(long, global = true, value_name = "FILE", help_heading = "TLS")]
    pub cacert: Option<PathBuf>,
    /// The certificate to show, in PEM
    #[arg(long, global = true, value_name = "FILE", help_heading = "TLS", requires = "tls_key")]
    pub cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long = "key", id = "tls_key", global = true, value_name = "FILE", help_heading = "TLS", requires = "cert")]
    pub tls_key: Option<PathBuf>,
    /// Take any certificate of the server for its own
    #[arg(long, global = true, help_heading = "TLS")]
    pub insecure: bool,
    /// Only this database; without it `ls` and `metrics` look at all, and the others at that of the URL
    #[arg(long, global = true, value_name = "N", help_heading = "Server")]
    pub db: Option<u32>,
    /// One JSON document instead of text: for commands that take `--json`.
    #[arg(skip)]
    pub json: bool,
    /// Ask nothing: for commands that take `--yes`.
    #[arg(skip)]
    pub yes: bool,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// List all keys of the module: a row each
    Ls(Ls),
    /// See and steer all keys in a view that fills the terminal
    Top(Top),
    /// Show where one key stands: gate, states, totals and options
    Info {
        /// The key
        key: String,
    },
    /// Show entries of one state with their content, and who holds them; nothing changes
    Peek(Peek),
    /// Show dead letters with their reasons; what is in them shows `peek KEY dead`
    Dead(Listing),
    /// Give dead letters another chance: by token, by pattern of the reason, or all
    Requeue(Chosen),
    /// Remove dead letters for good: by token, by pattern of the reason, or all
    Discard(Chosen),
    /// End the delays of entries that failed: of these tokens, or of all
    Promote {
        /// The key
        key: String,
        /// Tokens, as PEEK DELAYED shows them; none: all
        tokens: Vec<i64>,
    },
    /// Hand out nothing until `resume`
    Pause {
        /// The key
        key: String,
    },
    /// End a pause
    Resume {
        /// The key
        key: String,
    },
    /// Make a key: tsgen create tsgen mails --clock --lease 30s
    Create {
        /// The family
        family: Family,
        /// The key
        key: String,
        /// Options as the server's CREATE takes them, as --option value
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "--OPTION VALUE")]
        options: Vec<String>,
    },
    /// Change options of a key: tsgen alter mails --maxdeliveries 5
    Alter {
        /// The key
        key: String,
        /// Options as the server's ALTER takes them, as --option value
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "--OPTION VALUE", required = true)]
        options: Vec<String>,
    },
    /// Write all entries of a key as JSON lines; nothing changes
    Export(Export),
    /// Add entries that `export` has written: TSGEN, DEBOUNCE and TALLY
    Import(Import),
    /// Let a program or a web service do the work of keys: the payload on its standard input, or in a POST
    Work(Work),
    /// Look for what endangers delivery; exit code 1 if something is found
    Doctor,
    /// Print figures of all keys for Prometheus
    Metrics(Metrics),
    /// Show all of this as pages for a browser, and act from there
    Web(Web),
    /// Make a line for the users of `web`: a name, and a password that is kept as argon2
    WebUser(WebUser),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Group, Debug)]
pub struct Ls {
    /// Keys that match this pattern of * and ?
    #[arg(default_value = "*")]
    pub pattern: String,
    /// Keys of this family
    #[arg(long)]
    pub family: Option<Family>,
    /// Keys with dead letters
    #[arg(long)]
    pub dead: bool,
    /// Keys that hand out nothing
    #[arg(long)]
    pub paused: bool,
    /// Keys whose oldest ready entry is at least so old: 30s, 5m
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    pub late: Option<std::time::Duration>,
    /// By what to sort, largest first; by key otherwise
    #[arg(long, value_enum)]
    pub sort: Option<Column>,
    /// Again every so often, with rates, until Ctrl-C
    #[arg(long, value_name = "EVERY", value_parser = every, num_args = 0..=1, default_missing_value = "2s")]
    pub watch: Option<std::time::Duration>,
}

/// Arrows and Enter move, ? shows all keys. Colours are left out with NO_COLOR.
#[derive(Group, Debug)]
pub struct Top {
    /// How often to look again
    #[arg(long, value_name = "EVERY", default_value = "2s", value_parser = every)]
    pub every: std::time::Duration,
    /// Change nothing, whatever is pressed
    #[arg(long)]
    pub read_only: bool,
}

/// What rows can be sorted by.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub enum Column {
    Waiting,
    Ready,
    Leased,
    Delayed,
    Dead,
    /// The age of the oldest ready entry
    Age,
}

/// The states that can be looked at.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ready,
    Delayed,
    Leased,
    Dead,
}

/// What `peek` lists.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    Waiting,
    Ready,
    Delayed,
    Leased,
    Dead,
}

#[derive(Group, Debug)]
pub struct Peek {
    /// The key
    pub key: String,
    /// The state; what is waiting behind the gate is listed of TSGEN
    #[arg(default_value = "ready")]
    pub state: Listed,
    /// How many at most
    #[arg(long, short = 'n', default_value_t = 10)]
    pub count: usize,
    /// Entries with this id (group, watched key, batch) that matches this pattern of * and ?
    #[arg(long, value_name = "PATTERN")]
    pub id: Option<String>,
}

#[derive(Group, Debug)]
pub struct Listing {
    /// The key
    pub key: String,
    /// Those whose reason matches this pattern of * and ?
    #[arg(long, value_name = "PATTERN")]
    pub reason: Option<String>,
    /// How many at most
    #[arg(long, short = 'n', default_value_t = 100)]
    pub count: usize,
    /// How many there are of each reason, instead of each letter
    #[arg(long)]
    pub by_reason: bool,
}

#[derive(Group, Debug)]
pub struct Chosen {
    /// The key
    pub key: String,
    /// Tokens, as `dead` shows them
    #[arg(required_unless_present_any = ["reason", "all"])]
    pub tokens: Vec<i64>,
    /// All whose reason matches this pattern of * and ?
    #[arg(long, value_name = "PATTERN", conflicts_with = "tokens")]
    pub reason: Option<String>,
    /// All of them
    #[arg(long, conflicts_with_all = ["tokens", "reason"])]
    pub all: bool,
}

#[derive(Group, Debug)]
pub struct Export {
    /// The key
    pub key: String,
    /// Of a key of TALLY: seal the open window first (TALLY.SEAL), for what is in it no command lists
    #[arg(long)]
    pub seal: bool,
}

#[derive(Group, Debug)]
pub struct Import {
    /// The key to add to; it is created with the options that were exported if there is none
    pub key: String,
    /// The file; - is the standard input
    #[arg(default_value = "-")]
    pub file: PathBuf,
    /// To a key that is there already: add dead letters too, as entries that are tried again
    #[arg(long)]
    pub with_dead: bool,
    /// To a key that is there already: go on behind so many entries, as an import has said that was interrupted
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub skip: u64,
}

/// Exit code 0 of the program, or a status 2xx: done. 75 (EX_TEMPFAIL), 429, 503 or a Retry-After: tried again later. 65 (EX_DATAERR) or
/// 410: a dead letter at once. All else has failed, and is tried again by the key's BACKOFF; the reason is the end of the standard error,
/// or of the body.
#[derive(Group, Debug)]
#[command(group = clap::ArgGroup::new("program").required(true))]
pub struct Work {
    /// The keys, of one family: as long as an earlier one has something, nothing of a later one
    #[arg(required = true)]
    pub keys: Vec<String>,
    /// A command for the shell. TSGEN_ID, TSGEN_KEY, TSGEN_TOKEN, TSGEN_DELIVERIES, TSGEN_FAMILY and the family's own are variables
    #[arg(long, group = "program", value_name = "COMMAND")]
    pub exec: Option<String>,
    /// An URL to POST to, with headers Tsgen-Id and so on; what they cannot carry is percent-encoded
    #[arg(long, group = "program", value_name = "URL")]
    pub http: Option<String>,
    /// How many at once
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub concurrency: usize,
    /// How soon another worker takes over if this one dies [default: 30s]
    #[arg(long, value_parser = humantime::parse_duration)]
    pub lease: Option<std::time::Duration>,
    /// The name under which the server shows who holds an entry, of this process alone; at more than one at once also NAME.1 and so on
    /// [default: of host, process and chance]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub consumer: Option<String>,
    /// No line on standard error for each entry, only for what concerns the worker itself
    #[arg(long, short)]
    pub quiet: bool,
    /// After how long what may work later is tried again
    #[arg(long, default_value = "1m", value_parser = humantime::parse_duration)]
    pub later: std::time::Duration,
    /// How long the program may go on when this process has to stop; what is not done then is handed back
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub shutdown_timeout: std::time::Duration,
}

#[derive(Group, Debug)]
pub struct Metrics {
    /// At most so many keys have figures of their own, those with most entries; the others are summed up as key="(other)"
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub max_keys: usize,
    /// Serve them at http://ADDR:PORT/metrics, until SIGTERM, instead of printing them once
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<std::net::SocketAddr>,
    /// A name of the host that it is reached by, besides localhost and addresses; may be repeated
    #[arg(long, value_name = "NAME", requires = "listen")]
    pub host: Vec<String>,
}

/// Pages for a browser. They are whole without script, ask nothing of any other host, and change what the keys hold only by forms of their own.
#[derive(Group, Clone, Debug)]
pub struct Web {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8380", value_name = "ADDR:PORT")]
    pub listen: std::net::SocketAddr,
    /// The path below which it is, if a proxy has it beside others
    #[arg(long, default_value = "", value_name = "PATH")]
    pub base_path: String,
    /// A name of the host that it is reached by, besides localhost and addresses; may be repeated
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Show, and change nothing
    #[arg(long)]
    pub read_only: bool,
    /// A file of users, who log in with a password; `tsgen web-user NAME` makes its lines
    #[arg(long, value_name = "FILE", conflicts_with = "user_header")]
    pub users: Option<PathBuf>,
    /// A header in which a proxy says who it is, such as X-Forwarded-User
    #[arg(long, value_name = "NAME", requires = "trust_proxy")]
    pub user_header: Option<String>,
    /// The address of a proxy, or a network of them, whose headers count: who it is, from where, and whether by https; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub trust_proxy: Vec<Network>,
    /// At most so many keys have figures of their own at /metrics; the others are summed up as key="(other)"
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub max_keys: usize,
    /// How often to look at the servers; pages that are open follow
    #[arg(long, value_name = "EVERY", default_value = "2s", value_parser = every)]
    pub every: std::time::Duration,
    /// So many keys of each node are looked at a second. 250 cost a server at most a hundredth of a core
    #[arg(long, default_value_t = 250, value_name = "N")]
    pub keys_per_second: u32,
    /// Let all who can reach it see and do everything, also from other machines
    #[arg(long, conflicts_with_all = ["users", "user_header"])]
    pub no_login: bool,
}

/// An address, or a network in the form 10.0.0.0/8.
#[derive(Clone, Copy, Debug)]
pub struct Network(pub ipnet::IpNet);

impl std::str::FromStr for Network {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from).or_else(|_| text.parse()).map(Self)
    }
}

/// Prints a line for the file of --users of `tsgen web`. The password is asked for, or the first line of the standard input.
#[derive(Group, Clone, Debug)]
pub struct WebUser {
    /// The name
    pub name: String,
}
