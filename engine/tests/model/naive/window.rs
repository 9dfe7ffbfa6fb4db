//! TALLY as a list of sums that is open, and the number of the last one that was.

use super::{Entry, Gate, Naive};
use tsgen_engine::{Counted, Error, FieldKind, Incremented, UnixMs, WindowRules};

/// Fields with their sums.
pub type Sums = Vec<(Vec<u8>, i64)>;

#[derive(Clone, Debug)]
pub struct Window {
    pub rules: WindowRules,
    pub open: Option<Open>,
    pub last_batch: u64,
}

#[derive(Clone, Debug)]
pub struct Open {
    pub sums: Sums,
    pub opened_at: i64,
    pub seals_at: i64,
    seq: u64,
}

impl Window {
    /// The open window as a batch, sealed at `at` by what is done at `now`.
    fn seal(&mut self, at: i64, now: i64) -> Option<Entry<<Self as Gate>::Content>> {
        let Open { mut sums, opened_at, seq, .. } = self.open.take()?;
        sums.sort();
        self.last_batch = (self.last_batch + 1).max(now.max(0) as u64 * 1024);
        Some(Entry::new(self.last_batch.to_string().as_bytes(), at, seq, (opened_at.min(at), sums)))
    }

    /// A field as it is stored, if it may be one.
    fn field(&self, given: &[u8]) -> Result<Vec<u8>, Error> {
        let is_uuid = given.len() == 36
            && given.iter().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        match self.rules.field {
            FieldKind::Any => Ok(given.to_vec()),
            FieldKind::Uuid if is_uuid => Ok(given.to_ascii_lowercase()),
            FieldKind::Uuid => Err(Error::NotUuid),
        }
    }

    fn check_delta(&self, delta: i64) -> Result<(), Error> {
        match (self.rules.min, self.rules.max) {
            (Some(min), _) if delta < min => Err(Error::BelowMin(min)),
            (_, Some(max)) if delta > max => Err(Error::AboveMax(max)),
            _ => Ok(()),
        }
    }
}

impl Gate for Window {
    /// When the window opened, and its sums in byte order.
    type Content = (i64, Sums);

    fn horizon(&self, _: i64) -> Option<i64> {
        Some(i64::MAX)
    }

    fn fire(&mut self, now: i64) -> Vec<Entry<Self::Content>> {
        let due = self.open.as_ref().map(|open| open.seals_at).filter(|at| *at <= now);
        due.and_then(|at| self.seal(at, now)).into_iter().collect()
    }

    fn collecting(&self) -> usize {
        self.open.iter().len()
    }

    fn fires(&self, now: i64) -> bool {
        self.open.as_ref().is_some_and(|open| open.seals_at <= now)
    }

    fn next_end(&self, now: i64) -> Option<i64> {
        self.open.as_ref().map(|open| open.seals_at).filter(|at| *at > now)
    }

    fn by_time(&self) -> bool {
        true
    }
}

impl Naive<Window> {
    /// All or nothing. What is wrong with one of them counts before what is wrong with a sum, and both before the room there is.
    pub fn incr(&mut self, increments: &[(Vec<u8>, i64)], now: i64) -> Result<Incremented<Vec<i64>>, Error> {
        let mut tried = self.clone();
        let mut fields = Vec::new();
        for (field, delta) in increments {
            self.gate.check_delta(*delta)?;
            fields.push((self.gate.field(field)?, *delta));
        }
        let (mut sums, mut sealed, mut opened, mut begun) = (Vec::new(), 0, false, false);
        for (field, delta) in fields {
            let overdue = tried.gate.fire(now);
            sealed += overdue.len();
            tried.entries.extend(overdue);
            if tried.gate.open.is_none() {
                let (seq, seals_at) = (tried.next_seq(), now + tried.gate.rules.every.0 as i64);
                tried.gate.open = Some(Open { sums: Vec::new(), opened_at: now, seals_at, seq });
                opened = true;
            }
            let every = tried.gate.rules.every.0 as i64;
            if let Some(open) = tried.gate.open.as_mut().filter(|open| open.opened_at > now) {
                // The clock has stepped back behind its beginning: it begins anew.
                (open.opened_at, open.seals_at) = (now, now + every);
                begun = true;
            }
            let (sum, is_full) = tried.add(field, delta)?;
            sums.push(sum);
            if is_full {
                tried.entries.extend(tried.gate.seal(now, now));
                sealed += 1;
            }
        }
        if opened && self.options.max_len != 0 && tried.len() as u64 > self.options.max_len {
            return Err(Error::Full);
        }
        *self = tried;
        let opened_until = self.gate.open.as_ref().filter(|_| opened || begun).map(|open| UnixMs(open.seals_at));
        let counted = Counted { is_plain: !opened && !begun && sealed == 0, sealed, opened_until };
        Ok(Incremented { sum: sums, counted })
    }

    /// The sum in the open window, and whether this was one field too many for it to stay open.
    fn add(&mut self, field: Vec<u8>, delta: i64) -> Result<(i64, bool), Error> {
        let open = self.gate.open.as_mut().expect("just opened");
        if let Some((_, sum)) = open.sums.iter_mut().find(|(known, _)| *known == field) {
            *sum = sum.checked_add(delta).ok_or(Error::Overflow)?;
            return Ok((*sum, false));
        }
        open.sums.push((field, delta));
        Ok((delta, open.sums.len() as u64 >= self.gate.rules.max_fields))
    }

    /// How many fields were sealed.
    pub fn seal(&mut self, now: i64) -> usize {
        if self.gate.fires(now) {
            return 0;
        }
        let sealed = self.gate.seal(now, now);
        let count = sealed.as_ref().map_or(0, |entry| entry.content.1.len());
        self.entries.extend(sealed);
        count
    }

    /// What the open window and all batches have of a field.
    pub fn sum(&self, field: &[u8]) -> Result<i64, Error> {
        let field = self.gate.field(field)?;
        let batches = self.entries.iter().map(|entry| &entry.content.1);
        let sums = batches.chain(self.gate.open.as_ref().map(|open| &open.sums)).flatten();
        let sum: i128 = sums.filter(|(known, _)| *known == field).map(|(_, sum)| i128::from(*sum)).sum();
        i64::try_from(sum).map_err(|_| Error::Overflow)
    }
}
