//! Which columns sources have, and of which types.

use std::collections::{BTreeMap, BTreeSet};

use influxql::ast::{DataType, Expr};
use influxql::deeper;
use points::FieldType;

use super::{Source, companions};

/// The fields and tags of all sources of a statement together.
pub(super) struct Schema {
    /// Of several types of a name the one that comes first in [`precedence`].
    pub fields: BTreeMap<String, DataType>,
    pub tags: BTreeSet<String>,
    /// Companions of `top()` and `bottom()` in subqueries: they can be named, but no
    /// wildcard stands for them, as in InfluxDB.
    companions: BTreeMap<String, DataType>,
}

/// A field's type as a column type.
#[must_use]
pub fn column_type(field_type: FieldType) -> DataType {
    match field_type {
        FieldType::Float => DataType::Float,
        FieldType::Integer => DataType::Integer,
        FieldType::Unsigned => DataType::Unsigned,
        FieldType::String => DataType::String,
        FieldType::Boolean => DataType::Boolean,
    }
}

/// Smaller types win over larger ones.
fn precedence(data_type: DataType) -> u8 {
    match data_type {
        DataType::Float => 0,
        DataType::Integer => 1,
        DataType::Unsigned => 2,
        DataType::String => 3,
        DataType::Boolean => 4,
        DataType::AnyField => 5,
        DataType::Tag => 6,
    }
}

impl Schema {
    pub(super) fn of(sources: &[Source]) -> Schema {
        let mut schema = Schema {
            fields: BTreeMap::new(),
            tags: BTreeSet::new(),
            companions: BTreeMap::new(),
        };
        for source in sources {
            match source {
                Source::Table(table) => {
                    for (name, field_type) in &table.info.fields {
                        schema.add(name, column_type(*field_type));
                    }
                    schema.tags.extend(table.info.tag_keys.iter().cloned());
                }
                Source::Subquery(inner) => {
                    for item in &inner.fields {
                        if let Some(data_type) = item.data_type {
                            schema.add(&item.name, data_type);
                        }
                        for companion in companions(&item.expr) {
                            if let Expr::VarRef {
                                name,
                                cast: Some(data_type),
                            } = companion
                            {
                                schema.companions.insert(name.clone(), *data_type);
                            }
                        }
                    }
                    schema.tags.extend(inner.dimensions.iter().cloned());
                }
            }
        }
        schema
    }

    fn add(&mut self, name: &str, data_type: DataType) {
        let known = self.fields.get(name).copied();
        if known.is_none_or(|known| precedence(data_type) < precedence(known)) {
            self.fields.insert(name.to_owned(), data_type);
        }
    }

    /// The type of a name; a field wins over a companion, and that over a tag.
    fn data_type(&self, name: &str) -> Option<DataType> {
        let companion = || self.companions.get(name);
        let named = self.fields.get(name).or_else(companion).copied();
        let tag = || self.tags.contains(name).then_some(DataType::Tag);
        named.or_else(tag)
    }

    /// Gives every reference of an expression its type, unless it has a cast.
    pub(super) fn resolve(&self, expr: &mut Expr) {
        match expr {
            Expr::VarRef { name, cast } => match (*cast, self.data_type(name)) {
                (None, found) => *cast = found,
                (Some(DataType::AnyField), Some(DataType::Tag)) => {}
                (Some(DataType::AnyField), found) => *cast = found,
                _ => {}
            },
            Expr::Call { args, .. } => {
                deeper(|| args.iter_mut().for_each(|arg| self.resolve(arg)));
            }
            Expr::Binary { lhs, rhs, .. } => deeper(|| {
                self.resolve(lhs);
                self.resolve(rhs);
            }),
            Expr::Paren(inner) => deeper(|| self.resolve(inner)),
            _ => {}
        }
    }
}
