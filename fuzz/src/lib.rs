//! What must hold for every input from outside: one function for each kind, which panics where it does not.
//!
//! libFuzzer runs them on what it makes up (`fuzz_targets`), and the tests of the server on every file of `seeds`.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use whatotp::http::client_ip::{bucket, client_ip};
use whatotp::http::fields::{self, Fields};
use whatotp_domain::{ApiKeySecret, Code, CodeLength, IpNet, Mode, PhoneNumber, Timestamp};
use whatotp_whatsapp::cloud_api::webhooks::{self, WebhookSecrets};

/// A typed code is refused, or is as many ASCII digits as its session's codes have.
pub fn code(data: &[u8]) {
    let Ok(typed) = std::str::from_utf8(data) else { return };
    for length in (4..=8).filter_map(CodeLength::new) {
        let Ok(code) = Code::normalise(typed, length) else { continue };
        assert!(typed.len() <= 64, "a long text is not looked at");
        assert_eq!(code.expose().len(), usize::from(length.get()));
        assert!(code.expose().bytes().all(|digit| digit.is_ascii_digit()));
        let again = Code::normalise(code.expose(), length).expect("what it comes to is a code");
        assert!(code.matches(&again), "and the same one");
    }
}

/// A number is refused, or comes to one E.164 form that is its own, and never shows itself whole.
pub fn phone(data: &[u8]) {
    let Ok(written) = std::str::from_utf8(data) else { return };
    let Ok(number) = PhoneNumber::parse(written) else { return };
    let e164 = number.as_e164();
    let digits = e164.strip_prefix('+').expect("E.164 begins with +");
    // E.164 has fifteen digits at most; the plan of Germany, as Google has it, goes to seventeen.
    assert!((1..=17).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()), "{e164}");
    assert_eq!(PhoneNumber::parse(e164).as_ref(), Ok(&number), "{e164}");
    assert_eq!(PhoneNumber::recall(&number.to_stored()).as_ref(), Some(&number), "{e164}");
    assert!(!format!("{number} {number:?}").contains(digits), "it is shown masked");
}

/// A body is refused with a problem that says nothing of it, or is one JSON object, each name once.
pub fn json_body(data: &[u8]) {
    let parsed = serde_json::from_slice::<Value>(data);
    let mut fields = match Fields::of_json(data) {
        Ok(fields) => fields,
        Err(problem) => return assert_eq!(problem.document()["code"], "invalid_json"),
    };
    assert!(parsed.is_ok_and(|value| value.is_object()), "it is an object to every parser");
    let to = fields.required("to", fields::phone_number);
    let length = fields.optional("length", fields::integer(4, 8));
    let purpose = fields.optional("purpose", fields::text);
    fields.optional("locale", fields::locale);
    fields.optional("created_after", fields::moment);
    let metadata = fields.optional("metadata", fields::metadata);
    assert!(length.is_none_or(|length| (4..=8).contains(&length)));
    assert!(purpose.is_none_or(|purpose| !purpose.contains(char::is_control)));
    assert!(metadata.is_none_or(|metadata| metadata.pairs().len() <= 10));
    if let Err(problem) = fields.finish(to.map(drop)) {
        let document = problem.document();
        assert_eq!((&document["status"], &document["code"]), (&400.into(), &"invalid_request".into()));
        assert!(document["errors"].as_array().is_some_and(|errors| !errors.is_empty()));
    }
}

/// Whatever a client writes into `X-Forwarded-For`, it is the address that our own proxy saw. One line is one header.
pub fn forwarded(data: &[u8]) {
    let trusted: [IpNet; 2] = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a network"));
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let mut headers = HeaderMap::new();
    let name = HeaderName::from_static("x-forwarded-for");
    for line in data.split(|byte| *byte == b'\n') {
        // What no header can hold does not arrive.
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append(name.clone(), line);
        }
    }

    let stranger = address("203.0.113.9");
    assert_eq!(client_ip(stranger, &headers, &trusted), stranger, "a stranger is believed nothing");
    assert_eq!(client_ip(address("::ffff:203.0.113.9"), &headers, &trusted), stranger);

    let proxy = address("10.0.0.1");
    let seen = client_ip(proxy, &headers, &trusted);
    assert_eq!(seen, seen.to_canonical(), "one address has one form");
    assert_eq!(bucket(seen), bucket(seen.to_canonical()));

    // Our proxies add what they see on the right.
    for (added, client) in [("198.51.100.7", "198.51.100.7"), ("2001:db8::7, 10.9.9.9", "2001:db8::7")] {
        let mut headers = headers.clone();
        headers.append(name.clone(), HeaderValue::from_static(added));
        assert_eq!(client_ip(proxy, &headers, &trusted), address(client), "what stands left of it changes nothing");
    }
}

/// A signature counts if it is the one of these bytes, to the letter. The first line is the header, the rest the body.
pub fn signature(data: &[u8]) {
    let split = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, body) = data.split_at(split);
    let secrets = |secret: &str| WebhookSecrets::new(vec![secret.to_owned().into()], "token".to_owned().into());
    let mac = Hmac::<Sha256>::new_from_slice(b"app secret").expect("a key of any length");
    let digest = mac.chain_update(body).finalize().into_bytes();
    let right = digest.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"));

    let secret = secrets("app secret");
    assert!(secret.is_authentic(Some(&right), body));
    assert!(!secrets("another").is_authentic(Some(&right), body));
    assert!(!secrets("").is_authentic(Some(&right), body));
    assert!(!secret.is_authentic(Some(&right), &[body, b"x"].concat()));
    let header = std::str::from_utf8(header).ok();
    assert_eq!(secret.is_authentic(header, body), header == Some(&right));

    let challenge = std::str::from_utf8(body).unwrap_or_default();
    let answered = secret.answer_to_handshake("subscribe", header.unwrap_or_default(), challenge);
    assert!(
        answered.is_none_or(|answer| header == Some("token") && answer.bytes().all(|byte| byte.is_ascii_graphic()))
    );
}

/// A text is refused, or is a key to the letter; and a key that is mistyped in one place is none.
///
/// A key with the right checksum is not found by chance: the bytes make one, and say where it is mistyped.
pub fn api_key(data: &[u8]) {
    if let Some(key) = std::str::from_utf8(data).ok().and_then(ApiKeySecret::parse) {
        assert_eq!(key.expose().as_bytes(), data);
    }
    let Some((random, rest)) = data.split_first_chunk::<32>() else { return };
    for mode in [Mode::Live, Mode::Test] {
        let minted = ApiKeySecret::mint(mode, random);
        let text = minted.expose();
        let read = ApiKeySecret::parse(text).expect("a key that was made is one");
        assert_eq!((read.mode(), read.expose()), (mode, text));
        assert!(!format!("{read:?}").contains(&text[12..]) && !read.hint().contains(&text[12..42]));
        let [at, typed, ..] = rest else { continue };
        let at = usize::from(*at) % text.len();
        let mut mistyped = text.as_bytes().to_vec();
        mistyped[at] = *typed;
        if mistyped != text.as_bytes() {
            assert!(std::str::from_utf8(&mistyped).ok().and_then(ApiKeySecret::parse).is_none(), "place {at}");
        }
        let longer = [text.as_bytes(), rest].concat();
        assert!(std::str::from_utf8(&longer).ok().and_then(ApiKeySecret::parse).is_none());
    }
}

/// A webhook is refused or read, and reading it again comes to the same. (What nobody reads in it is not looked at: it
/// need not even be text.)
pub fn webhook(data: &[u8]) {
    let at = Timestamp::parse("2026-11-23T10:00:00Z").expect("a time");
    let Ok(read) = webhooks::parse(data, at) else { return };
    let again = webhooks::parse(data, at).expect("as before");
    assert_eq!(format!("{read:?}"), format!("{again:?}"));
}
