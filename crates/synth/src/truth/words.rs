//! The words of the truth set: one thing in the words of each kind of source, and what it is nearly mistaken for.

/// A substance, a problem or a vaccine as sources call it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// SNOMED CT, empty where none is known for sure.
    pub snomed: &'static str,
    /// The code's words.
    pub coded: &'static str,
    /// What one practice writes beside the code, or alone.
    pub practice: &'static str,
    /// What the hospital's system prints.
    pub hospital: &'static str,
    /// What a home or a district nurse writes.
    pub plain: &'static str,
}

const fn words(
    snomed: &'static str,
    coded: &'static str,
    practice: &'static str,
    hospital: &'static str,
    plain: &'static str,
) -> Words {
    Words { snomed, coded, practice, hospital, plain }
}

/// Allergies. Neighbours are near misses: penicillamine is no penicillin, a peanut is no nut.
pub(super) const ALLERGIES: [Words; 12] = [
    words(
        "91936005",
        "Allergy to penicillin",
        "Adverse reaction to penicillins",
        "PENICILLINS",
        "Penicillin allergy",
    ),
    words(
        "",
        "Allergy to penicillamine",
        "Adverse reaction to penicillamine",
        "PENICILLAMINE",
        "Penicillamine",
    ),
    words("91934008", "Allergy to nut", "Nut allergy", "NUTS", "Nuts"),
    words("91935009", "Allergy to peanut", "Peanut allergy", "PEANUT", "Peanuts"),
    words("293586001", "Allergy to aspirin", "Adverse reaction to aspirin", "ASPIRIN", "Aspirin allergy"),
    words("300916003", "Latex allergy", "Latex allergy", "LATEX", "Allergy to latex"),
    words("294505008", "Allergy to amoxicillin", "Allergic to amoxicillin", "AMOXICILLIN", "Amoxicillin"),
    words("", "Allergy to trimethoprim", "H/O: trimethoprim allergy", "TRIMETHOPRIM", "Trimethoprim allergy"),
    words("91930004", "Allergy to egg", "Egg allergy", "EGG", "Eggs"),
    words("", "Allergy to codeine", "Adverse reaction to codeine", "CODEINE", "Codeine intolerance"),
    words(
        "",
        "Allergy to doxycycline",
        "Adverse reaction to doxycycline",
        "DOXYCYCLINE",
        "Allergic to doxycycline",
    ),
    words("", "Allergy to ibuprofen", "Ibuprofen allergy", "IBUPROFEN", "Ibuprofen"),
];

/// Problems that last. Neighbours are near misses.
pub(super) const LASTING: [Words; 8] = [
    words(
        "44054006",
        "Type 2 diabetes mellitus",
        "Type 2 diabetes mellitus",
        "TYPE 2 DIABETES MELLITUS",
        "Type 2 diabetes mellitus",
    ),
    words(
        "46635009",
        "Type 1 diabetes mellitus",
        "Type 1 diabetes mellitus",
        "TYPE 1 DIABETES MELLITUS",
        "Type 1 diabetes mellitus",
    ),
    words(
        "49436004",
        "Atrial fibrillation",
        "Atrial fibrillation",
        "ATRIAL FIBRILLATION",
        "Atrial fibrillation",
    ),
    words("5370000", "Atrial flutter", "Atrial flutter", "ATRIAL FLUTTER", "Atrial flutter"),
    words(
        "13645005",
        "Chronic obstructive lung disease",
        "Chronic obstructive lung disease",
        "CHRONIC OBSTRUCTIVE LUNG DISEASE",
        "Chronic obstructive lung disease",
    ),
    words("64859006", "Osteoporosis", "Osteoporosis", "OSTEOPOROSIS", "osteoporosis"),
    words("396275006", "Osteoarthritis", "Osteoarthritis", "OSTEOARTHRITIS", "Osteoarthritis"),
    words("52448006", "Dementia", "Dementia", "DEMENTIA", "Dementia"),
];

/// What happens, and can happen again.
pub(super) const EVENTS: [Words; 3] = [
    words(
        "5913000",
        "Fracture of neck of femur",
        "Fracture of neck of femur",
        "FRACTURE OF NECK OF FEMUR",
        "Fracture of neck of femur",
    ),
    words("233604007", "Pneumonia", "Pneumonia", "PNEUMONIA", "Pneumonia"),
    words("", "Acute kidney injury", "Acute kidney injury", "ACUTE KIDNEY INJURY", "Acute kidney injury"),
];

/// Vaccines: influenza is given each year, and three of them on one day.
pub(super) const VACCINES: [Words; 4] = [
    words(
        "",
        "Seasonal influenza vaccination",
        "Seasonal influenza vaccination",
        "Influenza vaccine",
        "Influenza vaccination",
    ),
    words(
        "12866006",
        "Pneumococcal vaccination",
        "Pneumococcal vaccination",
        "Pneumococcal vaccine",
        "Pneumococcal vaccine",
    ),
    words("", "Shingles vaccination", "Shingles vaccination", "Shingles vaccine", "Shingles vaccination"),
    words("1119349007", "COVID-19 vaccine", "COVID-19 vaccine", "COVID-19 vaccine", "Covid-19 vaccination"),
];

/// A medicine as sources call it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drug {
    /// dm+d code, empty where none is known for sure.
    pub code: &'static str,
    /// As a practice prescribes it.
    pub name: &'static str,
    /// As a home's chart has it.
    pub chart: &'static str,
    /// In another strength, empty where none is planted.
    pub other: &'static str,
}

const fn drug(code: &'static str, name: &'static str, chart: &'static str, other: &'static str) -> Drug {
    Drug { code, name, chart, other }
}

/// Medicines. Neighbours are near misses: the same drug by another route, a drug of nearly the same name.
pub(super) const DRUGS: [Drug; 16] = [
    drug("319283006", "Amlodipine 5mg tablets", "AMLODIPINE 5 mg Tabs", "Amlodipine 10mg tablets"),
    drug("", "Amitriptyline 10mg tablets", "amitriptyline 10 MG tablet", "Amitriptyline 25mg tablets"),
    drug(
        "",
        "Salbutamol 100micrograms/dose inhaler CFC free",
        "Salbutamol inhaler 100 micrograms",
        "Salbutamol 200micrograms/dose inhaler",
    ),
    drug("", "Salbutamol 2mg tablets", "Salbutamol 2 mg tab", "Salbutamol 4mg tablets"),
    drug("", "Prednisolone 5mg tablets", "PREDNISOLONE 5mg", "Prednisolone 1mg tablets"),
    drug("", "Prednisone 5mg tablets", "Prednisone 5 mg", "Prednisone 1mg tablets"),
    drug("", "Metformin 500mg tablets", "metformin 500 mg tablets", "Metformin 850mg tablets"),
    drug("", "Metoprolol 50mg tablets", "METOPROLOL 50mg tabs", "Metoprolol 100mg tablets"),
    drug("", "Insulin glargine 100units/ml solution for injection", "Insulin glargine injection", ""),
    drug("", "Insulin aspart 100units/ml solution for injection", "Insulin aspart injection", ""),
    drug("", "Chloramphenicol 1% eye ointment", "CHLORAMPHENICOL EYE ointment", ""),
    drug("", "Lamotrigine 100mg tablets", "Lamotrigine 100mg", "Lamotrigine 25mg tablets"),
    drug("322236009", "Paracetamol 500mg tablets", "PARACETAMOL 500 mg tablets", "Paracetamol 250mg tablets"),
    drug("", "Apixaban 2.5mg tablets", "apixaban 2.5 mg tabs", "Apixaban 5mg tablets"),
    drug("", "Co-codamol 8mg/500mg tablets", "CO-CODAMOL 8mg/500mg tabs", "Co-codamol 30mg/500mg tablets"),
    drug("", "Donepezil 10mg tablets", "Donepezil 10 mg", "Donepezil 5mg tablets"),
];

/// A test of a laboratory: code, name, what the practice files it as, unit, range, values.
pub(super) type Test =
    (&'static str, &'static str, &'static str, &'static str, (&'static str, &'static str), [&'static str; 3]);

/// Tests.
pub(super) const TESTS: [Test; 5] = [
    ("44I5.", "Serum sodium level", "Serum sodium level", "mmol/L", ("133", "146"), ["140", "138", "133"]),
    ("44I4.", "Serum potassium level", "Serum potassium", "mmol/L", ("3.5", "5.3"), ["4.1", "4.0", "5.2"]),
    ("44J3.", "Serum creatinine level", "Serum creatinine", "umol/L", ("45", "84"), ["88", "97", "140"]),
    (
        "423..",
        "Haemoglobin estimation",
        "Haemoglobin estimation",
        "g/L",
        ("115", "165"),
        ["131", "120", "98"],
    ),
    (
        "42H..",
        "Total white cell count",
        "Total white cell count",
        "10*9/L",
        ("4.0", "11.0"),
        ["7.1", "9.0", "12.4"],
    ),
];
