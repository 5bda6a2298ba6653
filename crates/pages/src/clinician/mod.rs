//! Pages for a clinician or care worker: the record of one person, and who is who.

pub(super) mod chart;
mod fact;
mod glance;
pub(super) mod identity;
mod national;
pub(super) mod record;
