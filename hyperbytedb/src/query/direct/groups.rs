//! Which group each series belongs to.

use storage::{ReadView, SeriesId};

/// The groups of a scan: the values of its dimensions, in order.
#[derive(Debug, Default)]
pub struct Groups {
    /// Sorted.
    pub values: Vec<Vec<String>>,
    of_series: Members,
}

/// A series that the scan does not select.
pub const NO_GROUP: u32 = u32::MAX;

/// The group of each series.
#[derive(Debug)]
enum Members {
    /// By series number; [`NO_GROUP`] for series that are not selected.
    All(Vec<u32>),
    /// Of few of many: sorted by series.
    Few(Vec<(SeriesId, u32)>),
}

impl Default for Members {
    fn default() -> Self {
        Members::Few(Vec::new())
    }
}

impl Groups {
    /// Groups the selected series of the view by the values of some tags.
    #[must_use]
    pub fn new(view: &ReadView, dimensions: &[String]) -> Self {
        let inner = view.table.read();
        let selected = view.selection().unwrap_or(inner.series.live());
        let numbered = inner.series.numbered();
        let few = selected.len() < numbered as u64 / 32;
        let (mut values, mut members) = (Vec::new(), Vec::new());
        let mut groups = vec![NO_GROUP; if few { 0 } else { numbered }];
        for (own, series) in inner.series.groups(selected, dimensions) {
            let group = values.len() as u32;
            values.push(own);
            for id in series {
                if few {
                    members.push((id, group));
                } else {
                    groups[id as usize] = group;
                }
            }
        }
        let of_series = if few {
            members.sort_unstable();
            Members::Few(members)
        } else {
            Members::All(groups)
        };
        Self { values, of_series }
    }

    /// The group of a series.
    #[must_use]
    pub fn of(&self, series: SeriesId) -> u32 {
        match &self.of_series {
            Members::All(groups) => groups.get(series as usize).copied().unwrap_or(NO_GROUP),
            Members::Few(members) => members
                .binary_search_by_key(&series, |(id, _)| *id)
                .map_or(NO_GROUP, |at| members[at].1),
        }
    }
}
