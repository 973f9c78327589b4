//! Points that are too many to be held at once: read in pieces, each when the one before
//! was taken.
//!
//! A piece is some groups, or a slice of time of one group. What turns out too large when it
//! is opened is cut further, so no estimate has to be right.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use storage::{Engine, SeriesId};

use super::groups::{Groups, NO_GROUP};
use super::parts::Parts;
use super::rows::rows;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::scan::{Batches, Output, Scan, TimeBounds};

/// Rows of a piece, about.
pub const PIECE_ROWS: u64 = 1_000_000;
/// Rows of a piece when they are filtered by their fields, which mostly leaves few.
const FILTERED_PIECE_ROWS: u64 = 8 * PIECE_ROWS;
/// Rows of which it is not tried to hold fewer.
const PIECE_ROWS_MIN: u64 = 1_000;
/// How much smaller pieces become when what is left of one is too much to be held.
const SHRINKAGE: u64 = 4;
/// Rows that the first piece has, about, when only some of each group are wanted.
const FIRST_ROWS: u64 = 50_000;
/// How much larger each next piece of a limited scan may be.
const GROWTH: u64 = 4;

struct Piece {
    groups: Range<usize>,
    time: TimeBounds,
    rows_max: u64,
}

/// The batches of a scan, piece by piece.
struct Pieces {
    engine: Arc<Engine>,
    scan: Scan,
    /// At most.
    threads: usize,
    context: QueryContext,
    /// Series of each group, sorted.
    members: Vec<Vec<SeriesId>>,
    /// Pieces to come, the next one last.
    todo: Vec<Piece>,
    /// Batches of the piece being read.
    open: Batches,
    /// The group of which only slices of time are read, and how many rows it may still give.
    limited: Option<(usize, u64)>,
}

/// Starts reading the points of a scan, whose portions are `whole`, in pieces.
pub fn pieces(
    engine: Arc<Engine>,
    scan: &Scan,
    whole: &Parts,
    threads: usize,
    context: &QueryContext,
) -> Batches {
    let members = match scan.dimensions.as_slice() {
        [] => vec![Vec::new()],
        dimensions => members_of(&Groups::new(&whole.view, dimensions), whole),
    };
    let rows_max = match &scan.output {
        Output::Rows { limit: Some(_), .. } => FIRST_ROWS,
        _ if whole.has_filter() => FILTERED_PIECE_ROWS,
        _ => PIECE_ROWS,
    };
    let all = Piece {
        groups: 0..members.len(),
        time: scan.time,
        rows_max,
    };
    Box::new(Pieces {
        engine,
        scan: scan.clone(),
        threads,
        context: context.clone(),
        members,
        todo: vec![all],
        open: Box::new(std::iter::empty()),
        limited: None,
    })
}

fn members_of(groups: &Groups, whole: &Parts) -> Vec<Vec<SeriesId>> {
    let mut members = vec![Vec::new(); groups.values.len()];
    let numbered = whole.view.table.read().series.numbered();
    for series in 0..numbered as SeriesId {
        let group = groups.of(series);
        if group != NO_GROUP {
            members[group as usize].push(series);
        }
    }
    members
}

impl Iterator for Pieces {
    type Item = Result<RecordBatch, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.open.next() {
                if let (Ok(batch), Some((_, left))) = (&batch, &mut self.limited) {
                    *left = left.saturating_sub(batch.num_rows() as u64);
                }
                return Some(batch);
            }
            let piece = self.todo.pop()?;
            if let Err(error) = self.begin(piece) {
                self.todo.clear();
                return Some(Err(error));
            }
        }
    }
}

impl Pieces {
    /// Opens a piece, or puts its parts upon the pile.
    fn begin(&mut self, piece: Piece) -> Result<(), QueryError> {
        self.context.check()?;
        let Some(limit) = self.limit_of(&piece) else {
            return Ok(());
        };
        let scan = Scan {
            time: piece.time,
            ..self.scan.clone()
        };
        let members = match self.scan.dimensions.is_empty() {
            true => None,
            false => Some(self.members[piece.groups.clone()].concat()),
        };
        let (threads, context) = (self.threads, &self.context);
        let open = Parts::open(&self.engine, &scan, members, threads, &context.work);
        let Some(parts) = open? else {
            return Ok(());
        };
        // Pages of a file are chosen as wholes, so a slice of time may have far fewer rows
        // than its portions say.
        let rows_about = parts.rows.min(parts.view.rows_about());
        if rows_about > piece.rows_max {
            let cut = self.cut(&piece, &parts, rows_about);
            if cut.len() > 1 {
                self.todo.extend(cut.into_iter().rev());
                return Ok(());
            }
        }
        if let Output::Rows { fields, tags, .. } = &scan.output {
            match rows(&scan, fields, tags, limit, &parts, &self.context) {
                Ok(batches) => self.open = batches,
                Err(error @ QueryError::Memory { .. }) => {
                    let smaller = Piece {
                        rows_max: rows_about / SHRINKAGE,
                        ..piece
                    };
                    let cut = self.cut(&smaller, &parts, rows_about);
                    if smaller.rows_max < PIECE_ROWS_MIN || cut.len() < 2 {
                        return Err(error);
                    }
                    self.todo.extend(cut.into_iter().rev());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The limit of a piece's groups; `None` when its group has given all it may.
    #[allow(clippy::option_option)]
    fn limit_of(&mut self, piece: &Piece) -> Option<Option<u64>> {
        let Output::Rows {
            limit: Some(limit), ..
        } = self.scan.output
        else {
            return Some(None);
        };
        if piece.groups.len() != 1 {
            return Some(Some(limit));
        }
        match self.limited {
            Some((group, 0)) if group == piece.groups.start => None,
            Some((group, left)) if group == piece.groups.start => Some(Some(left)),
            _ => {
                self.limited = Some((piece.groups.start, limit));
                Some(Some(limit))
            }
        }
    }

    /// The parts of a piece that is too large, in the order in which they are read.
    fn cut(&self, piece: &Piece, parts: &Parts, rows: u64) -> Vec<Piece> {
        let count = rows / piece.rows_max + 1;
        let groups = piece.groups.len();
        if groups > 1 {
            let step = (groups as u64 / count).max(1) as usize;
            let starts = piece.groups.clone().step_by(step);
            return starts
                .map(|start| Piece {
                    groups: start..(start + step).min(piece.groups.end),
                    ..*piece
                })
                .collect();
        }
        let mut slices = parts.view.cut(count);
        if self.scan.descending {
            slices.reverse();
        }
        let of = |(min, max): (i64, i64), rows_max| Piece {
            groups: piece.groups.clone(),
            time: TimeBounds { min, max },
            rows_max,
        };
        match (&self.scan.output, slices.as_slice()) {
            // Most likely the first slice is enough; if not, the others are cut anew.
            (Output::Rows { limit: Some(_), .. }, [first, .., last]) => {
                let rest = match self.scan.descending {
                    true => (last.0, first.0 - 1),
                    false => (first.1 + 1, last.1),
                };
                let larger = piece.rows_max.saturating_mul(GROWTH).min(PIECE_ROWS);
                vec![of(*first, piece.rows_max), of(rest, larger)]
            }
            _ => slices
                .into_iter()
                .map(|slice| of(slice, piece.rows_max))
                .collect(),
        }
    }
}
