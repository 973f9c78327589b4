//! Functions that keep a few rows: `top`, `bottom`, `sample`.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::element::Element;
use super::{Reducer, Rows, SeriesBuilder, aux_values};
use crate::query::error::QueryError;
use crate::query::value::Value;

/// A kept row.
struct Kept<I> {
    time: i64,
    item: I,
    aux: Vec<Value>,
}

/// Keeps the `n` best rows, the best one first.
pub(super) struct Top<E: Element> {
    n: usize,
    bottom: bool,
    by: Option<Vec<usize>>,
    kept: Vec<Kept<E::Item>>,
    /// With `by`: the best row of each combination.
    groups: HashMap<Vec<String>, Kept<E::Item>>,
}

impl<E: Element> Top<E> {
    pub(super) fn new(n: usize, bottom: bool, by: Option<Vec<usize>>) -> Top<E> {
        Top {
            n,
            bottom,
            by,
            kept: Vec::new(),
            groups: HashMap::new(),
        }
    }

    /// `Less` when the first is the better one: by value, then the earlier.
    fn rank(&self, value: Ordering, time: Ordering) -> Ordering {
        let value = if self.bottom { value } else { value.reverse() };
        value.then(time)
    }

    fn insert(&mut self, row: Kept<E::Item>) {
        let place = self.kept.partition_point(|other| {
            self.rank(
                E::compare_items(&other.item, &row.item),
                other.time.cmp(&row.time),
            ) != Ordering::Greater
        });
        if place < self.n {
            self.kept.insert(place, row);
            self.kept.truncate(self.n);
        }
    }

    fn worse_than_all(&self, array: &E::Array, row: usize, time: i64) -> bool {
        match self.kept.last() {
            Some(worst) if self.kept.len() >= self.n => {
                self.rank(E::compare(array, row, &worst.item), time.cmp(&worst.time))
                    != Ordering::Less
            }
            _ => false,
        }
    }
}

impl<E: Element> Reducer for Top<E> {
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        let Some(array) = E::array(rows.values) else {
            return Ok(());
        };
        for row in range {
            let time = rows.times[row];
            let kept = |row: usize| Kept {
                time,
                item: E::item(array, row),
                aux: aux_values(rows, row),
            };
            let Some(by) = &self.by else {
                if !self.worse_than_all(array, row, time) {
                    self.insert(kept(row));
                }
                continue;
            };
            let key: Vec<String> = by
                .iter()
                .map(|place| {
                    let text = rows.aux.get(*place).and_then(|column| column.text(row));
                    text.unwrap_or_default().to_owned()
                })
                .collect();
            let better = match self.groups.get(&key) {
                None => true,
                Some(best) => {
                    self.rank(E::compare(array, row, &best.item), time.cmp(&best.time))
                        == Ordering::Less
                }
            };
            if better {
                self.groups.insert(key, kept(row));
            }
        }
        Ok(())
    }

    fn finish(&mut self, _start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        let mut groups: Vec<_> = std::mem::take(&mut self.groups).into_iter().collect();
        groups.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, row) in groups {
            self.insert(row);
        }
        for row in std::mem::take(&mut self.kept) {
            out.push(row.time, &E::value(&row.item), &row.aux);
        }
        Ok(())
    }
}

/// `n` rows, each row being as likely as the others.
pub(super) struct Sample {
    n: usize,
    seen: u64,
    kept: Vec<(i64, Value, Vec<Value>)>,
    seed: RandomState,
}

impl Sample {
    pub(super) fn new(n: usize) -> Sample {
        Sample {
            n,
            seen: 0,
            kept: Vec::new(),
            seed: RandomState::new(),
        }
    }
}

impl Reducer for Sample {
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        for row in range {
            self.seen += 1;
            let place = if self.kept.len() < self.n {
                self.kept.push((0, Value::Null, Vec::new()));
                self.kept.len() - 1
            } else {
                usize::try_from(self.seed.hash_one(self.seen) % self.seen).unwrap_or(usize::MAX)
            };
            if let Some(slot) = self.kept.get_mut(place) {
                *slot = (
                    rows.times[row],
                    rows.values.value(row),
                    aux_values(rows, row),
                );
            }
        }
        Ok(())
    }

    fn finish(&mut self, _start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        self.seen = 0;
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_by_key(|(time, _, _)| *time);
        for (time, value, aux) in &kept {
            out.push(*time, value, aux);
        }
        Ok(())
    }
}
