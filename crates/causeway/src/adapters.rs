//! The one list of adapters. From it come the command line, the pages, the CapabilityStatement,
//! `docs/adapters.md` and the tests.

use causeway_adapter::Adapter;

/// Every adapter: social care first, then alphabetical.
pub static ADAPTERS: &[&dyn Adapter] = &[
    &causeway_adapter_care_act_assessment::CareActAssessment,
    &causeway_adapter_care_provider_record::CareProviderRecord,
    &causeway_adapter_client_level_data::ClientLevelData,
    &causeway_adapter_council_case_extract::CouncilCaseExtract,
    &causeway_adapter_discharge_notice::DischargeNotice,
    &causeway_adapter_telecare_alarm::TelecareAlarm,
    &causeway_adapter_careconnect::CareConnect,
    &causeway_adapter_edifact_pathology::EdifactPathology,
    &causeway_adapter_eps::Eps,
    &causeway_adapter_fhir_r4::FhirR4,
    &causeway_adapter_gp2gp::Gp2gp,
    &causeway_adapter_hl7v2::Hl7v2,
    &causeway_adapter_itk_cda::ItkCda,
    &causeway_adapter_nhais::Nhais,
    &causeway_adapter_personal_readings::PersonalReadings,
    &causeway_adapter_summary_care_record::SummaryCareRecord,
    &causeway_adapter_transfer_of_care::TransferOfCare,
];

#[cfg(test)]
mod tests {
    use super::ADAPTERS;

    #[test]
    fn social_care_first_then_alphabetical_and_unique() {
        let order: Vec<_> = ADAPTERS.iter().map(|a| (a.format().sector, a.name())).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(order, sorted);
    }
}
