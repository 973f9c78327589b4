//! SLIMIT and SOFFSET: some of the groups of each measurement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Run;
use crate::query::error::QueryError;
use crate::query::filter::{Filter, for_table, of_tags};
use crate::query::plan::{Select, Source, Table};
use crate::query::rows::{Blocks, GroupKey};
use crate::query::scan::{Aggregate, AggregateFunction, FieldRef, Output, Scan};
use crate::query::shard::shard_range;
use crate::query::source::{Engine, scanned};

/// The groups that SLIMIT and SOFFSET leave; `None` when they leave all, or the groups of
/// a subquery are not known before it runs.
///
/// InfluxDB counts the groups of its index before it reads any point: those that have
/// a series in the shard groups of the range and whose tags pass the condition, in the
/// order of their encoded tags. They count whether they have a value or not.
pub(super) fn limited_groups(
    select: &Select,
    run: &Run,
    engine: &Engine<'_>,
) -> Result<Option<BTreeSet<GroupKey>>, QueryError> {
    let (slimit, soffset) = (select.slimit, select.soffset);
    if slimit == 0 && soffset == 0 {
        return Ok(None);
    }
    let mut of_name: BTreeMap<String, BTreeSet<(Vec<u8>, GroupKey)>> = BTreeMap::new();
    for source in &select.sources {
        let Source::Table(table) = source else {
            return Ok(None);
        };
        let groups = of_name.entry(table.name.measurement.clone()).or_default();
        for key in groups_of(table, select, run, engine)? {
            groups.insert((encoded(&run.dimensions, &key.values), key));
        }
    }
    let place = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    // SOFFSET without SLIMIT leaves nothing, as in InfluxDB.
    let kept = of_name
        .into_values()
        .flat_map(|groups| groups.into_iter().skip(place(soffset)).take(place(slimit)))
        .map(|(_, key)| key);
    Ok(Some(kept.collect()))
}

/// Keeps the blocks of those groups, or of those that SLIMIT and SOFFSET leave.
pub(super) fn limit_groups<'a>(
    select: &Select,
    groups: Option<Arc<BTreeSet<GroupKey>>>,
    blocks: Blocks<'a>,
) -> Blocks<'a> {
    match groups {
        None => with_rows(blocks, select.slimit, select.soffset, select.ascending),
        Some(kept) => Box::new(blocks.filter(move |block| match block {
            Ok(block) => kept.contains(&*block.key),
            Err(_) => true,
        })),
    }
}

/// The groups of a table that have a point in the shard groups of the range.
fn groups_of(
    table: &Table,
    select: &Select,
    run: &Run,
    engine: &Engine<'_>,
) -> Result<Vec<GroupKey>, QueryError> {
    let filter = match for_table(select.condition.as_ref(), &table.info)? {
        Filter::Nothing => return Ok(Vec::new()),
        Filter::All => None,
        Filter::Where(expr) => of_tags(&expr),
    };
    let count = |(name, field_type): &(String, _)| Aggregate {
        function: AggregateFunction::Count,
        field: FieldRef {
            name: name.clone(),
            field_type: *field_type,
        },
        with_time: false,
    };
    let calls: Vec<Aggregate> = table.info.fields.iter().map(count).collect();
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let scan = Scan {
        table: table.name.clone(),
        time: shard_range(run.time, table.shard_duration_ns),
        filter,
        dimensions: run.dimensions.clone(),
        descending: false,
        output: Output::Aggregates {
            window: None,
            calls,
        },
    };
    scanned(&scan, engine)?
        .map(|block| Ok((*block?.key).clone()))
        .collect()
}

/// The key under which InfluxDB sorts a group: the names of the tags that it has, then
/// their values.
fn encoded(dimensions: &[String], values: &[String]) -> Vec<u8> {
    let present = || {
        let pairs = dimensions.iter().zip(values);
        pairs.filter(|(_, value)| !value.is_empty())
    };
    let parts: Vec<&str> = present()
        .map(|(name, _)| name.as_str())
        .chain(present().map(|(_, value)| value.as_str()))
        .collect();
    parts.join("|").into_bytes()
}

/// Some of the groups that have rows, counted in rising order whatever the order of
/// the result is.
fn with_rows(blocks: Blocks<'_>, slimit: u64, soffset: u64, ascending: bool) -> Blocks<'_> {
    if slimit == 0 && soffset == 0 {
        return blocks;
    }
    if ascending {
        return first_groups(blocks, slimit, soffset);
    }
    let mut source = Some(blocks);
    let mut rest = Vec::new().into_iter();
    Box::new(std::iter::from_fn(move || {
        if let Some(blocks) = source.take() {
            let mut all: Vec<_> = blocks.collect();
            all.reverse();
            let mut kept: Vec<_> =
                first_groups(Box::new(all.into_iter()), slimit, soffset).collect();
            kept.reverse();
            rest = kept.into_iter();
        }
        rest.next()
    }))
}

fn first_groups(blocks: Blocks<'_>, slimit: u64, soffset: u64) -> Blocks<'_> {
    let mut last: Option<Arc<GroupKey>> = None;
    let mut count = 0_u64;
    Box::new(blocks.filter(move |block| {
        let Ok(block) = block else { return true };
        if last.as_ref() != Some(&block.key) {
            let same_name = last.as_ref().is_some_and(|key| key.name == block.key.name);
            count = if same_name { count + 1 } else { 1 };
            last = Some(Arc::clone(&block.key));
        }
        // SOFFSET without SLIMIT leaves nothing, as in InfluxDB.
        count > soffset && count - soffset <= slimit
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_with_a_tag_sort_by_its_name_first() {
        let dimensions = ["dc".to_owned(), "host".to_owned()];
        let key = |dc: &str, host: &str| encoded(&dimensions, &[dc.to_owned(), host.to_owned()]);
        assert_eq!(key("", ""), b"");
        assert_eq!(key("", "a"), b"host|a");
        assert_eq!(key("x", "b"), b"dc|host|x|b");
        assert!(key("x", "b") < key("", "a"));
    }
}
