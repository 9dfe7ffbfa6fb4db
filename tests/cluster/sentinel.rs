//! A master and two replicas under three Sentinels.

use crate::harness::*;
use crate::state;

struct Watched {
    /// The master first.
    servers: Vec<Server>,
    sentinels: Sentinels,
}

impl Watched {
    #[track_caller]
    fn start() -> Self {
        let servers: Vec<Server> = (0..3).map(|_| Server::start(&[])).collect();
        for replica in &servers[1..] {
            replica.replica_of(&servers[0]);
        }
        let sentinels = Sentinels::watch(&servers[0], 2);
        Watched { servers, sentinels }
    }

    /// Fills the master with everything, and with what comes due once it is gone.
    #[track_caller]
    fn fill(&self) -> state::Held {
        let mut router = self.router();
        let held = state::fill(&mut router, "t");
        for line in [
            "DEBOUNCE.CREATE {t}:late IDLE 700 SINK {t}:late-stream",
            "DEBOUNCE.PUSH {t}:late group item",
            "EXPIRY.CREATE {t}:late-watcher PREFIX {t}:k:",
            "SET {t}:k:string value PX 700",
            "HSET {t}:k:hash field value",
            "PEXPIRE {t}:k:hash 700",
        ] {
            router.ok(line);
        }
        assert_eq!(self.servers[0].client().ok("WAIT 2 10000"), 2);
        held
    }

    /// A client of the master as it is now.
    fn router(&self) -> Router {
        let port = self.sentinels.master_port();
        Router::new(self.servers.iter().filter(|one| one.port == port).map(|one| (port, one.socket())).collect())
    }

    /// Waits until the Sentinels agree on another master than the first, and it is one. Which.
    #[track_caller]
    fn wait_for_failover(&self) -> usize {
        let mut new = 0;
        wait_long("there is another master", || {
            let Some(port) = self.sentinels.agreed_master_port() else { return false };
            new = self.servers.iter().position(|one| one.port == port).expect("one of ours");
            // One that is just given its role ends its connections.
            let role = || Client::try_connect(&self.servers[new].socket()).ok()?.try_info("replication", "role");
            new != 0 && role().as_deref() == Some("master")
        });
        new
    }

    /// What came due with nobody there is delivered by the new master, once.
    #[track_caller]
    fn assert_late_delivered(&self, router: &mut Router) {
        let mut told = Vec::new();
        while told.len() < 2 {
            let entries = router.ok("EXPIRY.CLAIM {t}:late-watcher me COUNT 2 BLOCK 10000");
            assert!(!entries.items().is_empty(), "{told:?}");
            told.extend(entries.items().iter().map(|entry| entry.items()[2..5].to_vec()));
        }
        told.sort_by_key(|entry| entry[0].text());
        let printed = format!("{told:?}");
        assert!(printed.contains("['{t}:k:string', 'string', 'value']"), "{printed}");
        assert!(matches!(told[0][2], Reply::Bulk(_)), "the hash has no value: {printed}");
        wait_until("the group has fired", || router.ok("XLEN {t}:late-stream") == 1);
    }

    /// The old master is a replica, and all hold the same.
    #[track_caller]
    fn assert_reunited(&self, new: usize) {
        // Sentinel closes connections when it makes a server a replica, so each look is over a new one.
        let role = || Client::try_connect(&self.servers[0].socket()).ok()?.try_info("replication", "role");
        wait_long("the old master is a replica", || role().as_deref() == Some("slave"));
        for replica in (0..3).filter(|nth| *nth != new) {
            same_data(&self.servers[new], &self.servers[replica]);
        }
    }
}

#[test]
fn a_replica_goes_on_where_its_dead_master_stopped() {
    let mut watched = Watched::start();
    let held = watched.fill();
    let before = held.digests(&watched.servers[0]);
    watched.servers[0].stop(Stop::Kill);
    let new = watched.wait_for_failover();
    assert_eq!(held.digests(&watched.servers[new]), before, "digests after the failover");
    let mut router = watched.router();
    watched.assert_late_delivered(&mut router);
    held.use_up(&mut router);
    watched.servers[0].start_again();
    watched.assert_reunited(new);
    assert_eq!(router.ok("XLEN {t}:late-stream"), 1);
}

/// It was stopped, not killed, and believes for a moment to be master still when it goes on. What it does in that moment is thrown away.
#[test]
fn a_stale_master_that_comes_back_changes_nothing() {
    let watched = Watched::start();
    let held = watched.fill();
    let mut worker = Blocked::new(&watched.servers[0], "TSGEN.CLAIM {t}:clock me BLOCK 0");
    watched.servers[0].signal("STOP");
    let new = watched.wait_for_failover();
    let mut router = watched.router();
    watched.assert_late_delivered(&mut router);
    watched.servers[0].signal("CONT");
    // Sentinel kills the clients in the transaction that makes it a replica: the error may not get out any more.
    match worker.client.try_read() {
        Ok(reply) => assert!(reply.to_string().starts_with("-UNBLOCKED"), "{reply}"),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof),
    }
    watched.assert_reunited(new);
    assert_eq!(watched.servers[0].client().info("tsgen", "tsgen_blocked-clients"), "0");
    assert_eq!(router.ok("XLEN {t}:late-stream"), 1);
    assert_eq!(router.ok("EXPIRY.INFO {t}:late-watcher").field("ready"), &Reply::Int(0));
    held.use_up(&mut router);
    watched.assert_reunited(new);
    watched.servers[0].client().expect("TSGEN.CLAIM {t}:clock me", "-READONLY …");
}
