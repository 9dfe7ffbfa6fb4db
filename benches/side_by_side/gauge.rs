//! What a server says about itself: CPU, time inside commands, memory, bytes replicated.

use crate::harness::Client;

/// CPU of the whole process so far, in microseconds: user and system, background threads included.
pub fn cpu_us(client: &mut Client) -> f64 {
    let text = client.ok("INFO cpu").text();
    let seconds = |name| info_field(&text, name).and_then(|value| value.parse::<f64>().ok()).expect("seconds of CPU");
    (seconds("used_cpu_user") + seconds("used_cpu_sys")) * 1e6
}

/// Sets what [`in_command_us`] and [`slowest_us`] tell to zero.
pub fn reset_in_command(client: &mut Client) {
    client.ok("CONFIG RESETSTAT");
}

/// Time spent inside these commands since the last reset, all calls together, in microseconds.
pub fn in_command_us(client: &mut Client, commands: &[&str]) -> f64 {
    let text = client.ok("INFO commandstats").text();
    commands.iter().map(|command| stat(&text, "cmdstat", command, "usec=")).sum()
}

/// The longest single call of any of these commands since the last reset, in microseconds, to two digits.
pub fn slowest_us(client: &mut Client, commands: &[&str]) -> f64 {
    client.ok("CONFIG SET latency-tracking-info-percentiles 100");
    let text = client.ok("INFO latencystats").text();
    commands.iter().map(|command| stat(&text, "latency_percentiles_usec", command, "p100=")).fold(0.0, f64::max)
}

/// One number about a command, which must have been called.
fn stat(text: &str, prefix: &str, command: &str, name: &str) -> f64 {
    // Redis lists its own commands in lower case, a module's as they were registered.
    let stats =
        [command, &command.to_ascii_lowercase()].map(|command| info_field(text, &format!("{prefix}_{command}")));
    let stats = stats.into_iter().flatten().next().unwrap_or_else(|| panic!("{command} was never called:\n{text}"));
    stats.split(',').find_map(|stat| stat.strip_prefix(name)?.parse().ok()).expect("a number")
}

pub fn used_memory(client: &mut Client) -> f64 {
    client.info("memory", "used_memory").parse().expect("bytes")
}

/// Bytes sent to replicas so far.
pub fn replicated(client: &mut Client) -> f64 {
    client.info("replication", "master_repl_offset").parse().expect("bytes")
}

fn info_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
