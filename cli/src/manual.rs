//! The manual page: that of the whole, and what each command takes.

use crate::args::declared;
use std::io::{self, Write};

pub fn print() -> anyhow::Result<()> {
    let mut page = Vec::new();
    let whole = clap_mangen::Man::new(declared());
    whole.render(&mut page)?;
    writeln!(page, ".SH \"EACH COMMAND\"")?;
    // Not built, so that what all of them take is not repeated for each.
    for command in declared().get_subcommands() {
        let name = command.get_name();
        writeln!(page, ".SS \"tsgen {name}\"")?;
        let mut sections = Vec::new();
        let own = clap_mangen::Man::new(command.clone().disable_help_flag(true));
        own.render_description_section(&mut sections)?;
        own.render_synopsis_section(&mut sections)?;
        own.render_options_section(&mut sections)?;
        // They are parts of one section here.
        for line in String::from_utf8_lossy(&sections).lines() {
            writeln!(page, "{}", if line.starts_with(".SH ") { ".PP" } else { line })?;
        }
    }
    Ok(io::stdout().lock().write_all(&page)?)
}
