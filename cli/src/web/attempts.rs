//! How often somebody may try a password: ten times at once from one address, then once every six seconds.
//!
//! It is counted by address and not by user, so that nobody can keep a user out by trying his name.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const AT_ONCE: u32 = 10;
const EVERY: Duration = Duration::from_secs(6);
/// Addresses that are remembered.
const MOST: usize = 4096;

/// For each address when all its attempts will be there again: the generic cell rate algorithm.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<IpAddr, Instant>>);

/// Who has one address of IPv6 has all that begin like it.
fn whose(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(own) if own.to_ipv4_mapped().is_none() => {
            IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() & (u128::MAX << 64)))
        }
        other => other.to_canonical(),
    }
}

impl Attempts {
    /// Takes one, or tells after how long there is one.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        self.take_at(address, Instant::now())
    }

    fn take_at(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, full| *full > now);
        }
        if all.len() >= MOST {
            // So many addresses have as many attempts anyway.
            all.clear();
        }
        let full = all.get(&whose(address)).copied().unwrap_or(now).max(now) + EVERY;
        let over = full.saturating_duration_since(now + AT_ONCE * EVERY);
        if over.is_zero() {
            all.insert(whose(address), full);
            return Ok(());
        }
        Err(over)
    }

    /// It was the right one, and counts for nothing. Those before still do: whoever has a password of his own cannot try others without end.
    pub fn give_back(&self, address: IpAddr) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full) = all.get_mut(&whose(address)) {
            *full = full.checked_sub(EVERY).unwrap_or(*full);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_ten_at_once_and_then_few() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let (one, other): (IpAddr, IpAddr) = ("10.0.0.1".parse().expect("one"), "2001:db8::1".parse().expect("other"));
        for _ in 0..AT_ONCE {
            assert_eq!(attempts.take_at(one, now), Ok(()));
        }
        assert_eq!(attempts.take_at(one, now), Err(EVERY));
        assert_eq!(attempts.take_at(one, now + EVERY), Ok(()));
        assert!(attempts.take_at(one, now + EVERY).is_err());
        assert_eq!(attempts.take_at(other, now), Ok(()));
    }

    #[test]
    fn one_that_is_right_gives_back_itself_only() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let one: IpAddr = "10.0.0.1".parse().expect("an address");
        let right = || {
            let taken = attempts.take_at(one, now);
            attempts.give_back(one);
            taken
        };
        assert!((0..100).all(|_| right() == Ok(())));
        for _ in 0..AT_ONCE - 1 {
            assert_eq!((attempts.take_at(one, now), right()), (Ok(()), Ok(())));
        }
        assert_eq!(attempts.take_at(one, now), Ok(()));
        assert_eq!(attempts.take_at(one, now), Err(EVERY));
    }

    #[test]
    fn neighbours_of_ipv6_share_theirs() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for nth in 0..u16::try_from(AT_ONCE).expect("few") {
            assert_eq!(attempts.take_at(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, nth)), now), Ok(()));
        }
        assert!(attempts.take_at("2001:db8::ffff".parse().expect("an address"), now).is_err());
        assert!(attempts.take_at("2001:db8:0:1::".parse().expect("an address"), now).is_ok());
    }
}
