//! The masters: whether they are reached, what runs there, and how late their timers come.

use super::layout::{length, Page, Tab};
use super::trouble::Reply;
use super::visit::Visit;
use crate::table;
use crate::watch::Node;
use maud::{html, Markup};
use std::time::Duration;

/// Bytes as people write them.
pub fn bytes(n: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{n} bytes")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

fn lateness(node: &Node, quantile: &str) -> Option<String> {
    let us = node.figure(&format!("timer_lateness_us_{quantile}"))?;
    Some(if us < 1000 { format!("{us} µs") } else { table::length(us / 1000) })
}

fn memory(node: &Node) -> String {
    match node.maxmemory {
        0 => bytes(node.used_memory),
        most => format!("{} of {}", bytes(node.used_memory), bytes(most)),
    }
}

fn row(node: &Node) -> Markup {
    let known = node.seen.is_some();
    html! {
        tr {
            th.key scope="row" { (node.address) }
            td data-label="State" {
                @if let Some(trouble) = &node.trouble {
                    span.bad { "not reached" } " " span { (trouble) }
                    @if let Some(age) = node.age() { " " span.quiet { "Last seen " (length(age)) " ago." } }
                } @else if node.module_version.is_none() {
                    span.bad { "no module" }
                } @else { span.good { "reached" } }
                @for warning in &node.warnings { p.warn { (warning) } }
            }
            @if known {
                td data-label="Server" { (node.server) } td data-label="Module" { (node.module_version.as_deref().unwrap_or("-")) }
                td data-label="Role" { (node.role) } td.n data-label="Replicas" { (node.replicas) }
                td data-label="Up for" { (length(Duration::from_secs(node.uptime_s))) } td data-label="Memory" { (memory(node)) }
                td data-label="Timer late (p50)" { (lateness(node, "p50").unwrap_or_default()) }
                td data-label="p99" { (lateness(node, "p99").unwrap_or_default()) }
                td data-label="most" { (lateness(node, "max").unwrap_or_default()) }
                td.n data-label="Waiting claims" { (node.figure("blocked-clients").or(node.figure("blocked_clients")).unwrap_or(0)) }
            } @else { td colspan="10" {} }
        }
    }
}

pub async fn page(visit: Visit) -> Reply {
    let picture = visit.app.watch.now();
    let body = html! {
        @if picture.nth == 0 { p { "Nothing is known yet: the servers are being asked." } }
        div.wide tabindex="0" role="region" aria-label="Nodes" {
            table {
                thead { tr {
                    th scope="col" { "Node" } th scope="col" { "State" } th scope="col" { "Server" } th scope="col" { "Module" }
                    th scope="col" { "Role" } th.n scope="col" { "Replicas" } th scope="col" { "Up for" } th scope="col" { "Memory" }
                    th scope="col" { "Timer late (p50)" } th scope="col" { "p99" } th scope="col" { "most" }
                    th.n scope="col" { "Waiting claims" }
                } }
                tbody { @for node in &picture.nodes { (row(node)) } }
            }
        }
        p.quiet { "How much later than due the timer of the module came, since the server was started. " code { "tsgen doctor" } " tells what endangers delivery." }
    };
    Ok(visit.page(&Page { title: "Nodes", tab: Tab::Nodes, is_live: true }, body))
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_told_in_their_unit() {
        assert_eq!(
            [0, 1023, 1024, 5 << 20, 3 << 40].map(bytes),
            ["0 bytes", "1023 bytes", "1.0 KiB", "5.0 MiB", "3.0 TiB"]
        );
    }
}
