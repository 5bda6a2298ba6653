//! The way in for those who have a browser, a spreadsheet or a terminal and nothing else, and the readable text for
//! those who have a mailbox and nothing else. `note`, `table` and `document` are pure; `form` and `upload` are the
//! pages.

pub mod document;
mod form;
pub mod limits;
pub mod note;
pub mod table;
mod upload;

pub use form::DOOR;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

use crate::state::Shared;

/// The pages.
pub fn router() -> Router<Shared> {
    // The file and what a form puts around it.
    let body = limits::FILE_BYTES_MAX + 64 * 1024;
    Router::new()
        .route("/care-note", get(form::empty).post(form::send))
        .route("/care-notes", get(upload::page).post(upload::send).layer(DefaultBodyLimit::max(body)))
        .route("/care-notes.csv", get(upload::template))
}
