//! What of a connection's bytes is head and what is body.

use std::sync::Arc;

use super::chunks::Chunks;
use super::head::{self, Body, Head};
use super::target::{self, Target};
use crate::layers::HeadError;

/// What a connection of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Empty lines that are passed over before a head: some clients end their bodies with one.
const EMPTY_LINES_MAX: u8 = 4;

/// What heads may have.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    pub bytes: usize,
    pub headers: usize,
}

/// What may be handed on of some bytes, as they are, and why it is not more.
#[derive(Debug, PartialEq, Eq)]
pub struct Pass {
    pub bytes: usize,
    pub stop: Stop,
}

/// What comes behind the bytes that pass.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing, or the beginning of a head.
    Incomplete,
    /// A head of so many bytes, which another is handed on for.
    Replaced { length: usize, by: Replacement },
    /// A head, or the beginning of one, that is refused. Nothing is read any more.
    Refused(HeadError),
    /// What is no body although it should be one. Nothing is read any more.
    Broken,
}

/// A head that is handed on in place of another.
#[derive(Debug, PartialEq, Eq)]
pub struct Replacement {
    pub head: Vec<u8>,
    /// The query that there is no room for in it.
    pub query: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// No request has come.
    Preface,
    /// Bytes of a head that were looked through.
    Head(usize),
    /// Bytes of a body that are left.
    Length(u64),
    Chunks(Chunks),
    /// HTTP/2: everything passes.
    Opaque,
    Ended,
}

/// Follows the bytes of a connection.
#[derive(Debug)]
pub struct Framing {
    limits: HeadLimits,
    place: Place,
    /// Heads that were complete.
    heads: u64,
    empty_lines: u8,
}

impl Framing {
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            place: Place::Preface,
            heads: 0,
            empty_lines: 0,
        }
    }

    /// How many heads were handed on, those in place of others included.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether the next byte belongs to a head of HTTP/1.
    pub fn is_in_head(&self) -> bool {
        matches!(self.place, Place::Preface | Place::Head(_))
    }

    /// Whether the next byte belongs to a body.
    pub fn is_in_body(&self) -> bool {
        matches!(self.place, Place::Length(_) | Place::Chunks(_))
    }

    /// Reads nothing any more; a head in place of what came last is counted.
    pub fn end(&mut self) {
        self.heads += 1;
        self.place = Place::Ended;
    }

    /// Looks through bytes. What neither passes nor is replaced must be there again, with what
    /// follows it, the next time.
    pub fn pass(&mut self, bytes: &[u8]) -> Pass {
        let mut at = 0;
        let stop = loop {
            let rest = &bytes[at..];
            if rest.is_empty() && self.place != Place::Ended {
                break Stop::Incomplete;
            }
            match &mut self.place {
                Place::Opaque => at = bytes.len(),
                Place::Ended => break Stop::Incomplete,
                Place::Length(left) => {
                    let count = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    at += count;
                    *left -= count as u64;
                    if *left == 0 {
                        self.place = Place::Head(0);
                    }
                }
                Place::Chunks(chunks) => match chunks.pass(rest) {
                    Ok(count) => {
                        at += count;
                        if chunks.is_complete() {
                            self.place = Place::Head(0);
                        }
                    }
                    Err(_broken) => {
                        self.place = Place::Ended;
                        break Stop::Broken;
                    }
                },
                Place::Preface => {
                    let length = rest.len().min(PREFACE.len());
                    if rest[..length] != PREFACE[..length] {
                        self.place = Place::Head(0);
                    } else if length == PREFACE.len() {
                        self.place = Place::Opaque;
                    } else {
                        break Stop::Incomplete;
                    }
                }
                Place::Head(seen) => {
                    let seen = *seen;
                    match self.pass_head(rest, seen) {
                        Ok(count) => at += count,
                        Err(stop) => break stop,
                    }
                }
            }
        };
        Pass { bytes: at, stop }
    }

    /// The length of a head, or an empty line before it, that passes as it is.
    fn pass_head(&mut self, rest: &[u8], seen: usize) -> Result<usize, Stop> {
        if rest.starts_with(b"\r\n") && self.empty_lines < EMPTY_LINES_MAX {
            self.empty_lines += 1;
            return Ok(2);
        }
        if rest == b"\r" {
            return Err(Stop::Incomplete);
        }
        let Some(length) = head::end_of(rest, seen) else {
            if rest.len() >= self.limits.bytes {
                return Err(Stop::Refused(HeadError::TooLarge(self.limits.bytes)));
            }
            self.place = Place::Head(rest.len());
            return Err(Stop::Incomplete);
        };
        let (head, target) = self.read(&rest[..length]).map_err(Stop::Refused)?;
        self.heads += 1;
        self.empty_lines = 0;
        self.place = match head.body {
            Body::Length(0) => Place::Head(0),
            Body::Length(length) => Place::Length(length),
            Body::Chunked => Place::Chunks(Chunks::default()),
        };
        let (target, query) = match target {
            Target::AsItIs => return Ok(length),
            Target::Encoded(target) => (target, None),
            Target::Divided(path, query) => (path, Some(query.into())),
        };
        let mut replacement = rest[..head.target.start].to_vec();
        replacement.extend(target);
        replacement.extend_from_slice(&rest[head.target.end..length]);
        Err(Stop::Replaced {
            length,
            by: Replacement {
                head: replacement,
                query,
            },
        })
    }

    fn read(&self, head: &[u8]) -> Result<(Head, Target), HeadError> {
        if head.len() > self.limits.bytes {
            return Err(HeadError::TooLarge(self.limits.bytes));
        }
        let read = head::read(head, self.limits.headers)?;
        let target = target::read(&head[read.target.clone()])?;
        Ok((read, target))
    }
}
