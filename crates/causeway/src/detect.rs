//! Which adapter reads an input.

use causeway_adapter::{Adapter, Confidence};

/// Why no adapter was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// No adapter has this name; the names that exist.
    Name(Vec<&'static str>),
    /// No adapter recognises the input.
    Unrecognised,
    /// Several adapters are equally sure; their names.
    Ambiguous(Vec<&'static str>),
}

impl std::fmt::Display for NotFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(names) => write!(f, "no such format; there are: {}", names.join(", ")),
            Self::Unrecognised => f.write_str("no adapter recognises this as its format"),
            Self::Ambiguous(names) => {
                write!(f, "more than one adapter recognises it: {}; say --format", names.join(", "))
            }
        }
    }
}

/// The adapter of this name, or else the one that is surest of the input, with the version it saw.
///
/// # Errors
/// [`NotFound`] says why there is none.
pub fn choose(
    adapters: &'static [&'static dyn Adapter],
    name: Option<&str>,
    input: &[u8],
) -> Result<(&'static dyn Adapter, String), NotFound> {
    if let Some(name) = name {
        let found = adapters.iter().find(|a| a.name() == name);
        let names = || adapters.iter().map(|a| a.name()).collect();
        return found.map(|a| (*a, a.detect(input).version)).ok_or_else(|| NotFound::Name(names()));
    }
    let mut best: Vec<(&dyn Adapter, String)> = Vec::new();
    let mut level = Confidence::Possible;
    for adapter in adapters {
        let detection = adapter.detect(input);
        if detection.confidence > level || (detection.confidence == level && best.is_empty()) {
            level = detection.confidence;
            best.clear();
            best.push((*adapter, detection.version));
        } else if detection.confidence == level {
            best.push((*adapter, detection.version));
        }
    }
    match best.len() {
        0 => Err(NotFound::Unrecognised),
        1 => best.pop().ok_or(NotFound::Unrecognised),
        _ => Err(NotFound::Ambiguous(best.iter().map(|(a, _)| a.name()).collect())),
    }
}
