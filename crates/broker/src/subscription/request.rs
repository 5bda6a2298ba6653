//! What a Subscription asks for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// Extensions of the backport.
const EXTENSIONS: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-";
/// Header lines that a subscriber can't set.
const OWN_HEADERS: &[&str] =
    &["host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "x-request-id"];
/// Header lines of one subscription.
const HEADERS_MAX: usize = 20;
/// Shortest time between two heartbeats, in seconds.
const HEARTBEAT_SECONDS_MIN: u64 = 10;

/// What events are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A stay in hospital began.
    Admission,
    /// A stay in hospital ended.
    Discharge,
}

impl Topic {
    /// Every topic with the URLs by which it is known, ours first. The second is that of HL7's example of the topic.
    pub const ALL: &'static [(Topic, &'static [&'static str])] = &[
        (
            Topic::Admission,
            &[
                "https://fhir.causeway.example/SubscriptionTopic/admission",
                "http://hl7.org/SubscriptionTopic/admission",
            ],
        ),
        (Topic::Discharge, &["https://fhir.causeway.example/SubscriptionTopic/discharge"]),
    ];

    fn of(url: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, urls)| urls.contains(&url)).map(|(topic, _)| *topic)
    }

    /// Whether an Encounter that was `before` and is `now` is an event: a stay in hospital (class of v3-ActCode) whose status
    /// comes to be what the topic names.
    pub fn is_event(self, before: Option<&Value>, now: &Value) -> bool {
        let stay = matches!(now["class"]["code"].as_str(), Some("IMP" | "ACUTE" | "NONAC"));
        let wanted = match self {
            Self::Admission => "in-progress",
            Self::Discharge => "finished",
        };
        stay && now["status"] == wanted && before.is_none_or(|before| before["status"] != wanted)
    }
}

/// How much a notification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// That something happened.
    Empty,
    /// What it is about, by reference.
    IdOnly,
    /// The resource.
    FullResource,
}

impl Content {
    /// All, from the one that says least.
    pub const ALL: [Self; 3] = [Self::Empty, Self::IdOnly, Self::FullResource];

    /// The code of the backport.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::IdOnly => "id-only",
            Self::FullResource => "full-resource",
        }
    }

    /// The content of a code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|content| content.code() == code)
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What about.
    pub topic: Topic,
    /// The topic's URL as it was given.
    pub topic_url: String,
    /// Only about this Patient (id).
    pub patient: Option<String>,
    /// Where notifications go.
    pub endpoint: String,
    /// How much they say.
    pub content: Content,
    /// Seconds between heartbeats.
    pub heartbeat: Option<u64>,
    /// Seconds that the receiver has to answer.
    pub timeout: Option<u64>,
    /// Header lines that go with each.
    pub headers: BTreeMap<String, String>,
    /// When it is over.
    pub end: Option<Timestamp>,
}

/// Why a Subscription is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: &'static str,
    /// One sentence.
    pub text: String,
}

fn fault(at: &'static str, text: impl Into<String>) -> Fault {
    Fault { at, text: text.into() }
}

/// Value of an extension of the backport, of whichever type.
fn extension<'v>(of: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    let url = format!("{EXTENSIONS}{name}");
    let all = of["extension"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(move |e| e["url"] == url.as_str()).filter_map(|e| {
        e.as_object()?.iter().find(|(key, _)| key.starts_with("value")).map(|(_, value)| value)
    })
}

/// Reads a Subscription.
///
/// # Errors
/// The first thing that is wrong, or that is asked for and not done here.
pub fn read(resource: &Value) -> Result<Asked, Fault> {
    if resource["resourceType"] != "Subscription" {
        return Err(fault("Subscription", "a Subscription is needed"));
    }
    if resource["reason"].as_str().is_none_or(|r| r.trim().is_empty()) {
        return Err(fault("Subscription.reason", "a reason is needed"));
    }
    let url = resource["criteria"].as_str().unwrap_or_default();
    let topic = Topic::of(url).ok_or_else(|| {
        fault(
            "Subscription.criteria",
            "the criteria are the URL of a topic that this server knows: see its CapabilityStatement",
        )
    })?;
    let mut patient = None;
    for filter in extension(&resource["_criteria"], "filter-criteria") {
        let text = filter.as_str().unwrap_or_default();
        let query = text.strip_prefix("Encounter?").unwrap_or(text);
        let id = query
            .strip_prefix("patient=")
            .or(query.strip_prefix("subject="))
            .map(|v| v.strip_prefix("Patient/").unwrap_or(v));
        match id.filter(|id| !id.is_empty() && !id.contains(['&', ',', ':', '|'])) {
            Some(id) if patient.is_none() => patient = Some(id.to_owned()),
            _ => {
                return Err(fault(
                    "Subscription.criteria.extension",
                    "the filter of these topics is one patient: Encounter?patient=Patient/[id]",
                ));
            }
        }
    }
    let channel = &resource["channel"];
    if channel["type"] != "rest-hook" {
        return Err(fault("Subscription.channel.type", "only rest-hook is served"));
    }
    let endpoint = channel["endpoint"].as_str().unwrap_or_default();
    if !(endpoint.starts_with("https://") || endpoint.starts_with("http://")) {
        return Err(fault("Subscription.channel.endpoint", "an http or https address is needed"));
    }
    if !matches!(channel["payload"].as_str(), None | Some("application/fhir+json" | "application/json")) {
        return Err(fault("Subscription.channel.payload", "notifications are application/fhir+json"));
    }
    let content = extension(&channel["_payload"], "payload-content").next().and_then(Value::as_str);
    let content = content.and_then(Content::of).ok_or_else(|| {
        fault(
            "Subscription.channel.payload.extension",
            "the extension backport-payload-content says empty, id-only or full-resource",
        )
    })?;
    let number = |name: &str, at: &'static str| match extension(channel, name).next() {
        None => Ok(None),
        Some(value) => {
            value.as_u64().filter(|n| *n > 0).map(Some).ok_or_else(|| fault(at, "a whole number above 0"))
        }
    };
    let heartbeat = number("heartbeat-period", "Subscription.channel.extension")?;
    if heartbeat.is_some_and(|seconds| seconds < HEARTBEAT_SECONDS_MIN) {
        return Err(fault("Subscription.channel.extension", "heartbeats come every 10 seconds at most"));
    }
    let timeout = number("timeout", "Subscription.channel.extension")?;
    // Each notification tells of one event, so any maximum is kept.
    number("max-count", "Subscription.channel.extension")?;
    let mut headers = BTreeMap::new();
    for line in channel["header"].as_array().into_iter().flatten() {
        let (name, value) = line.as_str().and_then(|l| l.split_once(':')).unwrap_or_default();
        let name = name.trim().to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        let plain = value.bytes().all(|b| (b' '..=b'~').contains(&b));
        if name.is_empty()
            || !name.bytes().all(token)
            || !plain
            || OWN_HEADERS.contains(&&*name)
            || headers.len() >= HEADERS_MAX
        {
            return Err(fault(
                "Subscription.channel.header",
                "a header line is Name: value, and not one that the channel itself has",
            ));
        }
        headers.insert(name, value.trim().to_owned());
    }
    let end = match &resource["end"] {
        Value::Null => None,
        end => Some(
            end.as_str()
                .and_then(|t| t.parse().ok())
                .ok_or_else(|| fault("Subscription.end", "an instant is needed"))?,
        ),
    };
    Ok(Asked {
        topic,
        topic_url: url.to_owned(),
        patient,
        endpoint: endpoint.to_owned(),
        content,
        heartbeat,
        timeout,
        headers,
        end,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_done_is_refused_at_its_place() {
        let sound = json!({
            "resourceType": "Subscription", "status": "requested", "reason": "to visit after a fall",
            "criteria": "https://fhir.causeway.example/SubscriptionTopic/admission",
            "_criteria": {"extension": [{"url": format!("{EXTENSIONS}filter-criteria"), "valueString": "Encounter?patient=Patient/123"}]},
            "channel": {"type": "rest-hook", "endpoint": "https://team.example/hook", "payload": "application/fhir+json",
                "_payload": {"extension": [{"url": format!("{EXTENSIONS}payload-content"), "valueCode": "id-only"}]},
                "extension": [{"url": format!("{EXTENSIONS}heartbeat-period"), "valueUnsignedInt": 86400},
                    {"url": format!("{EXTENSIONS}timeout"), "valueUnsignedInt": 60},
                    {"url": format!("{EXTENSIONS}max-count"), "valuePositiveInt": 20}],
                "header": ["Authorization: Bearer abc"]},
        });
        let asked = read(&sound).unwrap();
        assert_eq!(
            (asked.patient.as_deref(), asked.heartbeat, asked.content),
            (Some("123"), Some(86400), Content::IdOnly)
        );
        for (at, instead, place) in [
            ("/criteria", json!("http://other.example/topic"), "Subscription.criteria"),
            ("/criteria", json!("Encounter?status=in-progress"), "Subscription.criteria"),
            (
                "/_criteria/extension/0/valueString",
                json!("Encounter?patient:identifier=x|1"),
                "Subscription.criteria.extension",
            ),
            (
                "/_criteria/extension/0/valueString",
                json!("Encounter?class=IMP"),
                "Subscription.criteria.extension",
            ),
            ("/channel/type", json!("email"), "Subscription.channel.type"),
            ("/channel/endpoint", json!("ftp://x"), "Subscription.channel.endpoint"),
            ("/channel/payload", json!("application/fhir+xml"), "Subscription.channel.payload"),
            ("/channel/_payload", json!({}), "Subscription.channel.payload.extension"),
            ("/channel/header/0", json!("Host: other.example"), "Subscription.channel.header"),
            ("/channel/header/0", json!("A: b\r\nHost: x"), "Subscription.channel.header"),
            ("/channel/extension/0/valueUnsignedInt", json!(1), "Subscription.channel.extension"),
            ("/reason", json!(""), "Subscription.reason"),
        ] {
            let mut changed = sound.clone();
            *changed.pointer_mut(at).unwrap() = instead;
            assert_eq!(read(&changed).unwrap_err().at, place, "{at}");
        }
    }

    #[test]
    fn an_admission_is_told_once() {
        let stay = |status: &str, class: &str| json!({"status": status, "class": {"code": class}});
        let event = |before: Option<&str>, now: &str, class| {
            Topic::Admission.is_event(before.map(|b| stay(b, "IMP")).as_ref(), &stay(now, class))
        };
        assert!(event(None, "in-progress", "IMP") && event(Some("planned"), "in-progress", "ACUTE"));
        assert!(!event(Some("in-progress"), "in-progress", "IMP"), "an update of a stay");
        assert!(!event(None, "in-progress", "AMB") && !event(None, "planned", "IMP"));
        assert!(Topic::Discharge.is_event(Some(&stay("in-progress", "IMP")), &stay("finished", "IMP")));
    }
}
