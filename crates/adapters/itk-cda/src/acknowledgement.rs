//! ITK acknowledgements: those that a sender asks for, and those that arrive.
//!
//! The envelope's handling specification asks for an infrastructure acknowledgement (`infackrequested`: it arrived), a
//! business acknowledgement (`ackrequested`: it was taken in), or neither. A message has one answer here: where both are
//! asked for it is the business one, which says more; a refusal of the envelope is always an infrastructure one.

use causeway_adapter::{Acknowledgement, Composer};
use causeway_core::Outcome;
use causeway_mime::itk::{Envelope, is_true};
use causeway_xml::{Element, escape_attribute};

use crate::rules;

const BUSINESS: &str = "urn:nhs-itk:ns:201005:ackrequested";
const INFRASTRUCTURE: &str = "urn:nhs-itk:ns:201005:infackrequested";

/// What became of the documents.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Documents that were taken in.
    pub taken: usize,
    /// The rule of the first refusal.
    pub refused: Option<&'static str>,
}

/// Whether a message is an acknowledgement itself; then it is told and holds no record.
pub(crate) fn received(c: &mut Composer<'_>, root: Element<'_>) -> bool {
    let names = ["InfrastructureResponse", "BusinessResponseMessage", "SimpleMessageResponse"];
    let found = std::iter::once(root).chain(root.descendants()).find(|e| names.contains(&e.name()));
    let Some(element) = found else { return false };
    let result = element.attribute("result");
    let by = element.children().find(|e| e.name().starts_with("acknowledgedBy"));
    let code = by.and_then(|e| e.attribute("typeCode"));
    let failed = result.is_some_and(|r| !r.text.trim().eq_ignore_ascii_case("ok"))
        || code.is_some_and(|c| c.text.trim() != "AA");
    let rule = if failed { rules::ACKNOWLEDGED_FAILURE } else { rules::ACKNOWLEDGED };
    let about = result.or(code).map(|l| l.id).or_else(|| element.items().next());
    match about {
        Some(item) => c.issue_at(item, rule.issue()),
        None => c.issue(rule.issue()),
    }
    let reason = "an acknowledgement says nothing of a person";
    c.ledger.claim_rest(0..c.ledger.next_id(), Outcome::Unsupported, reason);
    true
}

/// The answer to a message, where its sender asks for one.
pub(crate) fn answer(
    c: &Composer<'_>,
    root: Element<'_>,
    envelope: Option<Envelope<'_>>,
    answer: &Answer,
) -> Option<Acknowledgement> {
    let envelope = envelope?;
    if answer.taken == 0 && answer.refused.is_none() {
        return None;
    }
    let asked = |key| envelope.handling(key).is_some_and(|l| is_true(l.text));
    let positive = answer.refused.is_none();
    let soap = root.name() == "Envelope";
    let (bytes, media) = if asked(BUSINESS) && (positive || answer.taken > 0 || !asked(INFRASTRUCTURE)) {
        (enveloped(c, envelope, "Business", &business(c, envelope, answer)), "text/xml")
    } else if asked(INFRASTRUCTURE) {
        (enveloped(c, envelope, "Infrastructure", &infrastructure(c, envelope, answer)), "text/xml")
    } else if soap {
        (simple(c, envelope, root, answer), "text/xml")
    } else {
        return None;
    };
    Some(Acknowledgement { bytes: bytes.into_bytes(), media_type: media, extension: "xml", positive })
}

fn tracking(envelope: Envelope<'_>) -> String {
    escape_attribute(envelope.tracking_id().map_or("", |l| l.text.trim())).into_owned()
}

/// A UUID that this message's answer always has, in upper case as ITK writes them.
fn own_id(c: &Composer<'_>, envelope: Envelope<'_>, name: &str) -> String {
    let key = format!("{name}|{}", envelope.tracking_id().map_or("", |l| l.text.trim()));
    c.id("Acknowledgement", &key).to_uppercase()
}

fn infrastructure(c: &Composer<'_>, envelope: Envelope<'_>, answer: &Answer) -> String {
    let (result, errors) = match answer.refused {
        None => ("OK", "<itk:errors/>".to_owned()),
        Some(rule) => ("Failure", format!("<itk:errors>{}</itk:errors>", error(c, envelope, rule))),
    };
    let service = escape_attribute(envelope.service().map_or("", |l| l.text.trim())).into_owned();
    format!(
        "<itk:InfrastructureResponse xmlns:itk=\"urn:nhs-itk:ns:201005\" result=\"{result}\" timestamp=\"{}\" \
         trackingIdRef=\"{}\" serviceRef=\"{service}\"><itk:reportingIdentity><itk:id \
         uri=\"urn:nhs-uk:identity:causeway\"/></itk:reportingIdentity>{errors}</itk:InfrastructureResponse>",
        c.context.received,
        tracking(envelope),
    )
}

fn error(c: &Composer<'_>, envelope: Envelope<'_>, rule: &str) -> String {
    format!(
        "<itk:errorInfo><itk:ErrorID>{}</itk:ErrorID><itk:ErrorCode \
         codeSystem=\"2.16.840.1.113883.2.1.3.2.4.17.268\">2200</itk:ErrorCode><itk:ErrorText>Invalid \
         message</itk:ErrorText><itk:ErrorDiagnosticText>{rule}</itk:ErrorDiagnosticText></itk:errorInfo>",
        own_id(c, envelope, "error")
    )
}

/// `AA` taken in, `AE` some of it refused, `AR` all of it.
fn business(c: &Composer<'_>, envelope: Envelope<'_>, answer: &Answer) -> String {
    let code = match (answer.refused, answer.taken) {
        (None, _) => "AA",
        (Some(_), 0) => "AR",
        (Some(_), _) => "AE",
    };
    let detail = answer.refused.map_or_else(String::new, |rule| {
        format!(
            "<acknowledgementDetail><code code=\"2200\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.17.268\" \
             displayName=\"{rule}\"/></acknowledgementDetail>"
        )
    });
    let time: String = c.context.received.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    format!(
        "<BusinessResponseMessage xmlns=\"urn:hl7-org:v3\"><id root=\"{}\"/><creationTime value=\"{time}+0000\"/>\
         <interactionId root=\"2.16.840.1.113883.2.1.3.2.4.12\" \
         extension=\"urn:nhs-itk:interaction:ITKBusinessAcknowledgement-v1-0\"/><acknowledgedBy3 \
         typeCode=\"{code}\"><conveyingTransmission><id root=\"{}\"/></conveyingTransmission>{detail}\
         </acknowledgedBy3></BusinessResponseMessage>",
        own_id(c, envelope, "business message"),
        tracking(envelope),
    )
}

/// An envelope back to the sender. It asks for no acknowledgement, so that answers never go round.
fn enveloped(c: &Composer<'_>, envelope: Envelope<'_>, kind: &str, payload: &str) -> String {
    let to = envelope.sender().map_or_else(String::new, |(code, _)| {
        format!("<address uri=\"urn:nhs-uk:addressing:ods:{}\"/>", escape_attribute(code))
    });
    let id = own_id(c, envelope, kind);
    format!(
        "<DistributionEnvelope xmlns=\"urn:nhs-itk:ns:201005\"><header \
         service=\"urn:nhs-itk:services:201005:Send{kind}Ack-v1-0\" trackingid=\"{}\"><addresslist>{to}\
         </addresslist><auditIdentity><id uri=\"urn:nhs-uk:identity:causeway\"/></auditIdentity><manifest \
         count=\"1\"><manifestitem mimetype=\"text/xml\" id=\"uuid_{id}\" \
         profileid=\"urn:nhs-en:profile:ITK{kind}Acknowledgement-v1-0\"/></manifest><handlingSpecification><spec \
         key=\"urn:nhs-itk:ns:201005:interaction\" \
         value=\"urn:nhs-itk:interaction:ITK{kind}Acknowledgement-v1-0\"/></handlingSpecification></header><payloads \
         count=\"1\"><payload id=\"uuid_{id}\">{payload}</payload></payloads></DistributionEnvelope>",
        own_id(c, envelope, &format!("{kind} envelope")),
    )
}

/// The answer of the SOAP service where no acknowledgement is asked for.
fn simple(c: &Composer<'_>, envelope: Envelope<'_>, root: Element<'_>, answer: &Answer) -> String {
    let namespace = escape_attribute(root.namespace()).into_owned();
    let body = match answer.refused {
        None => {
            "<itk:SimpleMessageResponse xmlns:itk=\"urn:nhs-itk:ns:201005\">OK</itk:SimpleMessageResponse>"
                .to_owned()
        }
        Some(rule) => format!(
            "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>The message was \
             refused</faultstring><detail><itk:ToolkitErrorInfo \
             xmlns:itk=\"urn:nhs-itk:ns:201005\"><itk:ErrorID>{}</itk:ErrorID><itk:ErrorCode>2200</itk:ErrorCode>\
             <itk:ErrorText>Invalid message</itk:ErrorText><itk:ErrorDiagnosticText>{rule}\
             </itk:ErrorDiagnosticText></itk:ToolkitErrorInfo></detail></soap:Fault>",
            own_id(c, envelope, "error")
        ),
    };
    format!("<soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body>{body}</soap:Body></soap:Envelope>")
}
