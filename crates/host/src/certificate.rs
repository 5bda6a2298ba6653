//! What a client certificate says of its holder: fingerprint and common name. The certificate was verified when the
//! connection was made; here it is only read.

use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};

/// id-at-commonName (X.520).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// SHA-256 of the certificate in DER, its fingerprint as `openssl x509 -fingerprint -sha256` gives it.
pub fn fingerprint(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}

/// The subject's common name (RFC 5280, 4.1.2.6). `None` where it has none, more than one, or one that is no text.
pub fn common_name(der: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    let mut names = certificate.tbs_certificate().subject().iter().filter(|name| name.oid == COMMON_NAME);
    let only = names.next().filter(|_| names.next().is_none())?;
    let text = match only.value.tag() {
        Tag::Utf8String => only.value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::PrintableString => only.value.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::Ia5String => only.value.decode_as::<Ia5StringRef<'_>>().ok()?.as_str().to_owned(),
        _ => return None,
    };
    Some(text)
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
        assert_eq!(
            common_name(&of(&[(DnType::CommonName, "one"), (DnType::CustomDnType(vec![2, 5, 4, 3]), "two")])),
            None
        );
        assert_eq!(fingerprint(b"")[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }
}
