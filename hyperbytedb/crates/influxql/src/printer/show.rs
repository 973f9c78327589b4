//! Printing of the `SHOW` statements.

use std::fmt;

use super::Printer;
use crate::ast::{
    MeasurementName, Show, ShowCardinality, ShowMeasurements, ShowTagKeys,
    ShowTagValuesCardinality, Statement, TagKeyFilter,
};

impl Printer<'_, '_> {
    pub(super) fn show(&mut self, statement: &Statement) -> fmt::Result {
        match statement {
            Statement::ShowContinuousQueries => self.text("SHOW CONTINUOUS QUERIES"),
            Statement::ShowDatabases => self.text("SHOW DATABASES"),
            Statement::ShowDiagnostics { module } => self.module("SHOW DIAGNOSTICS", module),
            Statement::ShowFieldKeyCardinality(show) => {
                self.cardinality("SHOW FIELD KEY", show, None)
            }
            Statement::ShowFieldKeys(show) => self.clauses("SHOW FIELD KEYS", show, None),
            Statement::ShowGrants { user } => self.named("SHOW GRANTS FOR ", user),
            Statement::ShowMeasurementCardinality(show) => {
                self.cardinality("SHOW MEASUREMENT", show, None)
            }
            Statement::ShowMeasurements(show) => self.measurements(show),
            Statement::ShowQueries => self.text("SHOW QUERIES"),
            Statement::ShowRetentionPolicies { database } => {
                self.text("SHOW RETENTION POLICIES")?;
                self.optional_name(" ON ", database.as_deref())
            }
            Statement::ShowSeries(show) => self.clauses("SHOW SERIES", show, None),
            Statement::ShowSeriesCardinality(show) => self.cardinality("SHOW SERIES", show, None),
            Statement::ShowShardGroups => self.text("SHOW SHARD GROUPS"),
            Statement::ShowShards => self.text("SHOW SHARDS"),
            Statement::ShowStats { module } => self.module("SHOW STATS", module),
            Statement::ShowSubscriptions => self.text("SHOW SUBSCRIPTIONS"),
            Statement::ShowTagKeyCardinality(show) => self.cardinality("SHOW TAG KEY", show, None),
            Statement::ShowTagKeys(show) => self.tag_keys(show),
            Statement::ShowTagValues(show) => {
                self.clauses("SHOW TAG VALUES", &show.show, Some(&show.key))
            }
            Statement::ShowTagValuesCardinality(ShowTagValuesCardinality { show, key }) => {
                self.cardinality("SHOW TAG VALUES", show, Some(key))
            }
            Statement::ShowUsers => self.text("SHOW USERS"),
            other => self.statement(other),
        }
    }

    fn module(&mut self, phrase: &str, module: &Option<String>) -> fmt::Result {
        self.text(phrase)?;
        let Some(module) = module else {
            return Ok(());
        };
        self.text(" FOR ")?;
        self.string(module)
    }

    fn clauses(&mut self, phrase: &str, show: &Show, key: Option<&TagKeyFilter>) -> fmt::Result {
        self.text(phrase)?;
        self.optional_name(" ON ", show.database.as_deref())?;
        self.clause(" FROM ", &show.sources, Self::source)?;
        self.key(key)?;
        self.condition(show.condition.as_ref())?;
        self.clause(" ORDER BY ", &show.sort, Self::sort_field)?;
        self.count(" LIMIT ", show.limit)?;
        self.count(" OFFSET ", show.offset)
    }

    fn tag_keys(&mut self, show: &ShowTagKeys) -> fmt::Result {
        self.clauses("SHOW TAG KEYS", &show.show, show.key.as_ref())?;
        self.count(" SLIMIT ", show.slimit)?;
        self.count(" SOFFSET ", show.soffset)
    }

    fn cardinality(
        &mut self,
        phrase: &str,
        show: &ShowCardinality,
        key: Option<&TagKeyFilter>,
    ) -> fmt::Result {
        self.text(phrase)?;
        self.text(if show.exact {
            " EXACT CARDINALITY"
        } else {
            " CARDINALITY"
        })?;
        self.optional_name(" ON ", show.database.as_deref())?;
        self.clause(" FROM ", &show.sources, Self::source)?;
        self.key(key)?;
        self.condition(show.condition.as_ref())?;
        self.clause(" GROUP BY ", &show.dimensions, Self::expr)?;
        self.count(" LIMIT ", show.limit)?;
        self.count(" OFFSET ", show.offset)
    }

    fn key(&mut self, key: Option<&TagKeyFilter>) -> fmt::Result {
        match key {
            None => Ok(()),
            Some(TagKeyFilter::Eq(name)) => self.named(" WITH KEY = ", name),
            Some(TagKeyFilter::NotEq(name)) => self.named(" WITH KEY != ", name),
            Some(TagKeyFilter::EqRegex(regex)) => {
                self.text(" WITH KEY =~ ")?;
                self.regex(regex)
            }
            Some(TagKeyFilter::NotEqRegex(regex)) => {
                self.text(" WITH KEY !~ ")?;
                self.regex(regex)
            }
            Some(TagKeyFilter::In(names)) => {
                self.text(" WITH KEY IN (")?;
                self.list(names, ", ", |printer, name| printer.ident(name))?;
                self.text(")")
            }
        }
    }

    fn measurements(&mut self, show: &ShowMeasurements) -> fmt::Result {
        self.text("SHOW MEASUREMENTS")?;
        if show.wildcard_database {
            self.text(" ON *")?;
        }
        self.optional_name(" ON ", show.database.as_deref())?;
        if show.wildcard_policy {
            self.text(".*")?;
        }
        self.optional_name(".", show.retention_policy.as_deref())?;
        if let Some(source) = &show.source {
            self.text(match source.name {
                MeasurementName::Regex(_) => " WITH MEASUREMENT =~ ",
                _ => " WITH MEASUREMENT = ",
            })?;
            self.measurement(source)?;
        }
        self.condition(show.condition.as_ref())?;
        self.clause(" ORDER BY ", &show.sort, Self::sort_field)?;
        self.count(" LIMIT ", show.limit)?;
        self.count(" OFFSET ", show.offset)
    }
}
