//! What a statement is: its name, and whether it changes something. A new statement has no
//! place here until somebody says both.

use influxql::ast::Statement;

/// What executing a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It reads: it may be given up and begun again.
    Reads,
    /// It tells how something is read, which may take as long.
    Explains,
    /// It deletes points. InfluxDB does not warn when that comes by GET.
    Deletes,
    /// It changes something, which InfluxDB warns of when it comes by GET.
    Changes,
}

/// What a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The words that it begins with, in lower case: its name in the summary, in metrics and
    /// in traces.
    pub name: &'static str,
    pub effect: Effect,
}

/// The kind of a statement.
#[must_use]
pub fn kind_of(statement: &Statement) -> Kind {
    use Effect::{Changes, Deletes, Explains, Reads};
    let (name, effect) = match statement {
        Statement::AlterRetentionPolicy(_) => ("alter_retention_policy", Changes),
        Statement::CreateContinuousQuery(_) => ("create_continuous_query", Changes),
        Statement::CreateDatabase(_) => ("create_database", Changes),
        Statement::CreateRetentionPolicy(_) => ("create_retention_policy", Changes),
        Statement::CreateSubscription(_) => ("create_subscription", Changes),
        Statement::CreateUser(_) => ("create_user", Changes),
        Statement::Delete(_) => ("delete", Deletes),
        Statement::DropContinuousQuery { .. } => ("drop_continuous_query", Changes),
        Statement::DropDatabase { .. } => ("drop_database", Changes),
        Statement::DropMeasurement { .. } => ("drop_measurement", Changes),
        Statement::DropRetentionPolicy { .. } => ("drop_retention_policy", Changes),
        Statement::DropSeries(_) => ("drop_series", Changes),
        Statement::DropShard { .. } => ("drop_shard", Changes),
        Statement::DropSubscription { .. } => ("drop_subscription", Changes),
        Statement::DropUser { .. } => ("drop_user", Changes),
        Statement::Explain { .. } => ("explain", Explains),
        Statement::Grant(_) => ("grant", Changes),
        Statement::KillQuery { .. } => ("kill_query", Changes),
        Statement::Revoke(_) => ("revoke", Changes),
        Statement::Select(select) if select.target.is_some() => ("select_into", Changes),
        Statement::Select(_) => ("select", Reads),
        Statement::SetPassword { .. } => ("set_password", Changes),
        Statement::ShowContinuousQueries => ("show_continuous_queries", Reads),
        Statement::ShowDatabases => ("show_databases", Reads),
        Statement::ShowDiagnostics { .. } => ("show_diagnostics", Reads),
        Statement::ShowFieldKeyCardinality(_) => ("show_field_key_cardinality", Reads),
        Statement::ShowFieldKeys(_) => ("show_field_keys", Reads),
        Statement::ShowGrants { .. } => ("show_grants", Reads),
        Statement::ShowMeasurementCardinality(_) => ("show_measurement_cardinality", Reads),
        Statement::ShowMeasurements(_) => ("show_measurements", Reads),
        Statement::ShowQueries => ("show_queries", Reads),
        Statement::ShowRetentionPolicies { .. } => ("show_retention_policies", Reads),
        Statement::ShowSeries(_) => ("show_series", Reads),
        Statement::ShowSeriesCardinality(_) => ("show_series_cardinality", Reads),
        Statement::ShowShardGroups => ("show_shard_groups", Reads),
        Statement::ShowShards => ("show_shards", Reads),
        Statement::ShowStats { .. } => ("show_stats", Reads),
        Statement::ShowSubscriptions => ("show_subscriptions", Reads),
        Statement::ShowTagKeyCardinality(_) => ("show_tag_key_cardinality", Reads),
        Statement::ShowTagKeys(_) => ("show_tag_keys", Reads),
        Statement::ShowTagValues(_) => ("show_tag_values", Reads),
        Statement::ShowTagValuesCardinality(_) => ("show_tag_values_cardinality", Reads),
        Statement::ShowUsers => ("show_users", Reads),
    };
    Kind { name, effect }
}
