//! Under which short names the columns of a scan go through SQL: tags `g0…`, fields
//! `f0…`, time `t`. So no name that a user chose occurs outside the description of a
//! file's columns.

use arrow::datatypes::DataType as ArrowType;
use influxql::ast::{DataType, Expr};
use influxql::deeper;
use points::FieldType;
use storage::{ColumnId, ReadView};

use crate::query::error::QueryError;
use crate::query::scan::{Output, Scan};

/// The columns that a scan reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub tags: Vec<String>,
    pub fields: Vec<FieldColumn>,
}

/// A field, and the columns that hold its values: the first is of the type it is read
/// in, the others are converted (an integer read as a float).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldColumn {
    pub name: String,
    pub field_type: FieldType,
    pub columns: Vec<(ColumnId, String, FieldType)>,
}

impl Layout {
    /// Collects what dimensions, output and filter of the scan mention.
    ///
    /// # Errors
    /// When the filter holds a reference that is not resolved.
    pub fn new(scan: &Scan, view: &ReadView) -> Result<Self, QueryError> {
        let mut layout = Layout {
            tags: Vec::new(),
            fields: Vec::new(),
        };
        for tag in &scan.dimensions {
            layout.add_tag(tag);
        }
        match &scan.output {
            Output::Rows { fields, tags, .. } => {
                for tag in tags {
                    layout.add_tag(tag);
                }
                for field in fields {
                    layout.add_field(&field.name, field.field_type, view);
                }
            }
            Output::Aggregates { calls, .. } => {
                for call in calls {
                    layout.add_field(&call.field.name, call.field.field_type, view);
                }
            }
        }
        if let Some(filter) = &scan.filter {
            layout.add_references(filter, view)?;
        }
        Ok(layout)
    }

    /// Adds the tags that nobody mentions, which tell points of one time apart.
    #[must_use]
    pub fn with_every_tag(mut self, view: &ReadView) -> Self {
        for key in &view.tag_keys {
            self.add_tag(key);
        }
        self
    }

    fn add_tag(&mut self, key: &str) {
        if !self.tags.iter().any(|tag| tag == key) {
            self.tags.push(key.to_string());
        }
    }

    fn add_field(&mut self, name: &str, field_type: FieldType, view: &ReadView) {
        if self.field(name, field_type).is_some() {
            return;
        }
        let of = |wanted: FieldType| {
            view.columns.iter().enumerate().find_map(|(id, column)| {
                let fits = column.name == name && column.field_type == wanted;
                fits.then(|| (id as ColumnId, column.physical.clone(), wanted))
            })
        };
        let mut columns: Vec<_> = of(field_type).into_iter().collect();
        if field_type == FieldType::Float {
            columns.extend(of(FieldType::Integer));
            columns.extend(of(FieldType::Unsigned));
        }
        self.fields.push(FieldColumn {
            name: name.to_string(),
            field_type,
            columns,
        });
    }

    fn add_references(&mut self, expr: &Expr, view: &ReadView) -> Result<(), QueryError> {
        match expr {
            Expr::VarRef { name, cast } => match cast {
                Some(DataType::Tag) => self.add_tag(name),
                Some(cast) => self.add_field(name, field_type(*cast, name)?, view),
                None => return Err(QueryError::Engine(format!("{name} is not resolved"))),
            },
            Expr::Binary { lhs, rhs, .. } => {
                deeper(|| self.add_references(lhs, view))?;
                deeper(|| self.add_references(rhs, view))?;
            }
            Expr::Paren(inner) => deeper(|| self.add_references(inner, view))?,
            Expr::Call { args, .. } => {
                for arg in args {
                    deeper(|| self.add_references(arg, view))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The place of a tag.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<usize> {
        self.tags.iter().position(|tag| tag == key)
    }

    /// The place of a field in a type.
    #[must_use]
    pub fn field(&self, name: &str, field_type: FieldType) -> Option<usize> {
        self.fields
            .iter()
            .position(|field| field.name == name && field.field_type == field_type)
    }

    /// Numbers of all columns that are read.
    #[must_use]
    pub fn column_ids(&self) -> Vec<ColumnId> {
        let ids = self.fields.iter().flat_map(|field| &field.columns);
        let mut ids: Vec<ColumnId> = ids.map(|(id, _, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// The field type of a resolved reference.
///
/// # Errors
/// When it is none.
pub fn field_type(data_type: DataType, name: &str) -> Result<FieldType, QueryError> {
    match data_type {
        DataType::Float => Ok(FieldType::Float),
        DataType::Integer => Ok(FieldType::Integer),
        DataType::Unsigned => Ok(FieldType::Unsigned),
        DataType::String => Ok(FieldType::String),
        DataType::Boolean => Ok(FieldType::Boolean),
        DataType::Tag | DataType::AnyField => Err(QueryError::Engine(format!(
            "{name} is not resolved to a field"
        ))),
    }
}

/// The Arrow type of a field's values.
#[must_use]
pub fn arrow_type(field_type: FieldType) -> ArrowType {
    match field_type {
        FieldType::Float => ArrowType::Float64,
        FieldType::Integer => ArrowType::Int64,
        FieldType::Unsigned => ArrowType::UInt64,
        FieldType::String => ArrowType::Utf8,
        FieldType::Boolean => ArrowType::Boolean,
    }
}
