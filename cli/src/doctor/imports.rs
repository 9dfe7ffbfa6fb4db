//! What imports have left that were cut off: keys aside, which never got their name.

use super::Findings;
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
    let left_ms = server.command(Some(name.as_bytes()), ["PTTL", name]).await.ok().as_ref().and_then(maybe_integer);
    match left_ms {
        // It has gone, or has its name by now.
        Some(-2) => {}
        Some(-1) => found.warning(
            place,
            format!("all of an import is in it, {entries} entries, but it never got its name, {of}"),
            format!("RENAMENX '{name}' '{key}' takes it up, UNLINK '{name}' removes it"),
        ),
        left_ms => {
            let ends =
                left_ms.map_or(String::new(), |left_ms| format!(", and goes by itself in {}", table::length(left_ms)));
            found.warning(
                place,
                format!("an import into {of} was cut off, or is still running: it has {entries} entries{ends}"),
                format!("if none is running, UNLINK '{name}', and import once more: tsgen import '{key}' FILE"),
            );
        }
    }
    Ok(true)
}
