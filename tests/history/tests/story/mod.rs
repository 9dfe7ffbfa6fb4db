//! Small histories, as tests tell them: one call after the other, each a beat of 10 on the observer's clock and 10 ms of the day.

use tsgen_history::*;

/// Everything is on one key, `k`.
pub struct Story {
    pub history: History,
    now: u64,
}

pub fn terms(gate: Gate) -> Terms {
    Terms { always_synced: true, ..Terms::under(gate) }
}

/// A delivery of one unit.
pub fn of(token: u64, unit: &str) -> Delivery {
    Delivery { token, units: vec![unit.to_owned()], group: None, sums: Vec::new(), ready_at: None }
}

pub fn items(token: u64, items: &[&str]) -> Delivery {
    Delivery { units: items.iter().map(|item| (*item).to_owned()).collect(), ..of(token, "") }
}

pub fn batch(token: u64, number: &str, sums: &[(&str, i64)]) -> Delivery {
    Delivery { sums: sums.iter().map(|(field, sum)| ((*field).to_owned(), *sum)).collect(), ..of(token, number) }
}

pub fn in_group(group: &str, delivery: Delivery) -> Delivery {
    Delivery { group: Some(group.to_owned()), ..delivery }
}

impl Story {
    pub fn with(terms: Terms) -> Self {
        let mut history = History::default();
        history.terms.insert("k".to_owned(), terms);
        Story { history, now: 0 }
    }

    pub fn new() -> Self {
        Self::with(terms(Gate::Watermark))
    }

    pub fn call(&mut self, act: Act, answer: Answer) -> &mut Self {
        let begin = self.now;
        self.now += 10;
        let clock = (begin as i64, begin as i64 + 1);
        let (key, end) = ("k".to_owned(), begin + 1);
        self.history.calls.push(Call { client: 1, key, begin, end, clock, act, answer, replicated: None });
        self
    }

    pub fn add(&mut self, unit: &str, due: i64) -> &mut Self {
        self.call(Act::Write(vec![Unit { name: unit.to_owned(), due }]), Answer::Done)
    }

    pub fn push(&mut self, items: &[&str]) -> &mut Self {
        let units = items.iter().map(|item| Unit { name: (*item).to_owned(), due: i64::MIN }).collect();
        self.call(Act::Write(units), Answer::Done)
    }

    pub fn count(&mut self, field: &str, delta: i64) -> &mut Self {
        self.call(Act::Count(vec![(field.to_owned(), delta)]), Answer::Done)
    }

    pub fn advance(&mut self, to: i64) -> &mut Self {
        self.call(Act::Advance(to), Answer::Done)
    }

    /// Under a lease of 15 ms: the next call comes within it, the one after that does not.
    pub fn claim(&mut self, deliveries: &[Delivery]) -> &mut Self {
        self.call(Act::Claim { lease_ms: 15, deliveries: deliveries.to_vec() }, Answer::Done)
    }

    pub fn ack(&mut self, token: u64) -> &mut Self {
        self.call(Act::Ack(vec![token]), Answer::Done)
    }

    pub fn hand_back(&mut self, token: u64) -> &mut Self {
        self.call(Act::HandBack(vec![token]), Answer::Done)
    }

    pub fn remove(&mut self, unit: &str) -> &mut Self {
        self.call(Act::Remove(vec![unit.to_owned()]), Answer::Done)
    }

    /// The last call got no reply.
    pub fn silent(&mut self) -> &mut Self {
        self.last().answer = Answer::Unclear;
        self
    }

    pub fn refused(&mut self) -> &mut Self {
        self.last().answer = Answer::Refused;
        self
    }

    /// A WAIT behind the last call was satisfied.
    pub fn replicated(&mut self) -> &mut Self {
        let now = self.now;
        self.last().replicated = Some(now);
        self
    }

    fn last(&mut self) -> &mut Call {
        self.history.calls.last_mut().expect("a call")
    }

    pub fn wait(&mut self, beats: u64) -> &mut Self {
        self.now += 10 * beats;
        self
    }

    pub fn loss(&mut self, kept: Kept) -> &mut Self {
        self.history.losses.push(Loss { at: self.now, until: self.now + 5, kept });
        self.wait(1)
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    #[track_caller]
    pub fn holds(&self) -> Report {
        let report = judge(&self.history);
        assert!(report.is_clean(), "{report}");
        report
    }

    /// Exactly this is found.
    #[track_caller]
    pub fn finds(&self, kind: Kind) -> Finding {
        let report = judge(&self.history);
        assert_eq!(report.kinds(), [kind], "{report}");
        report.findings[0].clone()
    }
}
