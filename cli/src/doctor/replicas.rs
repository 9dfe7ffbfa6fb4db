//! Replicas: each may be the master tomorrow, so it needs the module, and a clock that is right.

use super::{clock, Findings, Grade, Node, Place, NOT_LOADED};
use crate::sentence::sentence;
use crate::servers::{field, info, joined, Servers};

/// A line `slave0:ip=…,port=…,state=…,…` of INFO: the address, and whether it is connected.
fn address(line: &str) -> Option<(String, bool)> {
    let (name, fields) = line.trim_end().split_once(':')?;
    name.strip_prefix("slave")?.parse::<u32>().ok()?;
    let of = |name: &str| fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    Some((joined(of("ip")?, of("port")?), of("state") == Some("online")))
}

/// Looks at the replicas of a master.
pub(super) async fn replicas(servers: &Servers, master: &Place, found: &mut Findings) -> Vec<Node> {
    // Who may not ask for that was told of already.
    let told = info(&master.tsgen, "replication").await.unwrap_or_default();
    let mut nodes = Vec::new();
    for (address, is_connected) in told.lines().filter_map(address) {
        let name = format!("{address} (replica of {})", master.node);
        if !is_connected {
            found.warning(&name, "it does not have all yet that its master has", "see its log, if that lasts");
        }
        let replica = async {
            let place = Place { tsgen: servers.node(&address)?, node: name.clone() };
            let told = info(&place.tsgen, "tsgen").await?;
            anyhow::Ok((place, told))
        };
        match replica.await {
            Ok((_, told)) if told.trim().is_empty() => found.error(
                &name,
                NOT_LOADED.to_owned() + " there: it cannot take its master's place",
                "a loadmodule line in its configuration, and start it again",
            ),
            Ok((place, told)) => {
                let version = field(&told, "tsgen_version").unwrap_or_default().to_owned();
                nodes.push(Node { name, version, clock_ms: clock(&place).await });
            }
            Err(error) => found.add(
                Grade::Unknown,
                &name,
                format!("it is not reached from here: {}", sentence(&error)),
                "see whether it has the module, and whether its clock is right",
            ),
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_named_by_their_master() {
        let line = "slave0:ip=127.0.0.1,port=6380,state=online,offset=14,lag=1\r";
        assert_eq!(address(line), Some(("127.0.0.1:6380".to_owned(), true)));
        let line = "slave11:ip=::1,port=7,state=wait_bgsave,offset=0,lag=0,type=main-channel";
        assert_eq!(address(line), Some(("[::1]:7".to_owned(), false)));
        assert_eq!(
            [address("connected_slaves:1"), address("slave_repl_offset:14"), address("role:master")],
            [None, None, None]
        );
    }
}
