//! An hour at the ticket counter, lived through by a real server under a clock of the test's own. Seats are held for twenty
//! seconds with SET NX EX; the customer pays, asks for more time, or walks away, and of those who walked away the shop learns.

use super::*;
use crate::common::{server_ms, ticks};
use crate::harness::*;
use std::collections::{BTreeMap, BTreeSet};

const SECOND: i64 = 1_000;
const HELD: i64 = 20 * SECOND;
const CUSTOMERS: u64 = 300;

/// What a customer is about to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    Book,
    Extend,
    Pay,
}

struct Counter {
    clock: Clock,
    c: Client,
    random: Random,
    /// By time, and by seat.
    plans: BTreeSet<(i64, u64, Plan)>,
    /// Seats that are held: until when, and the value.
    held: BTreeMap<u64, (i64, String)>,
    bookings: usize,
    told: usize,
    /// Seats whose customers walked away and that were booked again.
    again: usize,
}

impl Counter {
    fn name(seat: u64) -> String {
        format!("checkout:{seat}")
    }

    /// Lets time pass; if the machine was slow, it has passed already.
    fn pass_to(&mut self, at: i64) {
        if self.clock.now_ms() < at {
            self.clock.pass_to(at);
        }
    }

    fn plan(&mut self, seat: u64, plan: Plan, after_seconds: i64) {
        let at = self.clock.now_ms() + after_seconds * SECOND;
        self.plans.insert((at, seat, plan));
    }

    fn hold(&mut self, seat: u64, value: String) {
        let until = self.c.ok(&format!("PEXPIRETIME {}", Self::name(seat))).int();
        let ahead = until - server_ms(&mut self.c);
        assert!((1..=HELD).contains(&ahead), "held for {ahead} ms");
        self.held.insert(seat, (until, value));
    }

    fn act(&mut self, seat: u64, plan: Plan) {
        let name = Self::name(seat);
        let held = self.held.get(&seat).map(|(_, value)| value.clone());
        match (plan, held) {
            (Plan::Book, None) => {
                self.bookings += 1;
                let value = format!("order {}", self.bookings);
                assert_eq!(crate::cmd!(self.c, "SET", &name, &value, "NX", "EX", 20), "OK");
                self.c.expect(&format!("SET {name} thief NX EX 20"), "nil");
                self.hold(seat, value);
                let seconds = self.random.between(3, 17);
                match self.random.below(5) {
                    0 | 1 => {}
                    2 | 3 => self.plan(seat, Plan::Pay, seconds),
                    _ => self.plan(seat, Plan::Extend, seconds),
                }
            }
            (Plan::Extend, Some(value)) => {
                self.c.expect(&format!("EXPIRE {name} 20"), "1");
                self.hold(seat, value);
                if self.random.one_in(2) {
                    self.plan(seat, Plan::Pay, 15);
                }
            }
            (Plan::Pay, Some(_)) => {
                // Taken away, or kept for ever, of which no event tells that the module listens to.
                if self.random.one_in(2) {
                    self.c.expect(&format!("DEL {name}"), "1");
                } else {
                    self.c.expect(&format!("SET {name} sold"), "OK");
                }
                self.held.remove(&seat);
            }
            // Too late: the machine has stood still.
            (Plan::Extend | Plan::Pay, None) | (Plan::Book, Some(_)) => {}
        }
    }

    /// The next booking that nobody came back for ends: not before its deadline, and then it is told, with its value.
    fn end_of(&mut self, seat: u64, until: i64) {
        // Values are copied half a second before the end, at the latest. Where another booking has just ended, the timer has looked.
        if self.clock.now_ms() < until - 400 {
            self.pass_to(until - 400);
            let before = ticks(&mut self.c);
            wait_until("the timer has looked", || ticks(&mut self.c) > before || server_ms(&mut self.c) > until);
        }
        let is_copied = self.c.ok(&format!("PTTL {}", Self::name(seat))).int() > 2;
        let early = self.c.ok("EXPIRY.CLAIM abandoned shop");
        // Newer servers may delete a key in its last millisecond already.
        assert!(early.items().is_empty() || server_ms(&mut self.c) >= until, "told early: {early}");
        self.pass_to(until + 1);
        let entry = match early.items() {
            [] => take_one(&mut self.c, "abandoned"),
            [entry] => Entry::of(entry),
            _ => panic!("one was claimed: {early}"),
        };
        assert!(server_ms(&mut self.c) > until);
        assert_eq!((entry.deadline, entry.reason.as_str()), (until, "expired"));
        // Of those that end in the same millisecond any may be the first.
        let seat = entry.key.replace("checkout:", "").parse().expect("a seat");
        let (end, value) = self.held.remove(&seat).expect("it was held");
        assert_eq!(end, until);
        if is_copied {
            assert_eq!(entry.pair().1, value);
        }
        self.c.expect(&format!("EXISTS {}", Self::name(seat)), "0");
        self.c.expect(&format!("EXPIRY.ACK abandoned {}", entry.token), "1");
        self.told += 1;
        if self.random.one_in(3) {
            self.again += 1;
            let seconds = self.random.between(1, 60);
            self.plan(seat, Plan::Book, seconds);
        }
    }

    /// Does what comes next. False if nothing does.
    fn next(&mut self) -> bool {
        let plan = self.plans.first().copied();
        let end = self.held.iter().map(|(seat, (until, _))| (*until, *seat)).min();
        match (plan, end) {
            (Some((at, seat, plan)), end) if end.is_none_or(|(until, _)| at < until - 500) => {
                self.plans.pop_first();
                self.pass_to(at);
                self.act(seat, plan);
            }
            (_, Some((until, seat))) => self.end_of(seat, until),
            _ => return false,
        }
        true
    }
}

#[test]
fn an_hour_of_checkouts_tells_of_each_abandoned_one_once_and_of_no_other() {
    let clock = Clock::at_noon();
    let noon = clock.now_ms();
    let mut server = Server::start_under(&clock, &["--appendonly", "yes", "--appendfsync", "no"]);
    let mut c = server.client();
    c.ok("EXPIRY.CREATE abandoned PREFIX checkout: LEASE 3600000");
    let seed = now_ms() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let arrivals = |random: &mut Random| noon + random.between(0, 3_500) * SECOND;
    let plans = (0..CUSTOMERS).map(|seat| (arrivals(&mut random), seat, Plan::Book)).collect();
    let (held, bookings, told, again) = (BTreeMap::new(), 0, 0, 0);
    let mut counter = Counter { clock, c, random, plans, held, bookings, told, again };
    let mut crashed = false;
    while counter.next() {
        if !crashed && counter.clock.now_ms() > noon + HELD + 1_800 * SECOND {
            crashed = true;
            server.restart(Stop::Kill);
            counter.c = server.client();
        }
    }
    assert!(crashed && (counter.clock.now_ms() - noon) / SECOND >= 3_000, "it was an hour");
    println!("{} bookings, {} abandoned, {} of these booked again", counter.bookings, counter.told, counter.again);
    assert!(counter.bookings as u64 > CUSTOMERS && counter.told > 100 && counter.again > 10);
    // Of a seat that was sold by a plain SET the watcher learns when its time would have been over.
    counter.clock.pass(2 * HELD);
    wait_until("nothing is waited for", || expiries(&mut counter.c, "abandoned") == [0; 5]);
    assert_eq!(counter.c.ok("EXPIRY.INFO abandoned").field("acked").int(), counter.told as i64);
}
