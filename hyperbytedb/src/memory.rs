//! Memory that is free goes back to the system while nothing happens.

use std::hint::black_box;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// As long as mimalloc keeps what is free for who may want it next.
const EVERY: Duration = Duration::from_secs(1);
/// More than fits beside others in a page of mimalloc's: it is one of its own.
const PAGE_BYTES: usize = 1 << 20;

/// Gives free memory back for as long as its task runs.
///
/// mimalloc looks for what has been free for long only when a page of its own becomes
/// free. At rest none does, and what a flush or a query had taken would stay.
pub async fn give_back() {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Never touched, so it takes no memory itself.
        drop(black_box(Vec::<u8>::with_capacity(PAGE_BYTES)));
    }
}
