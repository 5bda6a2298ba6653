//! Whether two Patients may be one person: what speaks for it and what against it, and how alike they look.
//!
//! Nobody is joined by likeness alone. What two Patients must have in common is an identifier or somebody's word
//! ([`Basis`]); even then they stay apart, and a person is asked, where what is told of them contradicts:
//!
//! - date of birth: the number with the date of birth is how a national trace confirms somebody (PDS cross-check);
//! - given name and sex together: what tells a brother from a sister registered under one number (the National Back
//!   Office calls it a confusion); either alone is a nickname or a slip of the keyboard;
//! - given and family name together: a married woman changes one of them, another person has two others.

/// What says that two Patients are one person, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Basis {
    /// A user joined them.
    User,
    /// Their source merged them.
    Merge,
    /// The same valid NHS number.
    Number,
    /// A superseded NHS number.
    OldNumber,
    /// The same local identifier.
    Local,
}

impl Basis {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Basis::User => "user-merge",
            Basis::Merge => "source-merge",
            Basis::Number => "same-nhs-number",
            Basis::OldNumber => "superseded-nhs-number",
            Basis::Local => "same-local-identifier",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Basis::User => "a user says that both Patients are one person",
            Basis::Merge => "the source says that one Patient replaces the other, and nothing contradicts it",
            Basis::Number => "both Patients have the same valid NHS number and nothing contradicts it",
            Basis::OldNumber => {
                "one Patient has the other's NHS number as a superseded one; date of birth and family name agree"
            }
            Basis::Local => "both Patients have the same local identifier and nothing contradicts it",
        }
    }
}

/// Reason (kebab-case) and sentence of a refusal.
pub(crate) type Refusal = (&'static str, &'static str);

/// What is compared of a Patient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// As told, at its own precision; empty where none is.
    pub birth_date: String,
    /// Family names, folded; of a double-barrelled name also its parts.
    pub families: Vec<String>,
    /// Given names, folded. Words that stand for a name not yet given (`baby`) are left out.
    pub givens: Vec<String>,
    /// Administrative gender; empty where none is told.
    pub sex: String,
    /// Postcode without blanks, folded.
    pub postcode: String,
    /// Current NHS numbers.
    pub numbers: Vec<String>,
    /// Superseded NHS numbers.
    pub old_numbers: Vec<String>,
}

impl Known {
    /// Whether both have an NHS number and none, superseded ones included, is the other's.
    pub(crate) fn numbers_differ(&self, other: &Known) -> bool {
        let has = |known: &Known, number: &String| {
            known.numbers.contains(number) || known.old_numbers.contains(number)
        };
        !self.numbers.is_empty()
            && !other.numbers.is_empty()
            && !self.numbers.iter().any(|n| has(other, n))
            && !other.numbers.iter().any(|n| has(self, n))
    }

    /// Whether the dates of birth can't both be true. A year alone contradicts no day within it.
    pub(crate) fn birth_differs(&self, other: &Known) -> bool {
        let (a, b) = (&self.birth_date, &other.birth_date);
        !a.is_empty() && !b.is_empty() && !a.starts_with(b.as_str()) && !b.starts_with(a.as_str())
    }

    fn family_differs(&self, other: &Known) -> bool {
        !self.families.is_empty() && !other.families.is_empty() && !shares(&self.families, &other.families)
    }

    /// Whether the given names have nothing in common: no name, no initial that stands for one, no shortened form.
    fn given_differs(&self, other: &Known) -> bool {
        let same = |a: &String| other.givens.iter().any(|b| is_form_of(a, b));
        !self.givens.is_empty() && !other.givens.is_empty() && !self.givens.iter().any(same)
    }

    /// Whether one is male and the other female. Other values contradict nothing.
    fn sex_differs(&self, other: &Known) -> bool {
        let of = |sex: &str| matches!(sex, "male" | "female");
        of(&self.sex) && of(&other.sex) && self.sex != other.sex
    }

    /// Whether the names were told in each other's fields.
    fn names_swapped(&self, other: &Known) -> bool {
        shares(&self.families, &other.givens) || shares(&self.givens, &other.families)
    }

    /// What of the demographics contradicts so much that the two are held apart.
    pub(crate) fn contradiction(&self, other: &Known) -> Option<Refusal> {
        let (family, given) = (self.family_differs(other), self.given_differs(other));
        if self.birth_differs(other) {
            return Some(if family {
                (
                    "demographics-contradict",
                    "an identifier is the same but date of birth and family name contradict each other",
                )
            } else {
                (
                    "birth-date-contradicts",
                    "an identifier is the same but the dates of birth contradict each other",
                )
            });
        }
        if given && self.sex_differs(other) {
            return Some((
                "given-name-and-sex-contradict",
                "an identifier is the same but given name and sex contradict each other: perhaps two people were given one number",
            ));
        }
        (family && given && !self.names_swapped(other)).then_some((
            "names-contradict",
            "an identifier is the same but given and family name both contradict each other",
        ))
    }

    /// Whether what a source now tells under its own identifier of a Patient is likely another human: another NHS
    /// number, or two of name, date of birth and sex changed.
    pub(crate) fn is_someone_else(&self, now: &Known) -> bool {
        let name = (self.family_differs(now) || self.given_differs(now)) && !self.names_swapped(now);
        let changed = [name, self.birth_differs(now), self.sex_differs(now)];
        self.numbers_differ(now) || changed.into_iter().filter(|c| *c).count() > 1
    }
}

fn shares(a: &[String], b: &[String]) -> bool {
    a.iter().any(|x| b.contains(x))
}

/// Fewest letters by which a shortened name is recognised: Sam of Samantha, not Jo of John.
const SHORT_FORM_LETTERS: usize = 3;

/// Short forms that do not begin as the name does. Only common ones: where one is missing, a person is asked.
const SHORT_FORMS: &[(&str, &[&str])] = &[
    ("agnes", &["nessie"]),
    ("albert", &["bert", "bertie"]),
    ("andrew", &["andy", "drew"]),
    ("anthony", &["tony"]),
    ("catherine", &["kate", "kathy", "kitty", "katie"]),
    ("charles", &["chas", "chuck"]),
    ("david", &["dave", "davy"]),
    ("deborah", &["debbie"]),
    ("dorothy", &["dolly", "dot", "dotty"]),
    ("edith", &["edie"]),
    ("edward", &["ned", "ted", "teddy"]),
    ("eleanor", &["nell", "nora", "ellie"]),
    ("elizabeth", &["beth", "betty", "lizzie", "liz", "libby", "bess", "elsie"]),
    ("florence", &["flo", "flossie"]),
    ("francis", &["frank"]),
    ("harold", &["harry"]),
    ("helen", &["nell", "ellie"]),
    ("henry", &["harry", "hal"]),
    ("isabella", &["bella"]),
    ("james", &["jim", "jimmy"]),
    ("jennifer", &["jenny"]),
    ("john", &["jack", "johnny"]),
    ("joseph", &["joe"]),
    ("katherine", &["kate", "kathy", "kitty", "katie"]),
    ("margaret", &["peggy", "meg", "maggie", "daisy", "greta"]),
    ("martha", &["patsy", "mattie"]),
    ("michael", &["mike", "mick"]),
    ("mary", &["molly", "polly", "may"]),
    ("patricia", &["trish", "paddy"]),
    ("rebecca", &["becky"]),
    ("richard", &["dick", "rick"]),
    ("robert", &["bob", "bobby", "rob"]),
    ("stephen", &["steve"]),
    ("susan", &["sue", "susie"]),
    ("theresa", &["tess", "terry"]),
    ("thomas", &["tom", "tommy"]),
    ("victoria", &["vicky"]),
    ("sarah", &["sally", "sadie"]),
    ("william", &["bill", "billy"]),
];

/// Whether one given name can stand for the other.
pub(crate) fn is_form_of(a: &str, b: &str) -> bool {
    let (short, long) = if a.chars().count() <= b.chars().count() { (a, b) } else { (b, a) };
    let letters = short.chars().count();
    if (letters == 1 || letters >= SHORT_FORM_LETTERS) && long.starts_with(short) {
        return true;
    }
    let listed =
        |name: &str, form: &str| SHORT_FORMS.iter().any(|(n, forms)| *n == name && forms.contains(&form));
    listed(a, b) || listed(b, a)
}

/// Whether two Patients with this in common may be one person. `numbers_differ` is asked of the persons that they
/// belong to, as a person may rightly have two.
pub(crate) fn judge(one: &Known, two: &Known, basis: Basis, numbers_differ: bool) -> Option<Refusal> {
    let contradiction = one.contradiction(two);
    match basis {
        Basis::User => None,
        Basis::Merge if contradiction.is_some() || numbers_differ => Some((
            "merge-contradicts",
            "a source merges two of its Patients whose NHS number, date of birth, or name and sex contradict each other",
        )),
        Basis::OldNumber => {
            let agree = one.birth_date.len() == 10
                && one.birth_date == two.birth_date
                && shares(&one.families, &two.families);
            if agree {
                return contradiction;
            }
            Some((
                "superseded-number-not-confirmed",
                "one Patient has the other's NHS number as a superseded one but date of birth and family name do not confirm it",
            ))
        }
        Basis::Local => contradiction.or_else(|| {
            numbers_differ.then_some((
                "nhs-numbers-differ",
                "a local identifier is the same or leads to the same person but the NHS numbers differ",
            ))
        }),
        Basis::Merge | Basis::Number => contradiction,
    }
}

/// Likeness from which two Patients without an identifier in common are shown to a person.
pub const LOOK_ALIKE: i64 = 10;

/// How alike two Patients look, as a sum of points; 0 where they can't be one. Points follow how rarely strangers
/// agree: a day of birth about once in 25,000 pairs, a name about once in some hundred.
///
/// A rule of its own for twins: with the same date of birth and family name, another given name or sex is another
/// person whatever else agrees. (Published linkage tools join nearly all twins: same address, surname, birth date.)
pub(crate) fn likeness(a: &Known, b: &Known) -> i64 {
    // Whose numbers are known and differ are two people, or one whom the national register holds twice.
    if a.numbers_differ(b) || a.families.is_empty() || a.givens.is_empty() {
        return 0;
    }
    let born_same = a.birth_date.len() == 10 && a.birth_date == b.birth_date;
    let family_same = shares(&a.families, &b.families);
    if born_same && family_same && (a.given_differs(b) && !close(&a.givens, &b.givens) || a.sex_differs(b)) {
        return 0;
    }
    let birth = match (born_same, nearly_same_day(&a.birth_date, &b.birth_date)) {
        (true, _) => 5,
        (_, true) => 3,
        _ if a.birth_differs(b) => -5,
        _ => 0,
    };
    let family = match () {
        () if family_same => 4,
        () if close(&a.families, &b.families) => 2,
        () if a.names_swapped(b) => 3,
        () if b.families.is_empty() => 0,
        () => -2,
    };
    let given = match () {
        () if shares(&a.givens, &b.givens) => 4,
        () if !b.givens.is_empty() && (!a.given_differs(b) || close(&a.givens, &b.givens)) => 2,
        () if a.names_swapped(b) => 2,
        () if b.givens.is_empty() => 0,
        () => -4,
    };
    let sex = match (a.sex_differs(b), !a.sex.is_empty() && a.sex == b.sex) {
        (true, _) => -3,
        (_, true) => 1,
        _ => 0,
    };
    let place = match (a.postcode.is_empty() || b.postcode.is_empty(), a.postcode == b.postcode) {
        (true, _) => 0,
        (_, true) => 3,
        _ => -1,
    };
    (birth + family + given + sex + place).max(0)
}

/// Whether any two differ by one slip of the keyboard.
fn close(a: &[String], b: &[String]) -> bool {
    a.iter().any(|x| b.iter().any(|y| one_slip(x, y)))
}

/// Shortest name of which a slip is believed, in letters: Ann and Ian are two names.
const SLIP_LETTERS: usize = 4;

/// Whether two names differ by one letter added, left out or changed, or by two neighbours exchanged.
fn one_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if a.len() < SLIP_LETTERS || b.len() - a.len() > 1 || a == b {
        return a == b && !a.is_empty();
    }
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    if a.len() != b.len() {
        return rest_b.get(1..) == Some(rest_a);
    }
    match (rest_a, rest_b) {
        ([p, q, more_a @ ..], [r, s, more_b @ ..]) if p == s && q == r => more_a == more_b,
        ([_, more_a @ ..], [_, more_b @ ..]) => more_a == more_b,
        _ => false,
    }
}

/// Whether two days differ by month and day exchanged, or by one digit.
fn nearly_same_day(a: &str, b: &str) -> bool {
    if a.len() != 10 || b.len() != 10 || a == b {
        return false;
    }
    let parts =
        |day: &str| Some((day.get(..4)?.to_owned(), day.get(5..7)?.to_owned(), day.get(8..)?.to_owned()));
    let swapped = match (parts(a), parts(b)) {
        (Some((y, m, d)), Some((z, n, e))) => y == z && m == e && d == n,
        _ => false,
    };
    swapped || a.bytes().zip(b.bytes()).filter(|(x, y)| x != y).count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(family: &str, given: &str, born: &str, sex: &str) -> Known {
        let list = |t: &str| t.split(' ').filter(|t| !t.is_empty()).map(str::to_owned).collect();
        Known {
            birth_date: born.into(),
            families: list(family),
            givens: list(given),
            sex: sex.into(),
            ..Known::default()
        }
    }

    #[test]
    fn what_contradicts_and_what_does_not() {
        let she = known("thistlewood", "beatrice", "1971-04-12", "female");
        let cases = [
            ("the same", known("thistlewood", "beatrice", "1971-04-12", "female"), None),
            ("married", known("larch", "beatrice", "1971-04-12", "female"), None),
            ("nickname", known("thistlewood", "trixie", "1971-04-12", "female"), None),
            ("sex miskeyed", known("thistlewood", "beatrice", "1971-04-12", "male"), None),
            ("initial, sex miskeyed", known("thistlewood", "b", "1971-04-12", "male"), None),
            ("year only", known("thistlewood", "walter", "1971", "female"), None),
            ("fields exchanged", known("beatrice", "thistlewood", "1971-04-12", "female"), None),
            ("name not told", known("larch", "", "1971-04-12", "male"), None),
            (
                "brother",
                known("thistlewood", "walter", "1971-04-12", "male"),
                Some("given-name-and-sex-contradict"),
            ),
            (
                "brother, same letter",
                known("thistlewood", "bernard", "1971-04-12", "male"),
                Some("given-name-and-sex-contradict"),
            ),
            (
                "brother, birth not told",
                known("thistlewood", "walter", "", "male"),
                Some("given-name-and-sex-contradict"),
            ),
            ("another woman", known("larch", "susan", "1971-04-12", "female"), Some("names-contradict")),
            (
                "birth alone",
                known("thistlewood", "beatrice", "1971-12-04", "female"),
                Some("birth-date-contradicts"),
            ),
            (
                "birth and family",
                known("larch", "beatrice", "1930-01-01", "female"),
                Some("demographics-contradict"),
            ),
        ];
        for (name, other, expected) in cases {
            assert_eq!(she.contradiction(&other).map(|r| r.0), expected, "{name}");
            assert_eq!(other.contradiction(&she).map(|r| r.0), expected, "{name}, the other way");
        }
    }

    #[test]
    fn an_update_of_two_details_or_the_number_is_someone_else() {
        let mut she = known("thistlewood", "beatrice", "1971-04-12", "female");
        she.numbers = vec!["9990000018".into()];
        let update = |family: &str, given: &str, born: &str, sex: &str, number: &str| {
            let mut now = known(family, given, born, sex);
            now.numbers = if number.is_empty() { Vec::new() } else { vec![number.into()] };
            she.is_someone_else(&now)
        };
        assert!(!update("larch", "beatrice", "1971-04-12", "female", "9990000018"));
        assert!(!update("", "", "1971-04-13", "", ""));
        assert!(!update("thistlewood", "beatrice", "1971-04-12", "male", ""));
        assert!(update("thistlewood", "beatrice", "1971-04-12", "female", "9990000026"));
        assert!(update("larch", "beatrice", "1971-04-13", "female", ""));
        assert!(update("thistlewood", "walter", "1971-04-12", "male", ""));
        assert!(update("thistlewood", "beatrice", "1930-04-12", "male", ""));
    }

    #[test]
    fn look_alikes_are_found_and_twins_are_not_offered() {
        let with = |mut k: Known, postcode: &str| {
            k.postcode = postcode.into();
            k
        };
        let she = with(known("thistlewood", "beatrice", "1971-04-12", "female"), "zz995ab");
        let offered = |k: Known| likeness(&she, &k) >= LOOK_ALIKE && likeness(&k, &she) >= LOOK_ALIKE;
        assert!(offered(known("thistlewood", "beatrice", "1971-04-12", "")));
        assert!(offered(with(known("larch", "beatrice", "1971-04-12", "female"), "zz995ab")));
        assert!(offered(known("thistlewood", "beatrice", "1971-12-04", "female")));
        assert!(offered(known("thistelwood", "beatrice", "1971-04-12", "female")));
        assert!(!offered(with(known("thistlewood", "walter", "1971-04-12", "male"), "zz995ab")));
        assert!(!offered(with(known("thistlewood", "susan", "1971-04-12", "female"), "zz995ab")));
        assert!(!offered(with(known("thistlewood", "beatrice", "1971-04-12", "male"), "zz995ab")));
        assert!(
            !offered(with(known("thistlewood", "beatrice", "1998-07-30", "female"), "zz995ab")),
            "her daughter"
        );
        assert!(!offered(known("thistlewood", "beatrice", "", "female")));
    }
}
