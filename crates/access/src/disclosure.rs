//! What is read of the record and shown to a caller.

use axum::http::StatusCode;
use causeway_host::Problem;
use causeway_host::limits::RETRY_AFTER_SECONDS;
use causeway_record::RecordError;

/// What an error of the record means for a reader.
pub fn record_problem(error: RecordError) -> Problem {
    let text = error.to_string();
    match error {
        RecordError::Search(_) => Problem::invalid("search", text),
        RecordError::Identity(_) | RecordError::Bundle(_) => Problem::invalid("refused", text),
        RecordError::NotFound => Problem::not_found("resource"),
        RecordError::Database(code) => {
            tracing::error!(code, "the record's database failed");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "transient",
                "record-unavailable",
                "the record can't be read at the moment",
            )
            .after(RETRY_AFTER_SECONDS)
        }
        RecordError::Schema { .. } | RecordError::Damaged => {
            tracing::error!(error = %error, "the record can't be read");
            Problem::internal()
        }
    }
}
