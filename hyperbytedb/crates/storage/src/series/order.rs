//! Series in the order of their keys, and in groups by tag values: found by walking the
//! index of tags, so that the first few of many series cost little.

use std::collections::BTreeMap;

use crate::series::tag_index::{SeriesSet, TagValues};
use crate::series::{SeriesId, SeriesIndex};

/// Series up to which keys are compared with one another.
const SORTED_MAX: u64 = if cfg!(test) { 4 } else { 1024 };

impl SeriesIndex {
    /// Calls `visit` for each series of a set in the order of keys until it returns
    /// false; returns false then, too.
    pub fn visit_sorted(
        &self,
        series: &SeriesSet,
        visit: &mut dyn FnMut(SeriesId) -> bool,
    ) -> bool {
        self.walk(series.clone(), None, visit)
    }

    /// Visits series whose tags are equal up to the key `after`.
    fn walk(
        &self,
        series: SeriesSet,
        after: Option<&str>,
        visit: &mut dyn FnMut(SeriesId) -> bool,
    ) -> bool {
        if series.len() <= SORTED_MAX {
            return self.sort(&series, visit);
        }
        let keys = self.index().keys_after(after);
        let mut shortest = series.clone();
        for (_, values) in keys.clone() {
            shortest -= values.series();
        }
        if !self.sort(&shortest, visit) {
            return false;
        }
        let mut rest = series - shortest;
        for (key, values) in keys {
            let here = &rest & values.series();
            rest -= &here;
            if !here.is_empty() && !self.walk_values(&here, key, values, visit) {
                return false;
            }
            if rest.is_empty() {
                break;
            }
        }
        true
    }

    fn walk_values(
        &self,
        series: &SeriesSet,
        key: &str,
        values: &TagValues,
        visit: &mut dyn FnMut(SeriesId) -> bool,
    ) -> bool {
        // Going through very many values for few series takes longer than comparing.
        if series.len() < values.len() as u64 / 16 {
            return self.sort(series, visit);
        }
        let mut left = series.len();
        for (_, postings) in values.iter() {
            let part = postings.common(series);
            left -= part.len();
            if !part.is_empty() && !self.walk(part, Some(key), visit) {
                return false;
            }
            if left == 0 {
                break;
            }
        }
        true
    }

    fn sort(&self, series: &SeriesSet, visit: &mut dyn FnMut(SeriesId) -> bool) -> bool {
        let mut ids: Vec<SeriesId> = series.iter().collect();
        ids.sort_unstable_by(|a, b| self.key(*a).cmp(self.key(*b)));
        ids.into_iter().all(visit)
    }

    /// Calls `visit` for each value of a tag that one of the series has (of all if no
    /// set is given), in order, until it returns false.
    pub fn visit_values(
        &self,
        key: &str,
        series: Option<&SeriesSet>,
        visit: &mut dyn FnMut(&str) -> bool,
    ) {
        let Some(values) = self.index().values(key) else {
            return;
        };
        let Some(series) = series else {
            values.iter().all(|(value, _)| visit(value));
            return;
        };
        if series.len() < values.len() as u64 / 16 {
            let with_tag = (series & values.series()).into_iter();
            let found: std::collections::BTreeSet<_> =
                with_tag.map(|id| self.tag(id, key)).collect();
            found.iter().all(|value| visit(value));
            return;
        }
        values
            .iter()
            .filter(|(_, postings)| postings.meets(series))
            .all(|(value, _)| visit(value));
    }

    /// How many values a tag has.
    #[must_use]
    pub fn value_count(&self, key: &str) -> usize {
        self.index().values(key).map_or(0, TagValues::len)
    }

    /// The tag keys that one of the series has (all if no set is given), sorted.
    #[must_use]
    pub fn tag_keys(&self, series: Option<&SeriesSet>) -> Vec<String> {
        self.index()
            .keys()
            .filter(|(_, values)| series.is_none_or(|set| !set.is_disjoint(values.series())))
            .map(|(key, _)| key.to_owned())
            .collect()
    }

    /// Splits series by their values of some tags: the groups sorted by these values, a
    /// tag that a series lacks being empty.
    #[must_use]
    pub fn groups(&self, series: &SeriesSet, keys: &[String]) -> Vec<(Vec<String>, Vec<SeriesId>)> {
        let mut groups = Vec::new();
        self.split(series, keys, &mut Vec::new(), &mut groups);
        groups
    }

    fn split(
        &self,
        series: &SeriesSet,
        keys: &[String],
        before: &mut Vec<String>,
        groups: &mut Vec<(Vec<String>, Vec<SeriesId>)>,
    ) {
        let Some((key, others)) = keys.split_first() else {
            groups.push((before.clone(), series.iter().collect()));
            return;
        };
        let values = self.index().values(key);
        if series.len() < 4 * values.map_or(0, TagValues::len) as u64 {
            let mut members: BTreeMap<Vec<String>, Vec<SeriesId>> = BTreeMap::new();
            for id in series {
                let own = keys.iter().map(|key| self.tag(id, key).into_owned());
                members.entry(own.collect()).or_default().push(id);
            }
            for (own, ids) in members {
                groups.push((before.iter().cloned().chain(own).collect(), ids));
            }
            return;
        }
        let mut enter = |value: &str, part: &SeriesSet| {
            if !part.is_empty() {
                before.push(value.to_owned());
                self.split(part, others, before, groups);
                before.pop();
            }
        };
        let Some(values) = values else {
            return enter("", series);
        };
        enter("", &(series - values.series()));
        for (value, postings) in values.iter() {
            enter(value, &postings.common(series));
        }
    }
}
