//! What the rules of identity ask of a database and change in it: the seam between rules and SQL. A second database
//! implements this trait and passes the suite at the end of this file.

use crate::error::Result;
use crate::matching::{Basis, Known};

/// An identifier by which Patients are joined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identifier {
    /// `nhs`, `old-nhs` or `local`.
    pub kind: String,
    pub system: String,
    pub value: String,
}

/// A decision about identity, to be kept for ever.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decided<'a> {
    /// See [`crate::Decision::kind`].
    pub kind: &'a str,
    pub person: &'a str,
    pub other: &'a str,
    pub patient: &'a str,
    pub reason: &'a str,
    pub text: &'a str,
}

/// Something for a person to look at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raised<'a> {
    pub reason: &'a str,
    pub text: &'a str,
    pub patient: &'a str,
    /// Empty where none.
    pub other: &'a str,
    /// Likeness in points, where that is the reason; else 0.
    pub score: i64,
}

/// A review as the rules need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reviewed {
    pub patient: String,
    pub other: String,
    pub open: bool,
}

/// Why two Patients are one, by somebody's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A user's.
    User,
    /// Their source's: the first replaces the second.
    Replaces,
    /// Their source's: the first is replaced by the second.
    ReplacedBy,
}

/// Who acts, when, because of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    /// Microseconds since 1970.
    pub at: i64,
    pub actor: &'a str,
    pub message: &'a str,
}

/// Persons, their Patients, and what is decided about them. A person has a number; a Patient is named by its id. All
/// calls of one rule are within one transaction.
pub(crate) trait Tables {
    /// The person of a Patient.
    fn person_of(&self, patient: &str) -> Result<Option<i64>>;
    /// Id of a person.
    fn person_id(&self, person: i64) -> Result<String>;
    /// The person with an id, and whether it was merged away.
    fn person_with_id(&self, id: &str) -> Result<Option<(i64, bool)>>;
    /// A new person.
    fn add_person(&self, id: &str, at: i64) -> Result<i64>;
    /// Lets a person that was merged away stand again.
    fn revive(&self, person: i64) -> Result<()>;
    /// All Patients of the second become the first's, and the second is merged into it.
    fn merge(&self, keep: i64, give: i64) -> Result<()>;
    /// Patients of a person, by id.
    fn patients(&self, person: i64) -> Result<Vec<String>>;
    /// Puts a Patient into a person.
    fn place(&self, patient: &str, person: i64) -> Result<()>;

    /// What is compared of a Patient; `None` where no message described it.
    fn known(&self, patient: &str) -> Result<Option<Known>>;
    /// Keeps what is compared of a Patient, in a person where it is new.
    fn keep_known(&self, patient: &str, rid: i64, known: &Known, new_in: Option<i64>) -> Result<()>;
    /// Keeps the identifiers of a Patient in place of those before.
    fn keep_identifiers(&self, patient: &str, now: &[Identifier]) -> Result<()>;
    /// Which Patient survives a merge of this one; empty where none does.
    fn replaced_by(&self, patient: &str) -> Result<String>;
    /// Notes which Patient survives.
    fn set_replaced_by(&self, patient: &str, survivor: &str) -> Result<()>;
    /// Whether both Patients were told by one organisation, or one of them by none yet.
    fn same_sender(&self, patient: &str, other: &str) -> Result<bool>;

    /// Patients with an identifier or a word in common, the strongest basis first.
    fn candidates(&self, patient: &str) -> Result<Vec<(String, Basis)>>;
    /// The strongest basis of two Patients.
    fn basis(&self, patient: &str, other: &str) -> Result<Option<Basis>>;
    /// Patients of the same day of birth or the same whole name, not more than the limit.
    fn alike(&self, patient: &str, known: &Known) -> Result<Vec<String>>;

    /// Whether a user declared the two to be different people.
    fn is_apart(&self, patient: &str, other: &str) -> Result<bool>;
    /// Declares it, or takes it back.
    fn set_apart(&self, patient: &str, other: &str, apart: bool) -> Result<()>;
    /// The word that makes them one.
    fn word(&self, patient: &str, other: &str) -> Result<Option<Word>>;
    /// Keeps a word, the other direction included, or takes it back (`None`).
    fn set_word(&self, patient: &str, other: &str, word: Option<Word>) -> Result<()>;
    /// Whether one source told both under one identifier of its own, and they are held apart since.
    fn is_alias(&self, patient: &str, other: &str) -> Result<bool>;

    /// Enters a review unless the same pair has one for the same reason; gives whether it is new.
    fn raise(&self, who: &Who<'_>, raised: &Raised<'_>) -> Result<bool>;
    /// A review.
    fn review(&self, number: i64) -> Result<Option<Reviewed>>;
    /// The reviews about two Patients, the newest first: number, and whether it is open.
    fn reviews_of(&self, patient: &str, other: &str) -> Result<Vec<(i64, bool)>>;
    /// Closes a review (`Some` outcome) or opens it again; gives whether it was otherwise before.
    fn set_closed(&self, number: i64, at: i64, outcome: Option<&str>) -> Result<bool>;
    /// Closes the open reviews about two Patients of one person.
    fn close_within(&self, person: i64, at: i64) -> Result<()>;
    /// Records a decision.
    fn decide(&self, who: &Who<'_>, decided: &Decided<'_>) -> Result<()>;
}

#[cfg(test)]
pub(crate) mod contract {
    //! What any implementation does.

    use super::*;

    fn who() -> Who<'static> {
        Who { at: 1, actor: "record", message: "m1" }
    }

    fn add<T: Tables>(tables: &T, patient: &str, rid: i64, number: &str) -> i64 {
        let person = tables.add_person(&format!("person-of-{patient}"), 1).unwrap();
        let known = Known {
            birth_date: "1941-02-03".into(),
            families: vec!["ashdown".into()],
            givens: vec!["ida".into(), "may".into()],
            sex: "female".into(),
            postcode: "zz993vz".into(),
            ..Known::default()
        };
        tables.keep_known(patient, rid, &known, Some(person)).unwrap();
        let identifier = Identifier { kind: "nhs".into(), system: "nhs".into(), value: number.into() };
        tables.keep_identifiers(patient, &[identifier]).unwrap();
        person
    }

    /// Runs every clause on an empty database.
    pub(crate) fn suite<T: Tables>(new: impl Fn() -> T) {
        persons(&new());
        pairs(&new());
        reviews(&new());
        likenesses(&new());
    }

    fn persons<T: Tables>(tables: &T) {
        let (one, two) = (add(tables, "p1", 1, "a"), add(tables, "p2", 2, "b"));
        assert_eq!(tables.person_of("p1").unwrap(), Some(one));
        assert_eq!(tables.person_of("nobody").unwrap(), None);
        let known = tables.known("p1").unwrap().unwrap();
        assert_eq!(
            (known.givens.len(), known.sex.as_str(), known.numbers.as_slice()),
            (2, "female", &["a".to_owned()][..])
        );
        tables.merge(one, two).unwrap();
        assert_eq!(tables.patients(one).unwrap(), ["p1", "p2"]);
        assert_eq!(tables.person_with_id("person-of-p2").unwrap(), Some((two, true)));
        tables.revive(two).unwrap();
        tables.place("p2", two).unwrap();
        assert_eq!(tables.person_with_id("person-of-p2").unwrap(), Some((two, false)));
        assert_eq!((tables.patients(one).unwrap().len(), tables.patients(two).unwrap().len()), (1, 1));
        tables.set_replaced_by("p1", "p2").unwrap();
        assert_eq!(tables.replaced_by("p1").unwrap(), "p2");
    }

    fn pairs<T: Tables>(tables: &T) {
        add(tables, "p1", 1, "a");
        add(tables, "p2", 2, "a");
        add(tables, "p3", 3, "c");
        assert_eq!(tables.candidates("p1").unwrap(), [("p2".to_owned(), Basis::Number)]);
        assert_eq!(tables.basis("p2", "p1").unwrap(), Some(Basis::Number));
        assert_eq!(tables.basis("p1", "p3").unwrap(), None);
        tables.set_word("p1", "p3", Some(Word::ReplacedBy)).unwrap();
        assert_eq!(tables.word("p1", "p3").unwrap(), Some(Word::ReplacedBy));
        assert_eq!(tables.word("p3", "p1").unwrap(), Some(Word::Replaces));
        assert_eq!(tables.basis("p3", "p1").unwrap(), Some(Basis::Merge));
        tables.set_word("p3", "p1", Some(Word::User)).unwrap();
        assert_eq!(tables.basis("p1", "p3").unwrap(), Some(Basis::User));
        assert_eq!(tables.candidates("p1").unwrap().first().map(|c| c.1), Some(Basis::User));
        tables.set_word("p1", "p3", None).unwrap();
        assert_eq!(tables.word("p3", "p1").unwrap(), None);
        tables.set_apart("p1", "p2", true).unwrap();
        assert!(tables.is_apart("p2", "p1").unwrap());
        tables.set_apart("p2", "p1", false).unwrap();
        assert!(!tables.is_apart("p1", "p2").unwrap());
    }

    fn reviews<T: Tables>(tables: &T) {
        let person = add(tables, "p1", 1, "a");
        add(tables, "p2", 2, "b");
        let raised = Raised { reason: "why", text: "A sentence.", patient: "p2", other: "p1", score: 11 };
        assert!(tables.raise(&who(), &raised).unwrap());
        assert!(
            !tables.raise(&who(), &Raised { patient: "p1", other: "p2", ..raised }).unwrap(),
            "either order"
        );
        let review = tables.review(1).unwrap().unwrap();
        assert_eq!((review.patient.as_str(), review.other.as_str(), review.open), ("p1", "p2", true));
        assert!(tables.set_closed(1, 2, Some("done")).unwrap());
        assert!(!tables.set_closed(1, 2, Some("again")).unwrap());
        assert!(tables.set_closed(1, 2, None).unwrap());
        tables.place("p2", person).unwrap();
        tables.close_within(person, 3).unwrap();
        assert!(!tables.review(1).unwrap().unwrap().open);
        assert!(tables.review(2).unwrap().is_none());
        assert_eq!(tables.reviews_of("p2", "p1").unwrap(), [(1, false)]);
        assert_eq!(tables.reviews_of("p1", "p3").unwrap(), []);
    }

    fn likenesses<T: Tables>(tables: &T) {
        add(tables, "p1", 1, "a");
        add(tables, "p2", 2, "b");
        let known = tables.known("p1").unwrap().unwrap();
        assert_eq!(tables.alike("p1", &known).unwrap(), ["p2"]);
        let other = Known { birth_date: "1950-01-01".into(), families: vec!["beech".into()], ..known };
        assert!(tables.alike("p1", &other).unwrap().is_empty());
    }
}
