//! Why a TLS connection failed, in words.

use crate::model::Obstacle;
use rustls::{AlertDescription, CertificateError, Error};

/// What is wrong with the other side, as the end of a sentence.
pub fn words(e: &Error) -> String {
    match e {
        Error::InvalidCertificate(c) => certificate(c),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server wants a certificate of the client (`sslcert`, `sslkey`)".into()
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) => "the server speaks no version of TLS from 1.2 on".into(),
        // What the server finds fault with is the client's own certificate.
        Error::AlertReceived(a) => match a {
            AlertDescription::UnknownCA => "the server trusts nobody who signed the client's certificate (`sslcert`)".into(),
            AlertDescription::CertificateExpired => "the server says that the client's certificate (`sslcert`) has expired".into(),
            AlertDescription::CertificateRevoked => "the server says that the client's certificate (`sslcert`) was revoked".into(),
            AlertDescription::BadCertificate | AlertDescription::UnsupportedCertificate | AlertDescription::CertificateUnknown => {
                "the server does not take the client's certificate (`sslcert`)".into()
            }
            a => format!("the server broke it off ({a:?})"),
        },
        other => other.to_string(),
    }
}

/// What it is for whoever asks why there is no connection.
pub fn obstacle(e: &Error) -> Obstacle {
    match e {
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => Obstacle::Expired,
        _ => Obstacle::Tls,
    }
}

fn certificate(e: &CertificateError) -> String {
    use CertificateError as C;
    match e {
        _ if self_signed(e) => "its certificate is self-signed".into(),
        C::UnknownIssuer => "its certificate is signed by nobody who is trusted here".into(),
        C::Expired | C::ExpiredContext { .. } => "its certificate has expired".into(),
        C::NotValidYet | C::NotValidYetContext { .. } => "its certificate is not valid yet".into(),
        C::NotValidForName => "its certificate carries another name".into(),
        C::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().map(|p| name(p)).collect();
            if names.is_empty() {
                return format!("its certificate carries no name, and {} is wanted", expected.to_str());
            }
            format!("its certificate is for {}, not for {}", crate::text::clean(&names.join(", ")), expected.to_str())
        }
        C::Revoked => "its certificate has been revoked".into(),
        C::BadEncoding => "its certificate cannot be read".into(),
        C::BadSignature => "a signature does not fit its certificate".into(),
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => "its certificate is not made for a server".into(),
        other => format!("its certificate is refused: {other}"),
    }
}

/// An authority's own certificate stands where a server's is expected.
fn self_signed(e: &CertificateError) -> bool {
    // The library below has no name for it in its interface.
    matches!(e, CertificateError::Other(o) if format!("{o:?}").contains("CaUsedAsEndEntity"))
}

/// Whether it is the server that does not take the client's certificate, and not the other way round.
pub fn about_client(e: &Error) -> bool {
    use AlertDescription as A;
    matches!(
        e,
        Error::AlertReceived(
            A::UnknownCA
                | A::CertificateExpired
                | A::CertificateRevoked
                | A::BadCertificate
                | A::UnsupportedCertificate
                | A::CertificateUnknown
                | A::CertificateRequired
        )
    )
}

/// A name that a certificate carries, from how rustls prints it: `DnsName("db.example")`.
pub fn name(printed: &str) -> String {
    printed.split_once('(').map_or(printed, |(_, rest)| rest.trim_end_matches(')')).trim_matches('"').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;

    #[test]
    fn words_name_what_is_wrong() {
        let bad = |c| words(&Error::InvalidCertificate(c));
        let context = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("db.example").unwrap(),
            presented: vec!["DnsName(\"localhost\")".into(), "DnsName(\"other\")".into()],
        };
        assert_eq!(bad(context), "its certificate is for localhost, other, not for db.example");
        let none = CertificateError::NotValidForNameContext { expected: ServerName::try_from("db").unwrap(), presented: Vec::new() };
        assert_eq!(bad(none), "its certificate carries no name, and db is wanted");
        assert_eq!(bad(CertificateError::Expired), "its certificate has expired");
        let alert = Error::AlertReceived(AlertDescription::UnknownCA);
        assert!(words(&alert).contains("the client's certificate") && about_client(&alert));
        assert!(!about_client(&Error::InvalidCertificate(CertificateError::Expired)));
        for e in [Error::InvalidCertificate(CertificateError::UnknownIssuer), Error::AlertReceived(AlertDescription::HandshakeFailure)] {
            assert!(!words(&e).is_empty());
        }
    }
}
