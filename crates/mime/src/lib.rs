#![doc = include_str!("../README.md")]

pub mod ebxml;
pub mod itk;
pub mod limits;
pub mod multipart;

pub use multipart::{MimePart, is_mime, split, write};
