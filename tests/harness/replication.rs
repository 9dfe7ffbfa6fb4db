//! Servers that follow another one, and whether both hold the same data.

use super::{wait_until, Client, Server};

impl Server {
    /// Makes this server a replica and waits until the link is up and everything written so far has arrived.
    #[track_caller]
    pub fn replica_of(&self, master: &Server) {
        self.client().ok(&format!("REPLICAOF {} {}", master.address(), master.port));
        self.wait_in_sync(master);
        // The master believes in a replica only once that has said something.
        let mut there = master.client();
        let port = format!("port={},state=online", self.port);
        wait_until("the replica is online", || there.ok("INFO replication").text().contains(&port));
    }

    /// Waits until this replica is connected and has applied all that `master` has written. Each look is over a new connection: who gives a
    /// server its role may end those that it has.
    #[track_caller]
    pub fn wait_in_sync(&self, master: &Server) {
        let told =
            |server: &Server, name: &str| Client::try_connect(&server.socket()).ok()?.try_info("replication", name);
        wait_until("the replica is in sync", || {
            told(self, "master_link_status").as_deref() == Some("up")
                && told(self, "slave_repl_offset")
                    .is_some_and(|offset| told(master, "master_repl_offset") == Some(offset))
        });
    }

    /// `DEBUG DIGEST-VALUE` of one key.
    #[track_caller]
    pub fn digest(&self, key: &str) -> String {
        self.client().ok(&format!("DEBUG DIGEST-VALUE {key}")).items()[0].text()
    }

    /// `DEBUG DIGEST`: all databases in one number.
    #[track_caller]
    pub fn digest_all(&self) -> String {
        self.client().ok("DEBUG DIGEST").text()
    }
}

/// Waits until both servers hold exactly the same data, and fails with both digests if they never do.
#[track_caller]
pub fn same_data(master: &Server, replica: &Server) {
    // A timer may change the master between two looks.
    wait_until("master and replica hold the same data", || {
        replica.wait_in_sync(master);
        master.digest_all() == replica.digest_all()
    });
}
