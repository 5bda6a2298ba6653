//! The way in for those who have a browser, a spreadsheet or a terminal and nothing else. `note` and `table` are
//! pure; `form` and `upload` are the pages.

mod form;
pub mod limits;
pub mod note;
pub mod table;
mod upload;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use causeway_broker::state::Shared;

/// The pages.
pub fn router() -> Router<Shared> {
    // The file and what a form puts around it.
    let body = limits::FILE_BYTES_MAX + 64 * 1024;
    Router::new()
        .route("/care-note", get(form::empty).post(form::send))
        .route("/care-note/{id}", get(form::correct).post(form::send_correction))
        .route("/care-notes", get(upload::page).post(upload::send).layer(DefaultBodyLimit::max(body)))
        .route("/care-notes.csv", get(upload::template))
}
