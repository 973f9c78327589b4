//! What a statement touches, read off its syntax tree. InfluxDB's rules; where it looks
//! at the outermost statement only, every database that is named anywhere counts here.

use influxql::ast::{SelectStatement, ShowMeasurements};
use influxql::ast::{Source, Statement};

/// A right that a statement needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    Admin,
    Read(String),
    Write(String),
}

/// The rights that a statement needs, in the order in which InfluxDB asks for them; what
/// names no database means `database`. Empty for what everybody may do.
#[must_use]
pub fn needs(statement: &Statement, database: &str) -> Vec<Need> {
    let own = |named: &Option<String>| named.clone().unwrap_or_else(|| database.to_string());
    let show = |named: &Option<String>, sources: &[Source]| {
        let mut needs = vec![Need::Read(own(named))];
        read_sources(sources, &own(named), &mut needs);
        needs
    };
    match statement {
        Statement::Select(select) | Statement::Explain { select, .. } => {
            let mut needs = Vec::new();
            select_needs(select, database, &mut needs);
            needs
        }
        Statement::CreateContinuousQuery(create) => {
            let mut needs = vec![Need::Read(create.database.clone())];
            read_sources(&create.select.sources, &create.database, &mut needs);
            // Points of its own database are written with its creator's rights each time
            // that it runs; InfluxDB does not ask for them here.
            let target = create.select.target.as_ref();
            let target = target.and_then(|target| target.database.clone());
            let other = target.filter(|target| *target != create.database);
            needs.extend(other.map(Need::Write));
            needs
        }
        Statement::DropContinuousQuery { database, .. } => vec![Need::Write(database.clone())],
        Statement::Delete(delete) | Statement::DropSeries(delete) => {
            let mut named = Vec::new();
            databases_of(&delete.sources, database, &mut named);
            if named.is_empty() {
                named.push(database.to_string());
            }
            named.into_iter().map(Need::Write).collect()
        }
        Statement::ShowDatabases => Vec::new(),
        Statement::ShowContinuousQueries | Statement::ShowQueries => {
            vec![Need::Read(database.to_string())]
        }
        Statement::ShowRetentionPolicies { database: named } => vec![Need::Read(own(named))],
        Statement::ShowMeasurements(ShowMeasurements {
            wildcard_database: true,
            ..
        }) => vec![Need::Admin],
        Statement::ShowMeasurements(show) => vec![Need::Read(own(&show.database))],
        Statement::ShowSeries(s) | Statement::ShowFieldKeys(s) => show(&s.database, &s.sources),
        Statement::ShowTagKeys(s) => show(&s.show.database, &s.show.sources),
        Statement::ShowTagValues(s) => show(&s.show.database, &s.show.sources),
        Statement::ShowSeriesCardinality(s)
        | Statement::ShowMeasurementCardinality(s)
        | Statement::ShowFieldKeyCardinality(s)
        | Statement::ShowTagKeyCardinality(s) => show(&s.database, &s.sources),
        Statement::ShowTagValuesCardinality(s) => show(&s.show.database, &s.show.sources),
        Statement::AlterRetentionPolicy(_)
        | Statement::CreateDatabase(_)
        | Statement::CreateRetentionPolicy(_)
        | Statement::CreateSubscription(_)
        | Statement::CreateUser(_)
        | Statement::DropDatabase { .. }
        | Statement::DropMeasurement { .. }
        | Statement::DropRetentionPolicy { .. }
        | Statement::DropShard { .. }
        | Statement::DropSubscription { .. }
        | Statement::DropUser { .. }
        | Statement::Grant(_)
        | Statement::KillQuery { .. }
        | Statement::Revoke(_)
        | Statement::SetPassword { .. }
        | Statement::ShowDiagnostics { .. }
        | Statement::ShowGrants { .. }
        | Statement::ShowShardGroups
        | Statement::ShowShards
        | Statement::ShowStats { .. }
        | Statement::ShowSubscriptions
        | Statement::ShowUsers => vec![Need::Admin],
    }
}

fn select_needs(select: &SelectStatement, database: &str, needs: &mut Vec<Need>) {
    read_sources(&select.sources, database, needs);
    if let Some(target) = &select.target {
        let written = target.database.as_deref().unwrap_or(database);
        needs.push(Need::Write(written.to_string()));
    }
}

fn read_sources(sources: &[Source], database: &str, needs: &mut Vec<Need>) {
    let mut named = Vec::new();
    databases_of(sources, database, &mut named);
    for database in named {
        let need = Need::Read(database);
        if !needs.contains(&need) {
            needs.push(need);
        }
    }
}

/// The databases of measurements, subqueries at any depth included (the parser bounds it).
fn databases_of(sources: &[Source], database: &str, named: &mut Vec<String>) {
    for source in sources {
        match source {
            Source::Measurement(measurement) => {
                let own = measurement.database.as_deref();
                let own = own.filter(|name| !name.is_empty()).unwrap_or(database);
                named.push(own.to_string());
            }
            Source::Subquery(select) => {
                databases_of(&select.sources, database, named);
                if let Some(target) = &select.target {
                    named.extend(target.database.clone());
                }
            }
        }
    }
}
