//! `tsgen work KEY … --exec 'command' | --http URL`: a worker for any program.
//!
//! An entry's payload (the value of a key of EXPIRY; of a group or a batch a JSON document) is the program's standard input, or the body of a
//! POST. What else it carries is in variables `TSGEN_…`, or in headers `Tsgen-…`. The library keeps the lease meanwhile, and hands back
//! what is not done when the process has to stop. What came of each entry is a line on standard error.

mod ended;

use crate::args::{Common, Work};
use crate::bytes::Bytes;
use crate::carried::Kind;
use crate::keys::Known;
use crate::sentence::sentence;
use crate::servers::Servers;
use crate::{with_key, Outcome};
use anyhow::{bail, Context};
use ended::{log, Ended};
use percent_encoding::{utf8_percent_encode, AsciiSet, CONTROLS};
use rustix::process::{kill_process_group, Pid, Signal};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tracing_subscriber::EnvFilter;
use tsgen_client::{Claimed, Content, Job, Key, Raw, Worker};

/// EX_TEMPFAIL of sysexits.h: it may work later.
const LATER: i32 = 75;
/// EX_DATAERR: it will never work.
const HOPELESS: i32 = 65;
/// A reason is the end of what the program has said, as much as the server keeps.
const TAIL: usize = 1000;
/// How long a program that is told to end may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An entry as a program gets it.
struct Task {
    input: Vec<u8>,
    /// `ID` and so on, with their values.
    fields: Vec<(&'static str, Vec<u8>)>,
}

/// What a program gets of a family's entries.
trait Given: Kind {
    /// What it reads, and fields besides those that all families have.
    fn given(content: &Self::Content, claimed: &Claimed) -> (Vec<u8>, Vec<(&'static str, Vec<u8>)>);
}

fn text(value: impl ToString) -> Vec<u8> {
    value.to_string().into_bytes()
}

impl Given for tsgen_client::Elements {
    fn given(payload: &Raw, claimed: &Claimed) -> (Vec<u8>, Vec<(&'static str, Vec<u8>)>) {
        (payload.0.clone(), vec![("TIMESTAMP", text(claimed.timestamp))])
    }
}

impl Given for tsgen_client::Debounce {
    fn given(group: &tsgen_client::Group<Raw>, _: &Claimed) -> (Vec<u8>, Vec<(&'static str, Vec<u8>)>) {
        (json::<Self>(group), vec![("REASON", text(&group.reason))])
    }
}

impl Given for tsgen_client::Expiry {
    fn given(expired: &tsgen_client::Expired, _: &Claimed) -> (Vec<u8>, Vec<(&'static str, Vec<u8>)>) {
        let fields = vec![
            ("TYPE", text(&expired.kind)),
            ("DEADLINE", text(expired.deadline)),
            ("REASON", text(&expired.reason)),
            // An empty value and none are not the same.
            ("HAS_VALUE", text(if expired.value.is_some() { "yes" } else { "no" })),
        ];
        (expired.value.clone().unwrap_or_default(), fields)
    }
}

impl Given for tsgen_client::Tally {
    fn given(batch: &tsgen_client::Batch, _: &Claimed) -> (Vec<u8>, Vec<(&'static str, Vec<u8>)>) {
        (json::<Self>(batch), vec![("OPENED_AT", text(batch.opened_at)), ("SEALED_AT", text(batch.sealed_at))])
    }
}

/// The same document as `peek --json` has it.
fn json<F: Kind>(content: &F::Content) -> Vec<u8> {
    text(serde_json::Value::Object(F::carried(content).fields()))
}

impl Task {
    fn of<F: Given>(job: &Job<F::Content>) -> Self {
        let (input, own) = F::given(&job.payload, &job.claimed);
        let mut fields = vec![
            ("FAMILY", text(F::NAME)),
            ("KEY", job.key.0.clone()),
            ("ID", job.id.0.clone()),
            ("TOKEN", text(job.token)),
            ("DELIVERIES", text(job.deliveries)),
        ];
        fields.extend(own);
        Self { input, fields }
    }
}

/// What does the work.
enum Program {
    Exec(String),
    Http(reqwest::Client, String),
}

struct Terms {
    program: Program,
    /// For how long what may work later is put off, unless it says so itself.
    later: Duration,
}

/// A process and all that it has started. They end with it, and when nobody waits for it any more.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // It may have ended.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// The last bytes of what was said, as text, without line ends around it.
fn tail(said: &[u8]) -> String {
    let start = said.len().saturating_sub(TAIL);
    Bytes::from(String::from_utf8_lossy(&said[start..]).trim()).to_string()
}

async fn exec(command: &str, terms: &Terms, task: Task, claimed: &Claimed) -> Result<Ended, std::io::Error> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    for (name, value) in &task.fields {
        // A variable ends at a NUL.
        let value: Vec<u8> = value.iter().copied().filter(|byte| *byte != 0).collect();
        shell.env(format!("TSGEN_{name}"), OsString::from_vec(value));
    }
    let mut child = shell.spawn()?;
    let group = Group(child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)));
    let (mut input, mut errors) = (child.stdin.take().expect("its input"), child.stderr.take().expect("its errors"));
    let feed = async {
        // It need not read all of it.
        let _ = input.write_all(&task.input).await;
        drop(input);
    };
    let listen = async {
        let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(length @ 1..) = errors.read(&mut chunk).await {
            let _ = tokio::io::stderr().write_all(&chunk[..length]).await;
            said.extend_from_slice(&chunk[..length]);
            let start = said.len().saturating_sub(2 * TAIL);
            said.drain(..start);
        }
        said
    };
    let work = async {
        let ((), said, status) = tokio::join!(feed, listen, child.wait());
        (said, status)
    };
    tokio::pin!(work);
    let (said, status) = tokio::select! {
        ended = &mut work => ended,
        withdrawn = claimed.withdrawn() => {
            group.signal(Signal::TERM);
            let _ = tokio::time::timeout(PATIENCE, work).await;
            return Ok(Ended::Withdrawn(withdrawn));
        }
    };
    let status = status?;
    let reason = || {
        let said = tail(&said);
        if said.is_empty() {
            status.to_string()
        } else {
            said
        }
    };
    Ok(match status.code() {
        Some(0) => Ended::Done,
        Some(LATER) => Ended::Later(terms.later, reason()),
        Some(HOPELESS) => Ended::Hopeless(reason()),
        _ => Ended::Failed(reason()),
    })
}

/// What a header cannot carry, and `%` itself.
const IN_HEADER: &AsciiSet = &CONTROLS.add(b'%');

/// For how long a server asks to wait: seconds, or a date.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).unwrap_or_default())
}

async fn post(client: &reqwest::Client, url: &str, terms: &Terms, task: Task, claimed: &Claimed) -> Ended {
    let mut request = client.post(url).body(task.input);
    for (name, value) in &task.fields {
        let value = match std::str::from_utf8(value) {
            Ok(text) => utf8_percent_encode(text, IN_HEADER).to_string(),
            Err(_) => percent_encoding::percent_encode(value, IN_HEADER).to_string(),
        };
        request = request.header(format!("Tsgen-{}", name.replace('_', "-")), value);
    }
    let answered = async {
        let response = match request.send().await {
            Ok(response) => response,
            // With its causes, and without the URL, which may have a password.
            Err(error) => return Ended::Failed(sentence(&error.without_url().into())),
        };
        let (status, after) = (response.status(), retry_after(&response));
        if status.is_success() {
            return Ended::Done;
        }
        let body = response.bytes().await.unwrap_or_default();
        let said = Bytes::from(String::from_utf8_lossy(&body[..body.len().min(TAIL)]).trim()).to_string();
        let reason = format!("{status}{}{said}", if said.is_empty() { "" } else { ": " });
        let is_hopeless = status == reqwest::StatusCode::GONE;
        let is_later =
            status == reqwest::StatusCode::TOO_MANY_REQUESTS || status == reqwest::StatusCode::SERVICE_UNAVAILABLE;
        match after {
            _ if is_hopeless => Ended::Hopeless(reason),
            Some(after) => Ended::Later(after, reason),
            None if is_later => Ended::Later(terms.later, reason),
            None => Ended::Failed(reason),
        }
    };
    tokio::select! {
        ended = answered => ended,
        withdrawn = claimed.withdrawn() => Ended::Withdrawn(withdrawn),
    }
}

async fn serve<F: Given>(
    key: Key<F>,
    tsgen: &tsgen_client::Tsgen,
    work: &Work,
    terms: Terms,
) -> Result<(), tsgen_client::Error>
where
    F::Content: Content<Family = F> + Sync,
{
    let mut worker = Worker::new(tsgen, key.name().clone());
    for further in &work.keys[1..] {
        worker = worker.and_then(further);
    }
    worker = worker.concurrency(work.concurrency).shutdown_timeout(work.shutdown_timeout);
    if let Some(name) = &work.consumer {
        worker = worker.consumer(name);
    }
    if let Some(lease) = work.lease {
        worker = worker.lease(lease);
    }
    let (terms, tsgen, is_told) = (Arc::new(terms), tsgen.clone(), !work.quiet);
    worker
        .run(move |job: Job<F::Content>| {
            let (terms, tsgen) = (terms.clone(), tsgen.clone());
            async move {
                let (task, claimed, began) = (Task::of::<F>(&job), &job.claimed, Instant::now());
                let ended = match &terms.program {
                    Program::Exec(command) => exec(command, &terms, task, claimed).await.unwrap_or_else(Ended::from),
                    Program::Http(client, url) => post(client, url, &terms, task, claimed).await,
                };
                if is_told {
                    log::<F>(&tsgen, claimed, &ended, began.elapsed()).await;
                }
                ended.told()
            }
        })
        .await
}

pub async fn run(common: &Common, work: &Work) -> anyhow::Result<Outcome> {
    // Colours are for terminals, not for files and journals.
    let has_colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // That something has failed the library says as well, and less of it.
    let told = EnvFilter::new("info,tsgen_client[{deliveries}]=off");
    let log = tracing_subscriber::fmt().with_env_filter(told).with_writer(std::io::stderr);
    // Nobody may read it, and that must not fail: by default the failure is printed, which panics, and a panic in a job fails its entry.
    log.with_ansi(has_colours).with_target(false).log_internal_errors(false).init();
    let servers = Servers::of(common)?;
    let Some(first) = work.keys.first() else { bail!("no key") };
    let known = Known::find(&servers, first).await?;
    let program = match (&work.exec, &work.http) {
        (Some(command), _) => Program::Exec(command.clone()),
        (None, Some(url)) => {
            let url = reqwest::Url::parse(url).with_context(|| format!("--http {url}"))?;
            Program::Http(reqwest::Client::builder().connect_timeout(Duration::from_secs(10)).build()?, url.to_string())
        }
        (None, None) => bail!("--exec or --http says what does the work"),
    };
    let terms = Terms { program, later: work.later };
    let name = known.name.clone();
    with_key!(known.family, known.tsgen, name, key => serve(key, &known.tsgen, work, terms).await)?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_the_end_of_what_was_said() {
        assert_eq!(tail(b"\n mailbox full\n"), "mailbox full");
        assert_eq!(tail(&[b'x'; 5000]).len(), TAIL);
        assert_eq!(tail(b"\xff\x1b[2J"), "\u{fffd}\\x1b[2J");
    }
}
