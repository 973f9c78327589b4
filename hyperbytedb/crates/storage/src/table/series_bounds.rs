//! How many series a database has at most, known without counting them.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::table::schema::Schema;

/// For each database a number that its series do not exceed, so that they are counted
/// seldom and not for each write.
#[derive(Debug, Default)]
pub(crate) struct SeriesBounds(Mutex<HashMap<String, usize>>);

impl SeriesBounds {
    /// Whether a database may get so many more series without being looked at closely.
    pub fn surely_fit(&self, schema: &Schema, database: &str, more: usize, limit: usize) -> bool {
        let mut bounds = self.0.lock();
        // A database that was dropped and made anew is counted again when it matters.
        let bound = bounds.entry(database.to_string()).or_insert(usize::MAX);
        *bound = bound.saturating_add(more);
        if *bound > limit {
            *bound = schema.series_count(database).saturating_add(more);
        }
        *bound <= limit
    }
}
