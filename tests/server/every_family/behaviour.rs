//! What a node does that meets the operations of a later version, which it cannot repeat: it says so, and does not go on as if nothing were.
//! What a later version has *saved* is another matter, and loads.

use crate::harness::*;
use std::fs;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// An RDB file with a key `k` that was saved by a version of this behaviour, and a THROTTLE key if wanted.
#[track_caller]
fn file(behaviour: u8, key: &str) -> Vec<u8> {
    let server = Server::start(&["--rdbcompression", "no"]);
    let mut c = server.client();
    c.ok(key);
    c.ok("SAVE");
    let mut rdb = fs::read(server.folder().join("dump.rdb")).expect("an RDB file");
    // Format 1, then the head of a queue (part 0) or nothing, then the behaviour.
    let head: &[u8] = if key.starts_with("THROTTLE") { &[0x81, 1] } else { &[0x81, 0, 1] };
    let at = rdb.windows(head.len()).position(|bytes| bytes == head).expect("a head");
    rdb[at + head.len() - 1] = behaviour;
    // Without a checksum.
    let length = rdb.len();
    rdb[length - 8..].fill(0);
    rdb
}

const KEYS: [&str; 5] = [
    "TSGEN.ADD k 1 a",
    "DEBOUNCE.PUSH k g a",
    "EXPIRY.CREATE k PREFIX none:",
    "TALLY.CREATE k",
    "THROTTLE.TAKE k 1 315360000000",
];

/// A master that sends this file to whoever asks, as often as one does, and then these commands.
fn master(rdb: Vec<u8>, commands: &[&str]) -> u16 {
    let words = |command: &&str| command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let commands: Vec<Vec<Vec<u8>>> = commands.iter().map(words).collect();
    master_with(rdb, &commands)
}

/// The same, with words of any bytes.
pub fn master_with(rdb: Vec<u8>, commands: &[Vec<Vec<u8>>]) -> u16 {
    let stream: Vec<u8> = commands.iter().flat_map(|command| request(command)).collect();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its number").port();
    std::thread::spawn(move || {
        for replica in listener.incoming().flatten() {
            // A replica that gives up closes its connection.
            let _ = serve(replica, &rdb, &stream);
        }
    });
    port
}

fn serve(mut to: TcpStream, rdb: &[u8], stream: &[u8]) -> std::io::Result<()> {
    let mut from = BufReader::new(to.try_clone()?);
    loop {
        match Reply::read(&mut from)?.items()[0].text().to_uppercase().as_str() {
            "PING" => to.write_all(b"+PONG\r\n")?,
            "PSYNC" => {
                write!(to, "+FULLRESYNC {} 0\r\n${}\r\n", "5".repeat(40), rdb.len())?;
                to.write_all(rdb)?;
                to.write_all(stream)?;
            }
            // What a replica says of itself. It expects no answer any more once it is in sync.
            _ => to.write_all(b"+OK\r\n")?,
        }
    }
}

#[test]
fn a_replica_takes_no_data_of_a_master_whose_operations_it_cannot_repeat() {
    for key in KEYS {
        let mut replica = Server::start(&[]);
        replica.client().ok(&format!("REPLICAOF 127.0.0.1 {}", master(file(2, key), &[])));
        // As without the module: a replica that cannot load what its master has ends itself.
        replica.child_end();
        let log = replica.log();
        assert!(log.contains("the master runs a version of behaviour 2, this version repeats behaviour 1"), "{log}");
        replica.start_again();
        let mut c = replica.client();
        // The same data of a master of its own kind.
        c.ok(&format!("REPLICAOF 127.0.0.1 {}", master(file(1, key), &[])));
        wait_until("it is in sync", || c.info("replication", "master_link_status") == "up");
        assert_eq!(c.ok("EXISTS k"), 1, "{key}");
    }
}

#[test]
fn a_file_is_read_whatever_its_writer_does() {
    for key in KEYS {
        let mut server = Server::start(&[]);
        server.stop(Stop::NoSave);
        fs::write(server.folder().join("dump.rdb"), file(2, key)).expect("an RDB file");
        server.start_again();
        assert_eq!(server.client().ok("EXISTS k"), 1, "{key}");
    }
}

#[test]
fn a_replica_repeats_no_operation_of_a_later_version_and_says_so() {
    let replica = Server::start(&[]);
    let mut c = replica.client();
    let commands = &["TSGEN.AT 2:5000 TSGEN.ADVANCE k 1", "TSGEN.AT 5000 TSGEN.ADVANCE k 7", "SET done yes"];
    c.ok(&format!("REPLICAOF 127.0.0.1 {}", master(file(1, "TSGEN.ADD k 9 a"), commands)));
    wait_until("the stream has come", || c.ok("EXISTS done") == 1);
    assert_eq!(c.ok("TSGEN.WATERMARK k"), 7);
    let log = replica.log();
    assert!(
        log.contains("ERR an operation of behaviour 2 cannot be repeated: this version repeats behaviour 1"),
        "{log}"
    );
    c.ok("REPLICAOF NO ONE");
    c.ok("CONFIG SET tsgen.virtual-clock yes");
    c.expect("TSGEN.AT 2:5000 TSGEN.ADVANCE k 8", "-ERR an operation of behaviour 2 cannot be repeated: …");
    c.expect("TSGEN.AT 1:5000 TSGEN.ADVANCE k 8", "-ERR unix-ms must be …");
    c.expect("TSGEN.AT 2: TSGEN.ADVANCE k 8", "-ERR unix-ms must be …");
}

/// To go on would be to lose what these operations did, without a word.
#[test]
fn an_aof_with_operations_of_a_later_version_is_not_loaded_halfway() {
    let mut server = Server::start(&["--appendonly", "yes"]);
    server.client().ok("TSGEN.ADD k 9 a");
    server.stop(Stop::NoSave);
    let aof = server.folder().join("appendonlydir/appendonly.aof.1.incr.aof");
    let whole = fs::read(&aof).expect("an AOF");
    let later = b"*5\r\n$8\r\nTSGEN.AT\r\n$6\r\n2:5000\r\n$13\r\nTSGEN.ADVANCE\r\n$1\r\nk\r\n$1\r\n1\r\n";
    fs::write(&aof, [&whole[..], later].concat()).expect("write the AOF");
    let log = server.fails_to_start();
    assert!(log.contains("an operation of behaviour 2 cannot be repeated"), "{log}");
    fs::write(&aof, whole).expect("write the AOF");
    server.start_again();
    assert_eq!(server.client().ok("EXISTS k"), 1);
}
