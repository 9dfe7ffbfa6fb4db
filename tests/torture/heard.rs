//! What a command of a worker library and its reply are to the judge.

use crate::harness::Reply;
use crate::keys::{counted, Key, KEYS, SLACK_MS};
use std::collections::{BTreeMap, BTreeSet};
use tsgen_history::{Act, Answer, Call, Delivery};

/// A command, as it was sent.
pub struct Exchange {
    pub words: Vec<String>,
    pub begin: u64,
    /// The time of day.
    pub clock: i64,
}

/// The calls that a command was, without their end. No reply: nobody knows whether it was done.
pub fn calls_of(exchange: &Exchange, reply: Option<&Reply>, client: u32) -> Vec<Call> {
    let words: Vec<&str> = exchange.words.iter().map(String::as_str).collect();
    let Some((family, verb)) = words[0].split_once('.') else { return Vec::new() };
    let is_ours = KEYS.iter().any(|key| key.family.eq_ignore_ascii_case(family));
    let call = |key: &str, act: Act, answer: Answer| Call {
        client,
        key: key.to_owned(),
        begin: exchange.begin,
        end: 0,
        clock: (exchange.clock, exchange.clock),
        act,
        answer,
        replicated: None,
    };
    let settled = |tokens: &[u64]| reply.map_or(Answer::Unclear, |reply| counted(reply, tokens.len()));
    match verb.to_ascii_uppercase().as_str() {
        _ if !is_ours => Vec::new(),
        "CLAIM" => claims(&words[1..2], &words[3..], reply, call),
        "MCLAIM" => {
            let count: usize = words[1].parse().expect("a number of keys");
            claims(&words[2..2 + count], &words[3 + count..], reply, call)
        }
        "ACK" => {
            let tokens = listed(&words[2..]);
            let answer = settled(&tokens);
            vec![call(words[1], Act::Ack(tokens), answer)]
        }
        "EXTEND" => {
            let (lease_ms, tokens) = (words[2].parse::<i64>().expect("a lease") - SLACK_MS, listed(&words[3..]));
            let answer = settled(&tokens);
            vec![call(words[1], Act::Extend { tokens, lease_ms }, answer)]
        }
        "NACK" => {
            let tokens = listed(&words[2..]);
            let answer = settled(&tokens);
            vec![call(words[1], Act::HandBack(tokens), answer)]
        }
        // Whatever it holds; which that is, `told_all` adds.
        "RELEASE" => vec![call(words[1], Act::HandBack(Vec::new()), Answer::Unclear)],
        _ => Vec::new(),
    }
}

/// CLAIM or MCLAIM: what it settled of each key, and what it got.
fn claims(
    keys: &[&str],
    options: &[&str],
    reply: Option<&Reply>,
    call: impl Fn(&str, Act, Answer) -> Call,
) -> Vec<Call> {
    let after = |word: &str| options.iter().position(|option| option.eq_ignore_ascii_case(word)).map(|at| at + 1);
    let lease_ms = options[after("LEASE").expect("a lease")].parse::<i64>().expect("milliseconds") - SLACK_MS;
    let answer = match reply {
        Some(Reply::Error(text)) if !text.starts_with("UNBLOCKED") => Answer::Refused,
        _ => Answer::Unclear,
    };
    let mut calls = Vec::new();
    for (at, _) in options.iter().enumerate().filter(|(_, option)| option.eq_ignore_ascii_case("ACK")) {
        let (key, tokens) = match keys {
            [key] => (*key, listed(&options[at + 1..])),
            _ => (options[at + 1], listed(&options[at + 2..])),
        };
        calls.push(call(key, Act::Ack(tokens), answer));
    }
    let Some(Reply::Array(items)) = reply else { return calls };
    let found: Vec<(String, &[Reply])> = match keys {
        [key] => vec![((*key).to_owned(), items)],
        _ => items.iter().map(|of| (of.items()[0].text(), of.items()[1].items())).collect(),
    };
    for (name, entries) in found {
        let key = &KEYS[Key::place(&name)];
        let deliveries: Vec<Delivery> = entries.iter().map(|entry| key.delivery(entry)).collect();
        calls.push(call(&name, Act::Claim { lease_ms, deliveries }, Answer::Done));
    }
    calls
}

/// Tokens, up to the first word that is none; `5-7` are three.
fn listed(words: &[&str]) -> Vec<u64> {
    let range = |word: &&str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        Some(first.parse::<u64>().ok()?..=last.parse().ok()?)
    };
    words.iter().map_while(range).flatten().collect()
}

/// A RELEASE may have handed back whatever its worker was ever given.
pub fn told_all(calls: &mut [Call]) {
    let given = tokens_by_key(calls);
    for call in calls {
        if let Act::HandBack(tokens) = &mut call.act {
            if tokens.is_empty() {
                tokens.extend(given.iter().filter(|(key, _)| *key == call.key).map(|(_, token)| token));
            }
        }
    }
}

fn tokens_by_key(calls: &[Call]) -> Vec<(String, u64)> {
    let of = |call: &Call| match &call.act {
        Act::Claim { deliveries, .. } => deliveries.iter().map(|got| (call.key.clone(), got.token)).collect(),
        _ => Vec::new(),
    };
    calls.iter().flat_map(of).collect()
}

/// What was acknowledged more often than a handler said that it was done: by the name that handlers know it by, with the tokens.
pub fn unearned(calls: &[Call], printed: &[String]) -> Vec<String> {
    let mut acked: BTreeSet<(&str, u64)> = BTreeSet::new();
    let mut names: BTreeMap<(&str, u64), BTreeSet<&str>> = BTreeMap::new();
    for call in calls {
        match &call.act {
            Act::Ack(tokens) => acked.extend(tokens.iter().map(|token| (&*call.key, *token))),
            Act::Claim { deliveries, .. } => deliveries.iter().for_each(|got| {
                names.entry((&*call.key, got.token)).or_default().insert(name_of(&call.key, got));
            }),
            _ => {}
        }
    }
    let mut earned: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for of in &acked {
        // A token may mean two things where a history was lost.
        if let Some([name]) = names.get(of).map(|names| names.iter().copied().collect::<Vec<_>>()).as_deref() {
            earned.entry(name).or_default().push(of.1);
        }
    }
    let done = |name: &str| printed.iter().filter(|line| line.strip_prefix("done ") == Some(name)).count();
    earned.retain(|name, tokens| tokens.len() > done(name));
    earned.iter().map(|(name, tokens)| format!("{name}: done {} times, tokens {tokens:?}", done(name))).collect()
}

fn name_of<'a>(key: &str, got: &'a Delivery) -> &'a str {
    let is_group = KEYS[Key::place(key)].family == "DEBOUNCE";
    if is_group { got.group.as_deref() } else { None }.unwrap_or(&got.units[0])
}

#[test]
fn what_a_worker_says_is_what_the_judge_is_told() {
    let heard = |line: &str, reply: Option<&Reply>| {
        let words = line.split(' ').map(str::to_owned).collect();
        calls_of(&Exchange { words, begin: 1, clock: 7 }, reply, 100)
    };
    let entry = |token: i64, id: &str| {
        let text = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
        Reply::Array(vec![Reply::Int(token), Reply::Int(1), text(id), Reply::Int(5), text("{}")])
    };
    let acts = |calls: &[Call]| calls.iter().map(|call| (call.act.clone(), call.answer)).collect::<Vec<_>>();
    let two = Reply::Array(vec![entry(8, "a"), entry(9, "b")]);
    let mut calls = heard("TSGEN.CLAIM {l}work c COUNT 2 LEASE 900 BLOCK 10 ACK 3 5-6", Some(&two));
    assert_eq!(acts(&calls)[0], (Act::Ack(vec![3, 5, 6]), Answer::Unclear));
    let Act::Claim { lease_ms, deliveries } = &calls[1].act else { panic!("a claim") };
    assert_eq!((*lease_ms, deliveries[1].token, &*deliveries[1].units[0]), (900 - SLACK_MS, 9, "b"));

    let pairs =
        Reply::Array(vec![Reply::Array(vec![Reply::Bulk(b"{l}work".to_vec()), Reply::Array(vec![entry(4, "c")])])]);
    let of_two = "TSGEN.MCLAIM 2 {l}urgent {l}work c COUNT 2 LEASE 900 ACK {l}urgent 1 ACK {l}work 2";
    let told = heard(of_two, Some(&pairs));
    assert_eq!((&*told[0].key, &*told[1].key, &*told[2].key), ("{l}urgent", "{l}work", "{l}work"));
    assert_eq!(acts(&told)[1].0, Act::Ack(vec![2]));
    assert_eq!(acts(&heard(of_two, None))[0].1, Answer::Unclear);
    assert_eq!(acts(&heard(of_two, Some(&Reply::Error("READONLY".to_owned()))))[1].1, Answer::Refused);

    calls.extend(heard("TSGEN.ACK {l}work 8", Some(&Reply::Int(1))));
    calls.extend(heard("TSGEN.NACK {l}work 9 DELAY 10 REASON 5", Some(&Reply::Int(1))));
    calls.extend(heard("TSGEN.RELEASE {l}work c", Some(&Reply::Int(0))));
    assert_eq!(acts(&calls)[3], (Act::HandBack(vec![9]), Answer::Done));
    told_all(&mut calls);
    assert_eq!(acts(&calls)[4], (Act::HandBack(vec![8, 9]), Answer::Unclear));
    assert!(heard("PING", Some(&Reply::Status("PONG".to_owned()))).is_empty());

    // What nobody did was acknowledged.
    assert_eq!(unearned(&calls, &["done b".to_owned()]), ["a: done 0 times, tokens [8]"]);
    assert!(unearned(&calls, &["done a".to_owned()]).is_empty());
}
