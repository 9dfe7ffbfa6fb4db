use super::*;
use crate::{
    fired, Addition, Batch, ClaimTerms, Debounce, DeliveryOptions, Fired, Guard, IdleRules, Kind, Millis, Nack, Tally,
    TokenRange, Tsgen, WatermarkRules, WindowRules,
};

const NOW: UnixMs = UnixMs(1_000);

fn tsgen() -> Tsgen {
    Tsgen::create(WatermarkRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid options")
}

fn add(key: &mut Tsgen, timestamp: i64, id: &[u8], payload: &[u8]) {
    key.add(&Addition::once(Guard::Always, timestamp, id, payload), NOW).expect("room");
}

fn claim<G: Gate>(key: &mut Queue<G>, count: usize, lease: u64) -> TokenRange {
    let wanted = ClaimTerms { consumer: b"w", count, lease: Millis(lease), first: None };
    let claim = key.claim(&wanted, NOW).expect("no sink");
    TokenRange { first: claim.first, last: claim.first + claim.count as u64 - 1 }
}

/// The names on a page, and where the next one begins.
fn names<G: Gate>(
    key: &mut Queue<G>,
    listing: Listing,
    after: Option<Cursor>,
    count: usize,
    now: UnixMs,
) -> (Vec<Vec<u8>>, Option<Cursor>) {
    let page = key.peek(listing, after, count, now);
    (page.entries.iter().map(|entry| entry.name.to_vec()).collect(), page.next)
}

#[test]
fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
    for cursor in [Cursor::START, Cursor::of_token(7), Cursor::of_place(Place { key: -5, seq: 3 })] {
        assert_eq!(Cursor::read(cursor.to_string().as_bytes()), Some(cursor));
    }
    for text in [&b""[..], b"0", b"1:2", b"1:2:3:4", b"1:2:-3", b"+1:2:3", b"01:2:3", b"1:2:3 ", b"1:2:\xff"] {
        assert_eq!(Cursor::read(text), None, "{text:?}");
    }
}

/// A cursor that counted entries would skip one whenever an entry before the cursor has left.
#[test]
fn what_is_there_all_the_time_is_on_some_page_whatever_comes_and_goes() {
    let mut key = tsgen();
    for n in 0..10 {
        add(&mut key, i64::from(n), &[n], b"");
    }
    key.advance(9, None, NOW).expect("external");
    let (first, after) = names(&mut key, Listing::Ready, None, 4, NOW);
    assert_eq!(first, [[0], [1], [2], [3]]);
    // Entries that were shown leave, also the last one of the page, and another comes in before that one's place.
    for n in [0, 2, 3] {
        key.rem(&[n]);
    }
    add(&mut key, 1, b"new", b"");
    let (second, after) = names(&mut key, Listing::Ready, after, 4, NOW);
    assert_eq!(second, [[4], [5], [6], [7]]);
    let (third, after) = names(&mut key, Listing::Ready, after, 4, NOW);
    assert_eq!((third, after), (vec![vec![8], vec![9]], None));
}

#[test]
fn a_page_holds_no_more_than_its_bytes_and_tells_how_large_the_rest_is() {
    let mut key = tsgen();
    let half = vec![7; PAGE_BYTES / 2];
    for (n, payload) in
        [(0, &half[..]), (1, &half[1..]), (2, b"small"), (3, &[&half[..], &half, b"!"].concat()), (4, b"")]
    {
        add(&mut key, 1, &[n], payload);
    }
    key.advance(1, None, NOW).expect("external");
    // The second body and its name are one byte more than fits. It is shown all the same: the bytes of a name count only for the entry behind.
    let (first, after) = names(&mut key, Listing::Ready, None, 10, NOW);
    assert_eq!(first, [[0], [1]]);
    let page = key.peek(Listing::Ready, after, 10, NOW);
    let told: Vec<_> = page.entries.iter().map(|entry| (entry.name, entry.extent, entry.size)).collect();
    let expected = [(&[2][..], Extent::Whole, 5), (&[3], Extent::Beginning, PAGE_BYTES + 1), (&[4], Extent::Whole, 0)];
    assert_eq!((told, page.next), (expected.to_vec(), None));
}

/// The group is due, but nothing has fired it: a reader tells of it all the same, with why and with what.
#[test]
fn groups_and_windows_that_are_over_are_listed_as_what_they_will_be() {
    let rules = IdleRules { idle: Millis(100), max_wait: Millis(150), ..IdleRules::default() };
    let mut key = Debounce::create(rules, DeliveryOptions::default(), [1, 2]).expect("valid rules");
    key.push(b"first", &["a"], NOW).expect("room");
    key.push(b"second", &["b"], UnixMs(1_050)).expect("room");
    key.push(b"first", &["c"], UnixMs(1_090)).expect("room");
    assert!(key.peek(Listing::Ready, None, 9, UnixMs(1_149)).entries.is_empty());
    let told = |page: PeekPage<'_>| -> Vec<_> {
        let one = |entry: &Peeked<'_>| {
            let Fired { reason, items } = fired(&entry.body);
            (entry.key, entry.name.to_vec(), reason, items.map(|(item, _)| item.to_vec()).collect::<Vec<_>>())
        };
        page.entries.iter().map(one).collect()
    };
    let before = told(key.peek(Listing::Ready, None, 9, UnixMs(1_150)));
    let shown: Vec<_> =
        before.iter().map(|(at, name, reason, items)| (*at, &name[..], reason.as_str(), items.concat())).collect();
    let expected = [(1_150, &b"first"[..], "maxwait", b"ac".to_vec()), (1_150, b"second", "idle", b"b".to_vec())];
    assert_eq!(shown, expected);
    assert!(key.sweep_stride(UnixMs(1_150)));
    assert_eq!(told(key.peek(Listing::Ready, None, 9, UnixMs(1_150))), before);

    let mut key = Tally::create(WindowRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid rules");
    key.mincr(&[(b"b", 2), (b"a", 1)], NOW).expect("room");
    let over = NOW.after(WindowRules::default().every);
    let page = key.peek(Listing::Ready, None, 9, over);
    let body = &page.entries[0].body;
    assert_eq!((page.entries[0].name, page.entries[0].size, page.next), (&b""[..], body.len(), None));
    assert_eq!(Batch::of(body).sums().collect::<Vec<_>>(), [(&b"a"[..], 1), (b"b", 2)]);
    let body = body.to_vec();
    assert!(key.sweep_stride(over));
    assert_eq!(*key.peek(Listing::Ready, None, 9, over).entries[0].body, body);
}

/// One look sorts out 4000 groups. A page ends where no more is known, and the next one goes on from there.
#[test]
fn very_many_groups_that_come_due_at_once_are_all_listed() {
    let mut key = Debounce::create(IdleRules::default(), DeliveryOptions::default(), [1, 2]).expect("valid rules");
    for n in 0..9_000u32 {
        key.push(&n.to_be_bytes(), &["x"], NOW).expect("room");
    }
    let due = NOW.after(IdleRules::default().idle);
    let (mut all, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let (names, next) = names(&mut key, Listing::Ready, after, 10_000, due);
        all.extend(names);
        pages += 1;
        after = next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<Vec<u8>> = (0..9_000u32).map(|n| n.to_be_bytes().to_vec()).collect();
    assert_eq!(all, expected);
    assert!((2..6).contains(&pages), "{pages} pages");
}

/// A reader looks at 2000 ends that nothing has swept. What lies beyond still counts as leased, or delayed, and is listed there.
#[test]
fn what_has_ended_is_listed_once_however_much_it_is() {
    let mut key = tsgen();
    for n in 0..20_000u32 {
        add(&mut key, 1, &n.to_be_bytes(), b"");
    }
    key.advance(1, None, NOW).expect("external");
    let delayed = claim(&mut key, 10_000, 100);
    let delay = Nack { delay: Some(Millis(100)), dead: false, reason: b"" };
    key.nack(&[delayed], &delay, NOW).expect("as many as may be");
    claim(&mut key, 10_000, 100);
    let over = UnixMs(1_100);
    let count = |key: &mut Tsgen, listing| {
        let (mut count, mut after) = (0, None);
        loop {
            let page = key.peek(listing, after, 700, over);
            count += page.entries.len();
            after = page.next;
            if after.is_none() {
                return count;
            }
        }
    };
    let counts = [Listing::Ready, Listing::Delayed, Listing::Leased].map(|listing| count(&mut key, listing));
    assert_eq!(counts, [4_000, 8_000, 8_000]);
    assert_eq!(key.delayed(10_000, over).len(), 8_000, "PENDING DELAYED lists them, too");
    let stats = key.stats(over);
    assert_eq!([stats.ready, stats.delayed, stats.leased], counts);
}

#[test]
fn a_page_has_as_much_as_its_names_and_bodies_leave_room_for() {
    let mut key = tsgen();
    for n in 0..5u8 {
        add(&mut key, 1, &[n; 10], &vec![7; PAGE_BYTES / 4 - 10]);
    }
    key.advance(1, None, NOW).expect("external");
    let (page, next) = names(&mut key, Listing::Ready, None, 9, NOW);
    assert_eq!((page.len(), next.is_some()), (4, true));
    assert_eq!(names(&mut key, Listing::Ready, next, 9, NOW), (vec![vec![4; 10]], None));
}

fn held_back(at: PeekedAt<'_>) -> Option<bool> {
    match at {
        PeekedAt::Ready { held_back } => held_back,
        _ => None,
    }
}

/// A limit of one: of two groups, one has its entry in hand.
#[test]
fn what_is_held_back_says_so_and_comes_last_on_its_page() {
    let options = DeliveryOptions { group_limit: 1, ..DeliveryOptions::default() };
    let mut key = Tsgen::create(WatermarkRules::default(), options, [1, 2]).expect("valid options");
    for (id, group) in [(b"1", &b"busy"[..]), (b"2", b"busy"), (b"3", b"free")] {
        key.add(&Addition { group: Some(group), ..Addition::once(Guard::Always, 1, id, b"") }, NOW).expect("room");
    }
    key.advance(1, None, NOW).expect("external");
    claim(&mut key, 1, 100);
    let told = |key: &mut Tsgen, now| -> Vec<_> {
        let page = key.peek(Listing::Ready, None, 9, UnixMs(now));
        page.entries.iter().map(|entry| (entry.name[0], held_back(entry.at))).collect()
    };
    assert_eq!(told(&mut key, 1_099), [(b'3', Some(false)), (b'2', Some(true))]);
    assert_eq!(told(&mut key, 1_100), [b'1', b'2', b'3'].map(|name| (name, Some(false))), "the lease has ended");
}

/// What nobody has fired yet is held back as it will be once it is fired.
#[test]
fn a_group_that_is_due_again_while_it_is_in_hand_is_held_back() {
    let options = DeliveryOptions { group_limit: 1, ..DeliveryOptions::default() };
    let mut key = Debounce::create(IdleRules::default(), options, [1, 2]).expect("valid rules");
    let due = |from: UnixMs| from.after(IdleRules::default().idle);
    key.push(b"busy", &["item"], NOW).expect("room");
    let wanted = ClaimTerms { consumer: b"w", count: 9, lease: Millis(100_000), first: None };
    let claim = key.claim(&wanted, due(NOW)).expect("no sink");
    for group in [b"busy", b"free"] {
        key.push(group, &["item"], due(NOW)).expect("room");
    }
    let told = |key: &mut Debounce| -> Vec<_> {
        let page = key.peek(Listing::Ready, None, 9, due(due(NOW)));
        page.entries.iter().map(|entry| (entry.name.to_vec(), held_back(entry.at))).collect()
    };
    assert_eq!(told(&mut key), [(b"free".to_vec(), Some(false)), (b"busy".to_vec(), Some(true))]);
    key.ack(&[TokenRange::one(claim.first)], due(NOW)).expect("one token");
    assert_eq!(told(&mut key), [(b"busy".to_vec(), Some(false)), (b"free".to_vec(), Some(false))]);
}

/// The sweep makes both runs, so each has a place of its own, and no page skips one.
#[test]
fn next_runs_that_are_still_to_be_made_are_listed_one_by_one() {
    let options = DeliveryOptions { max_deliveries: 1, ..DeliveryOptions::default() };
    let clock = WatermarkRules { kind: Kind::Clock, ..WatermarkRules::default() };
    let mut key = Tsgen::create(clock, options, [1, 2]).expect("valid options");
    for id in [b"1", b"2", b"3"] {
        let every = Some(Millis(10));
        key.add(&Addition { every, ..Addition::once(Guard::Always, 1, id, b"") }, NOW).expect("room");
    }
    claim(&mut key, 3, 100);
    // It stands where they will come, and was there before.
    add(&mut key, 1_101, b"0", b"");
    let over = UnixMs(1_100);
    let list = |key: &mut Tsgen| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (mut page, next) = names(key, Listing::Waiting, after, 1, over);
            all.append(&mut page);
            after = next;
            if after.is_none() {
                return all;
            }
        }
    };
    let before = list(&mut key);
    assert_eq!(before, [b"0", b"1", b"2", b"3"]);
    assert!(key.sweep_stride(over));
    assert_eq!(list(&mut key), before);
}
