//! The clinical tables of the OMOP Common Data Model 5.4 that extracts fill, field by field in the model's order
//! (OHDSI CommonDataModel, `OMOP_CDMv5.4_Field_Level.csv`).
//!
//! Keys are `integer` in the model and 64 bits wide here: they are keyed digests of 53 bits, so that they stay the same in
//! each extract of a project and are exact in tools that count in doubles.

use crate::table::{Field, FieldKind};
use FieldKind::{Date, DateTime, Double, Long, Text};

/// A table of the model.
#[derive(Debug)]
pub struct OmopTable {
    /// Its name.
    pub name: &'static str,
    /// Its fields in order.
    pub fields: &'static [OmopField],
}

/// A field of a table.
#[derive(Debug)]
pub struct OmopField {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: FieldKind,
    /// Whether each row must have it.
    pub required: bool,
}

impl OmopTable {
    /// Its fields as files take them.
    pub(crate) fn columns(&self) -> Vec<Field> {
        self.fields.iter().map(|f| Field { name: f.name.to_owned(), kind: f.kind }).collect()
    }
}

const fn field(name: &'static str, kind: FieldKind) -> OmopField {
    OmopField { name, kind, required: false }
}

const fn needed(name: &'static str, kind: FieldKind) -> OmopField {
    OmopField { name, kind, required: true }
}

/// All tables.
pub const TABLES: &[OmopTable] = &[
    OmopTable {
        name: "person",
        fields: &[
            needed("person_id", Long),
            needed("gender_concept_id", Long),
            needed("year_of_birth", Long),
            field("month_of_birth", Long),
            field("day_of_birth", Long),
            field("birth_datetime", DateTime),
            needed("race_concept_id", Long),
            needed("ethnicity_concept_id", Long),
            field("location_id", Long),
            field("provider_id", Long),
            field("care_site_id", Long),
            field("person_source_value", Text),
            field("gender_source_value", Text),
            field("gender_source_concept_id", Long),
            field("race_source_value", Text),
            field("race_source_concept_id", Long),
            field("ethnicity_source_value", Text),
            field("ethnicity_source_concept_id", Long),
        ],
    },
    OmopTable {
        name: "observation_period",
        fields: &[
            needed("observation_period_id", Long),
            needed("person_id", Long),
            needed("observation_period_start_date", Date),
            needed("observation_period_end_date", Date),
            needed("period_type_concept_id", Long),
        ],
    },
    OmopTable {
        name: "visit_occurrence",
        fields: &[
            needed("visit_occurrence_id", Long),
            needed("person_id", Long),
            needed("visit_concept_id", Long),
            needed("visit_start_date", Date),
            field("visit_start_datetime", DateTime),
            needed("visit_end_date", Date),
            field("visit_end_datetime", DateTime),
            needed("visit_type_concept_id", Long),
            field("provider_id", Long),
            field("care_site_id", Long),
            field("visit_source_value", Text),
            field("visit_source_concept_id", Long),
            field("admitted_from_concept_id", Long),
            field("admitted_from_source_value", Text),
            field("discharged_to_concept_id", Long),
            field("discharged_to_source_value", Text),
            field("preceding_visit_occurrence_id", Long),
        ],
    },
    OmopTable {
        name: "condition_occurrence",
        fields: &[
            needed("condition_occurrence_id", Long),
            needed("person_id", Long),
            needed("condition_concept_id", Long),
            needed("condition_start_date", Date),
            field("condition_start_datetime", DateTime),
            field("condition_end_date", Date),
            field("condition_end_datetime", DateTime),
            needed("condition_type_concept_id", Long),
            field("condition_status_concept_id", Long),
            field("stop_reason", Text),
            field("provider_id", Long),
            field("visit_occurrence_id", Long),
            field("visit_detail_id", Long),
            field("condition_source_value", Text),
            field("condition_source_concept_id", Long),
            field("condition_status_source_value", Text),
        ],
    },
    OmopTable {
        name: "drug_exposure",
        fields: &[
            needed("drug_exposure_id", Long),
            needed("person_id", Long),
            needed("drug_concept_id", Long),
            needed("drug_exposure_start_date", Date),
            field("drug_exposure_start_datetime", DateTime),
            needed("drug_exposure_end_date", Date),
            field("drug_exposure_end_datetime", DateTime),
            field("verbatim_end_date", Date),
            needed("drug_type_concept_id", Long),
            field("stop_reason", Text),
            field("refills", Long),
            field("quantity", Double),
            field("days_supply", Long),
            field("sig", Text),
            field("route_concept_id", Long),
            field("lot_number", Text),
            field("provider_id", Long),
            field("visit_occurrence_id", Long),
            field("visit_detail_id", Long),
            field("drug_source_value", Text),
            field("drug_source_concept_id", Long),
            field("route_source_value", Text),
            field("dose_unit_source_value", Text),
        ],
    },
    OmopTable {
        name: "procedure_occurrence",
        fields: &[
            needed("procedure_occurrence_id", Long),
            needed("person_id", Long),
            needed("procedure_concept_id", Long),
            needed("procedure_date", Date),
            field("procedure_datetime", DateTime),
            field("procedure_end_date", Date),
            field("procedure_end_datetime", DateTime),
            needed("procedure_type_concept_id", Long),
            field("modifier_concept_id", Long),
            field("quantity", Long),
            field("provider_id", Long),
            field("visit_occurrence_id", Long),
            field("visit_detail_id", Long),
            field("procedure_source_value", Text),
            field("procedure_source_concept_id", Long),
            field("modifier_source_value", Text),
        ],
    },
    OmopTable {
        name: "measurement",
        fields: &[
            needed("measurement_id", Long),
            needed("person_id", Long),
            needed("measurement_concept_id", Long),
            needed("measurement_date", Date),
            field("measurement_datetime", DateTime),
            field("measurement_time", Text),
            needed("measurement_type_concept_id", Long),
            field("operator_concept_id", Long),
            field("value_as_number", Double),
            field("value_as_concept_id", Long),
            field("unit_concept_id", Long),
            field("range_low", Double),
            field("range_high", Double),
            field("provider_id", Long),
            field("visit_occurrence_id", Long),
            field("visit_detail_id", Long),
            field("measurement_source_value", Text),
            field("measurement_source_concept_id", Long),
            field("unit_source_value", Text),
            field("unit_source_concept_id", Long),
            field("value_source_value", Text),
            field("measurement_event_id", Long),
            field("meas_event_field_concept_id", Long),
        ],
    },
    OmopTable {
        name: "observation",
        fields: &[
            needed("observation_id", Long),
            needed("person_id", Long),
            needed("observation_concept_id", Long),
            needed("observation_date", Date),
            field("observation_datetime", DateTime),
            needed("observation_type_concept_id", Long),
            field("value_as_number", Double),
            field("value_as_string", Text),
            field("value_as_concept_id", Long),
            field("qualifier_concept_id", Long),
            field("unit_concept_id", Long),
            field("provider_id", Long),
            field("visit_occurrence_id", Long),
            field("visit_detail_id", Long),
            field("observation_source_value", Text),
            field("observation_source_concept_id", Long),
            field("unit_source_value", Text),
            field("qualifier_source_value", Text),
            field("value_source_value", Text),
            field("observation_event_id", Long),
            field("obs_event_field_concept_id", Long),
        ],
    },
    OmopTable {
        name: "death",
        fields: &[
            needed("person_id", Long),
            needed("death_date", Date),
            field("death_datetime", DateTime),
            field("death_type_concept_id", Long),
            field("cause_concept_id", Long),
            field("cause_source_value", Text),
            field("cause_source_concept_id", Long),
        ],
    },
];
