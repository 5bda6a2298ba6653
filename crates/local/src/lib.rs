#![doc = include_str!("../README.md")]

mod apply;
mod code;
mod file;
pub mod limits;
mod place;
mod row;
mod value;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_adapter::Sender;
use causeway_adapter::local::{Applied, Local, LocalMaps, Work};

pub use file::{Fault, Map, Source};

/// The local maps of a site.
#[derive(Debug, Default)]
pub struct Maps {
    maps: Vec<Map>,
}

impl Maps {
    /// Puts maps together. Two maps for one sender and format may not both speak of a code or a place.
    ///
    /// # Errors
    /// Every fault of every map, and where two contradict each other.
    pub fn read(sources: Vec<Source>) -> Result<Self, Vec<Fault>> {
        let (mut maps, mut faults) = (Vec::new(), Vec::new());
        for source in sources {
            match Map::read(source) {
                Ok(map) => maps.push(map),
                Err(found) => faults.extend(found),
            }
        }
        for (number, map) in maps.iter().enumerate() {
            for other in maps.iter().take(number) {
                faults.extend(map.clashes(other));
            }
        }
        if faults.is_empty() { Ok(Self { maps }) } else { Err(faults) }
    }

    /// As adapters are given them; `None` where there is no map.
    pub fn shared(self) -> Option<Local> {
        (!self.maps.is_empty()).then(|| Local(Arc::new(self)))
    }

    /// The maps again that [`LocalMaps::carried`] wrote.
    ///
    /// # Errors
    /// As [`Maps::read`]; one fault where the text is none.
    pub fn of_carried(text: &str) -> Result<Self, Vec<Fault>> {
        let sources = serde_json::from_str(text);
        Self::read(sources.map_err(|_| vec![Fault::of("local maps", 0, "the text can't be read")])?)
    }

    /// The maps.
    pub fn maps(&self) -> &[Map] {
        &self.maps
    }
}

impl LocalMaps for Maps {
    fn concern(&self, sender: &Sender, adapter: &str) -> bool {
        self.maps.iter().any(|map| map.concerns(sender, adapter))
    }

    fn name(&self, sender: &Sender, adapter: &str, place: &str) -> bool {
        self.maps.iter().any(|map| map.concerns(sender, adapter) && map.names(place))
    }

    fn apply(&self, work: &Work<'_>) -> Applied {
        let maps: Vec<&Map> = self.maps.iter().filter(|m| m.concerns(work.sender, work.adapter)).collect();
        apply::apply(&maps, work)
    }

    fn carried(&self) -> String {
        let sources: Vec<&Source> = self.maps.iter().map(Map::source).collect();
        serde_json::to_string(&sources).unwrap_or_default()
    }
}

/// A sentence that lives as long as the process: ledgers hold their reasons by reference. One for each name and version.
fn label(text: String) -> &'static str {
    static KNOWN: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(found) = known.get(text.as_str()) {
        return found;
    }
    if known.len() >= limits::LABELS_MAX {
        return "by a local map, see the Provenance";
    }
    let kept: &'static str = Box::leak(text.into_boxed_str());
    known.insert(kept);
    kept
}
