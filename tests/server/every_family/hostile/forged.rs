//! Files that somebody has damaged, and a master or an AOF that says what none of ours would: they are refused, or taken, and hurt nothing.
//!
//! Clients cannot send the commands that only a master sends; a file and a peer can hold whatever they like.

use super::{variants, DELIVERY_FORMS, NUMBERS, TEXTS};
use crate::common::*;
use crate::every_family::behaviour::master_with;
use crate::every_family::restore::{damaged, Payload};
use crate::every_family::{Family, FAMILIES};
use crate::harness::*;
use std::fs;

/// Those of them that have no name outside of the envelope that tells their time: a file with such a one is not loaded, by Redis.
const INNER: [&str; 7] = ["SWEEP", "DROPREADY", "IDLE", "FORGET", "FIRE", "EVICT", "ENDS"];

/// The commands that masters send and clients must not.
const INTERNAL_FORMS: [&str; 8] = [
    "LOAD new LAST x",
    "LOAD new MORE x",
    "LOAD # DAMAGED x",
    "SWEEP # 5",
    "DROPREADY # 2 5 6",
    "CLAIM # w COUNT 5 LEASE 5 TOKEN 5 ACK 6",
    // Would wait for ever.
    "CLAIM none w BLOCK 0",
    "MCLAIM 2 none new w BLOCK 0",
];

/// Those of one family.
const OWN_INTERNAL_FORMS: [(&str, &str); 8] = [
    ("TSGEN", "IDLE # east"),
    ("TSGEN", "FORGET #"),
    ("EXPIRY", "FIRE # watched 5 expired string value"),
    ("EXPIRY", "FIRE # watched 5 evicted"),
    ("EXPIRY", "EVICT # watched 5 string value"),
    // Of a key that it does not watch, and that does not end soon.
    ("EXPIRY", "EVICT # watched 4100000000000 string value"),
    ("EXPIRY", "ENDS # watched expired"),
    ("TSGEN", "MCLAIM 2 # new w COUNT 5 LEASE 5 ACK # 5"),
];

/// Filled keys, as an RDB file without compression and checksum, and the keys as DUMP has them.
#[track_caller]
fn saved(family: &Family) -> (Vec<u8>, Vec<Vec<u8>>) {
    let server = Server::start(&["--rdbcompression", "no"]);
    let mut c = server.client();
    family.fill(&mut c);
    c.ok("SAVE");
    let mut rdb = fs::read(server.folder().join("dump.rdb")).expect("an RDB file");
    let length = rdb.len();
    rdb[length - 8..].fill(0);
    (rdb, family.dumps(&mut c))
}

#[test]
fn an_rdb_file_that_was_damaged_is_refused_or_loaded_but_ends_no_server_by_a_signal() {
    for family in &FAMILIES {
        let (rdb, dumps) = saved(family);
        let payloads: Vec<Payload> = dumps.iter().map(|dump| Payload::read(dump)).collect();
        let seed = now_ms() as u64;
        println!("{} seed {seed}", family.name);
        let mut random = Random::new(seed);
        let mut server = Server::start(&[]);
        let file = server.folder().join("dump.rdb");
        server.stop(Stop::NoSave);
        let (mut loaded, mut refused) = (0, 0);
        for round in 0..25 {
            let which = random.below(dumps.len() as u64) as usize;
            // In a file the name of the key stands behind the byte of its type.
            let whole = &unseal(&dumps[which]).0[1..];
            let at = rdb.windows(whole.len()).position(|bytes| bytes == whole).expect("the value in the file");
            let chunks = match round {
                0 => payloads[which].chunks.clone(),
                _ => damaged(&payloads[which].chunks, &payloads, &mut random),
            };
            let value = payloads[which].with(&chunks);
            fs::write(&file, [&rdb[..at], &value[1..], &rdb[at + whole.len()..]].concat()).expect("an RDB file");
            match server.try_start_again() {
                Some(status) => {
                    assert!(status.code().is_some(), "{} ended with {status}: {}", family.name, server.log());
                    refused += 1;
                }
                None => {
                    server.assert_alive();
                    server.client().ok("DEBUG RELOAD");
                    server.stop(Stop::NoSave);
                    loaded += 1;
                }
            }
            assert!(round > 0 || loaded == 1, "{}: the undamaged one is loaded", family.name);
            assert!(!server.log().contains("panicked at"), "{}", server.log());
        }
        println!("{}: {loaded} were loaded, {refused} refused", family.name);
        assert!(refused > 0, "{}: nothing was damaged", family.name);
        // Nothing of it stays: the file as it was is loaded as ever.
        fs::write(&file, &rdb).expect("an RDB file");
        server.start_again();
        assert_eq!(server.client().ok("DBSIZE").int() as usize, family.keys.len(), "{}", family.name);
    }
}

/// Commands that a master may send, each with odd numbers and texts in every place, in any order, some thousands of them.
fn forged(family: &Family, random: &mut Random) -> Vec<Vec<Vec<u8>>> {
    let own = OWN_INTERNAL_FORMS.iter().filter(|(of, _)| *of == family.name).map(|(_, form)| form);
    let forms: Vec<&str> =
        family.forms.iter().chain(&DELIVERY_FORMS).chain(&INTERNAL_FORMS).chain(own).copied().collect();
    let mut all = Vec::new();
    let mut unbent = Vec::new();
    for form in &forms {
        let key = random.pick(family.keys);
        let line = family.on(form, key);
        let in_envelope = format!("TSGEN.AT 4000000000000 {line}");
        let is_bare = !INNER.contains(&form.split(' ').next().unwrap_or_default());
        for line in is_bare.then_some(line).into_iter().chain([in_envelope]) {
            unbent.push(words(&line));
            all.extend(variants(&line, &NUMBERS));
            all.extend(variants(&line, &TEXTS));
        }
    }
    // Something to do it to.
    for nth in 0..all.len() / 4 {
        all.push(words(&family.on(family.writes[nth % family.writes.len()], family.keys[0])));
    }
    for nth in (1..all.len()).rev() {
        all.swap(nth, random.below(nth as u64 + 1) as usize);
    }
    all.truncate(6_000);
    all.extend(unbent);
    all
}

/// Keys that are saved as something that is loaded as something else, in one turn, so that time does nothing to them meanwhile. (What is only for a restart, such as copies of values,
/// may be gone after the first time.)
const UNSOUND: &str = "
    local function again(key, saved)
        redis.call('RESTORE', key, 0, saved, 'REPLACE')
        return redis.call('DUMP', key)
    end
    local unsound = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
        local loaded = again(key, redis.call('DUMP', key))
        if again(key, loaded) ~= loaded then table.insert(unsound, key) end
    end
    return unsound
";

/// What is there after all of it are keys like any others.
#[track_caller]
fn is_sound(server: &mut Server, family: &Family) {
    server.assert_alive();
    let mut c = server.client();
    assert_eq!(c.info("tsgen", "tsgen_caught-panics").as_str(), "0", "{}: {}", family.name, server.log());
    assert!(c.ok("DBSIZE").int() as usize > family.keys.len(), "{}: hardly anything was done", family.name);
    assert_eq!(crate::cmd!(c, "EVAL", UNSOUND, 0).to_string(), "[]", "{}", family.name);
    c.ok("FLUSHALL");
    family.fill(&mut c);
    server.assert_alive();
}

#[test]
fn a_master_that_sends_what_none_would_hurts_no_replica() {
    for family in &FAMILIES {
        let seed = now_ms() as u64;
        println!("{} seed {seed}", family.name);
        let mut commands = forged(family, &mut Random::new(seed));
        commands.push(words("SET done yes"));
        let mut replica = Server::start(&[]);
        let mut c = replica.client();
        c.ok(&format!("REPLICAOF 127.0.0.1 {}", master_with(saved(family).0, &commands)));
        wait_until("the stream has come", || c.ok("EXISTS done") == 1);
        c.ok("REPLICAOF NO ONE");
        is_sound(&mut replica, family);
    }
}

#[test]
fn an_aof_that_holds_what_no_server_would_write_hurts_none() {
    for family in &FAMILIES {
        let seed = now_ms() as u64;
        println!("{} seed {seed}", family.name);
        let commands = forged(family, &mut Random::new(seed));
        let mut server = Server::start(&AOF);
        family.fill(&mut server.client());
        server.stop(Stop::Kill);
        let last = aof::increments(&server).pop().expect("an AOF");
        let whole = fs::read(&last).expect("an AOF");
        // A file with an unknown command, or (Valkey) too few words, is not loaded: within the envelope these are ours to refuse.
        let in_envelope = commands.iter().filter(|command| command[0] == b"TSGEN.AT" && command.len() > 4);
        let forged: Vec<u8> = in_envelope.flat_map(|command| request(command)).collect();
        fs::write(&last, [whole, forged].concat()).expect("write the AOF");
        server.start_again();
        is_sound(&mut server, family);
    }
}
