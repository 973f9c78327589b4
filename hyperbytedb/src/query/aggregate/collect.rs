//! Functions that need all values of a bucket at once.

use std::collections::HashMap;
use std::ops::Range;

use super::element::Element;
use super::{Reducer, Rows, SeriesBuilder, aux_values};
use crate::query::budget::Budget;
use crate::query::error::QueryError;
use crate::query::value::Value;

/// What is computed of the collected values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    Median,
    Mode,
    Stddev,
    Percentile(f64),
    /// The rows as they are.
    All,
}

/// One collected row.
struct Entry<I> {
    time: i64,
    item: I,
    aux: Vec<Value>,
}

/// Collects the values of a bucket.
pub(super) struct Collect<E: Element> {
    statistic: Statistic,
    entries: Vec<Entry<E::Item>>,
    held: usize,
    budget: Budget,
}

impl<E: Element> Collect<E> {
    pub(super) fn new(statistic: Statistic, budget: &Budget) -> Collect<E> {
        Collect {
            statistic,
            entries: Vec::new(),
            held: 0,
            budget: budget.clone(),
        }
    }
}

impl<E: Element> Reducer for Collect<E> {
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        let Some(array) = E::array(rows.values) else {
            return Ok(());
        };
        self.budget.check()?;
        let text = rows.values.slice(range.start, range.len()).bytes();
        let bytes = range.len() * size_of::<Entry<E::Item>>() + text;
        self.budget.hold(bytes)?;
        self.held += bytes;
        let keeps_aux = matches!(self.statistic, Statistic::Percentile(_) | Statistic::All);
        self.entries.extend(range.map(|row| Entry {
            time: rows.times[row],
            item: E::item(array, row),
            aux: if keeps_aux {
                aux_values(rows, row)
            } else {
                Vec::new()
            },
        }));
        Ok(())
    }

    fn finish(&mut self, start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        let mut entries = std::mem::take(&mut self.entries);
        self.budget.release(std::mem::take(&mut self.held));
        if entries.is_empty() {
            return Ok(());
        }
        match self.statistic {
            Statistic::All => {
                for entry in &entries {
                    out.push(entry.time, &E::value(&entry.item), &entry.aux);
                }
            }
            Statistic::Stddev => out.push(start, &Value::Float(stddev::<E>(&entries)), &[]),
            Statistic::Median => {
                entries.sort_by(|a, b| E::compare_items(&a.item, &b.item));
                out.push(start, &Value::Float(median::<E>(&entries)), &[]);
            }
            Statistic::Mode => {
                entries.sort_by(|a, b| E::compare_items(&a.item, &b.item));
                out.push(start, &mode::<E>(&entries), &[]);
            }
            Statistic::Percentile(percent) => {
                let place = (entries.len() as f64 * percent / 100.0 + 0.5).floor() - 1.0;
                if place >= 0.0 && place < entries.len() as f64 {
                    entries.sort_by(|a, b| E::compare_items(&a.item, &b.item));
                    let entry = &entries[place as usize];
                    out.push(entry.time, &E::value(&entry.item), &entry.aux);
                }
            }
        }
        Ok(())
    }
}

fn median<E: Element>(sorted: &[Entry<E::Item>]) -> f64 {
    let middle = sorted.len() / 2;
    let upper = &sorted[middle].item;
    if sorted.len() % 2 == 1 {
        return E::float(upper);
    }
    let lower = &sorted[middle - 1].item;
    let distance = super::reduce::difference(&E::value(upper), &E::value(lower));
    let distance = match distance {
        Value::Integer(v) => v as f64,
        Value::Unsigned(v) => v as f64,
        Value::Float(v) => v,
        _ => f64::NAN,
    };
    E::float(lower) + distance / 2.0
}

/// Of a sample; of fewer than two values it is not a number.
fn stddev<E: Element>(entries: &[Entry<E::Item>]) -> f64 {
    if entries.len() < 2 {
        return f64::NAN;
    }
    let mut mean = 0.0;
    for (place, entry) in entries.iter().enumerate() {
        mean += (E::float(&entry.item) - mean) / (place + 1) as f64;
    }
    let squares: f64 = entries
        .iter()
        .map(|entry| (E::float(&entry.item) - mean).powi(2))
        .sum();
    (squares / (entries.len() - 1) as f64).sqrt()
}

/// The most frequent value; of equally frequent ones the one seen first, of
/// booleans true.
fn mode<E: Element>(sorted: &[Entry<E::Item>]) -> Value {
    if let Value::Boolean(_) = E::value(&sorted[0].item) {
        let trues = sorted
            .iter()
            .filter(|entry| E::value(&entry.item) == Value::Boolean(true))
            .count();
        return Value::Boolean(trues * 2 >= sorted.len());
    }
    let mut best: (usize, i64, &E::Item) = (0, sorted[0].time, &sorted[0].item);
    let mut run: (usize, i64, &E::Item) = best;
    for entry in sorted {
        if entry.item != *run.2 {
            // A run counts only from its second value on, as in InfluxDB.
            run = (1, entry.time, &entry.item);
            continue;
        }
        run.0 += 1;
        if best.0 > run.0 || (best.0 == run.0 && run.1 > best.1) {
            continue;
        }
        best = (run.0, entry.time, &entry.item);
    }
    E::value(best.2)
}

/// Each value once, in the order of time of the row in which it was seen first.
pub(super) struct Distinct<E: Element> {
    seen: HashMap<E::Key, (i64, E::Item)>,
    held: usize,
    budget: Budget,
}

impl<E: Element> Distinct<E> {
    pub(super) fn new(budget: &Budget) -> Distinct<E> {
        Distinct {
            seen: HashMap::new(),
            held: 0,
            budget: budget.clone(),
        }
    }
}

impl<E: Element> Reducer for Distinct<E> {
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        let Some(array) = E::array(rows.values) else {
            return Ok(());
        };
        self.budget.check()?;
        for row in range {
            if let std::collections::hash_map::Entry::Vacant(entry) =
                self.seen.entry(E::key(array, row))
            {
                let item = E::item(array, row);
                let bytes = 2 * (E::value(&item).bytes() + 16);
                self.budget.hold(bytes)?;
                self.held += bytes;
                entry.insert((rows.times[row], item));
            }
        }
        Ok(())
    }

    fn finish(&mut self, start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        let mut values: Vec<(i64, E::Item)> =
            std::mem::take(&mut self.seen).into_values().collect();
        self.budget.release(std::mem::take(&mut self.held));
        values.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| E::compare_items(&a.1, &b.1)));
        // They all have the time of the bucket: its values rise in time even where the
        // statement's order is falling.
        for (_, item) in &values {
            out.push(start, &E::value(item), &[]);
        }
        Ok(())
    }
}
