//! The ITK distribution envelope (ITK 2.2, namespace `urn:nhs-itk:ns:201005`), bare or within a SOAP envelope.
//!
//! ```
//! use causeway_core::Ledger;
//! use causeway_mime::itk::Envelope;
//! use causeway_xml::{Document, decode};
//!
//! let text = decode(b"<DistributionEnvelope><header trackingid='T' service='s'><addresslist>\
//!     <address uri='urn:nhs-uk:addressing:ods:ZZ901'/></addresslist><manifest count='1'>\
//!     <manifestitem id='p1' mimetype='text/xml' profileid='x'/></manifest></header>\
//!     <payloads count='1'><payload id='p1'><a/></payload></payloads></DistributionEnvelope>")?;
//! let mut ledger = Ledger::new();
//! let document = Document::parse(&text, &mut ledger)?;
//! let envelope = Envelope::find(document.root()).ok_or("no envelope")?;
//! assert_eq!(envelope.tracking_id().map(|l| l.text), Some("T"));
//! assert_eq!(envelope.recipient().map(|(code, _)| code), Some("ZZ901"));
//! assert_eq!(envelope.payloads().count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use causeway_core::Leaf;
use causeway_xml::Element;

/// What stands before the ODS code in an address or identity.
const ODS: [&str; 2] = ["urn:nhs-uk:addressing:ods:", "urn:nhs-uk:identity:ods:"];

/// A distribution envelope as an element of a document.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'d> {
    root: Element<'d>,
    header: Option<Element<'d>>,
}

/// A payload with what the manifest says of it.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'d> {
    /// `payload`: its one child is the document, or its text holds it encoded.
    pub element: Element<'d>,
    /// `manifestitem` of the same id.
    pub manifest: Option<Element<'d>>,
}

impl<'d> Payload<'d> {
    /// The document within, where it is XML.
    pub fn document(self) -> Option<Element<'d>> {
        self.element.children().next()
    }

    /// The document as text (base64, where [`Payload::is`] `base64`), where it is not XML.
    pub fn text(self) -> Option<Leaf<'d>> {
        self.element.text()
    }

    /// `mimetype`.
    pub fn media_type(self) -> Option<Leaf<'d>> {
        self.manifest?.attribute("mimetype")
    }

    /// `profileid`: which profile the document follows.
    pub fn profile(self) -> Option<Leaf<'d>> {
        self.manifest?.attribute("profileid")
    }

    /// Whether a flag of the manifest is set: `base64`, `compressed`, `encrypted`.
    pub fn is(self, flag: &str) -> bool {
        let flag = self.manifest.and_then(|m| m.attribute(flag));
        flag.is_some_and(|f| is_true(f.text))
    }
}

/// Whether a flag is set, as XML Schema writes it (`true`, `1`) or in capitals.
pub fn is_true(text: &str) -> bool {
    matches!(text.trim(), "1") || text.trim().eq_ignore_ascii_case("true")
}

impl<'d> Envelope<'d> {
    /// The envelope at or below an element; `None` where there is none.
    pub fn find(root: Element<'d>) -> Option<Self> {
        let root =
            std::iter::once(root).chain(root.descendants()).find(|e| e.name() == "DistributionEnvelope")?;
        Some(Self { root, header: root.child("header") })
    }

    /// The element itself.
    pub fn element(self) -> Element<'d> {
        self.root
    }

    /// `header`.
    pub fn header(self) -> Option<Element<'d>> {
        self.header
    }

    /// `header/@trackingid`: the id by which acknowledgements refer to the message.
    pub fn tracking_id(self) -> Option<Leaf<'d>> {
        self.header?.attribute("trackingid").filter(|l| !l.is_blank())
    }

    /// `header/@service`: what is asked for.
    pub fn service(self) -> Option<Leaf<'d>> {
        self.header?.attribute("service").filter(|l| !l.is_blank())
    }

    /// The addresses, in order.
    pub fn addresses(self) -> impl Iterator<Item = Leaf<'d>> {
        let list = self.header.and_then(|h| h.child("addresslist"));
        list.into_iter().flat_map(|l| l.children_named("address")).filter_map(|a| a.attribute("uri"))
    }

    /// The first address that is an ODS code (`urn:nhs-uk:addressing:ods:CODE`, a workgroup after a further colon left
    /// out), with its item.
    pub fn recipient(self) -> Option<(&'d str, Leaf<'d>)> {
        self.addresses().find_map(|leaf| Some((ods(leaf.text)?, leaf)))
    }

    /// Who sent it: the ODS code of `senderAddress`, else of `auditIdentity/id`.
    pub fn sender(self) -> Option<(&'d str, Leaf<'d>)> {
        let header = self.header?;
        let address = header.child("senderAddress").and_then(|s| s.attribute("uri"));
        let identity = header.path(&["auditIdentity", "id"]).and_then(|i| i.attribute("uri"));
        [address, identity].into_iter().flatten().find_map(|leaf| Some((ods(leaf.text)?, leaf)))
    }

    /// The value of a key of the handling specification, such as `urn:nhs-itk:ns:201005:ackrequested`.
    pub fn handling(self, key: &str) -> Option<Leaf<'d>> {
        let list = self.header?.child("handlingSpecification")?;
        let spec =
            list.children_named("spec").find(|s| s.attribute("key").is_some_and(|k| k.text.trim() == key))?;
        spec.attribute("value")
    }

    /// The payloads, in order, each with its manifest item.
    pub fn payloads(self) -> impl Iterator<Item = Payload<'d>> {
        let list = self.root.child("payloads");
        list.into_iter().flat_map(|l| l.children_named("payload")).map(move |element| {
            let id = element.attribute("id").map_or("", |l| l.text.trim());
            let items = self.header.and_then(|h| h.child("manifest"));
            let manifest = items
                .into_iter()
                .flat_map(|m| m.children_named("manifestitem"))
                .find(|item| item.attribute("id").is_some_and(|l| !id.is_empty() && l.text.trim() == id));
            Payload { element, manifest }
        })
    }
}

/// The ODS code of an address or identity.
pub fn ods(uri: &str) -> Option<&str> {
    let rest = ODS.iter().find_map(|prefix| uri.trim().strip_prefix(prefix))?;
    rest.split(':').next().filter(|code| !code.is_empty())
}

#[cfg(test)]
mod tests {
    use causeway_core::Ledger;
    use causeway_xml::{Document, decode};

    use super::*;

    const MESSAGE: &[u8] = br#"<s:Envelope xmlns:s="s"><s:Body><DistributionEnvelope xmlns="urn:nhs-itk:ns:201005">
      <header trackingid="T1" service="urn:nhs-itk:services:201005:SendNHS111Report-v2-0">
        <addresslist><address type="2.16.840.1.113883.2.1.3.2.4.18.44" uri="2000000001"/>
          <address uri="urn:nhs-uk:addressing:ods:ZZ902:group"/></addresslist>
        <auditIdentity><id uri="urn:nhs-uk:identity:ods:ZZ901"/></auditIdentity>
        <manifest count="2"><manifestitem id="b" mimetype="application/pdf" base64="true"/>
          <manifestitem id="a" mimetype="text/xml" profileid="p"/></manifest>
        <handlingSpecification><spec key="k" value="v"/></handlingSpecification>
      </header>
      <payloads count="2"><payload id="a"><ClinicalDocument/></payload><payload id="b">AAAA</payload></payloads>
    </DistributionEnvelope></s:Body></s:Envelope>"#;

    #[test]
    fn flags_are_set_as_xml_schema_writes_them() {
        for (text, set) in
            [("true", true), ("1", true), (" TRUE ", true), ("false", false), ("0", false), ("", false)]
        {
            assert_eq!(is_true(text), set, "{text:?}");
        }
    }

    #[test]
    fn addresses_sender_and_payloads_with_their_manifest() {
        let text = decode(MESSAGE).unwrap();
        let mut ledger = Ledger::new();
        let document = Document::parse(&text, &mut ledger).unwrap();
        let envelope = Envelope::find(document.root()).unwrap();
        assert_eq!(envelope.tracking_id().map(|l| l.text), Some("T1"));
        assert_eq!(envelope.recipient().map(|(code, _)| code), Some("ZZ902"));
        assert_eq!(envelope.sender().map(|(code, _)| code), Some("ZZ901"));
        assert_eq!(envelope.handling("k").map(|l| l.text), Some("v"));
        assert!(envelope.handling("absent").is_none());
        let payloads: Vec<_> = envelope.payloads().collect();
        assert_eq!(payloads[0].document().map(|d| d.name()), Some("ClinicalDocument"));
        assert_eq!(payloads[0].profile().map(|l| l.text), Some("p"));
        assert!(payloads[1].is("base64") && !payloads[0].is("base64"));
        assert_eq!(payloads[1].text().map(|l| l.text), Some("AAAA"));
        assert_eq!(payloads[1].media_type().map(|l| l.text), Some("application/pdf"));
    }

    #[test]
    fn another_document_is_no_envelope() {
        let text = decode(b"<a><b/></a>").unwrap();
        let mut ledger = Ledger::new();
        assert!(Envelope::find(Document::parse(&text, &mut ledger).unwrap().root()).is_none());
    }
}
