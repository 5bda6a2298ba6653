//! x
pub mod limits;
pub mod rows;
