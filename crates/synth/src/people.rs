//! Invented people and the invented organisations that look after them.

use causeway_core::NhsNumber;
use jiff::civil::{Date, date};

use crate::random::Random;

/// An organisation with its code and the system of that code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// `ods`, `cqc` or `cassr`.
    pub scheme: &'static str,
    /// Code.
    pub code: &'static str,
    /// Name.
    pub name: &'static str,
}

impl Organisation {
    const fn new(scheme: &'static str, code: &'static str, name: &'static str) -> Self {
        Self { scheme, code, name }
    }
}

/// Hospitals.
pub const HOSPITALS: [Organisation; 2] = [
    Organisation::new("ods", "ZV801", "Ashbourne Vale Hospital"),
    Organisation::new("ods", "ZV802", "Thornmere Infirmary"),
];
/// General practices.
pub const PRACTICES: [Organisation; 3] = [
    Organisation::new("ods", "ZP401", "Millpond Surgery"),
    Organisation::new("ods", "ZP402", "Orchard Bank Practice"),
    Organisation::new("ods", "ZP403", "Ferry Lane Medical Centre"),
];
/// The pathology laboratory.
pub const LABORATORY: Organisation = Organisation::new("ods", "ZL701", "Vale Pathology");
/// The council with adult social services responsibilities.
pub const COUNCIL: Organisation = Organisation::new("cassr", "998", "Ashmarsh Council");
/// Care homes.
pub const CARE_HOMES: [Organisation; 2] = [
    Organisation::new("cqc", "1-9990000101", "Larchwood House"),
    Organisation::new("cqc", "1-9990000102", "The Beeches"),
];
/// The home care and reablement provider.
pub const HOME_CARE: Organisation = Organisation::new("cqc", "1-9990000201", "Steady Steps Home Care");
/// The alarm receiving centre.
pub const ALARM_CENTRE: Organisation = Organisation::new("ods", "ZT901", "Vale Telecare");

/// The ambulance service.
pub const AMBULANCE: Organisation = Organisation::new("ods", "ZA811", "Vale Ambulance Service");

/// Administrative sex, as the formats of the stories state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// A person who is close to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Family name.
    pub family: String,
    /// Given name.
    pub given: String,
    /// What they are: `Daughter`, `Son`, `Spouse`, `Neighbour`.
    pub relationship: &'static str,
    /// Telephone.
    pub phone: String,
}

/// An invented person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Number within the population, from 0.
    pub number: usize,
    /// NHS number of the 999 range, with the right check digit.
    pub nhs_number: String,
    /// Family name.
    pub family: String,
    /// Given name.
    pub given: String,
    /// Second given name, empty where there is none.
    pub middle: String,
    /// Title.
    pub title: &'static str,
    /// Sex.
    pub sex: Sex,
    /// Day of birth.
    pub born: Date,
    /// House and street.
    pub street: String,
    /// Town.
    pub town: &'static str,
    /// Postcode of the area that does not exist.
    pub postcode: String,
    /// Telephone.
    pub phone: String,
    /// General practice.
    pub practice: Organisation,
    /// Hospital.
    pub hospital: Organisation,
    /// Hospital number.
    pub hospital_number: String,
    /// Number with the council.
    pub council_number: String,
    /// Care home, where the person lives in one.
    pub care_home: Option<Organisation>,
    /// Next of kin.
    pub next_of_kin: Contact,
}

const FAMILIES: [&str; 24] = [
    "Larkspur",
    "Thistlewood",
    "Ashgrove",
    "Penhallow",
    "Marrowby",
    "Quillfeather",
    "Dunmore",
    "Okonjo-Vale",
    "Brambleton",
    "Siddiqui-Marsh",
    "Wetherfold",
    "Kestrelby",
    "Applegarth",
    "Novakshire",
    "Fernsby",
    "Holloway-Reed",
    "Tamsett",
    "Rowanleigh",
    "Starling",
    "Merrifield",
    "Chaudrey-Lane",
    "O'Hallerton",
    "Windermoss",
    "Greyling",
];
const FEMALE: [&str; 12] = [
    "Edith", "Marjorie", "Ama", "Siân", "Parveen", "Dorothea", "Iris", "Winifred", "Zofia", "Beatrice",
    "Nadia", "Hazel",
];
const MALE: [&str; 12] = [
    "Albert", "Desmond", "Idris", "Kwame", "Harold", "Rafiq", "Stanley", "Owen", "Tomasz", "Leonard",
    "Cyril", "Gwilym",
];
const STREETS: [&str; 8] = [
    "Heron Close",
    "Saltmarsh Road",
    "Old Ferry Lane",
    "Bellflower Terrace",
    "Tanyard Row",
    "Quay Street",
    "Mill Rise",
    "Chapel Fold",
];
const TOWNS: [&str; 3] = ["Ashmarsh", "Thornmere", "Little Ferry"];

/// The NHS number of the 999 range that belongs to a serial number; serials whose check digit would be ten are
/// passed over, so `serial` counts usable numbers from 0.
pub fn nhs_numbers() -> impl Iterator<Item = String> {
    (1..1_000_000u32).filter_map(|serial| {
        let nine = format!("999{serial:06}");
        let mut digits = [0; 9];
        digits.copy_from_slice(nine.as_bytes());
        let check = NhsNumber::check_digit(digits)?;
        Some(format!("{nine}{}", char::from(check)))
    })
}

/// A population of invented people: the same seed gives the same people.
pub fn population(seed: u64, size: usize) -> Vec<Person> {
    nhs_numbers().take(size).enumerate().map(|(number, nhs)| person(seed, number, nhs)).collect()
}

fn person(seed: u64, number: usize, nhs_number: String) -> Person {
    let mut r = Random::new(seed, number as u64);
    let sex = if r.percent(58) { Sex::Female } else { Sex::Male };
    let (given, title) = match sex {
        Sex::Female => (*r.of(&FEMALE), *r.of(&["Mrs", "Miss", "Ms"])),
        Sex::Male => (*r.of(&MALE), "Mr"),
    };
    let middle = if r.percent(60) {
        (*r.of(if sex == Sex::Female { &FEMALE } else { &MALE })).to_owned()
    } else {
        String::new()
    };
    // Two thirds are over 65; the others are of working age.
    let age = if r.percent(67) { r.between(66, 98) } else { r.between(19, 64) };
    let born = date((2026 - age) as i16, r.between(1, 12) as i8, r.between(1, 28) as i8);
    let family = (*r.of(&FAMILIES)).to_owned();
    let relationship = *r.of(&["Daughter", "Son", "Spouse", "Neighbour"]);
    let kin_names = if r.percent(50) { &FEMALE } else { &MALE };
    let kin = (*r.of(kin_names)).to_owned();
    let street = format!("{} {}", r.between(1, 120), r.of(&STREETS));
    let letters = b"ABDEFGHJLNPQRSTUWXYZ";
    let postcode =
        format!("ZZ99 {}{}{}", r.between(1, 9), char::from(*r.of(letters)), char::from(*r.of(letters)));
    Person {
        number,
        nhs_number,
        next_of_kin: Contact {
            family: family.clone(),
            given: kin,
            relationship,
            phone: format!("01632 960{:03}", r.between(0, 999)),
        },
        family,
        given: given.to_owned(),
        middle,
        title,
        sex,
        born,
        street,
        town: r.of::<&'static str>(&TOWNS),
        postcode,
        phone: format!("01632 960{:03}", r.between(0, 999)),
        practice: *r.of(&PRACTICES),
        hospital: *r.of(&HOSPITALS),
        hospital_number: format!("H{:07}", 4_000_000 + number * 7 % 999_999),
        council_number: format!("{}", 4_400_000 + number),
        care_home: (age >= 80 && r.percent(25)).then(|| *r.of(&CARE_HOMES)),
    }
}

impl Person {
    /// Number of the telecare unit in the person's home: twelve digits, so that nobody takes it for an NHS number.
    pub fn controller(&self) -> String {
        format!("77{:010}", self.number)
    }

    /// Age in whole years on a day.
    pub fn age_on(&self, day: Date) -> i16 {
        let had_birthday = (day.month(), day.day()) >= (self.born.month(), self.born.day());
        day.year() - self.born.year() - i16::from(!had_birthday)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn people_are_of_the_test_range_and_repeat_with_the_seed() {
        let people = population(7, 2000);
        assert_eq!(people, population(7, 2000));
        assert_ne!(people[3], population(8, 4)[3]);
        let numbers: HashSet<_> = people.iter().map(|p| &p.nhs_number).collect();
        assert_eq!(numbers.len(), 2000);
        let all_test = people.iter().all(|p| NhsNumber::parse(&p.nhs_number).is_ok_and(NhsNumber::is_test));
        assert!(all_test);
        let local: HashSet<_> = people.iter().map(|p| &p.council_number).collect();
        assert_eq!(local.len(), 2000);
    }
}
