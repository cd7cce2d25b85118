use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::http::header::{HeaderMap, HeaderValue};
use whatotp_domain::IpNet;

/// Who is calling: the socket's peer or, when that is one of our proxies, the rightmost address in `X-Forwarded-For` that
/// is not. Whatever a caller writes further left is its own invention.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    let peer = fold(peer);
    if !is_trusted(&peer) {
        return peer;
    }
    let mut client = peer;
    let lines: Vec<&[u8]> = headers.get_all("x-forwarded-for").map(HeaderValue::as_bytes).collect();
    for written in lines.iter().flat_map(|line| line.split(|byte| *byte == b',')).rev() {
        // Behind something that is not an address nothing can be believed any more.
        let Some(ip) = std::str::from_utf8(written).ok().and_then(|written| parse(written.trim())) else { break };
        client = ip;
        if !is_trusted(&ip) {
            break;
        }
    }
    client
}

/// Whether the request came to our own proxy over TLS, as that says in `X-Forwarded-Proto`.
pub(crate) fn came_over_tls(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let peer = fold(peer);
    let last = headers.get_all("x-forwarded-proto").last().and_then(|line| line.to_str().ok());
    let scheme = last.and_then(|line| line.rsplit(',').next()).map(str::trim);
    trusted.iter().any(|net| net.contains(&peer)) && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// An address as proxies write it: with or without a port, brackets or a zone.
fn parse(written: &str) -> Option<IpAddr> {
    let (bare, port) = match written.strip_prefix('[') {
        Some(rest) => {
            let (bare, port) = rest.split_once(']')?;
            (bare, if port.is_empty() { "0" } else { port.strip_prefix(':')? })
        }
        None if written.matches(':').count() == 1 => written.split_once(':')?,
        None => (written, "0"),
    };
    port.parse::<u16>().ok()?;
    let without_zone = bare.split('%').next()?;
    without_zone.parse().ok().map(fold)
}

/// One address, one form: IPv4 that comes inside IPv6 (mapped, or through NAT64) is IPv4.
fn fold(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => nat64(v6).map_or(ip, IpAddr::from),
        },
    }
}

/// RFC 6052: `64:ff9b::/96` carries an IPv4 address in its last 32 bits.
fn nat64(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

/// What a limit counts: an IPv4 address, or the /64 that one IPv6 subscriber has to himself.
#[must_use]
pub fn bucket(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            for octet in octets.iter_mut().skip(8) {
                *octet = 0;
            }
            octets
        }
    }
}

/// As [`bucket`], of an address that the caller names.
pub(crate) fn end_user(ip: IpAddr) -> [u8; 16] {
    bucket(fold(ip))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn seen_in(peer: &str, forwarded: &[&[u8]]) -> String {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            let name = HeaderName::from_static("x-forwarded-for");
            headers.append(name, HeaderValue::from_bytes(line).unwrap());
        }
        client_ip(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        seen_in(peer, &forwarded.iter().map(|line| line.as_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_writes() {
        assert_eq!(seen("203.0.113.9", &["1.2.3.4", "10.0.0.1"]), "203.0.113.9");
    }

    #[test]
    fn behind_a_proxy_the_rightmost_stranger_counts() {
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 198.51.100.7, 10.1.1.1"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "198.51.100.7", "10.1.1.1"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["10.2.2.2, 10.1.1.1"]), "10.2.2.2");
    }

    #[test]
    fn nothing_left_of_garbage_is_believed() {
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, unknown, 10.1.1.1"]), "10.1.1.1");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, ,"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "unknown"]), "10.0.0.1");
        for garbage in [
            "_hidden",
            "1.2.3",
            "1.2.3.4.5",
            "::1::",
            "[2001:db8::7",
            "localhost",
            "-",
            "256.1.1.1",
            "0x7f.1",
            "[::1]x",
            "1.2.3.4:x",
        ] {
            assert_eq!(seen("10.0.0.1", &["6.6.6.6", garbage, "10.1.1.1"]), "10.1.1.1", "{garbage}");
        }
    }

    #[test]
    fn what_is_no_text_spoils_its_own_entry_and_what_is_left_of_it() {
        assert_eq!(seen_in("10.0.0.1", &[b"\xff, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen_in("10.0.0.1", &[b"6.6.6.6", b"\xff"]), "10.0.0.1");
        assert_eq!(seen_in("10.0.0.1", &[b"6.6.6.6\xff, 10.1.1.1"]), "10.1.1.1");
    }

    #[test]
    fn ports_brackets_zones_and_embedded_ipv4_are_understood() {
        for (written, expected) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("[::ffff:198.51.100.7]:4711", "198.51.100.7"),
            ("[fe80::1%25eth0]:4711", "fe80::1"),
            ("64:ff9b::198.51.100.7", "198.51.100.7"),
            // Not of that prefix: /96 and no shorter.
            ("64:ff9b:1::198.51.100.7", "64:ff9b:1::c633:6407"),
            ("64:ff9b::c633:6407", "198.51.100.7"),
        ] {
            assert_eq!(seen("10.0.0.1", &[written]), expected);
        }
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn one_subscriber_is_one_bucket() {
        let of = |ip: &str| bucket(ip.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("198.51.100.7"), of("198.51.100.8"));
        // An IPv4 address is none of the IPv6 ones beside which it stands.
        assert_ne!(of("0.0.0.1"), of("::1"));
    }

    #[test]
    fn only_our_own_proxy_is_believed_about_tls() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let says = |peer: &str, proto: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_str(proto).unwrap());
            came_over_tls(peer.parse().unwrap(), &headers, &trusted)
        };
        assert!(says("10.0.0.1", "https") && says("::ffff:10.0.0.1", "http, HTTPS"));
        assert!(!says("203.0.113.9", "https") && !says("10.0.0.1", "https, http") && !says("10.0.0.1", ""));
        assert!(!came_over_tls("10.0.0.1".parse().unwrap(), &HeaderMap::new(), &trusted));
    }
}
