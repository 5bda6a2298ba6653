//! Which adapter reads an input.

use causeway_adapter::{Adapter, Confidence, Detection};

use crate::fhir_messaging;
use crate::state::AppState;

/// The adapter that is surest; of equals, the one whose media type was declared, then the first listed.
/// `hint` (a format's name given by the sender) decides alone. `None` where no adapter knows the input.
///
/// An adapter that says "possible" is taken where the declared media type is its own, or where no other says even that, as
/// `causeway translate` does: between several nothing is guessed.
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
    // Said by the sender in so many words. (The version of FHIR can't be seen in every Bundle.)
    let version = media_type.and_then(fhir_messaging::version);
    if version == Some("4.0")
        && let Some(adapter) = state.adapter(fhir_messaging::NAME)
    {
        let found = adapter.detect(input);
        let said = || Detection::is(Confidence::Likely, "4.0.1");
        let found = if found.confidence == Confidence::No { said() } else { found };
        return fhir_messaging::is_record(input).then_some((adapter, found));
    }
    let is_other = |adapter: &dyn Adapter| version.is_some() && adapter.name() == fhir_messaging::NAME;
    let mut best: Option<(&'static dyn Adapter, Detection, bool)> = None;
    for adapter in state.adapters.iter().copied().filter(|a| !is_other(*a)) {
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
    best.map(|(adapter, found, _)| (adapter, found)).or_else(|| {
        let all = state.adapters.iter().copied().filter(|a| !is_other(*a)).map(|a| (a, a.detect(input)));
        let mut possible = all.filter(|(_, found)| found.confidence == Confidence::Possible);
        possible.next().filter(|_| possible.next().is_none())
    })
}
