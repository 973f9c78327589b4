//! Points in memory that no file holds yet.
//!
//! A memtable is a small log-structured tree of its own: every write is a sorted run,
//! and as soon as eight runs of about one size are there they become one. So a reader
//! meets few runs, each sorted by series and time and each key once in it, and a
//! written row is copied a few times, not once for every later write.

use std::sync::Arc;

use crate::memtable::run::Run;
use crate::rows::Rows;
use crate::rows::merge::{MergeOptions, merge};

pub mod run;

/// Runs of one tier before they are merged.
const FAN_IN: usize = 8;
/// Larger runs stay as they are.
const ROWS_MAX: usize = 1 << 20;

/// The runs of one measurement.
#[derive(Debug, Clone, Default)]
pub struct Memtable {
    runs: Vec<Run>,
    bytes: usize,
}

fn tier(run: &Run) -> u32 {
    (run.rows.len().max(1) as u64).ilog2() / FAN_IN.ilog2()
}

impl Memtable {
    /// Adds a run; true when there is something to merge.
    pub fn push(&mut self, run: Run) -> bool {
        self.bytes += run.bytes;
        let tier_of_run = tier(&run);
        let large = run.rows.len() >= ROWS_MAX;
        self.runs.push(run);
        !large
            && self
                .runs
                .iter()
                .filter(|other| tier(other) == tier_of_run)
                .count()
                >= FAN_IN
    }

    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes all runs away.
    pub fn take(&mut self) -> Vec<Run> {
        self.bytes = 0;
        std::mem::take(&mut self.runs)
    }

    /// The runs of the lowest tier that is full.
    #[must_use]
    pub fn mergeable(&self) -> Option<Vec<Run>> {
        let mut tiers: Vec<u32> = self
            .runs
            .iter()
            .filter(|run| run.rows.len() < ROWS_MAX)
            .map(tier)
            .collect();
        tiers.sort_unstable();
        tiers.dedup();
        tiers.into_iter().find_map(|wanted| {
            let runs: Vec<Run> = self
                .runs
                .iter()
                .filter(|run| tier(run) == wanted)
                .cloned()
                .collect();
            (runs.len() >= FAN_IN).then_some(runs)
        })
    }

    /// Puts `merged` in the place of the runs it was made of; does nothing when they
    /// have left in the meantime.
    pub fn replace(&mut self, old: &[Run], merged: Option<Run>) {
        let is_old = |run: &Run| old.iter().any(|other| Arc::ptr_eq(&run.rows, &other.rows));
        if self.runs.iter().filter(|run| is_old(run)).count() != old.len() {
            return;
        }
        self.runs.retain(|run| !is_old(run));
        self.runs.extend(merged);
        self.bytes = self.runs.iter().map(|run| run.bytes).sum();
    }
}

/// One run of several.
#[must_use]
pub fn merge_runs(runs: &[Run]) -> Option<Run> {
    let sources: Vec<&Rows> = runs.iter().map(|run| run.rows.as_ref()).collect();
    Run::new(merge(&sources, &MergeOptions::default()))
}
