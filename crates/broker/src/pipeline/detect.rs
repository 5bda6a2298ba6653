//! Which adapter reads an input.

use causeway_adapter::{Adapter, Confidence, Detection};

use crate::fhir_r4;
use crate::state::AppState;

/// The adapter that is surest; of equals, the one whose media type was declared, then the first listed.
/// `hint` (a format's name given by the sender) decides alone. `None` where no adapter knows the input.
///
/// An adapter that says "possible" is taken only where the declared media type is its own: nothing is guessed.
pub fn detect(
    state: &AppState,
    input: &[u8],
    media_type: Option<&str>,
    hint: Option<&str>,
) -> Option<(&'static dyn Adapter, Detection)> {
    if let Some(name) = hint {
        let adapter = state.adapter(name)?;
        return Some((adapter, adapter.detect(input)));
    }
    let declared = media_type.map(|m| m.split(';').next().unwrap_or(m).trim());
    // Said by the sender in so many words: FHIR R4. (Its version can't be seen in every Bundle.)
    let own: &'static dyn Adapter = &fhir_r4::ADAPTER;
    if media_type.is_some_and(fhir_r4::declared)
        && let Some(found) = fhir_r4::as_declared(input)
    {
        return Some((own, found));
    }
    let mut best: Option<(&'static dyn Adapter, Detection, bool)> = None;
    for adapter in state.adapters.iter().copied().chain([own]) {
        let found = adapter.detect(input);
        let own =
            declared.is_some_and(|d| adapter.format().media_types.iter().any(|m| m.eq_ignore_ascii_case(d)));
        if found.confidence == Confidence::No || (found.confidence == Confidence::Possible && !own) {
            continue;
        }
        let better =
            best.as_ref().is_none_or(|(_, b, b_own)| (found.confidence, own) > (b.confidence, *b_own));
        if better {
            best = Some((adapter, found, own));
        }
    }
    best.map(|(adapter, found, _)| (adapter, found))
}
