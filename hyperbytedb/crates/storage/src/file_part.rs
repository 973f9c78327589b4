//! Rows of a file that are read in one go.

use std::sync::Arc;

use crate::files::FileEntry;
use crate::parquet::read::Chosen;

/// Some rows of some series of a file.
#[derive(Debug, Clone)]
pub struct FilePart {
    pub(crate) file: Arc<FileEntry>,
    pub(crate) chosen: Vec<Chosen>,
    pub rows: u64,
}

impl FilePart {
    /// Nothing but these rows of one series.
    pub(crate) fn new(file: Arc<FileEntry>, chosen: Chosen) -> Self {
        Self {
            file,
            rows: chosen.rows,
            chosen: vec![chosen],
        }
    }

    pub(crate) fn push(&mut self, chosen: Chosen) {
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
        self.map(|chosen| Chosen {
            rows: 1,
            times: chosen.times.map(|(first, _)| (first, first)),
            ..*chosen
        })
    }

    /// The last row of each series; see [`FilePart::first_rows`].
    #[must_use]
    pub fn last_rows(&self) -> FilePart {
        self.map(|chosen| Chosen {
            first_row: chosen.first_row + chosen.rows.saturating_sub(1),
            rows: 1,
            times: chosen.times.map(|(_, last)| (last, last)),
            ..*chosen
        })
    }

    fn map(&self, change: impl Fn(&Chosen) -> Chosen) -> FilePart {
        FilePart {
            file: self.file.clone(),
            rows: self.chosen.len() as u64,
            chosen: self.chosen.iter().map(change).collect(),
        }
    }
}
