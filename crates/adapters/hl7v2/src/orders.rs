//! ORC, OBR, OBX, NTE, SPM put together: which result belongs to which order.

use causeway_hl7v2::Segment;

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
    /// NTE after OBR, before the first result.
    pub notes: Vec<Segment<'m>>,
    /// Results.
    pub results: Vec<Result<'m>>,
    /// Specimens.
    pub specimens: Vec<Segment<'m>>,
}

/// What a group of segments holds of orders and results.
#[derive(Debug, Default)]
pub struct Grouped<'m> {
    /// Orders, in source order.
    pub orders: Vec<Order<'m>>,
    /// Results that belong to no order: of the patient or the visit.
    pub loose: Vec<Result<'m>>,
    /// TXA with the results that are its document.
    pub documents: Vec<(Segment<'m>, Vec<Result<'m>>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Patient,
    Order,
    Document,
    /// A segment whose OBX describe it and not the patient (RXA, FT1, IN1, AIS …).
    Other,
}

/// Groups the segments of one patient. `documents` says whether results after a TXA are its text (MDM).
pub fn group<'m>(segments: &[Segment<'m>], documents: bool) -> Grouped<'m> {
    let mut out = Grouped::default();
    let mut orc = None;
    let mut parent = Parent::Patient;
    let mut after_result = false;
    for segment in segments.iter().copied() {
        let name = segment.name();
        match &name {
            b"ORC" => {
                orc = Some(segment);
                parent = Parent::Patient;
            }
            b"OBR" => {
                out.orders.push(Order {
                    orc: orc.take(),
                    obr: segment,
                    notes: Vec::new(),
                    results: Vec::new(),
                    specimens: Vec::new(),
                });
                parent = Parent::Order;
            }
            b"TXA" if documents => {
                out.documents.push((segment, Vec::new()));
                parent = Parent::Document;
            }
            b"SPM" => out.orders.last_mut().into_iter().for_each(|order| order.specimens.push(segment)),
            b"OBX" => {
                let result = Result { obx: segment, notes: Vec::new() };
                match parent {
                    Parent::Order => out
                        .orders
                        .last_mut()
                        .into_iter()
                        .for_each(|o| o.results.push(Result { obx: segment, notes: Vec::new() })),
                    Parent::Document => out
                        .documents
                        .last_mut()
                        .into_iter()
                        .for_each(|(_, r)| r.push(Result { obx: segment, notes: Vec::new() })),
                    Parent::Patient => out.loose.push(result),
                    Parent::Other => {}
                }
            }
            b"NTE" => note(&mut out, parent, after_result, segment),
            b"PID" | b"PV1" | b"PV2" | b"AL1" | b"DG1" | b"NK1" => parent = Parent::Patient,
            b"RXA" | b"RXR" | b"FT1" | b"IN1" | b"GT1" | b"AIS" | b"AIG" | b"AIL" | b"AIP" | b"RGS"
            | b"PR1" => {
                parent = Parent::Other;
            }
            _ => {}
        }
        after_result = name == *b"OBX" || (name == *b"NTE" && after_result);
    }
    out
}

fn note<'m>(out: &mut Grouped<'m>, parent: Parent, after_result: bool, segment: Segment<'m>) {
    let results = match parent {
        Parent::Order => out.orders.last_mut().map(|o| &mut o.results),
        Parent::Document => out.documents.last_mut().map(|(_, r)| r),
        Parent::Patient => Some(&mut out.loose),
        Parent::Other => None,
    };
    if after_result {
        if let Some(result) = results.and_then(|r| r.last_mut()) {
            result.notes.push(segment);
        }
    } else if parent == Parent::Order
        && let Some(order) = out.orders.last_mut()
    {
        order.notes.push(segment);
    }
}
