//! The Z-segments of the UK's ITK specification of HL7 v2 (version 2.4): ZU1 (more of the visit), ZU3 (attendance),
//! ZU4 (waiting list and bed), ZU6 (discharge), ZU8 (more of the person).
//!
//! Their fields have no counterpart in FHIR: each is kept with its name (`ZU1-6`) at the resource that it speaks of, as
//! it was sent.

use causeway_fhir::Writer;
use causeway_fhir::writer::Mark;
use causeway_hl7v2::Segment;

use crate::env::Env;

/// Whether a Z-segment speaks of the visit.
pub fn of_visit(segment: Segment<'_>) -> bool {
    matches!(&segment.name(), b"ZU1" | b"ZU3" | b"ZU4" | b"ZU6")
}

/// Whether a Z-segment speaks of the person.
pub fn of_person(segment: Segment<'_>) -> bool {
    &segment.name() == b"ZU8"
}

/// Writes the fields of Z-segments into an open array of extensions.
pub fn extensions<'m>(env: &Env<'m>, w: &mut Writer, since: Mark, segments: &[Segment<'m>]) {
    for segment in segments {
        env.leftovers(w, since, [segment.all()]);
    }
}
