//! The rate limiter as one would write it with fractions: one point in time as an exact fraction of milliseconds, and the inequality of the
//! algorithm as it stands in the book. It knows nothing of the engine; tests on real servers use it too.

/// A fraction in lowest terms, its denominator positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    over: i128,
    under: i128,
}

impl Ratio {
    pub fn new(over: i128, under: i128) -> Self {
        let divisor = divisor(over.abs(), under);
        Ratio { over: over / divisor, under: under / divisor }
    }

    fn whole(number: i128) -> Self {
        Ratio { over: number, under: 1 }
    }

    fn plus(self, other: Ratio) -> Ratio {
        Ratio::new(self.over * other.under + other.over * self.under, self.under * other.under)
    }

    fn minus(self, other: Ratio) -> Ratio {
        self.plus(Ratio { over: -other.over, under: other.under })
    }

    fn max(self, other: Ratio) -> Ratio {
        if self.minus(other).over >= 0 {
            self
        } else {
            other
        }
    }

    fn floor(self) -> i128 {
        self.over.div_euclid(self.under)
    }

    fn ceiling(self) -> i128 {
        -(-self.over).div_euclid(self.under)
    }

    /// The next multiple of 1/under that is not below it.
    fn up_to(self, under: i128) -> Ratio {
        Ratio::new(Ratio::new(self.over * under, self.under).ceiling(), under)
    }
}

fn divisor(one: i128, other: i128) -> i128 {
    if one == 0 {
        other
    } else {
        divisor(other % one, one)
    }
}

/// One take: how much of which limit, and when.
#[derive(Clone, Copy, Debug)]
pub struct Take {
    pub limit: u64,
    pub period: u64,
    pub burst: u64,
    pub cost: u64,
    pub now: i64,
    /// Microseconds behind `now`.
    pub us: u16,
}

/// What was taken, as the time at which all of it will have been given back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Naive {
    back_at: Option<Ratio>,
}

impl Naive {
    /// `[allowed, remaining, retry_after or -1, reset_after]`.
    pub fn take(&mut self, take: &Take) -> [i64; 4] {
        let limit = i128::from(take.limit);
        let now = Ratio::new(i128::from(take.now) * 1_000 + i128::from(take.us), 1_000);
        let lasts = |units: u64| Ratio::new(i128::from(units) * i128::from(take.period), limit);
        // A limit that is another than before makes it a fraction of that, unless it is a thousandth of one.
        let fits = |at: &Ratio| at.up_to(1_000 * limit) == *at;
        let back_at = self.back_at.map_or(now, |at| if fits(&at) { at } else { at.up_to(limit) }).max(now);
        let moved = back_at.plus(lasts(take.cost));
        let late = moved.minus(lasts(take.burst)).minus(now);
        let allowed = late.over <= 0;
        if allowed && take.cost > 0 {
            self.back_at = Some(moved);
        }
        let ahead = if allowed { moved } else { back_at }.minus(now);
        let room = lasts(take.burst).minus(ahead).max(Ratio::whole(0));
        let remaining = Ratio::new(room.over * limit, room.under * i128::from(take.period)).floor();
        let retry_after = if allowed { -1 } else { late.ceiling() };
        let number = |number: i128| i64::try_from(number).expect("fits a reply");
        [i64::from(allowed), number(remaining), number(retry_after), number(ahead.ceiling())]
    }

    /// The first millisecond at which nothing is taken any more; none if nothing ever was.
    pub fn full_at(&self) -> Option<i64> {
        self.back_at.map(|at| i64::try_from(at.ceiling()).expect("a time"))
    }
}
