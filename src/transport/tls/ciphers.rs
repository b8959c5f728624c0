//! OpenSSL cipher lists, as users have them in their configuration, turned into suites of TLS 1.2.
//!
//! The syntax is that of OpenSSL's `ciphers` command: names and aliases, `+` between words for "both",
//! and the prefixes `!`, `-` and `+`. Names of suites that are not offered here (CBC, RSA key exchange,
//! DHE, PSK and so on) select nothing, and so do unknown words; a list that selects nothing at all is an
//! error. TLS 1.3 has its own suites, which no list changes.

#![forbid(unsafe_code)]

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite as suite;

struct Suite {
    openssl: &'static str,
    iana: &'static str,
    ecdsa: bool,
    cipher: Cipher,
    suite: SupportedCipherSuite,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cipher {
    Aes128,
    Aes256,
    Chacha20,
}

/// In OpenSSL's own order.
static SUITES: [Suite; 6] = [
    Suite {
        openssl: "ECDHE-ECDSA-AES256-GCM-SHA384",
        iana: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ecdsa: true,
        cipher: Cipher::Aes256,
        suite: suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    },
    Suite {
        openssl: "ECDHE-RSA-AES256-GCM-SHA384",
        iana: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        ecdsa: false,
        cipher: Cipher::Aes256,
        suite: suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    },
    Suite {
        openssl: "ECDHE-ECDSA-CHACHA20-POLY1305",
        iana: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ecdsa: true,
        cipher: Cipher::Chacha20,
        suite: suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    Suite {
        openssl: "ECDHE-RSA-CHACHA20-POLY1305",
        iana: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ecdsa: false,
        cipher: Cipher::Chacha20,
        suite: suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    Suite {
        openssl: "ECDHE-ECDSA-AES128-GCM-SHA256",
        iana: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ecdsa: true,
        cipher: Cipher::Aes128,
        suite: suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    },
    Suite {
        openssl: "ECDHE-RSA-AES128-GCM-SHA256",
        iana: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ecdsa: false,
        cipher: Cipher::Aes128,
        suite: suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    },
];

/// The suites of a configuration, best first: those of TLS 1.3, then what `list` selects, or all.
/// `aes128_first` is the order for connections that the kernel may take over.
pub fn select(list: Option<&str>, aes128_first: bool) -> Result<Vec<SupportedCipherSuite>, String> {
    let mut suites = vec![
        suite::TLS13_AES_256_GCM_SHA384,
        suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    suites.insert(
        if aes128_first { 0 } else { 2 },
        suite::TLS13_AES_128_GCM_SHA256,
    );
    match list {
        Some(list) => {
            let selected = parse(list);
            if selected.is_empty() {
                return Err(format!(
                    "cipher list \"{list}\" selects no suite that is offered"
                ));
            }
            suites.extend(selected.into_iter().map(|index| SUITES[index].suite));
        }
        None => {
            let (first, then): (Vec<&Suite>, Vec<&Suite>) = SUITES
                .iter()
                .partition(|suite| aes128_first && suite.cipher == Cipher::Aes128);
            suites.extend(first.into_iter().chain(then).map(|suite| suite.suite));
        }
    }
    Ok(suites)
}

/// Indices into `SUITES`, in the order the list asks for.
fn parse(list: &str) -> Vec<usize> {
    let mut active: Vec<usize> = Vec::new();
    let mut killed = [false; SUITES.len()];
    for term in list.split([':', ',', ' ', ';']) {
        let (operator, words) = match term.as_bytes().first() {
            Some(b'!' | b'-' | b'+') => term.split_at(1),
            Some(b'@') => {
                if term == "@STRENGTH" {
                    active.sort_by_key(|&index| SUITES[index].cipher == Cipher::Aes128);
                }
                continue;
            }
            Some(_) => ("", term),
            None => continue,
        };
        let matching: Vec<usize> = (0..SUITES.len())
            .filter(|&index| words.split('+').all(|word| matches(&SUITES[index], word)))
            .collect();
        match operator {
            "" => {
                for index in matching {
                    if !active.contains(&index) && !killed[index] {
                        active.push(index);
                    }
                }
            }
            "+" => {
                let moved = |index: &usize| matching.contains(index);
                let (last, first): (Vec<usize>, Vec<usize>) = active.iter().partition(|i| moved(i));
                active = first.into_iter().chain(last).collect();
            }
            _ => {
                active.retain(|index| !matching.contains(index));
                if operator == "!" {
                    matching.into_iter().for_each(|index| killed[index] = true);
                }
            }
        }
    }
    active
}

/// Whether a name or alias means this suite. The aliases `SHA256` and `SHA384` name message
/// authentication codes, which these suites do not have.
fn matches(suite: &Suite, word: &str) -> bool {
    match word {
        "ALL" | "DEFAULT" | "HIGH" | "TLSv1.2" => true,
        "ECDHE" | "EECDH" | "kECDHE" | "kEECDH" => true,
        "aRSA" => !suite.ecdsa,
        "aECDSA" | "ECDSA" => suite.ecdsa,
        "AES" | "AESGCM" | "FIPS" => suite.cipher != Cipher::Chacha20,
        "AES128" => suite.cipher == Cipher::Aes128,
        "AES256" => suite.cipher == Cipher::Aes256,
        "CHACHA20" => suite.cipher == Cipher::Chacha20,
        "SUITEB128" => suite.ecdsa && suite.cipher != Cipher::Chacha20,
        "SUITEB128ONLY" => suite.ecdsa && suite.cipher == Cipher::Aes128,
        "SUITEB192" => suite.ecdsa && suite.cipher == Cipher::Aes256,
        name => name == suite.openssl || name == suite.iana,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<&'static str> {
        parse(list)
            .into_iter()
            .map(|index| SUITES[index].openssl)
            .collect()
    }

    #[test]
    fn names_keep_the_order_of_the_list() {
        assert_eq!(
            names("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"),
            [
                "ECDHE-RSA-AES128-GCM-SHA256",
                "ECDHE-ECDSA-AES256-GCM-SHA384"
            ]
        );
        assert_eq!(
            names("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
            ["ECDHE-RSA-CHACHA20-POLY1305"]
        );
    }

    #[test]
    fn what_is_unknown_or_not_offered_selects_nothing() {
        assert_eq!(
            names("BOGUS:ECDHE-RSA-AES256-GCM-SHA384,AES128-GCM-SHA256"),
            ["ECDHE-RSA-AES256-GCM-SHA384"]
        );
        for list in ["", "BOGUS", "TLS_AES_128_GCM_SHA256", "AES128-SHA", "RSA"] {
            assert_eq!(names(list).len(), 0, "{list}");
            assert!(select(Some(list), false).is_err(), "{list}");
        }
    }

    #[test]
    fn operators_do_what_openssl_does() {
        assert_eq!(names("HIGH:!aNULL:!MD5").len(), 6);
        assert_eq!(names("HIGH:!SHA256:!SHA384").len(), 6);
        assert_eq!(
            names("ECDHE+aRSA+AESGCM"),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(
            names("AESGCM:-AES256:ALL:!CHACHA20:!ECDSA"),
            ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
        );
        assert_eq!(
            names("aRSA:+AES256"),
            [
                "ECDHE-RSA-CHACHA20-POLY1305",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "ECDHE-RSA-AES256-GCM-SHA384"
            ]
        );
        assert_eq!(
            names("AES128+aRSA:AES256+aRSA:@STRENGTH:@SECLEVEL=1"),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(names("!aRSA:ALL").len(), 3);
        assert_eq!(names("SUITEB192"), ["ECDHE-ECDSA-AES256-GCM-SHA384"]);
    }

    #[test]
    fn without_a_list_all_are_offered() {
        let first = |aes128_first| select(None, aes128_first).expect("there is no list")[0].suite();
        assert_eq!(first(true), rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
        assert_eq!(first(false), rustls::CipherSuite::TLS13_AES_256_GCM_SHA384);
        assert_eq!(select(None, true).expect("there is no list").len(), 9);
    }
}
