//! What the reader of heads has to say to who serves the requests of a connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::layers::HeadError;

/// Something about one request that its head, as it was handed on, does not say.
#[derive(Debug, Clone)]
pub enum Note {
    /// The query of its URL.
    Query(Arc<str>),
    /// It stands for a head that was refused.
    Refused(HeadError),
}

/// The notes of a connection of HTTP/1, whose requests begin in the order of their heads. How
/// many there can be is bounded by what the HTTP library reads ahead.
#[derive(Debug, Default)]
pub struct Notes {
    state: Mutex<State>,
    late: AtomicBool,
    in_head: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that have begun.
    begun: u64,
    /// With the numbers of their requests, from 1.
    notes: VecDeque<(u64, Note)>,
}

impl Notes {
    pub fn add(&self, number: u64, note: Note) {
        self.state.lock().notes.push_back((number, note));
    }

    /// The next request begins; what there is to be said of it.
    pub fn request_begins(&self) -> Option<Note> {
        let mut state = self.state.lock();
        state.begun += 1;
        let begun = state.begun;
        match state.notes.front() {
            Some((number, _)) if *number == begun => state.notes.pop_front().map(|(_, note)| note),
            _ => None,
        }
    }

    /// Whether the beginning of a head has come and its end has not.
    pub fn is_in_head(&self) -> bool {
        self.in_head.load(Ordering::Relaxed)
    }

    pub fn set_in_head(&self, in_head: bool) {
        self.in_head.store(in_head, Ordering::Relaxed);
    }

    /// The head that has begun took too long: it is refused the next time that somebody reads.
    pub fn expire(&self) {
        self.late.store(true, Ordering::Relaxed);
    }

    pub fn is_expired(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }
}
