//! Which group each series belongs to.

use std::collections::BTreeMap;

use storage::{ReadView, SeriesId};

/// The groups of a scan: the values of its dimensions, in order.
#[derive(Debug, Default)]
pub struct Groups {
    /// Sorted.
    pub values: Vec<Vec<String>>,
    /// By series number; [`NO_GROUP`] for series that are not selected.
    of_series: Vec<u32>,
}

/// A series that the scan does not select.
pub const NO_GROUP: u32 = u32::MAX;

impl Groups {
    /// Groups the selected series of the view by the values of some tags.
    #[must_use]
    pub fn new(view: &ReadView, dimensions: &[String]) -> Self {
        let inner = view.table.read();
        let selected: Vec<SeriesId> = match view.selection() {
            Some(selection) => selection.to_vec(),
            None => inner.series.ids().collect(),
        };
        let mut of_series = vec![NO_GROUP; inner.series.numbered()];
        if dimensions.is_empty() {
            for series in selected {
                of_series[series as usize] = 0;
            }
            return Self {
                values: vec![Vec::new()],
                of_series,
            };
        }
        let mut members: BTreeMap<Vec<String>, Vec<SeriesId>> = BTreeMap::new();
        for series in selected {
            let tags = inner.series.tags(series);
            let value = |key: &String| tags.get(key).unwrap_or_default().to_string();
            let values = dimensions.iter().map(value).collect();
            members.entry(values).or_default().push(series);
        }
        let mut values = Vec::with_capacity(members.len());
        for (group, (key, series)) in members.into_iter().enumerate() {
            values.push(key);
            for series in series {
                of_series[series as usize] = group as u32;
            }
        }
        Self { values, of_series }
    }

    /// The group of a series.
    #[must_use]
    pub fn of(&self, series: SeriesId) -> u32 {
        self.of_series
            .get(series as usize)
            .copied()
            .unwrap_or(NO_GROUP)
    }
}
