//! SHOW … CARDINALITY. All counts are exact, also where an estimate would do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use influxql::ast::{Expr, ShowCardinality, ShowTagValuesCardinality};

use storage::SeriesFilter;

use super::predicate::Predicate;
use super::tags::Keys;
use super::{Names, Show, chunk, measurements_of};
use crate::query::catalog::{Selection, Tag};
use crate::query::column::Column;
use crate::query::error::QueryError;
use crate::query::expression::compile_regex;
use crate::query::output::{SeriesChunk, SeriesKey};
use crate::query::value::Value;

fn count(value: usize) -> Column {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Column::repeated(&Value::Integer(value), 1)
}

/// Whether a statement asks for no more than the number of everything.
fn is_estimate(statement: &ShowCardinality) -> bool {
    !statement.exact
        && statement.sources.is_empty()
        && statement.condition.is_none()
        && statement.dimensions.is_empty()
        && statement.limit == 0
        && statement.offset == 0
}

/// What is counted.
enum Things<'t> {
    Series,
    TagKeys,
    ValuesOf(&'t Keys),
}

impl Things<'_> {
    /// Those of one series.
    fn of(&self, tags: &[Tag<'_>]) -> Vec<String> {
        match self {
            Things::Series => vec![points::series_key("", tags)],
            Things::TagKeys => tags.iter().map(|(key, _)| key.to_string()).collect(),
            Things::ValuesOf(keys) => tags
                .iter()
                .filter(|(key, _)| keys.contains(key.as_ref()))
                .map(|(_, value)| value.to_string())
                .collect(),
        }
    }
}

impl Show<'_> {
    /// Sorted keys of `GROUP BY`; wildcards and patterns stand for tags of all measurements
    /// that are named.
    fn dimensions(
        &self,
        database: &str,
        wanted: &Names,
        statement: &ShowCardinality,
    ) -> Result<Vec<String>, QueryError> {
        let mut keys = BTreeSet::new();
        for dimension in &statement.dimensions {
            let pattern = match dimension {
                Expr::VarRef { name, .. } => {
                    keys.insert(name.clone());
                    continue;
                }
                Expr::Wildcard(_) => None,
                Expr::Regex(pattern) => Some(compile_regex(pattern)?),
                _ => continue,
            };
            for name in self.catalog.measurements(database, None) {
                if !wanted.contains(&name) {
                    continue;
                }
                let all = SeriesFilter::Const(true);
                let mut own = self
                    .catalog
                    .tag_keys(database, &name, Selection::of(&all))?;
                own.retain(|key| pattern.as_ref().is_none_or(|p| p.is_match(key)));
                keys.extend(own);
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// Counts different things for each measurement and group.
    fn count_each(
        &self,
        statement: &ShowCardinality,
        predicate: &Predicate,
        things: &Things<'_>,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let (database, _) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let keys = self.dimensions(&database, &wanted, statement)?;
        let mut out = Vec::new();
        // A count is one row, so that any offset leaves nothing.
        if statement.offset > 0 {
            return Ok(out);
        }
        for name in self.catalog.measurements(&database, None) {
            if !wanted.contains(&name) {
                continue;
            }
            self.context.check()?;
            let filter = predicate.of(&name);
            let selection = Selection::of(&filter);
            let groups = if keys.is_empty() {
                vec![(
                    Vec::new(),
                    self.count_all(&database, &name, selection, things)?,
                )]
            } else {
                self.count_groups(&database, &name, selection, &keys, things)?
            };
            for (group, found) in groups.into_iter().filter(|(_, found)| *found > 0) {
                let mut one = chunk(&name, &["count"], vec![count(found)]);
                one.key = grouped(&name, &keys, group);
                out.push(one);
            }
        }
        Ok(out)
    }

    fn count_all(
        &self,
        database: &str,
        name: &str,
        selection: Selection<'_>,
        things: &Things<'_>,
    ) -> Result<usize, QueryError> {
        Ok(match things {
            Things::Series => self.catalog.series_count(database, name, selection)?,
            Things::TagKeys => self.catalog.tag_keys(database, name, selection)?.len(),
            Things::ValuesOf(keys) => {
                let has_key = |key: &str| keys.contains(key);
                self.catalog
                    .tag_value_count(database, name, selection, &has_key)?
            }
        })
    }

    fn count_groups(
        &self,
        database: &str,
        name: &str,
        selection: Selection<'_>,
        keys: &[String],
        things: &Things<'_>,
    ) -> Result<Vec<(Vec<String>, usize)>, QueryError> {
        let mut groups: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        self.catalog
            .series(database, name, selection, usize::MAX, &mut |tags| {
                let group = group_of(tags, keys);
                groups.entry(group).or_default().extend(things.of(tags));
                true
            })?;
        let counted = groups
            .into_iter()
            .map(|(group, found)| (group, found.len()));
        Ok(counted.collect())
    }

    pub(super) fn series_cardinality(
        &self,
        statement: &ShowCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        if is_estimate(statement) {
            let database = self.database(statement.database.as_deref())?;
            let mut total = 0;
            for name in self.catalog.measurements(&database, None) {
                let all = SeriesFilter::Const(true);
                let selection = Selection::of(&all);
                total += self.catalog.series_count(&database, &name, selection)?;
            }
            return Ok(vec![chunk(
                "",
                &["cardinality estimation"],
                vec![count(total)],
            )]);
        }
        let condition = self.timeless(
            statement.condition.as_ref(),
            "SHOW SERIES EXACT CARDINALITY",
        )?;
        let predicate = Predicate::of_count(condition.as_ref())?;
        self.count_each(statement, &predicate, &Things::Series)
    }

    pub(super) fn measurement_cardinality(
        &self,
        statement: &ShowCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        if is_estimate(statement) {
            let database = self.database(statement.database.as_deref())?;
            let names = self.catalog.measurements(&database, None);
            return Ok(vec![chunk(
                "",
                &["cardinality estimation"],
                vec![count(names.len())],
            )]);
        }
        let condition = self.timeless(
            statement.condition.as_ref(),
            "SHOW MEASUREMENT EXACT CARDINALITY",
        )?;
        let (database, _) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let predicate = Predicate::of_count(condition.as_ref())?;
        let keys = self.dimensions(&database, &wanted, statement)?;
        if !keys.is_empty() {
            let found = self.measurements_by_group(&database, &wanted, &predicate, &keys)?;
            return Ok(if statement.offset > 0 {
                Vec::new()
            } else {
                found
            });
        }
        let mut names = Vec::new();
        for name in self.catalog.measurements(&database, None) {
            if wanted.contains(&name) && self.has_series(&database, &name, &predicate)? {
                names.push(name);
            }
        }
        if names.is_empty() || statement.offset > 0 {
            return Ok(Vec::new());
        }
        Ok(vec![chunk("", &["count"], vec![count(names.len())])])
    }

    /// The groups of a measurement's series.
    fn groups_of(
        &self,
        database: &str,
        name: &str,
        predicate: &Predicate,
        keys: &[String],
    ) -> Result<BTreeSet<Vec<String>>, QueryError> {
        self.context.check()?;
        let filter = predicate.of(name);
        let selection = Selection::of(&filter);
        let mut groups = BTreeSet::new();
        self.catalog
            .series(database, name, selection, usize::MAX, &mut |tags| {
                groups.insert(group_of(tags, keys));
                true
            })?;
        Ok(groups)
    }

    /// Counts the measurements of each group of series.
    fn measurements_by_group(
        &self,
        database: &str,
        wanted: &Names,
        predicate: &Predicate,
        keys: &[String],
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let mut groups: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for name in self.catalog.measurements(database, None) {
            if !wanted.contains(&name) {
                continue;
            }
            for group in self.groups_of(database, &name, predicate, keys)? {
                *groups.entry(group).or_default() += 1;
            }
        }
        let counted = groups.into_iter().map(|(group, found)| {
            let mut one = chunk("", &["count"], vec![count(found)]);
            one.key = grouped("", keys, group);
            one
        });
        Ok(counted.collect())
    }

    pub(super) fn tag_key_cardinality(
        &self,
        statement: &ShowCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let condition = self.timeless(
            statement.condition.as_ref(),
            "SHOW TAG KEY EXACT CARDINALITY",
        )?;
        let predicate = Predicate::of_count(condition.as_ref())?;
        self.count_each(statement, &predicate, &Things::TagKeys)
    }

    pub(super) fn tag_values_cardinality(
        &self,
        statement: &ShowTagValuesCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let keys = Keys::new(Some(&statement.key))?;
        let (condition, _) = self.split(statement.show.condition.as_ref())?;
        let predicate = Predicate::of_count(condition.as_ref())?.where_present();
        let things = Things::ValuesOf(&keys);
        self.count_each(&statement.show, &predicate, &things)
    }

    pub(super) fn field_key_cardinality(
        &self,
        statement: &ShowCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let condition =
            self.timeless(statement.condition.as_ref(), "SHOW FIELD KEY CARDINALITY")?;
        let predicate = Predicate::of_count(condition.as_ref())?;
        let (database, policy) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let mut out = Vec::new();
        if statement.offset > 0 {
            return Ok(out);
        }
        let keys = self.dimensions(&database, &wanted, statement)?;
        for name in self.catalog.measurements(&database, Some(&policy)) {
            let fields = self.fields(&database, &policy, &name);
            if !wanted.contains(&name) || fields.is_empty() {
                continue;
            }
            let one = || chunk(&name, &["count"], vec![count(fields.len())]);
            if !keys.is_empty() {
                for group in self.groups_of(&database, &name, &predicate, &keys)? {
                    let mut one = one();
                    one.key = grouped(&name, &keys, group);
                    out.push(one);
                }
            } else if predicate.is_always_true() || self.has_series(&database, &name, &predicate)? {
                out.push(one());
            }
        }
        Ok(out)
    }
}

/// The values of some tags.
fn group_of(tags: &[Tag<'_>], keys: &[String]) -> Vec<String> {
    keys.iter().map(|key| tag(tags, key).to_owned()).collect()
}

fn grouped(name: &str, keys: &[String], group: Vec<String>) -> Arc<SeriesKey> {
    Arc::new(SeriesKey {
        name: name.to_owned(),
        tags: keys.iter().cloned().zip(group).collect(),
    })
}

/// The value of a tag, empty if there is none.
fn tag<'t>(tags: &'t [Tag<'_>], key: &str) -> &'t str {
    let place = tags.binary_search_by(|(own, _)| own.as_ref().cmp(key));
    place.map_or("", |place| &tags[place].1)
}
