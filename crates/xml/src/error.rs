//! Why a document is refused.

use causeway_core::{Issue, IssueCode, Position, Severity, Span};

/// What is wrong with a document. No variant holds anything of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no element at all.
    #[error("the input holds no XML element")]
    Empty,
    /// The bytes are in a character set that is not read.
    #[error("the XML is in a character set that is not read")]
    Charset,
    /// A document type definition.
    #[error("the XML has a document type definition, which is refused for safety")]
    Doctype,
    /// A reference to an entity other than the five that XML defines.
    #[error("the XML refers to an entity that XML does not define")]
    Entity,
    /// A character reference to what is no XML character.
    #[error("the XML refers to a character that XML does not allow")]
    Character,
    /// Markup that can't be read.
    #[error("the XML is not well formed")]
    Syntax,
    /// An end tag that does not match.
    #[error("the XML has an end tag that does not match its start tag")]
    EndTag,
    /// The document ends within an element.
    #[error("the XML ends before its last element does")]
    Truncated,
    /// An element with a name that XML does not allow.
    #[error("the XML has an element whose name XML does not allow")]
    Name,
    /// An attribute that can't be read, or the same twice.
    #[error("the XML has a malformed or repeated attribute")]
    Attribute,
    /// Content outside the one root element.
    #[error("the XML has content outside its root element")]
    OutsideRoot,
    /// Nested too deeply.
    #[error("the XML is nested too deeply")]
    Depth,
    /// Too many attributes of one element.
    #[error("an XML element has too many attributes")]
    Attributes,
    /// Too many elements.
    #[error("the XML has too many elements")]
    Nodes,
    /// A name or value is too long.
    #[error("an XML name or value is too long")]
    Length,
}

impl Fault {
    /// Stable id of the rule that was broken.
    pub fn rule(self) -> &'static str {
        match self {
            Fault::Empty => "xml-empty",
            Fault::Charset => "xml-charset",
            Fault::Doctype => "xml-doctype",
            Fault::Entity => "xml-entity",
            Fault::Character => "xml-character",
            Fault::Syntax => "xml-syntax",
            Fault::EndTag => "xml-end-tag",
            Fault::Truncated => "xml-truncated",
            Fault::Name => "xml-name",
            Fault::Attribute => "xml-attribute",
            Fault::OutsideRoot => "xml-outside-root",
            Fault::Depth => "xml-depth",
            Fault::Attributes => "xml-attributes",
            Fault::Nodes => "xml-nodes",
            Fault::Length => "xml-length",
        }
    }
}

/// A refusal with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (at byte {offset})")]
pub struct XmlError {
    /// What is wrong.
    pub fault: Fault,
    /// Offset in the input, in bytes.
    pub offset: usize,
    /// Path of the innermost element that was open there; empty outside the root.
    pub path: String,
}

impl XmlError {
    /// The refusal as an issue of severity fatal.
    pub fn issue(&self) -> Issue {
        let code = match self.fault {
            Fault::Depth | Fault::Attributes | Fault::Nodes | Fault::Length => IssueCode::TooLong,
            Fault::Charset | Fault::Doctype => IssueCode::NotSupported,
            _ => IssueCode::Structure,
        };
        let path = if self.path.is_empty() { "/" } else { &self.path };
        Issue::new(Severity::Fatal, code, self.fault.rule(), self.fault.to_string())
            .at(Position::new(path, Span::new(self.offset, self.offset + 1)))
    }
}
