//! The grammar of MEDRPT: which segment belongs to which part of the report. Nothing is judged here, and
//! nothing is dropped: a segment that has no place is listed as such.

use std::ops::Range;

use causeway_core::{ItemId, Leaf, Outcome};
use causeway_edifact::{Message, Source, View};

/// A party (group 1, S01): NAD, its kind and its references.
#[derive(Debug, Default)]
pub(crate) struct Party<'s> {
    pub nad: Option<View<'s>>,
    pub kind: Option<Leaf<'s>>,
    pub references: Vec<View<'s>>,
}

/// A specimen (group 16, S16).
#[derive(Debug, Default)]
pub(crate) struct Specimen<'s> {
    pub sequence: Option<Leaf<'s>>,
    pub characteristics: Vec<View<'s>>,
    pub references: Vec<View<'s>>,
    pub quantities: Vec<View<'s>>,
    pub times: Vec<View<'s>>,
    pub notes: Vec<View<'s>>,
}

/// A reference range (group 20, S20) with the population that it is for.
#[derive(Debug, Default)]
pub(crate) struct ReferenceRange<'s> {
    pub limits: Option<View<'s>>,
    pub texts: Vec<View<'s>>,
}

/// An investigation: a result, or the heading of a battery.
#[derive(Debug)]
pub(crate) struct Investigation<'s> {
    pub inv: View<'s>,
    pub sequence: Option<Leaf<'s>>,
    pub result: Option<View<'s>>,
    pub status: Option<Leaf<'s>>,
    pub references: Vec<View<'s>>,
    pub texts: Vec<View<'s>>,
    pub ranges: Vec<ReferenceRange<'s>>,
}

/// One report, read.
#[derive(Debug, Default)]
pub(crate) struct Report<'s> {
    /// `MEDRPT` (UNH S009 0065).
    pub kind: Option<Leaf<'s>>,
    /// `NHS002`, `NHS003` or `NHS004` (UNH S009 0057).
    pub variant: Option<Leaf<'s>>,
    /// Document name (BGM).
    pub document: Option<Leaf<'s>>,
    /// Date and time of the message (DTM+137).
    pub message_time: Option<View<'s>>,
    pub parties: Vec<Party<'s>>,
    /// References of the report (S02 RFF).
    pub references: Vec<View<'s>>,
    pub status: Option<Leaf<'s>>,
    pub issued: Option<View<'s>>,
    pub notes: Vec<View<'s>>,
    /// References of the patient (S06 RFF).
    pub subject_references: Vec<View<'s>>,
    pub addresses: Vec<View<'s>>,
    pub person: Option<View<'s>>,
    pub birth: Option<View<'s>>,
    pub sex: Option<Leaf<'s>>,
    /// Clinical information (S10): CIN and FTX+CID.
    pub clinical: Vec<View<'s>>,
    pub clinical_texts: Vec<View<'s>>,
    pub specimens: Vec<Specimen<'s>>,
    pub investigations: Vec<Investigation<'s>>,
    /// Segments that this format has no place for.
    pub unplaced: Vec<ItemId>,
    /// Processing indicators other than `N`.
    pub indicators: Vec<Leaf<'s>>,
    /// Items that say nothing of a person: envelope, group numbers.
    pub structural: Vec<ItemId>,
    /// Whether the report section (S02) is there.
    pub has_report_section: bool,
    /// Items of the message.
    pub items: Range<ItemId>,
    /// First item of UNH, to hang an issue on that concerns the whole.
    pub head: Option<ItemId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Head,
    Party,
    Report,
    Subject,
    Person,
    Clinical,
    Specimen,
    Investigation,
    Range,
}

/// Reads a message into its parts.
pub(crate) fn read<'s>(source: &'s Source<'_>, message: &Message) -> Report<'s> {
    let mut report = Report { items: items(source, message), ..Report::default() };
    if let Some(unh) = source.view(message.header) {
        report.head = unh.first();
        report.kind = unh.get(2, 1);
        report.variant = unh.get(2, 5);
        let variant = report.variant.map(|l| l.id);
        report.structural.extend(unh.leaves().map(|l| l.id).filter(|id| Some(*id) != variant));
    }
    if let Some(unt) = message.trailer.and_then(|t| source.view(t)) {
        report.structural.extend(unt.items());
    }
    let mut section = Section::Head;
    for view in message.body.clone().filter_map(|index| source.view(index)) {
        section = report.take(section, view);
    }
    report
}

/// The items of a message, from its first segment to its last.
pub(crate) fn items(source: &Source<'_>, message: &Message) -> Range<ItemId> {
    let mut all = message.segments().filter_map(|index| source.view(index)).map(|view| view.items());
    let first = all.next().unwrap_or_default();
    let end = all.next_back().map_or(first.end, |last| last.end);
    first.start..end
}

impl<'s> Report<'s> {
    /// Puts one segment where it belongs and says in which section the next one stands.
    fn take(&mut self, section: Section, view: View<'s>) -> Section {
        if let Some(opened) = self.open(view) {
            return opened;
        }
        match view.tag {
            b"INV" => {
                self.investigations.push(Investigation {
                    inv: view,
                    sequence: None,
                    result: None,
                    status: None,
                    references: Vec::new(),
                    texts: Vec::new(),
                    ranges: Vec::new(),
                });
                // INV-1 (4233) is always MQ, measurable quantity.
                self.structural.extend(view.get(1, 1).map(|l| l.id));
                return Section::Investigation;
            }
            b"GIS" => {
                for leaf in view.leaves() {
                    if leaf.text.trim() == "N" {
                        self.structural.push(leaf.id)
                    } else {
                        self.indicators.push(leaf)
                    }
                }
                return section;
            }
            _ => {}
        }
        let placed = match section {
            Section::Head => self.head_segment(view),
            Section::Party => self.party_segment(view),
            Section::Report => self.report_segment(view),
            Section::Subject | Section::Person => self.person_segment(view),
            Section::Clinical => self.clinical_segment(view),
            Section::Specimen => self.specimen_segment(view),
            Section::Investigation | Section::Range => self.result_segment(section, view),
        };
        if !placed {
            self.unplaced.extend(view.first());
        }
        section
    }

    /// A section heading (S01 …) opens its section; its number says nothing.
    fn open(&mut self, view: View<'s>) -> Option<Section> {
        let opened = match view.tag {
            b"S01" => {
                self.parties.push(Party::default());
                Section::Party
            }
            b"S02" => {
                self.has_report_section = true;
                Section::Report
            }
            b"S06" => Section::Subject,
            b"S07" => Section::Person,
            b"S10" => Section::Clinical,
            b"S16" => {
                self.specimens.push(Specimen::default());
                Section::Specimen
            }
            b"S20" => {
                self.investigations.last_mut()?.ranges.push(ReferenceRange::default());
                Section::Range
            }
            _ => return None,
        };
        self.structural.extend(view.items());
        Some(opened)
    }

    fn head_segment(&mut self, view: View<'s>) -> bool {
        match view.tag {
            b"BGM" if self.document.is_none() => {
                self.document = view.get(1, 1);
                true
            }
            b"DTM" if view.text(1, 1) == "137" => set(&mut self.message_time, Some(view)),
            _ => false,
        }
    }

    fn party_segment(&mut self, view: View<'s>) -> bool {
        let Some(party) = self.parties.last_mut() else { return false };
        match view.tag {
            b"NAD" => set(&mut party.nad, Some(view)),
            b"SPR" => set(&mut party.kind, view.get(1, 1)),
            b"RFF" => push(&mut party.references, view),
            _ => false,
        }
    }

    fn report_segment(&mut self, view: View<'s>) -> bool {
        match view.tag {
            b"RFF" => push(&mut self.references, view),
            b"STS" => set(&mut self.status, view.get(2, 1)),
            b"DTM" if view.text(1, 1) == "ISR" => set(&mut self.issued, Some(view)),
            b"FTX" => push(&mut self.notes, view),
            _ => false,
        }
    }

    fn person_segment(&mut self, view: View<'s>) -> bool {
        match view.tag {
            b"RFF" => push(&mut self.subject_references, view),
            b"ADR" => push(&mut self.addresses, view),
            b"PNA" => set(&mut self.person, Some(view)),
            b"DTM" if view.text(1, 1) == "329" => set(&mut self.birth, Some(view)),
            b"PDI" => set(&mut self.sex, view.get(1, 1)),
            _ => false,
        }
    }

    fn clinical_segment(&mut self, view: View<'s>) -> bool {
        match view.tag {
            b"CIN" => push(&mut self.clinical, view),
            b"FTX" => push(&mut self.clinical_texts, view),
            _ => false,
        }
    }

    fn specimen_segment(&mut self, view: View<'s>) -> bool {
        let Some(specimen) = self.specimens.last_mut() else { return false };
        match view.tag {
            b"SEQ" => set(&mut specimen.sequence, view.get(2, 1)),
            b"SPC" => push(&mut specimen.characteristics, view),
            b"RFF" => push(&mut specimen.references, view),
            b"QTY" => push(&mut specimen.quantities, view),
            b"DTM" => push(&mut specimen.times, view),
            b"FTX" => push(&mut specimen.notes, view),
            _ => false,
        }
    }

    fn result_segment(&mut self, section: Section, view: View<'s>) -> bool {
        let Some(result) = self.investigations.last_mut() else { return false };
        if section == Section::Range
            && let Some(range) = result.ranges.last_mut()
        {
            match view.tag {
                b"RND" => return set(&mut range.limits, Some(view)),
                b"FTX" => return push(&mut range.texts, view),
                _ => {}
            }
        }
        match view.tag {
            b"SEQ" => set(&mut result.sequence, view.get(2, 1)),
            b"RSL" => set(&mut result.result, Some(view)),
            b"STS" => set(&mut result.status, view.get(2, 1)),
            b"RFF" => push(&mut result.references, view),
            b"FTX" => push(&mut result.texts, view),
            _ => false,
        }
    }

    /// Claims what says nothing of a person.
    pub(crate) fn claim_structural(&self, claim: &mut dyn FnMut(ItemId, Outcome)) {
        for id in &self.structural {
            claim(*id, Outcome::Structural);
        }
    }

    /// The report's own reference (RFF+SRI).
    pub(crate) fn identifier(&self) -> Option<Leaf<'s>> {
        self.references
            .iter()
            .find(|rff| rff.text(1, 1) == "SRI")
            .and_then(|rff| rff.get(1, 2))
            .filter(|l| !l.is_blank())
    }
}

/// Fills a place that holds one; `false` where it is taken, so that the second one is told of.
fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    if place.is_some() || value.is_none() {
        return place.is_none();
    }
    *place = value;
    true
}

/// Keeps a segment that says something; of one that says nothing there is nothing to account for.
fn push<'s>(list: &mut Vec<View<'s>>, view: View<'s>) -> bool {
    if view.first().is_some() {
        list.push(view);
    }
    true
}

/// The lines of a free text (FTX C108), however many there are, joined by line feeds; an empty line between
/// two others stays one. With the items that the text came from.
pub(crate) fn text<'s>(ftx: &View<'s>) -> (std::borrow::Cow<'s, str>, Vec<Leaf<'s>>) {
    let mut lines = ftx.element(4).filter(|(_, leaf)| !leaf.is_blank());
    let Some((mut at, first)) = lines.next() else { return ("".into(), Vec::new()) };
    let mut from = vec![first];
    let mut text = std::borrow::Cow::Borrowed(first.text.trim_end());
    for (next, leaf) in lines {
        let out = text.to_mut();
        out.extend(std::iter::repeat_n('\n', usize::from(next.saturating_sub(at).max(1))));
        out.push_str(leaf.text.trim_end());
        from.push(leaf);
        at = next;
    }
    (text, from)
}
