//! What a connection is doing, and when it has done nothing for too long.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// How long a connection may take for what.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the TLS handshake, and from the first byte of a request's head to its last.
    pub head: Duration,
    /// Without any request.
    pub idle: Duration,
    /// Without taking a byte of an answer.
    pub reader: Duration,
}

/// Why a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The head of a request did not come to its end.
    Head,
    Idle,
    /// The client does not read its answer.
    Reader,
}

/// What is to become of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing before that much time.
    Wait(Duration),
    End(Reason),
}

/// Kept up by the transport and the requests of a connection, read by its task and by
/// whoever needs room.
#[derive(Debug)]
pub struct Activity {
    state: Mutex<State>,
    /// Asks the connection to end as soon as no request runs.
    pub end: Notify,
}

#[derive(Debug)]
struct State {
    requests: usize,
    /// Since when there is no request.
    idle_since: Instant,
    /// When the first byte came that belongs to no request so far.
    head_since: Option<Instant>,
    /// Since when the client takes nothing.
    stalled_since: Option<Instant>,
    /// HTTP/2: bytes need not be the beginning of a request.
    multiplexed: bool,
    /// It was asked to end.
    ending: bool,
}

impl Activity {
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            state: Mutex::new(State {
                requests: 0,
                idle_since: now,
                head_since: None,
                stalled_since: None,
                multiplexed: false,
                ending: false,
            }),
            end: Notify::new(),
        }
    }

    /// Bytes came.
    pub fn received(&self, now: Instant) {
        let mut state = self.state.lock();
        if state.requests == 0 && !state.multiplexed {
            state.head_since.get_or_insert(now);
        }
    }

    /// Bytes could not be sent (true), or could again.
    pub fn stalled(&self, stalled: bool, now: Instant) {
        let mut state = self.state.lock();
        if stalled {
            state.stalled_since.get_or_insert(now);
        } else {
            state.stalled_since = None;
        }
    }

    /// The head of a request is complete.
    pub fn request_began(&self, multiplexed: bool) {
        let mut state = self.state.lock();
        state.requests += 1;
        state.head_since = None;
        state.multiplexed |= multiplexed;
    }

    /// A request was answered, or given up.
    pub fn request_ended(&self, now: Instant) {
        let mut state = self.state.lock();
        state.requests = state.requests.saturating_sub(1);
        state.idle_since = now;
    }

    /// Since when no request runs; `None` while one does, or when the connection was
    /// asked to end already.
    #[must_use]
    pub fn endable_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.requests == 0 && !state.ending).then_some(state.idle_since)
    }

    /// True while a request runs.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.state.lock().requests > 0
    }

    /// Asks the connection to end.
    pub fn ask_to_end(&self) {
        self.state.lock().ending = true;
        self.end.notify_one();
    }

    /// What is to become of the connection.
    #[must_use]
    pub fn verdict(&self, limits: &Limits, now: Instant) -> Verdict {
        let state = self.state.lock();
        let mut wait = limits.head.min(limits.idle).min(limits.reader) / 2;
        let mut deadlines = [None, None, None];
        deadlines[0] = state
            .stalled_since
            .map(|since| (since + limits.reader, Reason::Reader));
        if state.requests == 0 {
            deadlines[1] = Some((state.idle_since + limits.idle, Reason::Idle));
            deadlines[2] = state
                .head_since
                .map(|since| (since + limits.head, Reason::Head));
        }
        for (deadline, reason) in deadlines.into_iter().flatten() {
            let left = deadline.saturating_duration_since(now);
            if left.is_zero() {
                return Verdict::End(reason);
            }
            wait = wait.min(left);
        }
        Verdict::Wait(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(100),
        reader: Duration::from_secs(20),
    };

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn an_idle_connection_ends_late_and_a_half_sent_head_soon() {
        let start = Instant::now();
        let activity = Activity::new(start);
        let verdict = |seconds| activity.verdict(&LIMITS, after(start, seconds));
        assert_eq!(verdict(99), Verdict::Wait(Duration::from_secs(1)));
        assert_eq!(verdict(100), Verdict::End(Reason::Idle));
        activity.received(after(start, 50));
        activity.received(after(start, 59));
        assert_eq!(verdict(59), Verdict::Wait(Duration::from_secs(1)));
        assert_eq!(verdict(60), Verdict::End(Reason::Head));
        activity.request_began(false);
        assert!(matches!(verdict(1000), Verdict::Wait(_)));
        assert_eq!(activity.endable_since(), None);
        activity.request_ended(after(start, 1000));
        assert!(matches!(verdict(1099), Verdict::Wait(_)));
        assert_eq!(verdict(1100), Verdict::End(Reason::Idle));
    }

    #[test]
    fn bytes_of_http2_are_no_head_and_keep_nothing_open() {
        let start = Instant::now();
        let activity = Activity::new(start);
        activity.request_began(true);
        activity.request_ended(start);
        activity.received(after(start, 1));
        let verdict = activity.verdict(&LIMITS, after(start, 99));
        assert_eq!(verdict, Verdict::Wait(Duration::from_secs(1)));
    }

    #[test]
    fn a_client_that_does_not_read_ends_its_request() {
        let start = Instant::now();
        let activity = Activity::new(start);
        activity.request_began(false);
        activity.stalled(true, start);
        activity.stalled(true, after(start, 19));
        let at_20 = after(start, 20);
        assert_eq!(
            activity.verdict(&LIMITS, at_20),
            Verdict::End(Reason::Reader)
        );
        activity.stalled(false, at_20);
        assert!(matches!(activity.verdict(&LIMITS, at_20), Verdict::Wait(_)));
    }

    #[test]
    fn who_was_asked_to_end_is_not_asked_again() {
        let activity = Activity::new(Instant::now());
        assert!(activity.endable_since().is_some());
        activity.ask_to_end();
        assert_eq!(activity.endable_since(), None);
    }
}
