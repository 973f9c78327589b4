//! What statements are called in the summary, in metrics and in traces.

use influxql::ast::Statement;

/// The kind of a statement: the words it begins with, in lower case.
#[must_use]
pub fn kind_of(statement: &Statement) -> &'static str {
    match statement {
        Statement::AlterRetentionPolicy(_) => "alter_retention_policy",
        Statement::CreateContinuousQuery(_) => "create_continuous_query",
        Statement::CreateDatabase(_) => "create_database",
        Statement::CreateRetentionPolicy(_) => "create_retention_policy",
        Statement::CreateSubscription(_) => "create_subscription",
        Statement::CreateUser(_) => "create_user",
        Statement::Delete(_) => "delete",
        Statement::DropContinuousQuery { .. } => "drop_continuous_query",
        Statement::DropDatabase { .. } => "drop_database",
        Statement::DropMeasurement { .. } => "drop_measurement",
        Statement::DropRetentionPolicy { .. } => "drop_retention_policy",
        Statement::DropSeries(_) => "drop_series",
        Statement::DropShard { .. } => "drop_shard",
        Statement::DropSubscription { .. } => "drop_subscription",
        Statement::DropUser { .. } => "drop_user",
        Statement::Explain { .. } => "explain",
        Statement::Grant(_) => "grant",
        Statement::KillQuery { .. } => "kill_query",
        Statement::Revoke(_) => "revoke",
        Statement::Select(select) if select.target.is_some() => "select_into",
        Statement::Select(_) => "select",
        Statement::SetPassword { .. } => "set_password",
        Statement::ShowContinuousQueries => "show_continuous_queries",
        Statement::ShowDatabases => "show_databases",
        Statement::ShowDiagnostics { .. } => "show_diagnostics",
        Statement::ShowFieldKeyCardinality(_) => "show_field_key_cardinality",
        Statement::ShowFieldKeys(_) => "show_field_keys",
        Statement::ShowGrants { .. } => "show_grants",
        Statement::ShowMeasurementCardinality(_) => "show_measurement_cardinality",
        Statement::ShowMeasurements(_) => "show_measurements",
        Statement::ShowQueries => "show_queries",
        Statement::ShowRetentionPolicies { .. } => "show_retention_policies",
        Statement::ShowSeries(_) => "show_series",
        Statement::ShowSeriesCardinality(_) => "show_series_cardinality",
        Statement::ShowShardGroups => "show_shard_groups",
        Statement::ShowShards => "show_shards",
        Statement::ShowStats { .. } => "show_stats",
        Statement::ShowSubscriptions => "show_subscriptions",
        Statement::ShowTagKeyCardinality(_) => "show_tag_key_cardinality",
        Statement::ShowTagKeys(_) => "show_tag_keys",
        Statement::ShowTagValues(_) => "show_tag_values",
        Statement::ShowTagValuesCardinality(_) => "show_tag_values_cardinality",
        Statement::ShowUsers => "show_users",
    }
}
