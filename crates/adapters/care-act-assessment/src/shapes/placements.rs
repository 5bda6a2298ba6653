//! Placements of looked-after children, version 0.1 (the later one demands three more properties, which no published
//! example has).

use causeway_json::shape::{Object, Shape};

use super::{DATE, OUTWARD, TEXT, many, may, must, one};

const BOOLEAN: Shape = one(&Shape::Boolean);
const COUNT: Shape = one(&Shape::Integer { min: 0, max: 1_000 });
static DATE_SHAPE: Shape = Shape::Form(&DATE);
const DAY: Shape = one(&DATE_SHAPE);
/// Costs: from nothing to where the standard calls them likely wrong, in pounds a week.
const COST: Shape = one(&Shape::Number { min: 0.0, max: 100_000.0 });
const TOTAL: Shape = one(&Shape::Number { min: 100.0, max: 100_000.0 });
const SUITABILITY: Shape =
    one(&Shape::Token(&["preferred", "suitablebutnotpreferred", "unsuitable", "notspecified"]));
const RISK: Shape = one(&Shape::Token(&["noknownrisk", "riskpresent"]));

static AVAILABILITY: Object = Object {
    fields: &[
        must(
            "neededBy",
            one(&Shape::Token(&["today", "withinfivedays", "morethanfivedays", "<5days", ">5days"])),
        ),
        may("siblingCount", COUNT),
        must("isPreferredLocationLocal", BOOLEAN),
        may(
            "outOfLAReason",
            one(&Shape::Token(&[
                "safeguardingconcerns",
                "bailconditions",
                "courtorder",
                "other",
                "outoflareasonother",
            ])),
        ),
        may("outOfLAReasonOther", many(&TEXT, 0)),
    ],
    any_of: &[],
    classes: &["PlacementAvailability"],
};

static REQUIREMENTS: Object = Object {
    fields: &[
        must("communicationNeeds", one(&Shape::Token(&["yes", "no", "notspecified"]))),
        must(
            "specificCommunicationRequirement",
            many(&Shape::Token(&["esol", "bsl", "makaton", "other", "none"]), 1),
        ),
        may("specificCommunicationRequirementOther", many(&TEXT, 0)),
        must("culturalNeeds", one(&Shape::Token(&["required", "notrequired", "notknown", "other"]))),
        may("culturalNeedsOther", many(&TEXT, 0)),
        must(
            "livingCompanions",
            one(&Shape::Token(&[
                "soloplacement",
                "withotherchildren",
                "onlywitholderchildren",
                "onlywithotherolderchildren",
                "onlywithyoungerchildren",
                "onlywithotheryoungerchildren",
                "nopreference",
            ])),
        ),
        must("pets", one(&Shape::Token(&["yesmust", "yescan", "no", "notknown"]))),
        may(
            "additionalSupport",
            many(
                &Shape::Token(&[
                    "additionalsupervision",
                    "therapeuticsupport",
                    "workerforrespite",
                    "taxistoschool",
                    "notapplicable",
                    "other",
                ]),
                0,
            ),
        ),
        may("additionalSupportOther", many(&TEXT, 0)),
        may("homeAdaptationRequired", BOOLEAN),
        may("deprivationOfLiberty", BOOLEAN),
    ],
    any_of: &[],
    classes: &["PlacementRequirements"],
};

static RECOMMENDATION: Object = Object {
    fields: &[
        must("fosterCareSuitability", SUITABILITY),
        must("residentialCareSuitability", SUITABILITY),
        must("supportedAccommodationSuitability", SUITABILITY),
    ],
    any_of: &[],
    classes: &["PlacementRecommendation"],
};

static RISKS: Object = Object {
    fields: &[
        must("riskSelfHarm", RISK),
        must("riskCriminalExploitation", RISK),
        must("riskDrugAlcohol", RISK),
        must("riskEatingDisorder", RISK),
        must("riskMissing", RISK),
        must("riskSexualExploitation", RISK),
        must("riskToOthersPhysical", RISK),
        must("riskToOthersSexual", RISK),
        must("riskToOthersFire", RISK),
        must("riskToOthersAnimals", RISK),
        must("riskToOthersCriminal", RISK),
    ],
    any_of: &[],
    classes: &["RiskAssessment"],
};

static ACTUAL: Object = Object {
    fields: &[
        must("placementType", one(&Shape::Token(&["foster", "residential", "supportedaccommodation"]))),
        must("providerURN", one(&TEXT)),
        must("placementLocation", one(&Shape::Form(&OUTWARD))),
        must("isLocationPreferred", BOOLEAN),
        must("isEducationContinuous", BOOLEAN),
        must("siblingsPlacedTogether", COUNT),
        must("totalWeeklyCost", TOTAL),
        may("coreWeeklyCost", COST),
        may("additionalSupportWeeklyCost", COST),
        may("educationWeeklyCost", COST),
        may("otherWeeklyCost", COST),
    ],
    any_of: &[],
    classes: &["ActualPlacement"],
};

static QUALITY: Object = Object {
    fields: &[
        must("referralDate", DAY),
        must("placementDate", DAY),
        must("placementOfficerName", one(&TEXT)),
        must("costDate", DAY),
        may("referralOfficerName", one(&TEXT)),
        may("costOfficerName", one(&TEXT)),
    ],
    any_of: &[],
    classes: &["QualityAssurance"],
};

/// A placement.
pub static PLACEMENT: Object = Object {
    fields: &[
        may("placementId", one(&TEXT)),
        must("childId", one(&TEXT)),
        must("placementAvailability", one(&Shape::Object(&AVAILABILITY))),
        must("placementRequirements", one(&Shape::Object(&REQUIREMENTS))),
        must("placementRecommendation", one(&Shape::Object(&RECOMMENDATION))),
        must("riskAssessment", one(&Shape::Object(&RISKS))),
        must("qualityAssurance", one(&Shape::Object(&QUALITY))),
        may("actualPlacement", one(&Shape::Object(&ACTUAL))),
    ],
    any_of: &[],
    classes: &[],
};

/// Conditional rules: object, property, tokens that stand for "other", and the text that must then be there.
pub const OTHER_RULES: [(&str, &str, &[&str], &str); 4] = [
    ("placementAvailability", "outOfLAReason", &["other", "outoflareasonother"], "outOfLAReasonOther"),
    (
        "placementRequirements",
        "specificCommunicationRequirement",
        &["other"],
        "specificCommunicationRequirementOther",
    ),
    ("placementRequirements", "culturalNeeds", &["other"], "culturalNeedsOther"),
    ("placementRequirements", "additionalSupport", &["other"], "additionalSupportOther"),
];
