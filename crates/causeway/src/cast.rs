//! The ten invented people as whom a visitor of the demonstration can look.

use causeway_service::access::session::SignedIn as Cast;
use causeway_service::pages::portal::cast::ISSUER;
use causeway_synth::people::{COUNCIL, HOME_CARE, HOSPITALS, PRACTICES};

/// Who, with role code and organisation.
pub fn cast(nhs_number: &str, name: &str) -> Vec<Cast> {
    let staff = |subject: &str, name: &str, role: &str, organisation: &str| Cast {
        subject: subject.to_owned(),
        name: name.to_owned(),
        role: role.to_owned(),
        organisation: organisation.to_owned(),
        ..Cast::default()
    };
    let mut all = vec![
        staff("gp", "Dr Anil Marsh", "R8000", PRACTICES[0].code),
        staff("ward-nurse", "Rosa Fenn", "R8001", HOSPITALS[0].code),
        staff("care-manager", "Priya Tamworth", "care-home-manager", HOME_CARE.code),
        staff("care-worker", "Jo Fenwick", "care-worker", HOME_CARE.code),
        staff("social-worker", "Tomasz Birch", "R8014", COUNCIL.code),
        staff("technician", "Kit Sedge", "council-technician", COUNCIL.code),
        staff("researcher", "Dr Wren Ashdown", "R1860", HOSPITALS[0].code),
        staff("privacy-officer", "Gwen Alder", "R0001", HOSPITALS[0].code),
    ];
    all.push(Cast { nhs_number: nhs_number.to_owned(), ..staff("herself", name, "person", "") });
    all.push(staff("daughter", "Hazel Larkspur", "person", ""));
    for one in &mut all {
        one.issuer = ISSUER.to_owned();
    }
    all
}

/// A neighbour who has no business with her: she claims that she has.
pub fn neighbour() -> Cast {
    Cast {
        issuer: ISSUER.to_owned(),
        subject: "neighbour".to_owned(),
        name: "Bea Nettle".to_owned(),
        role: "R8003".to_owned(),
        organisation: PRACTICES[1].code.to_owned(),
        ..Cast::default()
    }
}
