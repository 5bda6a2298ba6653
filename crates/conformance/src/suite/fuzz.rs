//! Mutated requests: what the cases sent, changed by a seed. A good endpoint refuses them or takes them, and stands.

use super::expect::mask;
use super::result::{CaseResult, End, Exchange};
use super::wire::{Request, Wire};

/// A small generator of numbers (SplitMix64): the same seed sends the same requests.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }
}

/// Changes a request in one way and says which.
fn mutate(request: &mut Request, numbers: &mut Numbers) -> &'static str {
    let names: Vec<String> = request.headers.keys().filter(|n| *n != "authorization").cloned().collect();
    match numbers.below(9) {
        0 if !names.is_empty() => {
            request.headers.remove(&names[numbers.below(names.len())]);
            "a header left out"
        }
        1 if !names.is_empty() => {
            let name = names[numbers.below(names.len())].clone();
            request.headers.insert(name, "zzz;=\"%00".to_owned());
            "a header with nonsense"
        }
        2 if !names.is_empty() => {
            let name = names[numbers.below(names.len())].clone();
            request.headers.insert(name, "x".repeat(4_000));
            "a long header"
        }
        3 if !request.body.is_empty() => {
            let at = numbers.below(request.body.len());
            request.body.truncate(at);
            "a body that breaks off"
        }
        4 if !request.body.is_empty() => {
            let at = numbers.below(request.body.len());
            request.body[at] = u8::try_from(numbers.below(256)).unwrap_or_default();
            "a byte of the body changed"
        }
        5 if !request.body.is_empty() => {
            let at = numbers.below(request.body.len());
            let end = (at + 1 + numbers.below(40)).min(request.body.len());
            request.body.drain(at..end);
            "some bytes of the body left out"
        }
        6 => {
            request.method = ["GET", "POST", "PUT", "PATCH", "OPTIONS", "HEAD"][numbers.below(6)].to_owned();
            "another method"
        }
        7 => {
            let sign = if request.url.contains('?') { '&' } else { '?' };
            request.url.push_str(&format!("{sign}_count=-1&%ff=%00&a=%7B%22"));
            "a query with nonsense"
        }
        _ => {
            request.url.push_str("/%2e%2e/zzz");
            "an address with nonsense"
        }
    }
}

/// Sends `count` of them; then the first request as it was.
pub(super) fn run(requests: &[Request], count: u64, seed: u64, wire: &mut dyn Wire) -> CaseResult {
    let started = wire.ticks();
    let mut numbers = Numbers(seed);
    let (mut found, mut exchanges) = (Vec::new(), Vec::new());
    for number in 0..count {
        let Some(request) = requests.get(numbers.below(requests.len())) else { break };
        let mut request = request.clone();
        let how = mutate(&mut request, &mut numbers);
        let asked = format!("{} {} ({how})", request.method, mask(&request.url));
        let (answered, bad) = match wire.http(&request) {
            Ok(response) if response.status == 501 || response.status < 500 => continue,
            Ok(response) => (response.status.to_string(), format!("is answered with {}", response.status)),
            Err(why) => (why.clone(), format!("has no answer: {why}")),
        };
        found.push(format!("request {} of seed {seed}: {} with {how} {bad}", number + 1, request.method));
        exchanges.push(Exchange { asked, answered, sha256: String::new() });
    }
    // Whatever was sent, what was good before must be answered still.
    if let Some(first) = requests.first() {
        match wire.http(first) {
            Ok(response) if response.status < 500 => {}
            Ok(response) => {
                found.push(format!("afterwards a good request is answered with {}", response.status))
            }
            Err(why) => found.push(format!("afterwards a good request has no answer: {why}")),
        }
    } else {
        found.push("no case of this suite has requests to mutate, or none was sent".to_owned());
    }
    CaseResult {
        id: "fuzz".to_owned(),
        title: format!(
            "{count} mutated requests (seed {seed}) are refused or taken, and the endpoint stands"
        ),
        rule: "no-server-error".to_owned(),
        source: "RFC 9110, 15.5 and 15.6: what the client got wrong is 4xx".to_owned(),
        link: Some("https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5".to_owned()),
        level: "SHALL".to_owned(),
        end: match (requests.is_empty(), found.is_empty()) {
            (true, _) => End::NotRun,
            (_, true) => End::Passed,
            (_, false) => End::Failed,
        },
        found,
        mend: "Check what comes in before it is used; answer with 4xx and a reason what can't be read."
            .to_owned(),
        exchanges,
        milliseconds: wire.ticks().saturating_sub(started),
    }
}
