//! What a client certificate says of its holder: fingerprint and common name. The certificate was verified when the
//! connection was made; here it is only read.

use sha2::{Digest, Sha256};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[0] EXPLICIT`, the version of an X.509 certificate.
const VERSION: u8 = 0xA0;
/// id-at-commonName, 2.5.4.3 (X.520).
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// UTF8String, PrintableString, IA5String: all of them UTF-8.
const TEXTS: [u8; 3] = [0x0C, 0x13, 0x16];

/// SHA-256 of the certificate in DER, its fingerprint as `openssl x509 -fingerprint -sha256` gives it.
pub fn fingerprint(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}

/// One element of DER and what follows it. Lengths are definite in DER, and of four bytes at most here.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (
                bytes.iter().try_fold(0usize, |sum, b| sum.checked_mul(256)?.checked_add(usize::from(*b)))?,
                rest,
            )
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The next element, which must have this tag, and what follows it.
fn expect(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(input).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// The subject's common name (RFC 5280, 4.1.2.6). `None` where it has none, more than one, or one that is no text.
pub fn common_name(der: &[u8]) -> Option<String> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (body, _) = expect(certificate, SEQUENCE)?;
    let body = expect(body, VERSION).map_or(body, |(_, rest)| rest);
    let (_, body) = expect(body, INTEGER)?;
    let (_algorithm, body) = expect(body, SEQUENCE)?;
    let (_issuer, body) = expect(body, SEQUENCE)?;
    let (_validity, body) = expect(body, SEQUENCE)?;
    let (mut subject, _) = expect(body, SEQUENCE)?;
    let mut found = None;
    while !subject.is_empty() {
        let (mut attributes, rest) = expect(subject, SET)?;
        subject = rest;
        while !attributes.is_empty() {
            let (attribute, rest) = expect(attributes, SEQUENCE)?;
            attributes = rest;
            let (kind, value) = expect(attribute, OBJECT_IDENTIFIER)?;
            if kind != COMMON_NAME {
                continue;
            }
            let (tag, text, _) = element(value)?;
            let text = std::str::from_utf8(text).ok().filter(|_| TEXTS.contains(&tag))?;
            if found.replace(text.to_owned()).is_some() {
                return None;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn of(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in names {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_subjects_common_name_is_read() {
        let long = "x".repeat(300);
        for (names, expected) in [
            (vec![(DnType::CommonName, "client.zz901.example")], Some("client.zz901.example")),
            (vec![(DnType::OrganizationName, "ZZ901"), (DnType::CommonName, "Zoë")], Some("Zoë")),
            (vec![(DnType::CommonName, long.as_str())], Some(long.as_str())),
            (vec![(DnType::OrganizationName, "ZZ901")], None),
            (vec![], None),
        ] {
            assert_eq!(common_name(&of(&names)).as_deref(), expected, "{names:?}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_name() {
        let der = of(&[(DnType::CommonName, "client.zz901.example")]);
        for end in 0..der.len() {
            assert_eq!(common_name(&der[..end]), None, "cut at {end}");
        }
        assert_eq!(common_name(&[SEQUENCE, 0x80, 0, 0]), None);
        assert_eq!(common_name(&[SEQUENCE, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]), None);
        assert_eq!(fingerprint(b"")[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }
}
