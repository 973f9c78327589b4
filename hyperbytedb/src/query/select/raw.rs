//! A `SELECT` without functions over rows: they pass through, block by block.

use std::sync::Arc;

use influxql::ast::{DataType, Expr, Fill};

use super::{Run, references};
use crate::query::column::Column;
use crate::query::error::QueryError;
use crate::query::expression::Expression;
use crate::query::fill::{default_nulls, replace_nulls};
use crate::query::plan::{Select, Source};
use crate::query::rows::{Block, Blocks, GroupKey};
use crate::query::source::{self, Engine, Request, Want};
use crate::query::value::Value;

pub(super) fn rows<'a>(
    select: &Select,
    run: &Run,
    engine: &Engine<'a>,
) -> Result<Blocks<'a>, QueryError> {
    let expressions: Vec<Expr> = select.fields.iter().map(|item| item.expr.clone()).collect();
    let wants = references(&expressions, false);
    if wants.iter().all(|want| want.data_type.is_none()) {
        return Ok(Box::new(std::iter::empty()));
    }
    let outputs: Vec<Expression> = expressions
        .iter()
        .map(|expr| {
            Expression::select(expr, &mut |name, cast| {
                let same = |w: &Want| w.name == name && w.data_type == cast;
                wants.iter().position(same)
            })
        })
        .collect::<Result<_, _>>()?;
    let tables_only = select
        .sources
        .iter()
        .all(|source| matches!(source, Source::Table(_)));
    let most = match select.limit {
        0 => None,
        limit => Some(limit.saturating_add(select.offset)),
    };
    let types: Vec<Option<DataType>> = wants.iter().map(|want| want.data_type).collect();
    let request = Request {
        wants,
        dimensions: run.dimensions.clone(),
        time: run.time,
        ascending: run.ascending,
        limit: most.filter(|_| tables_only),
        interval: run.interval,
        by_time: false,
        within: Vec::new(),
    };
    let input = source::rows(select, &request, engine)?;
    let mut limit = Limit::new(select.limit, select.offset);
    let mut defaults = Defaults::new(run.fill, types);
    Ok(Box::new(input.filter_map(move |block| {
        let block = block.and_then(|block| {
            let Some(block) = limit.apply(&block) else {
                return Ok(None);
            };
            let columns = defaults.apply(&block)?;
            let columns = outputs
                .iter()
                .map(|output| output.evaluate(&columns, block.len()))
                .collect();
            Ok(Some(Block { columns, ..block }))
        });
        block.transpose()
    })))
}

/// LIMIT and OFFSET of each group.
struct Limit {
    limit: u64,
    offset: u64,
    key: Option<Arc<GroupKey>>,
    seen: u64,
}

impl Limit {
    fn new(limit: u64, offset: u64) -> Limit {
        Limit {
            limit: if limit == 0 { u64::MAX } else { limit },
            offset,
            key: None,
            seen: 0,
        }
    }

    fn apply(&mut self, block: &Block) -> Option<Block> {
        if self.key.as_ref() != Some(&block.key) {
            self.key = Some(Arc::clone(&block.key));
            self.seen = 0;
        }
        let rows = block.len() as u64;
        let first = self.offset.saturating_sub(self.seen).min(rows);
        let end = self.offset.saturating_add(self.limit);
        let last = end.saturating_sub(self.seen).min(rows);
        self.seen += rows;
        if first >= last {
            return None;
        }
        let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        Some(block.slice(place(first), place(last - first)))
    }
}

/// `fill(n)` and `fill(previous)` show in missing fields of rows, too.
struct Defaults {
    fill: Fill,
    types: Vec<Option<DataType>>,
    key: Option<Arc<GroupKey>>,
    last: Vec<Value>,
}

impl Defaults {
    fn new(fill: Fill, types: Vec<Option<DataType>>) -> Defaults {
        Defaults {
            fill,
            last: vec![Value::Null; types.len()],
            types,
            key: None,
        }
    }

    fn apply(&mut self, block: &Block) -> Result<Vec<Column>, QueryError> {
        if matches!(self.fill, Fill::Null | Fill::None | Fill::Linear) {
            return Ok(block.columns.clone());
        }
        if self.key.as_ref() != Some(&block.key) {
            self.key = Some(Arc::clone(&block.key));
            self.last = vec![Value::Null; self.types.len()];
        }
        let columns = block
            .columns
            .iter()
            .map(|column| default_nulls(column.clone(), self.fill))
            .collect::<Result<Vec<_>, _>>()?;
        if self.fill != Fill::Previous {
            return Ok(columns);
        }
        let columns: Vec<Column> = columns
            .iter()
            .zip(&self.last)
            .map(|(column, last)| replace_nulls(column, last))
            .collect();
        for (last, column) in self.last.iter_mut().zip(&columns) {
            if let Some(row) = column.len().checked_sub(1) {
                *last = column.value(row);
            }
        }
        Ok(columns)
    }
}
