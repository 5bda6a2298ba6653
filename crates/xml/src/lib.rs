//! XML as a bounded tree with byte spans. Document type definitions are refused, so no entity can be defined
//! and nothing can be fetched; the five entities of XML and character references are resolved. Linear time.
//!
//! Each attribute and each text that is not blank is a source item, entered into a
//! [`Ledger`](causeway_core::Ledger) in document order while it is read.
//!
//! ```
//! use causeway_core::Ledger;
//! use causeway_xml::{Document, decode};
//!
//! let text = decode(b"<a><b v='1'/><b v='2'>x &amp; y</b></a>")?;
//! let mut ledger = Ledger::new();
//! let document = Document::parse(&text, &mut ledger)?;
//! let second = document.root().children_named("b").nth(1).ok_or("absent")?;
//! let leaf = second.attribute("v").ok_or("absent")?;
//! assert_eq!(leaf.text, "2");
//! assert_eq!(second.text().map(|t| t.text), Some("x & y"));
//! assert_eq!(ledger.position(leaf.id).map(|p| p.path).as_deref(), Some("/a/b[2]/@v"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod element;
mod error;
mod escape;
pub mod limits;
mod outline;
mod parse;

pub use document::Document;
pub use element::{Attributes, Children, Content, Contents, Descendants, Element};
pub use error::{Fault, XmlError};
pub use escape::{escape_attribute, escape_text};
pub use parse::decode;
