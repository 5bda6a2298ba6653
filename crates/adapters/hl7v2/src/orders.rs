//! ORC, OBR, OBX, NTE, SPM, RXA put together: which result and which note belongs to what.

use std::collections::HashMap;

use causeway_hl7v2::Segment;

use crate::value;

/// One result with its notes.
#[derive(Debug)]
pub struct Result<'m> {
    /// OBX.
    pub obx: Segment<'m>,
    /// NTE after it.
    pub notes: Vec<Segment<'m>>,
}

/// One order with all that stands below it.
#[derive(Debug)]
pub struct Order<'m> {
    /// ORC before it.
    pub orc: Option<Segment<'m>>,
    /// OBR.
    pub obr: Segment<'m>,
    /// TQ1 before or after OBR.
    pub timing: Option<Segment<'m>>,
    /// NTE after ORC and after OBR, before the first result.
    pub notes: Vec<Segment<'m>>,
    /// Results.
    pub results: Vec<Result<'m>>,
    /// Specimens.
    pub specimens: Vec<Segment<'m>>,
}

/// A vaccination: RXA with what belongs to it.
#[derive(Debug)]
pub struct Vaccination<'m> {
    /// ORC before it.
    pub orc: Option<Segment<'m>>,
    /// RXA.
    pub rxa: Segment<'m>,
    /// RXR after it.
    pub route: Option<Segment<'m>>,
    /// NTE after ORC, RXA or RXR.
    pub notes: Vec<Segment<'m>>,
    /// OBX after it.
    pub results: Vec<Result<'m>>,
}

/// What a group of segments holds of orders and results.
#[derive(Debug, Default)]
pub struct Grouped<'m> {
    /// Orders, in source order.
    pub orders: Vec<Order<'m>>,
    /// Vaccinations.
    pub vaccinations: Vec<Vaccination<'m>>,
    /// Results that belong to no order: of the patient or the visit.
    pub loose: Vec<Result<'m>>,
    /// TXA with the results that are its document.
    pub documents: Vec<(Segment<'m>, Vec<Result<'m>>)>,
    /// NTE after PID, PV1 and their like: of the patient.
    pub notes: Vec<Segment<'m>>,
    /// NTE after a segment that becomes a resource (AL1, DG1, PR1, SPM …), by the number of that segment.
    pub below: HashMap<usize, Vec<Segment<'m>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Patient,
    /// After an ORC, before what it orders.
    Pending,
    Order,
    Document,
    Vaccination,
    /// A segment of that number, whose notes are its own.
    Own(usize),
    /// A segment whose OBX describe it and not the patient (FT1, IN1, AIS …).
    Other,
}

/// Groups the segments of one patient. `documents` says whether results after a TXA are its text (MDM).
pub fn group<'m>(segments: &[Segment<'m>], documents: bool) -> Grouped<'m> {
    let mut out = Grouped::default();
    let mut pending = Pending::default();
    let mut parent = Parent::Patient;
    // Where OBX go after a segment whose notes are its own.
    let mut results = Parent::Patient;
    let mut after_result = false;
    for segment in segments.iter().copied() {
        let name = segment.name();
        match &name {
            b"ORC" => {
                pending = Pending { orc: Some(segment), ..Pending::default() };
                parent = Parent::Pending;
                results = Parent::Patient;
            }
            b"OBR" => {
                out.orders.push(Order {
                    orc: pending.orc.take(),
                    obr: segment,
                    timing: pending.timing.take(),
                    notes: std::mem::take(&mut pending.notes),
                    results: Vec::new(),
                    specimens: Vec::new(),
                });
                parent = Parent::Order;
            }
            b"TQ1" => match (parent, out.orders.last_mut()) {
                (Parent::Pending, _) => pending.timing = Some(segment),
                (Parent::Order, Some(order)) if order.timing.is_none() => order.timing = Some(segment),
                _ => {}
            },
            b"RXA" => {
                out.vaccinations.push(Vaccination {
                    orc: pending.orc.take(),
                    rxa: segment,
                    route: None,
                    notes: std::mem::take(&mut pending.notes),
                    results: Vec::new(),
                });
                parent = Parent::Vaccination;
            }
            b"RXR" => match out.vaccinations.last_mut() {
                Some(last) if parent == Parent::Vaccination && last.route.is_none() => {
                    last.route = Some(segment)
                }
                _ => parent = Parent::Other,
            },
            b"TXA" if documents => {
                out.documents.push((segment, Vec::new()));
                parent = Parent::Document;
            }
            b"SPM" => {
                if let Some(order) = out.orders.last_mut() {
                    order.specimens.push(segment);
                    results = Parent::Order;
                    parent = Parent::Own(segment.index());
                }
            }
            b"OBX" => {
                result(&mut out, if matches!(parent, Parent::Own(_)) { results } else { parent }, segment)
            }
            b"NTE" => match (parent, after_result) {
                (Parent::Pending, _) => pending.notes.push(segment),
                (Parent::Own(_), true) => note(&mut out, results, true, segment),
                (parent, after_result) => note(&mut out, parent, after_result, segment),
            },
            b"PID" | b"PD1" | b"PV1" | b"PV2" | b"NK1" => parent = Parent::Patient,
            b"AL1" | b"IAM" | b"DG1" | b"PR1" => {
                results = Parent::Patient;
                parent = Parent::Own(segment.index());
            }
            b"FT1" | b"IN1" | b"GT1" | b"AIS" | b"AIG" | b"AIL" | b"AIP" | b"RGS" | b"RXO" | b"RXE" => {
                parent = Parent::Other;
            }
            _ => {}
        }
        after_result = name == *b"OBX" || (name == *b"NTE" && after_result);
    }
    out
}

/// An ORC whose order has not come yet.
#[derive(Default)]
struct Pending<'m> {
    orc: Option<Segment<'m>>,
    timing: Option<Segment<'m>>,
    notes: Vec<Segment<'m>>,
}

fn result<'m>(out: &mut Grouped<'m>, parent: Parent, obx: Segment<'m>) {
    let list = match parent {
        Parent::Order => out.orders.last_mut().map(|o| &mut o.results),
        Parent::Document => out.documents.last_mut().map(|(_, r)| r),
        Parent::Vaccination => out.vaccinations.last_mut().map(|v| &mut v.results),
        Parent::Patient | Parent::Pending | Parent::Own(_) => Some(&mut out.loose),
        Parent::Other => None,
    };
    list.into_iter().for_each(|list| list.push(Result { obx, notes: Vec::new() }));
}

fn note<'m>(out: &mut Grouped<'m>, parent: Parent, after_result: bool, segment: Segment<'m>) {
    if after_result {
        let results = match parent {
            Parent::Order => out.orders.last_mut().map(|o| &mut o.results),
            Parent::Document => out.documents.last_mut().map(|(_, r)| r),
            Parent::Vaccination => out.vaccinations.last_mut().map(|v| &mut v.results),
            Parent::Patient | Parent::Pending | Parent::Own(_) => Some(&mut out.loose),
            Parent::Other => None,
        };
        if let Some(result) = results.and_then(|r| r.last_mut()) {
            result.notes.push(segment);
        }
        return;
    }
    match parent {
        Parent::Order => out.orders.last_mut().into_iter().for_each(|order| order.notes.push(segment)),
        Parent::Vaccination => out.vaccinations.last_mut().into_iter().for_each(|v| v.notes.push(segment)),
        Parent::Patient => out.notes.push(segment),
        Parent::Own(index) => out.below.entry(index).or_default().push(segment),
        Parent::Document | Parent::Pending | Parent::Other => {}
    }
}

/// Whether a result is a document and not a value.
pub fn is_document(result: &Result<'_>) -> bool {
    result.obx.leaf(2).is_some_and(|k| k.text == "ED")
        || (result.obx.leaf(2).is_some_and(|k| k.text == "RP") && result.obx.comp(5, 1).is_some())
        || value::holds_document(result.obx)
}
