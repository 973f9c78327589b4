//! Versions: the hybrid logical clock that decides which of two writes is later.
//!
//! After Kulkarni et al., "Logical Physical Clocks" (2014): wall milliseconds with a
//! counter below them, so that versions follow real time where clocks agree, never go
//! backwards where they do not, and pass every version that was seen from elsewhere.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

const NODE_BITS: u32 = 10;
const COUNTER_BITS: u32 = 12;

/// The place of a write or delete in the one order that all nodes agree on:
/// 42 bits of milliseconds since 1970, 12 of a counter, 10 of the node's id.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Version(pub u64);

impl Version {
    /// Below every version that a clock gives out.
    pub const ZERO: Version = Version(0);

    /// Wall-clock milliseconds since 1970 of the node that gave it out, at least.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0 >> (NODE_BITS + COUNTER_BITS)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Where "now" comes from; tests bring their own.
pub trait WallClock: Send + Sync {
    /// Nanoseconds since 1970.
    fn now_ns(&self) -> i64;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now_ns(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        }
    }
}

/// Gives out versions: unique, rising, above all that were observed.
pub struct HybridClock {
    /// Milliseconds and counter of the last version, without the node.
    last: AtomicU64,
    node: u64,
    wall: Arc<dyn WallClock>,
}

impl HybridClock {
    /// A clock of the node `node` (its low 10 bits count).
    #[must_use]
    pub fn new(node: u64, wall: Arc<dyn WallClock>) -> Self {
        Self {
            last: AtomicU64::new(0),
            node: node & ((1 << NODE_BITS) - 1),
            wall,
        }
    }

    /// The next version.
    pub fn next(&self) -> Version {
        let millis = u64::try_from(self.wall.now_ns() / 1_000_000).unwrap_or(0);
        let wall = millis << COUNTER_BITS;
        let step = |last: u64| Some(wall.max(last + 1));
        let last = match self
            .last
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step)
        {
            Ok(last) | Err(last) => last,
        };
        Version((wall.max(last + 1) << NODE_BITS) | self.node)
    }

    /// Makes all later versions higher than `seen`.
    pub fn observe(&self, seen: Version) {
        self.last.fetch_max(seen.0 >> NODE_BITS, Ordering::AcqRel);
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn now_ns(&self) -> i64 {
        self.wall.now_ns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicI64;

    struct Hand(AtomicI64);
    impl WallClock for Hand {
        fn now_ns(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn versions_rise_when_the_wall_clock_stands_or_goes_back() {
        let hand = Arc::new(Hand(AtomicI64::new(5_000_000_000)));
        let clock = HybridClock::new(3, hand.clone());
        let first = clock.next();
        let second = clock.next();
        hand.0.store(1_000_000_000, Ordering::Relaxed);
        let third = clock.next();
        assert!(first < second && second < third);
        assert_eq!(first.millis(), 5_000);
    }

    #[test]
    fn an_observed_version_is_passed() {
        let clock = HybridClock::new(1, Arc::new(Hand(AtomicI64::new(0))));
        let far = Version(u64::MAX >> 8);
        clock.observe(far);
        assert!(clock.next() > far);
    }

    #[test]
    fn two_nodes_never_give_the_same_version() {
        let hand = Arc::new(Hand(AtomicI64::new(7_000_000)));
        let (a, b) = (HybridClock::new(1, hand.clone()), HybridClock::new(2, hand));
        assert_ne!(a.next(), b.next());
    }
}
