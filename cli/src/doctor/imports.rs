//! What imports have left that were cut off: keys aside, which never got their name.

use super::{Findings, Grade};
use crate::servers::Servers;
use crate::table;
use crate::transfer::keys_beside;
use crate::watch::Row;
use tsgen_client::reply::maybe_integer;

/// Whether the key is one. Then it is told of.
pub(super) async fn left_by_import(servers: &Servers, row: &Row, found: &mut Findings) -> anyhow::Result<bool> {
    let Ok(name) = std::str::from_utf8(&row.id.key.0) else { return Ok(false) };
    let keys = keys_beside(name);
    let Some(key) = keys.first() else { return Ok(false) };
    let place = format!("{} {name} (db {})", row.family, row.id.db);
    let of = keys.join(" or ");
    let entries = row.entries();
    let server = servers.open(&row.node, Some(row.id.db))?;
    // An import takes the time to live away once all is there.
    let left_ms = match server.command(Some(name.as_bytes()), ["PTTL", name]).await {
        Ok(reply) => maybe_integer(&reply),
        Err(error) => {
            let what = format!("an import into {of} has left it, or still runs: PTTL, which tells, failed: {error}");
            found.add(Grade::Unknown, place, what, "let this user ask for it (ACL SETUSER … +pttl), or ask again");
            return Ok(true);
        }
    };
    let (what, remedy) = match left_ms {
        // It has gone, or has its name by now.
        Some(-2) => return Ok(true),
        Some(-1) if entries > 0 => (
            format!("all of an import is in it, {entries} entries, but it never got its name, {of}"),
            format!("{} takes it up, {} removes it", typed(&["RENAMENX", name, key]), typed(&["UNLINK", name])),
        ),
        Some(-1) => (
            format!("an import into {of} was cut off before its first entry, or is still running"),
            format!("{}, and import once more", typed(&["UNLINK", name])),
        ),
        left_ms => {
            let ends =
                left_ms.map_or(String::new(), |left_ms| format!(", and goes by itself in {}", table::length(left_ms)));
            (
                format!("an import into {of} was cut off, or is still running: it has {entries} entries{ends}"),
                format!("{}, and import once more", typed(&["UNLINK", name])),
            )
        }
    };
    found.warning(place, what, format!("if no import into it is running: {remedy}"));
    Ok(true)
}

/// A command as it can be typed. Names are those of others: one that a shell or redis-cli would read otherwise is not shown as if it could be.
fn typed(words: &[&str]) -> String {
    let is_plain = |word: &&str| word.chars().all(|c| c.is_ascii_graphic() && !"'\"\\`$!".contains(c));
    let [command, names @ ..] = words else { return String::new() };
    if names.iter().all(is_plain) {
        names.iter().fold((*command).to_owned(), |text, name| format!("{text} '{name}'"))
    } else {
        format!("{command}, with its name quoted,")
    }
}
