//! What makes a `SELECT` impossible to run.

use crate::time_range::ConditionError;

/// Why a `SELECT` is refused; `Display` is InfluxDB's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidateError {
    #[error(transparent)]
    Condition(#[from] ConditionError),
    #[error("invalid function call in condition: {0}")]
    CallInCondition(String),
    #[error("invalid number of arguments for {function}, expected {expected}, got {got}")]
    ArgumentCount {
        function: String,
        expected: String,
        got: usize,
    },
    #[error("undefined function {0}()")]
    UndefinedFunction(String),
    #[error("expected field argument in {0}()")]
    FieldExpected(String),
    #[error("unsupported expression with wildcard: {0}()")]
    Wildcard(String),
    #[error("unsupported expression with regex field: {0}()")]
    Regex(String),
    #[error("{0} aggregate requires a GROUP BY interval")]
    IntervalRequired(String),
    #[error("aggregate function required inside the call to {0}")]
    AggregateRequired(String),
    #[error("duration argument must be positive, got {0}")]
    NotPositive(String),
    #[error("selector function {0}() cannot be combined with other functions")]
    SelectorCombined(String),
    /// An argument of the wrong kind or size.
    #[error("{0}")]
    Argument(String),
    /// A `GROUP BY` term that cannot be grouped by.
    #[error("{0}")]
    Dimension(&'static str),
    /// Clauses that do not go together.
    #[error("{0}")]
    Statement(&'static str),
}
