//! What observations are about.

use causeway_adapter::Meta;
use causeway_core::ItemId;
use causeway_fhir::Ref;
use causeway_hl7v2::Segment;

use crate::patient::Patient;

/// What an observation is about.
#[derive(Clone)]
pub struct About<'a, 'm> {
    /// The patient.
    pub patient: &'a Patient,
    /// The encounter, where there is one.
    pub encounter: Option<&'a Ref>,
    /// The specimen, where there is exactly one.
    pub specimen: Option<&'a Ref>,
    /// OBR, whose time of observation stands in for OBX-14.
    pub obr: Option<Segment<'m>>,
    /// Category code, where it is known.
    pub category: Option<Category<'m>>,
    /// What the key of each observation begins with.
    pub key: &'a str,
    /// What the observations are parts of: a vaccination.
    pub part_of: Option<&'a Ref>,
    /// The result that the order of these follows (OBR-26), with the items that say so.
    pub derived_from: Option<(Ref, Vec<ItemId>)>,
    /// Security labels.
    pub meta: Meta<'m>,
}

impl<'a> About<'a, '_> {
    /// Of a patient and a visit, and nothing else.
    pub fn of(patient: &'a Patient, encounter: Option<&'a Ref>) -> Self {
        Self {
            patient,
            encounter,
            specimen: None,
            obr: None,
            category: None,
            key: "",
            part_of: None,
            derived_from: None,
            meta: Meta::default(),
        }
    }
}

/// A category of observations and the item that said so.
#[derive(Clone, Copy)]
pub struct Category<'m> {
    /// Code of the FHIR code system.
    pub code: &'static str,
    /// Its words.
    pub display: &'static str,
    /// What decided it.
    pub from: Option<causeway_core::Leaf<'m>>,
}
