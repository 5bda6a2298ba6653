//! Sending over MLLP: a frame goes out, and the next frame that comes back is its acknowledgement, but for answers to what was
//! answered on the same connection before: the second answer of enhanced mode, or a receiver that says its answers again.

use std::sync::Arc;
use std::time::Duration;

use causeway_exchange::AckOutcome;
use causeway_exchange::watch::hl7_meaning;
use causeway_hl7v2::mllp::{Decoder, encode};
use causeway_host::server::Stream;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use super::answer::Verdict;
use super::circuit::Whose;
use super::config::Endpoint;
use super::limits::{ANSWER_BYTES_MAX, ANSWERED_MAX, CONNECT_SECONDS, MLLP_IDLE_MAX, OURS_FOLLOWS_SECONDS};

/// Connections to one receiver that wait for the next message.
#[derive(Default)]
pub(super) struct Lines(Mutex<Vec<Line>>);

/// A connection, with what was read of it and not used yet.
struct Line {
    stream: Box<dyn Stream>,
    decoder: Decoder,
    /// Control ids of the messages that were answered on it.
    answered: Vec<String>,
}

impl Line {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, decoder: Decoder::new(ANSWER_BYTES_MAX), answered: Vec::new() }
    }

    /// Whether this is an answer to an earlier message of the connection, and not to this one.
    fn is_of_before(&self, frame: &[u8], answer: &[u8]) -> bool {
        let Some(of) = field(answer, b"MSA", 2) else { return false };
        field(frame, b"MSH", 10) != Some(of) && self.answered.iter().any(|known| known == of)
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

async fn connect(endpoint: &Endpoint, tls: Option<Arc<ClientConfig>>) -> std::io::Result<Box<dyn Stream>> {
    let (secure, address) = endpoint.mllp_address();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let Some(config) = tls.filter(|_| secure) else { return Ok(Box::new(stream)) };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let name =
        ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(std::io::Error::other)?;
    Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
}

/// Why no acknowledgement came.
enum Broken {
    /// The connection was of before, and may have been closed since: nothing was read, so try another.
    Stale,
    Lost,
    TooLong,
}

async fn exchange(line: &mut Line, frame: &[u8], reused: bool) -> Result<Vec<u8>, Broken> {
    let stale = if reused { Broken::Stale } else { Broken::Lost };
    let mut out = Vec::new();
    encode(frame, &mut out);
    if line.stream.write_all(&out).await.is_err() || line.stream.flush().await.is_err() {
        return Err(stale);
    }
    let mut buffer = vec![0; 16 * 1024];
    let mut any = false;
    // An answer to a message that was not sent on this connection: one that comes late, perhaps, and ours after it.
    let mut strange = None;
    loop {
        match line.decoder.frame() {
            Ok(Some(answer)) if line.is_of_before(frame, &answer) => {
                any = true;
                continue;
            }
            Ok(Some(answer)) if is_of_another(frame, &answer) => {
                (any, strange) = (true, Some(answer));
                continue;
            }
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(_) => return Err(Broken::TooLong),
        }
        let reading = line.stream.read(&mut buffer);
        let read = match strange.take() {
            None => reading.await,
            Some(answer) => {
                match tokio::time::timeout(Duration::from_secs(OURS_FOLLOWS_SECONDS), reading).await {
                    Ok(Ok(length)) if length > 0 => {
                        strange = Some(answer);
                        Ok(length)
                    }
                    _ => return Ok(answer),
                }
            }
        };
        match read {
            Ok(0) | Err(_) if !any && reused => return Err(Broken::Stale),
            Ok(0) | Err(_) => return Err(Broken::Lost),
            Ok(length) => {
                any = true;
                line.decoder.extend(buffer.get(..length).unwrap_or_default());
            }
        }
    }
}

/// Whether an answer names a message, and not this one.
fn is_of_another(frame: &[u8], answer: &[u8]) -> bool {
    let of = field(answer, b"MSA", 2).filter(|of| !of.is_empty());
    of.is_some() && of != field(frame, b"MSH", 10)
}

/// Sends one message and waits for its acknowledgement.
pub(super) async fn send(
    lines: &Lines,
    tls: Option<Arc<ClientConfig>>,
    endpoint: &Endpoint,
    frame: &[u8],
) -> Verdict {
    let limit = Duration::from_secs(endpoint.timeout_seconds);
    match tokio::time::timeout(limit, talk(lines, tls, endpoint, frame)).await {
        Ok(verdict) => verdict,
        Err(_) => Verdict::later("timeout", "the receiver did not acknowledge in time", Whose::Unknown),
    }
}

async fn talk(lines: &Lines, tls: Option<Arc<ClientConfig>>, endpoint: &Endpoint, frame: &[u8]) -> Verdict {
    loop {
        let kept = lines.0.lock().await.pop();
        let reused = kept.is_some();
        let mut line = match kept {
            Some(line) => line,
            None => {
                let limit = Duration::from_secs(CONNECT_SECONDS);
                match tokio::time::timeout(limit, connect(endpoint, tls.clone())).await {
                    Ok(Ok(stream)) => Line::new(stream),
                    _ => return Verdict::later("connect", "the receiver can't be reached", Whose::Endpoint),
                }
            }
        };
        match exchange(&mut line, frame, reused).await {
            Ok(answer) => {
                let verdict = of_ack(frame, &answer);
                line.answered.extend(field(frame, b"MSH", 10).map(str::to_owned));
                let mut lines = lines.0.lock().await;
                if lines.len() < MLLP_IDLE_MAX
                    && line.answered.len() < ANSWERED_MAX
                    && !matches!(verdict, Verdict::Later { whose: Whose::Unknown, .. })
                {
                    lines.push(line);
                }
                return verdict;
            }
            // An idle connection that the receiver closed: what was written went nowhere, and were it otherwise,
            // a second copy is one with the same control id, which the receiver must know.
            Err(Broken::Stale) => continue,
            Err(Broken::Lost) => {
                return Verdict::later(
                    "answer-lost",
                    "the connection broke before an acknowledgement",
                    Whose::Unknown,
                );
            }
            Err(Broken::TooLong) => {
                return Verdict::refused("answer-too-long", "the acknowledgement is longer than the limit");
            }
        }
    }
}

/// A field of the first segment of this name. Field 1 of MSH is its separator, so MSH counts one less.
pub(super) fn field<'m>(message: &'m [u8], segment: &[u8], number: usize) -> Option<&'m str> {
    let separator = *message.get(3).filter(|_| message.starts_with(b"MSH"))?;
    let line = message
        .split(|b| matches!(b, b'\r' | b'\n'))
        .find(|line| line.strip_prefix(segment).is_some_and(|rest| rest.first() == Some(&separator)))?;
    let at = if segment == b"MSH" { number.checked_sub(1)? } else { number };
    std::str::from_utf8(line.split(|b| *b == separator).nth(at)?).ok()
}

/// What an acknowledgement to a message means. HL7 v2 table 0008.
fn of_ack(sent: &[u8], answer: &[u8]) -> Verdict {
    let Some(code) = field(answer, b"MSA", 1) else {
        return Verdict::later("no-msa", "the answer holds no acknowledgement", Whose::Unknown);
    };
    if field(answer, b"MSA", 2).unwrap_or_default() != field(sent, b"MSH", 10).unwrap_or_default() {
        return Verdict::later("other-msa", "the acknowledgement is of another message", Whose::Unknown);
    }
    let Some(meaning) = hl7_meaning(code) else {
        return Verdict::refused("mllp-code", "the acknowledgement's code is none of HL7's");
    };
    let detail = format!("the receiver acknowledged with {code}");
    let infrastructure =
        (meaning.kind == causeway_exchange::AckKind::Infrastructure).then_some(AckOutcome::Positive);
    match code {
        "AA" | "CA" => Verdict::Taken { code: code.to_owned(), detail, infrastructure },
        // Rejected for a reason that has nothing to do with the message, may be accepted later (HL7 2.9.2).
        "AR" | "CR" => Verdict::Later {
            code: format!("mllp-{}", code.to_ascii_lowercase()),
            detail,
            whose: Whose::Message,
            after: None,
        },
        _ => Verdict::Refused { code: format!("mllp-{}", code.to_ascii_lowercase()), detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements() {
        let sent = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|M1|P|2.4\rPID|1";
        let word =
            |ack: &str| match of_ack(sent, format!("MSH|^~\\&|C|D|A|B|||ACK|9|P|2.4\r{ack}").as_bytes()) {
                Verdict::Taken { code, infrastructure, .. } => {
                    format!("taken {code} {}", infrastructure.is_some())
                }
                Verdict::Later { code, whose, .. } => format!("later {code} {whose:?}"),
                Verdict::Refused { code, .. } => format!("refused {code}"),
            };
        for (ack, expected) in [
            ("MSA|AA|M1", "taken AA true"),
            ("MSA|CA|M1\rERR|1", "taken CA false"),
            ("MSA|AE|M1", "refused mllp-ae"),
            ("MSA|CE|M1", "refused mllp-ce"),
            ("MSA|AR|M1", "later mllp-ar Message"),
            ("MSA|CR|M1", "later mllp-cr Message"),
            ("MSA|AA|M2", "later other-msa Unknown"),
            ("MSA|XX|M1", "refused mllp-code"),
            ("ERR|1", "later no-msa Unknown"),
        ] {
            assert_eq!(word(ack), expected, "{ack}");
        }
        assert!(matches!(of_ack(sent, b""), Verdict::Later { .. }));
    }

    #[tokio::test]
    async fn answers_to_earlier_messages_are_read_over() {
        let message =
            |id: &str| format!("MSH|^~\\&|A|B|C|D|20260101||ADT^A01|{id}|P|2.4\rPID|1").into_bytes();
        let answer = |code: &str, id: &str| {
            let mut out = Vec::new();
            encode(format!("MSH|^~\\&|C|D|A|B|||ACK|9|P|2.4\rMSA|{code}|{id}").as_bytes(), &mut out);
            out
        };
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let mut line = Line::new(Box::new(ours));
        for (id, answers, verdict) in [
            // Enhanced mode: what was committed is answered again by the application, which is read with the next.
            ("M1", vec![("CA", "M1"), ("AA", "M1")], "CA"),
            // A receiver that says all its answers again.
            ("M2", vec![("AA", "M1"), ("AA", "M2")], "AA"),
            ("M3", vec![("AE", "M1"), ("AA", "M2"), ("CA", "M3")], "CA"),
            // The same message again is answered by its own answer.
            ("M3", vec![("AA", "M3")], "AA"),
        ] {
            for (code, of) in answers {
                theirs.write_all(&answer(code, of)).await.expect("written");
            }
            let frame = message(id);
            let told = exchange(&mut line, &frame, false).await.ok().expect("an answer");
            line.answered.push(id.to_owned());
            assert!(matches!(of_ack(&frame, &told), Verdict::Taken { code, .. } if code == verdict), "{id}");
        }
        // One to a message of another connection, late, and ours after it.
        theirs.write_all(&answer("AE", "LATE")).await.expect("written");
        theirs.write_all(&answer("AA", "M3a")).await.expect("written");
        let frame = message("M3a");
        let told = exchange(&mut line, &frame, false).await.ok().expect("an answer");
        assert!(matches!(of_ack(&frame, &told), Verdict::Taken { code, .. } if code == "AA"));
        // Of a message that nobody sent here, and nothing after it: told as before.
        theirs.write_all(&answer("AA", "X9")).await.expect("written");
        let frame = message("M4");
        let told = exchange(&mut line, &frame, false).await.ok().expect("an answer");
        assert!(matches!(of_ack(&frame, &told), Verdict::Later { code, .. } if code == "other-msa"));
    }
}
