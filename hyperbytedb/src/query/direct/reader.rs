//! Chooses between reading directly and the embedded ClickHouse.

use std::sync::Arc;

use storage::Engine;

use super::aggregates::aggregate;
use super::parts::Parts;
use super::rows::rows;
use crate::query::clickhouse::ClickHouseReader;
use crate::query::clickhouse::filter::is_sayable;
use crate::query::clickhouse::layout::Layout;
use crate::query::clickhouse::series::open;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::scan::{Batches, Output, Reader, Scan};

/// Which executor answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Executor {
    /// By the number of rows and the shape of the scan.
    #[default]
    Auto,
    Direct,
    ClickHouse,
}

/// Rows up to which points are collected and sorted here; ClickHouse streams more.
const ROWS_MAX: u64 = 4_000_000;
/// Rows for which a second thread is worth its start.
const ROWS_FOR_THREADS: u64 = 100_000;

/// A [`Reader`] that reads files and memory itself, and leaves to ClickHouse what it
/// would have to hold as a whole.
pub struct DirectReader {
    engine: Arc<Engine>,
    wide: ClickHouseReader,
    executor: Executor,
    threads_max: usize,
}

impl DirectReader {
    /// `threads_max`: threads of one query, 0 = one a core.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        wide: ClickHouseReader,
        executor: Executor,
        threads_max: usize,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            engine,
            wide,
            executor,
            threads_max: if threads_max == 0 { cores } else { threads_max },
        }
    }

    fn leaves_to_clickhouse(&self, scan: &Scan, rows: u64) -> bool {
        self.executor == Executor::Auto
            && rows > ROWS_MAX
            && scan.filter.as_ref().is_none_or(is_sayable)
    }

    fn parts(&self, scan: &Scan) -> Result<Option<Parts>, QueryError> {
        let Some((view, settled)) = open(&self.engine, scan)? else {
            return Ok(None);
        };
        let layout = Layout::new(scan, &view)?;
        let filter = scan.filter.as_ref().filter(|_| !settled);
        Parts::new(view, layout, filter).map(Some)
    }
}

impl Reader for DirectReader {
    fn scan(&self, scan: &Scan, context: &QueryContext) -> Result<Batches, QueryError> {
        context.check()?;
        if self.executor == Executor::ClickHouse {
            return self.wide.scan(scan, context);
        }
        let Some(parts) = self.parts(scan)? else {
            return Ok(Box::new(std::iter::empty()));
        };
        let threads = match parts.rows {
            0..ROWS_FOR_THREADS => 1,
            _ => self.threads_max,
        };
        match &scan.output {
            Output::Aggregates { window, calls } => {
                let batch = aggregate(scan, *window, calls, &parts, threads, context)?;
                Ok(Box::new(batch.into_iter().map(Ok)))
            }
            Output::Rows { .. } if self.leaves_to_clickhouse(scan, parts.rows) => {
                self.wide.scan(scan, context)
            }
            Output::Rows {
                fields,
                tags,
                limit,
            } => rows(scan, fields, tags, *limit, &parts, threads, context),
        }
    }
}
