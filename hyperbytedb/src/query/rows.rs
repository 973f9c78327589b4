//! Rows on their way between operators: blocks of columns that belong to a group.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{BooleanArray, UInt64Array};
use arrow::buffer::ScalarBuffer;

use super::budget::Budget;
use super::column::Column;
use super::error::QueryError;

/// What a group is known by: the measurement and the values of the dimensions, in
/// the order of their (sorted) keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupKey {
    pub name: String,
    pub values: Vec<String>,
}

/// Some rows of one group.
#[derive(Debug, Clone)]
pub struct Block {
    pub key: Arc<GroupKey>,
    /// Nanoseconds.
    pub times: ScalarBuffer<i64>,
    pub columns: Vec<Column>,
}

/// Blocks in the order of their groups; the blocks of a group follow each other.
pub type Blocks<'a> = Box<dyn Iterator<Item = Result<Block, QueryError>> + Send + 'a>;

impl Block {
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len() * 8 + self.columns.iter().map(Column::bytes).sum::<usize>()
    }

    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> Block {
        Block {
            key: Arc::clone(&self.key),
            times: self.times.slice(offset, len),
            columns: self.columns.iter().map(|c| c.slice(offset, len)).collect(),
        }
    }

    pub fn filter(&self, mask: &BooleanArray) -> Result<Block, QueryError> {
        if mask.true_count() == self.len() {
            return Ok(self.clone());
        }
        let times: Vec<i64> = self
            .times
            .iter()
            .zip(mask.values().iter())
            .filter_map(|(time, keep)| keep.then_some(*time))
            .collect();
        Ok(Block {
            key: Arc::clone(&self.key),
            times: times.into(),
            columns: self
                .columns
                .iter()
                .map(|column| column.filter(mask))
                .collect::<Result<_, _>>()?,
        })
    }

    pub fn take(&self, rows: &[u64]) -> Result<Block, QueryError> {
        let indices = UInt64Array::from(rows.to_vec());
        let times: Vec<i64> = rows
            .iter()
            .filter_map(|row| self.times.get(usize::try_from(*row).ok()?).copied())
            .collect();
        Ok(Block {
            key: Arc::clone(&self.key),
            times: times.into(),
            columns: self
                .columns
                .iter()
                .map(|column| column.take(&indices))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Blocks of one group end to end; the first one's key counts.
pub fn concat(blocks: &[Block]) -> Result<Option<Block>, QueryError> {
    let Some(first) = blocks.first() else {
        return Ok(None);
    };
    if blocks.len() == 1 {
        return Ok(Some(first.clone()));
    }
    let times: Vec<i64> = blocks
        .iter()
        .flat_map(|b| b.times.iter().copied())
        .collect();
    let columns = (0..first.columns.len())
        .map(|place| {
            let parts: Vec<Column> = blocks
                .iter()
                .filter_map(|b| b.columns.get(place).cloned())
                .collect();
            Column::concat(&parts)
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(Block {
        key: Arc::clone(&first.key),
        times: times.into(),
        columns,
    }))
}

/// Compares in the order of a statement.
pub fn directed(ordering: Ordering, ascending: bool) -> Ordering {
    if ascending {
        ordering
    } else {
        ordering.reverse()
    }
}

/// A stream that can be asked for its next group without taking it.
pub struct Peeked<'a> {
    inner: Blocks<'a>,
    next: Option<Block>,
    ended: bool,
}

impl<'a> Peeked<'a> {
    #[must_use]
    pub fn new(inner: Blocks<'a>) -> Peeked<'a> {
        Peeked {
            inner,
            next: None,
            ended: false,
        }
    }

    /// The group of the next block with rows.
    pub fn key(&mut self) -> Result<Option<Arc<GroupKey>>, QueryError> {
        while self.next.is_none() && !self.ended {
            match self.inner.next() {
                Some(block) => {
                    let block = block?;
                    if block.len() > 0 {
                        self.next = Some(block);
                    }
                }
                None => self.ended = true,
            }
        }
        Ok(self.next.as_ref().map(|block| Arc::clone(&block.key)))
    }

    /// The next block, if it belongs to `key`.
    pub fn take_of(&mut self, key: &GroupKey) -> Result<Option<Block>, QueryError> {
        match self.key()? {
            Some(next) if *next == *key => Ok(self.next.take()),
            _ => Ok(None),
        }
    }
}

/// Merges streams that are each in group order into one; rows of a group that
/// several streams have are put in order of time.
pub struct Merge<'a> {
    inputs: Vec<Peeked<'a>>,
    ascending: bool,
    budget: Budget,
    /// The only input that has the current group.
    alone: Option<(usize, Arc<GroupKey>)>,
}

impl<'a> Merge<'a> {
    #[must_use]
    pub fn new(inputs: Vec<Blocks<'a>>, ascending: bool, budget: &Budget) -> Merge<'a> {
        Merge {
            inputs: inputs.into_iter().map(Peeked::new).collect(),
            ascending,
            budget: budget.clone(),
            alone: None,
        }
    }

    fn step(&mut self) -> Result<Option<Block>, QueryError> {
        self.budget.check()?;
        if let Some((input, key)) = self.alone.clone() {
            if let Some(block) = self.inputs[input].take_of(&key)? {
                return Ok(Some(block));
            }
            self.alone = None;
        }
        let mut first: Option<Arc<GroupKey>> = None;
        let mut holders = Vec::new();
        for (place, input) in self.inputs.iter_mut().enumerate() {
            let Some(key) = input.key()? else { continue };
            let order = first
                .as_ref()
                .map_or(Ordering::Less, |f| directed(key.cmp(f), self.ascending));
            match order {
                Ordering::Less => {
                    first = Some(key);
                    holders = vec![place];
                }
                Ordering::Equal => holders.push(place),
                Ordering::Greater => {}
            }
        }
        let Some(key) = first else { return Ok(None) };
        if let [only] = holders[..] {
            self.alone = Some((only, Arc::clone(&key)));
            return self.inputs[only].take_of(&key);
        }
        self.join(&key, &holders).map(Some)
    }

    fn join(&mut self, key: &GroupKey, holders: &[usize]) -> Result<Block, QueryError> {
        let mut blocks = Vec::new();
        for place in holders {
            while let Some(block) = self.inputs[*place].take_of(key)? {
                self.budget.hold(block.bytes())?;
                blocks.push(block);
            }
        }
        let held = blocks.iter().map(Block::bytes).sum();
        let joined = concat(&blocks)?;
        self.budget.release(held);
        let Some(joined) = joined else {
            return Err(QueryError::Engine("a group without rows".to_owned()));
        };
        let mut order: Vec<u64> = (0..joined.len() as u64).collect();
        order.sort_by(|a, b| {
            let time = |row: &u64| joined.times[usize::try_from(*row).unwrap_or(0)];
            directed(time(a).cmp(&time(b)), self.ascending)
        });
        joined.take(&order)
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Block, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// Hands the groups of a stream out in reverse, each one's rows as they are. For
/// descending scans: readers deliver groups in rising order. Holds everything.
pub fn reverse_groups<'a>(blocks: Blocks<'a>, budget: &Budget) -> Blocks<'a> {
    let budget = budget.clone();
    let mut source = Some(blocks);
    let mut groups: Vec<Vec<Block>> = Vec::new();
    Box::new(std::iter::from_fn(move || {
        if let Some(blocks) = source.take() {
            for block in blocks {
                let block = match block.and_then(|b| budget.hold(b.bytes()).map(|()| b)) {
                    Ok(block) => block,
                    Err(error) => return Some(Err(error)),
                };
                match groups.last_mut() {
                    Some(group) if group[0].key == block.key => group.push(block),
                    _ => groups.push(vec![block]),
                }
            }
            for group in &mut groups {
                group.reverse();
            }
        }
        let group = groups.last_mut()?;
        let block = group.pop();
        if group.is_empty() {
            groups.pop();
        }
        let block = block?;
        budget.release(block.bytes());
        Some(Ok(block))
    }))
}
