//! `tsgen`: what the keys of the module hold, and what an operator does about it. It speaks only commands, so it works with every server
//! that has the module.

mod args;
mod bytes;
mod carried;
mod confirm;
mod dead;
mod doctor;
mod entries;
mod family;
mod host;
mod info;
mod keys;
mod ls;
mod manual;
mod metrics;
mod options;
mod pattern;
mod sentence;
mod serve;
mod servers;
mod table;
mod top;
mod transfer;
mod watch;
mod web;
mod work;

use args::{Args, Command};
use std::io::Write;
use std::process::ExitCode;

/// What the process ends with, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done = 0,
    /// The server refused it, or `doctor` has found something. (2 is clap's: a wrong command line.)
    Failed = 1,
    /// No server was reached.
    Unreachable = 3,
    /// Done, but an export lacks something, or may have it twice.
    Lacking = 4,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        ExitCode::from(outcome as u8)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::read();
    match run(&args).await {
        Ok(outcome) => outcome.into(),
        // A reader that has seen enough, such as `head`.
        Err(error) if is_broken_pipe(&error) => Outcome::Done.into(),
        Err(error) => {
            // Nobody may read it; the exit code is the same.
            let _ = writeln!(std::io::stderr(), "tsgen: {}", sentence::sentence(&error));
            let unanswered =
                error.chain().any(|cause| matches!(cause.downcast_ref(), Some(tsgen_client::Error::Unanswered(_))));
            if unanswered { Outcome::Unreachable } else { Outcome::Failed }.into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let of = |cause: &(dyn std::error::Error + 'static)| {
        let written = cause.downcast_ref().and_then(serde_json::Error::io_error_kind);
        written.or_else(|| cause.downcast_ref().map(std::io::Error::kind))
    };
    error.chain().any(|cause| of(cause) == Some(std::io::ErrorKind::BrokenPipe))
}

async fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Ls(ls) => ls::run(&args.common, ls).await,
        Command::Top(top) => top::run(&args.common, top).await,
        Command::Info { key } => info::run(&args.common, key).await,
        Command::Peek(peek) => entries::peek(&args.common, peek).await,
        Command::Dead(listing) => dead::list(&args.common, listing).await,
        Command::Requeue(chosen) => dead::settle(&args.common, dead::Fate::Requeue, chosen).await,
        Command::Discard(chosen) => dead::settle(&args.common, dead::Fate::Discard, chosen).await,
        Command::Promote { key, tokens } => entries::promote(&args.common, key, tokens).await,
        Command::Pause { key } => options::pause(&args.common, key, true).await,
        Command::Resume { key } => options::pause(&args.common, key, false).await,
        Command::Create { family, key, options } => options::create(&args.common, *family, key, options).await,
        Command::Alter { key, options } => options::alter(&args.common, key, options).await,
        Command::Export(export) => transfer::export(&args.common, export).await,
        Command::Import(import) => transfer::import(&args.common, import).await,
        Command::Work(work) => work::run(&args.common, work).await,
        Command::Doctor => doctor::run(&args.common).await,
        Command::Metrics(metrics) => metrics::run(&args.common, metrics).await,
        Command::Web(options) => web::run(&args.common, options).await,
        Command::WebUser(user) => web::users::make(user),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut args::declared(), "tsgen", &mut std::io::stdout());
            Ok(Outcome::Done)
        }
        Command::Man => {
            manual::print()?;
            Ok(Outcome::Done)
        }
    }
}
