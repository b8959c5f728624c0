//! The certificate a server shows when none is configured, and what has to be read from others'.
//!
//! Only the few DER elements that occur here are known; everything else about certificates is rustls'.

#![forbid(unsafe_code)]

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::{digest, rand, rsa, signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

const SHA256_WITH_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
const RSA_ENCRYPTION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// The last byte of `id-at` attributes, and the subject's values.
const SUBJECT: [(u8, &str); 6] = [
    (6, "US"),
    (8, "Self-Signed"),
    (7, "Self-Signed"),
    (10, "Self-Signed"),
    (11, "Self-Signed"),
    (3, "localhost"),
];
const VALID_SECONDS: u64 = 365 * 24 * 3600;

/// An RSA key and a certificate for "localhost" that it signed itself.
pub fn self_signed() -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), String> {
    let unavailable = |_| "no key could be generated".to_owned();
    let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(unavailable)?;
    let to_sign = to_be_signed(key.public_key().as_ref(), UnixTime::now().as_secs());
    let mut signature = vec![0; key.public_modulus_len()];
    let random = rand::SystemRandom::new();
    key.sign(
        &signature::RSA_PKCS1_SHA256,
        &random,
        &to_sign,
        &mut signature,
    )
    .map_err(unavailable)?;
    let certificate = element(
        SEQUENCE,
        &[
            &to_sign,
            &algorithm(SHA256_WITH_RSA),
            &bit_string(&signature),
        ],
    );
    let key: Pkcs8V1Der = key.as_der().map_err(unavailable)?;
    Ok((
        certificate.into(),
        PrivatePkcs8KeyDer::from(key.as_ref().to_vec()).into(),
    ))
}

fn to_be_signed(public_key: &[u8], now: u64) -> Vec<u8> {
    let name = subject();
    let validity = element(SEQUENCE, &[&time(now), &time(now + VALID_SECONDS)]);
    let key_info = element(
        SEQUENCE,
        &[&algorithm(RSA_ENCRYPTION), &bit_string(public_key)],
    );
    let key_id = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, public_key);
    let names = [&b"\x82\x09localhost"[..], &b"\x87\x04\x7f\x00\x00\x01"[..]];
    let extensions = [
        extension(0x13, &element(SEQUENCE, &[])),
        extension(0x0e, &element(OCTET_STRING, &[key_id.as_ref()])),
        extension(0x11, &element(SEQUENCE, &names)),
    ];
    let extensions = element(SEQUENCE, &[&extensions[0], &extensions[1], &extensions[2]]);
    element(
        SEQUENCE,
        &[
            &element(VERSION, &[&element(INTEGER, &[&[2]])]),
            &element(INTEGER, &[&[1]]),
            &algorithm(SHA256_WITH_RSA),
            &name,
            &validity,
            &name,
            &key_info,
            &element(EXTENSIONS, &[&extensions]),
        ],
    )
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match len {
        0..0x80 => out.push(len as u8),
        0x80..0x100 => out.extend([0x81, len as u8]),
        _ => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    parts.iter().for_each(|part| out.extend(*part));
    out
}

fn algorithm(oid: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&element(OID, &[oid]), &element(NULL, &[])])
}

fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes])
}

fn subject() -> Vec<u8> {
    let attributes = SUBJECT.map(|(attribute, value)| {
        let oid = element(OID, &[&[0x55, 0x04, attribute]]);
        let value = element(PRINTABLE_STRING, &[value.as_bytes()]);
        element(SET, &[&element(SEQUENCE, &[&oid, &value])])
    });
    element(SEQUENCE, &attributes.each_ref().map(Vec::as_slice))
}

/// One of the `id-ce` extensions, not critical.
fn extension(id: u8, value: &[u8]) -> Vec<u8> {
    let oid = element(OID, &[&[0x55, 0x1d, id]]);
    element(SEQUENCE, &[&oid, &element(OCTET_STRING, &[value])])
}

fn time(seconds: u64) -> Vec<u8> {
    let (year, month, day) = civil_from_days(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        element(UTC_TIME, &[format!("{:02}{rest}", year % 100).as_bytes()])
    } else {
        element(GENERALIZED_TIME, &[format!("{year:04}{rest}").as_bytes()])
    }
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// First and last second in which a certificate is valid; None if that cannot be read.
pub fn validity(certificate: &[u8]) -> Option<(u64, u64)> {
    let (SEQUENCE, certificate, _) = read(certificate)? else {
        return None;
    };
    let (SEQUENCE, mut fields, _) = read(certificate)? else {
        return None;
    };
    if fields.first() == Some(&VERSION) {
        fields = read(fields)?.2;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        fields = read(fields)?.2;
    }
    let (SEQUENCE, validity, _) = read(fields)? else {
        return None;
    };
    let (tag, not_before, rest) = read(validity)?;
    let (not_before, (tag, not_after, _)) = (read_time(tag, not_before)?, read(rest)?);
    Some((not_before, read_time(tag, not_after)?))
}

/// Tag and content of the first element, and what follows it.
fn read(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut len = usize::from(first);
    if first & 0x80 != 0 {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 3 || count > rest.len() {
            return None;
        }
        let (digits, after) = rest.split_at(count);
        len = digits
            .iter()
            .fold(0, |len, &digit| len << 8 | usize::from(digit));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

fn read_time(tag: u8, text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let year: u64 = text[..2].parse().ok()?;
            (year + if year < 50 { 2000 } else { 1900 }, &text[2..])
        }
        (GENERALIZED_TIME, 14) => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let field = |index: usize| rest[2 * index..2 * index + 2].parse::<u64>().ok();
    let (month, day) = (field(0)?, field(1)?);
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + field(2)? * 3600 + field(3)? * 60 + field(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_certificate_is_one_that_rustls_accepts() {
        let (certificate, key) = self_signed().expect("a key can be generated");
        rustls::server::ParsedCertificate::try_from(&certificate).expect("it parses");
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        rustls::sign::CertifiedKey::from_der(vec![certificate.clone()], key, &provider)
            .expect("key and certificate belong together");
        let (from, to) = validity(&certificate).expect("we wrote it");
        assert_eq!(to - from, VALID_SECONDS);
        assert!(UnixTime::now().as_secs() - from < 60);
    }

    #[test]
    fn times_are_read_as_written() {
        for seconds in [
            0,
            951_782_400,
            1_709_164_799,
            2_524_607_999,
            2_524_608_000,
            4_102_444_800,
        ] {
            let written = time(seconds);
            let (tag, text, _) = read(&written).expect("one element");
            assert_eq!(read_time(tag, text), Some(seconds));
        }
        assert_eq!(read_time(UTC_TIME, b"000229000000Z"), Some(951_782_400));
        assert_eq!(read_time(UTC_TIME, b"00022900000Z"), None);
        assert_eq!(read_time(UTC_TIME, "00022900000é".as_bytes()), None);
    }

    #[test]
    fn damaged_certificates_have_no_validity() {
        let (certificate, _) = self_signed().expect("a key can be generated");
        for len in 0..64 {
            assert_eq!(validity(&certificate[..len]), None);
        }
        assert_eq!(validity(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
