//! Rows of a file that are read in one go.

use std::sync::Arc;

use crate::error::Result;
use crate::files::FileHandle;
use crate::parquet::footer::Footer;
use crate::parquet::read::RowRange;
use crate::read::view::ReadView;
use crate::rows::ColumnId;
use crate::series::SeriesId;

/// Which rows of a file have a value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The file lacks the column.
    None,
    Some,
    All,
}

/// Some rows of some series of a file.
#[derive(Debug, Clone)]
pub struct FilePart {
    pub(crate) file: Arc<FileHandle>,
    pub(crate) chosen: Vec<RowRange>,
    pub rows: u64,
}

impl FilePart {
    /// Nothing but these rows of one series.
    pub(crate) fn new(file: Arc<FileHandle>, chosen: RowRange) -> Self {
        Self {
            file,
            rows: chosen.rows,
            chosen: vec![chosen],
        }
    }

    pub(crate) fn push(&mut self, chosen: RowRange) {
        self.rows += chosen.rows;
        self.chosen.push(chosen);
    }

    /// How many series it has rows of.
    #[must_use]
    pub fn series(&self) -> usize {
        self.chosen.chunk_by(|a, b| a.series == b.series).count()
    }

    /// The first row of each series, whose time the footer tells where all rows of the
    /// series are in the time of the query.
    #[must_use]
    pub fn first_rows(&self) -> FilePart {
        self.map(|chosen| RowRange {
            rows: 1,
            times: chosen.times.map(|(first, _)| (first, first)),
            ..*chosen
        })
    }

    /// The last row of each series; see [`FilePart::first_rows`].
    #[must_use]
    pub fn last_rows(&self) -> FilePart {
        self.map(|chosen| RowRange {
            first_row: chosen.first_row + chosen.rows.saturating_sub(1),
            rows: 1,
            times: chosen.times.map(|(_, last)| (last, last)),
            ..*chosen
        })
    }

    fn map(&self, change: impl Fn(&RowRange) -> RowRange) -> FilePart {
        FilePart {
            file: self.file.clone(),
            rows: self.chosen.len() as u64,
            chosen: self.chosen.iter().map(change).collect(),
        }
    }

    /// Divides it into series whose rows count as they are, because all are in the time of
    /// the query and in none of the `windows`, with how many rows they are, and the rest.
    #[must_use]
    pub fn counted(&self, windows: &[(i64, i64)]) -> (Vec<(SeriesId, u64)>, Option<FilePart>) {
        let mut counted = Vec::new();
        let mut rest: Option<FilePart> = None;
        let is_met = |first: i64, last: i64| {
            let met = |(from, to): &(i64, i64)| *from <= last && first <= *to;
            windows.iter().any(met)
        };
        for chosen in &self.chosen {
            match (chosen.times, &mut rest) {
                (Some((first, last)), _) if !is_met(first, last) => {
                    counted.push((chosen.series, chosen.rows));
                }
                (_, Some(rest)) => rest.push(*chosen),
                (_, none) => *none = Some(FilePart::new(self.file.clone(), *chosen)),
            }
        }
        (counted, rest)
    }
}

impl ReadView {
    /// Which rows of the part's file have a value of a column, as far as the footer tells.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn presence(&self, part: &FilePart, column: ColumnId) -> Result<Presence> {
        let wanted = self.in_file(&part.file, &[column]);
        let Some((_, name)) = wanted.first() else {
            return Ok(Presence::None);
        };
        let footer = self.data.footer(&part.file)?;
        Ok(match is_complete(&footer, name) {
            Some(true) => Presence::All,
            _ => Presence::Some,
        })
    }
}

/// Whether no row of a file lacks a value of the column; `None` when the footer says nothing.
fn is_complete(footer: &Footer, name: &str) -> Option<bool> {
    let metadata = footer.metadata.metadata();
    let columns = metadata.file_metadata().schema_descr().columns();
    let leaf = columns.iter().position(|column| column.name() == name)?;
    let nulls = metadata.row_groups().iter().map(|group| {
        let statistics = group.column(leaf).statistics()?;
        statistics.null_count_opt()
    });
    let nulls: Option<u64> = nulls.sum();
    Some(nulls? == 0)
}
