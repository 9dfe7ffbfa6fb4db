//! Whatever dies at whatever moment: what was answered with 200 is in the database once.

use crate::harness::*;
use crate::traffic::{body, Account, Traffic};
use crate::world::{key, Serve, World};
use std::time::Duration;

/// Short leases, so that what a dead worker held comes back soon.
const WORKER: &str = "--lease-ms 300";
/// Leases that do not end while the test arranges things.
const PATIENT_WORKER: &str = "--lease-ms 5000";
const SERVE: &str = "--limit 0 --every-ms 50";

/// Lets both go on for a random part of a moment.
fn wait_somewhat(random: &mut Random) {
    // Not for anything to happen: the point is not to know what has.
    std::thread::sleep(Duration::from_millis(random.below(150)));
}

/// Ends the traffic, lets the workers finish and compares.
#[track_caller]
fn settle(world: &World, traffic: Traffic) -> Account {
    let account = traffic.stop();
    world.wait_until_drained();
    account.assert_kept_by(&world.counters());
    account
}

#[test]
fn workers_are_killed_at_any_moment() {
    let world = World::new();
    let serve = world.serve(SERVE);
    let mut workers = [world.work(WORKER), world.work(WORKER)];
    let traffic = Traffic::start(&[&serve.url], 4, 200);
    let mut random = Random::new(1);
    for round in 0..40 {
        wait_somewhat(&mut random);
        let worker = &mut workers[round % 2];
        worker.kill();
        *worker = world.begin_work(WORKER);
    }
    let account = settle(&world, traffic);
    assert!(account.unknown.is_empty(), "clients notice nothing");
}

/// One increment of 5 for a key that nobody else uses, as one batch.
#[track_caller]
fn send_five(serve: &Serve) {
    let answer = crate::traffic::post(&crate::traffic::agent(), &serve.url, &[], &body(&key(5), 5));
    assert_eq!(answer.expect("an answer").status, 200);
}

#[track_caller]
fn assert_five(world: &World) {
    world.wait_until_drained();
    assert_eq!(world.counters(), [(key(5), 5)].into());
}

/// A world in which one worker has sent the COMMIT of a batch of one increment of 5, and PostgreSQL holds its reply.
#[track_caller]
fn before_the_reply_to_commit(worker: &str) -> (World, Serve, App) {
    let world = World::new();
    let (serve, worker) = (world.serve(SERVE), world.work(worker));
    world.postgres.hold_commits();
    send_five(&serve);
    wait_until("the worker commits", || world.postgres.held_commits() == 1);
    (world, serve, worker)
}

#[test]
fn a_worker_dies_after_its_commit_and_before_its_ack() {
    let (world, _serve, mut worker) = before_the_reply_to_commit(PATIENT_WORKER);
    worker.signal("STOP");
    world.postgres.let_commits_return();
    wait_until("the batch is in the database", || world.counters().len() == 1);
    assert!(!world.is_drained(), "it cannot have acknowledged");
    worker.kill();
    let next = world.work(WORKER);
    next.line_with("was there already");
    assert_five(&world);
}

#[test]
fn postgres_dies_after_a_commit_and_before_its_reply() {
    let (mut world, _serve, worker) = before_the_reply_to_commit(PATIENT_WORKER);
    world.postgres.kill();
    worker.line_with("trying again");
    world.postgres.start_again();
    world.postgres.let_commits_return();
    worker.line_with("was there already");
    assert_five(&world);
}

#[test]
fn redis_dies_after_a_commit_and_before_the_ack() {
    let (mut world, _serve, worker) = before_the_reply_to_commit(PATIENT_WORKER);
    world.redis.stop(Stop::Kill);
    world.postgres.let_commits_return();
    worker.line_with(": written");
    world.redis.start_again();
    assert_five(&world);
    // It has told Redis what it has done, so nobody had to find that out.
    assert_eq!(worker.lines_with("was there already"), [""; 0]);
}

#[test]
fn a_commit_that_outlasts_the_lease_and_another_worker_with_the_same_batch() {
    let (world, _serve, worker) = before_the_reply_to_commit(WORKER);
    let other = world.work(WORKER);
    worker.line_with("trying again");
    world.postgres.let_commits_return();
    wait_until("somebody meets the batch that is there", || {
        [&worker, &other].iter().any(|worker| !worker.lines_with("was there already").is_empty())
    });
    assert_five(&world);
}

#[test]
fn redis_is_killed_and_everybody_goes_on() {
    let mut world = World::new();
    let serve = world.serve(SERVE);
    let _workers = [world.work(WORKER), world.work(WORKER)];
    let traffic = Traffic::start(&[&serve.url], 4, 200);
    let mut random = Random::new(2);
    for _ in 0..8 {
        wait_somewhat(&mut random);
        world.redis.stop(Stop::Kill);
        wait_somewhat(&mut random);
        world.redis.start_again();
        let counted = || world.redis.client().ok("TALLY.INFO increments").field("acked").int();
        let before = counted();
        wait_until("batches are written again", || counted() > before);
    }
    settle(&world, traffic);
}

#[test]
fn postgres_is_killed_and_clients_notice_nothing() {
    let mut world = World::new();
    let serve = world.serve(SERVE);
    let _workers = [world.work(WORKER), world.work(WORKER)];
    let traffic = Traffic::start(&[&serve.url], 4, 200);
    let mut random = Random::new(3);
    for _ in 0..5 {
        wait_somewhat(&mut random);
        world.postgres.kill();
        wait_somewhat(&mut random);
        world.postgres.start_again();
        let counted = || world.redis.client().ok("TALLY.INFO increments").field("acked").int();
        let before = counted();
        wait_until("batches are written again", || counted() > before);
    }
    let account = settle(&world, traffic);
    assert!(account.unknown.is_empty(), "clients notice nothing");
}

#[test]
fn a_postgres_that_hangs_is_one_that_is_away() {
    let world = World::new();
    world.postgres.signal("STOP");
    let worker = world.begin_work(WORKER);
    worker.line_with("PostgreSQL does not answer");
    world.postgres.signal("CONT");
    worker.line_with(": ready");
}

#[test]
fn a_worker_that_cannot_finish_says_so() {
    let mut world = World::new();
    let (serve, mut worker) = (world.serve(SERVE), world.work(WORKER));
    world.postgres.kill();
    send_five(&serve);
    worker.line_with("trying again");
    assert_eq!(worker.terminate(), Some(1));
    world.postgres.start_again();
    let _next = world.work(WORKER);
    assert_five(&world);
}
