//! Invented people whose facts are told by several sources, each in its own words, with duplicates, near misses and
//! planted disagreements. It knows nothing of the rules that join: each resource's id ends in the number of the truth
//! that it tells, and the test compares.

use serde_json::{Value, json};

use crate::support::{number, patient};

/// A generator of numbers that is the same on every machine (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n) as usize
    }

    pub fn one<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> &'t T {
        of[self.below(of.len() as u64)]
    }

    fn chance(&mut self, percent: u64) -> bool {
        (self.below(100) as u64) < percent
    }
}

/// Sources: organisation, format.
pub const SOURCES: [(&str, &str); 5] = [
    ("ZP1", "gp2gp"),
    ("ZP1", "summary-care-record"),
    ("ZH1", "hl7v2"),
    ("ZC1", "care-provider-record"),
    ("ZG1", "careconnect"),
];
const GP: usize = 0;
const SCR: usize = 1;
const HOSPITAL: usize = 2;
const HOME: usize = 3;
const CONNECT: usize = 4;

/// What is true, and how the sources disagree.
#[derive(Debug)]
pub struct Truth {
    pub kind: &'static str,
    /// Aspect in which a difference was planted; empty where none.
    pub differs: &'static str,
    /// Of a medicine: `current`, `past` or `unclear`; else empty.
    pub standing: &'static str,
}

pub struct Told {
    /// Resources by source.
    pub by_source: Vec<Vec<Value>>,
    pub truths: Vec<Truth>,
}

struct Writer<'r> {
    random: &'r mut Random,
    n: u32,
    out: Told,
}

impl Writer<'_> {
    fn truth(&mut self, kind: &'static str, differs: &'static str, standing: &'static str) -> usize {
        self.out.truths.push(Truth { kind, differs, standing });
        self.out.truths.len() - 1
    }

    fn tell(&mut self, source: usize, truth: usize, kind: &str, mut resource: Value) {
        let place = self.out.by_source[source].len();
        resource["resourceType"] = json!(kind);
        resource["id"] = json!(format!("x{}-{source}-{place}-t{truth}", self.n));
        let about = json!({"reference": format!("urn:uuid:p{}-{source}", self.n)});
        let element = if matches!(kind, "AllergyIntolerance" | "Immunization" | "RelatedPerson") {
            "patient"
        } else {
            "subject"
        };
        resource[element] = about;
        self.out.by_source[source].push(resource);
    }
}

fn snomed(code: &str, display: &str) -> Value {
    json!({"coding": [{"system": "http://snomed.info/sct", "code": code, "display": display}], "text": display})
}

fn read(code: &str, display: &str) -> Value {
    json!({"coding": [{"system": "http://read.info/readv2", "code": code, "display": display}], "text": display})
}

fn status(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code}]})
}

/// Substance in the words of each kind of source, with the code of its allergy. Some are near misses of each other.
const SUBSTANCES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "91936005",
        "Allergy to penicillin",
        "Adverse reaction to penicillins",
        "PENICILLINS",
        "Penicillin allergy",
    ),
    (
        "294460006",
        "Allergy to penicillamine",
        "Adverse reaction to penicillamine",
        "PENICILLAMINE",
        "Penicillamine",
    ),
    ("91934008", "Allergy to nut", "Nut allergy", "NUT", "Nuts"),
    ("91935009", "Allergy to peanut", "Peanut allergy", "PEANUTS", "Peanut"),
    ("293586001", "Allergy to aspirin", "Adverse reaction to aspirin", "ASPIRIN", "Aspirin allergy"),
    ("300916003", "Latex allergy", "Latex allergy", "LATEX", "Allergy to latex"),
    ("294505008", "Allergy to amoxicillin", "Adverse reaction to amoxicillin", "AMOXICILLIN", "Amoxicillin"),
    (
        "293637006",
        "Allergy to trimethoprim",
        "H/O: trimethoprim allergy",
        "TRIMETHOPRIM",
        "Trimethoprim allergy",
    ),
    ("91930004", "Allergy to egg", "Egg allergy", "EGG", "Eggs"),
    ("293747003", "Allergy to codeine", "Adverse reaction to codeine", "CODEINE", "Codeine intolerance"),
];

fn allergies(w: &mut Writer<'_>) {
    let first = w.random.below(SUBSTANCES.len() as u64);
    for step in 0..2 + w.random.below(2) {
        let (code, coded, wording, loud, plain) = SUBSTANCES[(first + step) % SUBSTANCES.len()];
        let differs = match w.random.below(6) {
            0 => "severity",
            1 => "status",
            _ => "",
        };
        let truth = w.truth("allergy", differs, "");
        let told: Vec<usize> =
            [GP, SCR, HOSPITAL, HOME, CONNECT].into_iter().filter(|_| w.random.chance(70)).collect();
        let told = if told.len() < 2 { vec![GP, HOME] } else { told };
        for (n, source) in told.into_iter().enumerate() {
            let concept = match source {
                GP => {
                    json!({"coding": [{"system": "http://read.info/readv2", "code": format!("TJ{code}"), "display": wording},
                    {"system": "http://snomed.info/sct", "code": code, "display": coded}], "text": wording})
                }
                SCR | CONNECT => snomed(code, coded),
                HOSPITAL => json!({"text": loud}),
                _ => json!({"text": plain}),
            };
            let active = if differs == "status" && n == 1 { "resolved" } else { "active" };
            let criticality = match (differs, n) {
                ("severity", 0) => "low",
                _ => "high",
            };
            w.tell(
                source,
                truth,
                "AllergyIntolerance",
                json!({"code": concept, "criticality": criticality,
                "clinicalStatus": status("allergyintolerance-clinical", active),
                "recordedDate": format!("20{:02}-0{}-1{}", 10 + w.n % 10, 1 + n, n)}),
            );
        }
    }
}

/// Code, wording of the coded sources, wording of the hospital and the home, whether it lasts.
const PROBLEMS: &[(&str, &str, bool)] = &[
    ("44054006", "Type 2 diabetes mellitus", true),
    ("46635009", "Type 1 diabetes mellitus", true),
    ("38341003", "Hypertension", true),
    ("49436004", "Atrial fibrillation", true),
    ("13645005", "Chronic obstructive pulmonary disease", true),
    ("5913000", "Fracture of neck of femur", false),
    ("233604007", "Pneumonia", false),
    ("68566005", "Urinary tract infection", false),
];

fn problems(w: &mut Writer<'_>) {
    let first = w.random.below(PROBLEMS.len() as u64);
    for step in 0..2 {
        let (code, wording, lasts) = PROBLEMS[(first + step) % PROBLEMS.len()];
        // What happens can happen twice, years apart: two truths.
        let years: &[i32] = if lasts { &[2014] } else { &[2009, 2019] };
        for year in years {
            let differs = match w.random.below(6) {
                0 if lasts => "date",
                1 => "status",
                _ => "",
            };
            let truth = w.truth("condition", differs, "");
            for (n, source) in [GP, HOSPITAL, HOME].into_iter().enumerate() {
                if n == 2 && w.random.chance(40) {
                    continue;
                }
                let concept = if source == GP { snomed(code, wording) } else { json!({"text": wording}) };
                let day = 5 + w.random.below(20);
                let onset = match (differs, n) {
                    ("date", 1) => format!("{}-05-{day:02}", year - 3),
                    (_, 2) => format!("{year}"),
                    _ => format!("{year}-06-{day:02}"),
                };
                let said = if differs == "status" && n == 1 { "resolved" } else { "active" };
                w.tell(
                    source,
                    truth,
                    "Condition",
                    json!({"code": concept, "onsetDateTime": onset,
                    "category": [status("condition-category", "problem-list-item")],
                    "clinicalStatus": status("condition-clinical", said)}),
                );
            }
        }
    }
}

/// Drug, strength and form as the practice writes it, the same as the home does, other strength, code.
const DRUGS: &[(&str, &str, &str, &str)] = &[
    ("Amlodipine 5mg tablets", "AMLODIPINE 5 mg Tabs", "Amlodipine 10mg tablets", "319283006"),
    ("Amitriptyline 10mg tablets", "amitriptyline 10 MG tablet", "Amitriptyline 25mg tablets", "321746007"),
    (
        "Salbutamol 100micrograms/dose inhaler CFC free",
        "Salbutamol inhaler 100 micrograms",
        "Salbutamol 200micrograms/dose inhaler",
        "320139002",
    ),
    ("Salbutamol 2mg tablets", "Salbutamol 2 mg tab", "Salbutamol 4mg tablets", "320136009"),
    ("Prednisolone 5mg tablets", "PREDNISOLONE 5mg", "Prednisolone 1mg tablets", "325426006"),
    ("Prednisone 5mg tablets", "Prednisone 5 mg", "Prednisone 1mg tablets", "325431008"),
    ("Metformin 500mg tablets", "metformin 500 mg tablets", "Metformin 850mg tablets", "325072002"),
    ("Metoprolol 50mg tablets", "METOPROLOL 50mg tabs", "Metoprolol 100mg tablets", "318475005"),
    (
        "Insulin glargine 100units/ml solution for injection",
        "Insulin glargine injection",
        "Insulin glargine 300units/ml solution for injection",
        "1",
    ),
    (
        "Insulin aspart 100units/ml solution for injection",
        "Insulin aspart injection",
        "Insulin aspart 50units/ml solution for injection",
        "2",
    ),
    (
        "Bendroflumethiazide 2.5mg tablets",
        "bendroflumethiazide 2.5 mg tabs",
        "Bendroflumethiazide 5mg tablets",
        "317919004",
    ),
    (
        "Chloramphenicol 1% eye ointment",
        "CHLORAMPHENICOL EYE ointment",
        "Chloramphenicol 0.5% eye drops",
        "3",
    ),
];

fn medicines(w: &mut Writer<'_>) {
    let first = w.random.below(DRUGS.len() as u64);
    for step in 0..4 {
        let (name, plain, other, code) = DRUGS[(first + step) % DRUGS.len()];
        let has_strength = !name.contains("eye") && !name.contains("glargine") && !name.contains("aspart");
        let (differs, standing) = match w.random.below(6) {
            0 if has_strength => ("dose", "current"),
            1 => ("state", "unclear"),
            2 => ("", "past"),
            _ => ("", "current"),
        };
        let truth = w.truth("medicine", differs, standing);
        let past = standing == "past";
        let said = |stopped: bool| if stopped || past { "stopped" } else { "active" };
        // The practice: statement, plan and two issues, by reference where it speaks GP Connect.
        let statement = json!({"status": if past { "completed" } else { "active" }, "medicationCodeableConcept": snomed(code, name),
            "dosage": [{"text": "One to be taken each day"}], "effectivePeriod": {"start": "2024-01-01"}});
        w.tell(GP, truth, "MedicationStatement", statement);
        for month in [3, 4] {
            w.tell(
                GP,
                truth,
                "MedicationRequest",
                json!({"status": "completed", "intent": "order", "basedOn": [{"display": "plan"}],
                "medicationCodeableConcept": snomed(code, name), "authoredOn": format!("2025-0{month}-01")}),
            );
        }
        if w.random.chance(50) {
            w.tell(
                CONNECT,
                truth,
                "MedicationStatement",
                json!({"status": said(false), "medicationReference": {"display": name},
                "dosage": [{"text": "1 tablet once daily"}]}),
            );
        }
        let theirs = if differs == "dose" { other } else { plain };
        w.tell(
            HOME,
            truth,
            "MedicationStatement",
            json!({"status": said(differs == "state"), "medicationCodeableConcept": {"text": theirs},
            "dosage": [{"text": "ONE daily"}]}),
        );
        if w.random.chance(50) {
            w.tell(
                HOME,
                truth,
                "MedicationAdministration",
                json!({"status": "completed", "medicationCodeableConcept": {"text": plain},
                "effectiveDateTime": "2025-09-01T08:00:00+01:00"}),
            );
        }
    }
}

/// Read code, wording, unit, values.
const TESTS: &[(&str, &str, &str, &[&str])] = &[
    ("44I5.", "Serum sodium", "mmol/L", &["140", "138", "133"]),
    ("44I4.", "Serum potassium", "mmol/L", &["4.1", "4.10", "5.2"]),
    ("44J3.", "Serum creatinine", "umol/L", &["88", "97", "140"]),
    ("423..", "Haemoglobin concentration", "g/L", &["131", "120", "98"]),
];

fn results(w: &mut Writer<'_>) {
    for (code, wording, unit, values) in TESTS {
        // Two samples of one day are two truths, also where they give one value.
        for hour in [9, 16] {
            let differs = if w.random.chance(15) { "value" } else { "" };
            let truth = w.truth("result", differs, "");
            let value = w.random.one(values);
            let number: Value = serde_json::from_str(value).unwrap();
            let lab = json!({"status": "final", "category": [status("observation-category", "laboratory")], "code": read(code, wording),
                "effectiveDateTime": format!("2025-06-01T{hour:02}:00:00+01:00"), "valueQuantity": {"value": number, "unit": unit}});
            let mut filed = lab.clone();
            filed["code"] = json!({"coding": [{"system": "http://read.info/readv2", "code": format!("{code}00"), "display": format!("{wording} level")}],
                "text": format!("{wording} level")});
            filed["effectiveDateTime"] = json!(format!("2025-06-01T{:02}:00:00Z", hour - 1));
            if differs == "value" {
                filed["valueQuantity"]["value"] = json!(777);
            }
            w.tell(HOSPITAL, truth, "Observation", lab);
            w.tell(GP, truth, "Observation", filed);
        }
    }
}

fn vaccinations(w: &mut Writer<'_>) {
    for year in [2022, 2023, 2024] {
        let (code, coded, plain) = if year == 2023 {
            ("1119349007", "COVID-19 vaccine", "Covid-19 vaccination")
        } else {
            ("822851000000102", "Seasonal influenza vaccination", "Influenza vaccine")
        };
        let differs = match w.random.below(5) {
            0 => "batch",
            1 => "status",
            _ => "",
        };
        let truth = w.truth("immunisation", differs, "");
        let day = 1 + w.random.below(28);
        for (n, source) in [GP, SCR, HOME].into_iter().enumerate() {
            if n == 2 && w.random.chance(50) {
                continue;
            }
            let concept = if source == HOME { json!({"text": plain}) } else { snomed(code, coded) };
            let second = n == 1;
            w.tell(source, truth, "Immunization", json!({"vaccineCode": concept,
                "status": if differs == "status" && second { "not-done" } else { "completed" },
                "lotNumber": if differs == "batch" && second { "ZZ9" } else { "AB1" },
                "occurrenceDateTime": if n == 2 { format!("{year}-10-{day:02}T10:30:00+01:00") } else { format!("{year}-10-{day:02}") }}));
        }
    }
}

fn people(w: &mut Writer<'_>) {
    let family = w.random.one(&["Ashdown", "Beech", "Larch"]).to_owned();
    let household = format!("01632 96{:04}", w.n % 10_000);
    // Two daughters of one house, and a husband with its telephone.
    let all = [
        ("Hazel", "Hazel", "daughter", "Daughter", "child", true),
        ("Heather", "Heather", "daughter", "Daughter", "child", true),
        ("Thomas", "Tom", "husband", "Spouse", "Husband", true),
        ("Walter", "Walter", "neighbour", "Neighbour", "neighbor", false),
    ];
    for (n, (given, short, relation, hospital, plain, same_house)) in all.into_iter().enumerate() {
        let differs = if w.random.chance(15) { "telephone" } else { "" };
        let truth = w.truth("contact", differs, "");
        let own = format!("07700 90{}{:03}", n, w.n % 1000);
        let telephone = if same_house { household.clone() } else { own.clone() };
        let name = if same_house { family.clone() } else { "Osier".to_owned() };
        for (k, source) in [GP, HOSPITAL, HOME].into_iter().enumerate() {
            let number = if differs == "telephone" && k == 2 {
                own.replace("07700", "07701")
            } else {
                telephone.clone()
            };
            let (name, relation) = match source {
                GP => (json!([{"family": name, "given": [given]}]), relation),
                HOSPITAL => (
                    json!([{"family": name.to_uppercase(), "given": [given.to_uppercase()], "prefix": ["MR"]}]),
                    hospital,
                ),
                // A short form goes with the telephone of the house only.
                _ if differs.is_empty() => (json!([{"text": format!("{short} {name}")}]), plain),
                _ => (json!([{"text": format!("{given} {name}")}]), plain),
            };
            w.tell(
                source,
                truth,
                "RelatedPerson",
                json!({"name": name, "relationship": [{"text": relation}],
                "telecom": [{"system": "phone", "value": number}]}),
            );
        }
    }
}

/// What the sources tell of one person.
pub fn person(n: u32, random: &mut Random) -> Told {
    let out = Told { by_source: vec![Vec::new(); SOURCES.len()], truths: Vec::new() };
    let mut w = Writer { random, n, out };
    for source in 0..SOURCES.len() {
        let p = patient(&format!("p{n}-{source}"), &number(n), "Ashdown", "1941-02-03");
        w.out.by_source[source].push(p);
    }
    allergies(&mut w);
    problems(&mut w);
    medicines(&mut w);
    results(&mut w);
    vaccinations(&mut w);
    people(&mut w);
    w.out
}
