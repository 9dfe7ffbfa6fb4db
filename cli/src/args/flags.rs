//! `--json` and `--yes`, for the commands that they do something for.

use super::{Args, Command};
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches};

/// The commands that print one JSON document if they are told to.
const WITH_JSON: [&str; 13] = [
    "ls", "info", "peek", "dead", "requeue", "discard", "promote", "pause", "resume", "create", "alter", "import",
    "doctor",
];
/// Those that ask before what cannot be taken back.
const WITH_YES: [&str; 4] = ["requeue", "discard", "alter", "import"];

/// Those that ask no server.
const ALONE: [&str; 3] = ["web-user", "completions", "man"];

/// The command line as it is declared here, with `--json` and `--yes` where they do something.
pub fn declared() -> clap::Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).display_order(900).help(help)
    };
    let mut command = Args::command();
    for name in WITH_JSON {
        command = command.mut_subcommand(name, |own| own.arg(flag("json", "One JSON document instead of text")));
    }
    for name in WITH_YES {
        command = command.mut_subcommand(name, |own| own.arg(flag("yes", "Ask nothing, for scripts").short('y')));
    }
    // What all take is not shown where it does nothing.
    let of_all: Vec<Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    for name in ALONE {
        let hidden = of_all.iter().map(|arg| arg.clone().global(false).hide(true));
        command = command.mut_subcommand(name, |own| own.args(hidden));
    }
    command
}

impl Args {
    /// Reads the command line. It ends the process with a wrong one, and after `--help`.
    pub fn read() -> Self {
        let matches = declared().get_matches();
        let mut args = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let Some((_, own)) = matches.subcommand() {
            let is_set = |name| matches!(own.try_get_one::<bool>(name), Ok(Some(true)));
            (args.common.json, args.common.yes) = (is_set("json"), is_set("yes"));
        }
        if let Command::Create { options, .. } | Command::Alter { options, .. } = &mut args.command {
            // Behind the key all that begins with -- are options of the key; these are none of any.
            args.common.json |= taken(options, &["--json"]);
            args.common.yes |= taken(options, &["--yes", "-y"]);
        }
        args
    }
}

/// Whether one of these words was there; then it is no more.
fn taken(options: &mut Vec<String>, words: &[&str]) -> bool {
    let before = options.len();
    options.retain(|option| !words.contains(&option.as_str()));
    options.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        declared().debug_assert();
    }
}
