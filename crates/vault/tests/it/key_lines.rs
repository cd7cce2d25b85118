use base64ct::{Base64, Encoding};
use whatotp_vault::{EXAMPLE_MASTER_KEY, Keyring, MasterKeyError, MasterKeys};

use crate::support::{key_line, kid_of};

fn refusal(text: &str) -> MasterKeyError {
    MasterKeys::parse(text).unwrap_err()
}

#[test]
fn the_first_key_is_active_and_comments_and_blank_lines_are_ignored() {
    let text = format!("# ours\n\n  {}  \r\n\t\n   # retired in May\n{}\n\n", key_line("b"), key_line("a"));
    let ring = Keyring::new(MasterKeys::parse(&text).unwrap());
    assert_eq!(ring.active_kid(), kid_of("b"));
    assert_eq!(ring.kids().collect::<Vec<_>>(), [kid_of("b"), kid_of("a")]);
}

#[test]
fn a_text_without_a_key_is_refused() {
    for text in ["", "\n\n", "# only a comment", "#\n \n"] {
        assert_eq!(refusal(text), MasterKeyError::NoKey, "{text:?}");
    }
}

#[test]
fn a_line_that_is_not_base64_is_refused_by_its_number() {
    let url_safe = key_line("d").replace(['+', '/'], "-");
    assert!(url_safe.contains('-'), "the seed should give a key with + or /");
    let unpadded = key_line("a").replace('=', "");
    let with_remark = format!("{} # ours", key_line("a"));
    for line in ["not a key!", "hunter2", &url_safe, &unpadded, &with_remark] {
        assert_eq!(refusal(&format!("# ours\n\n{line}")), MasterKeyError::NotBase64 { line: 3 }, "{line}");
    }
}

#[test]
fn a_key_of_another_size_is_refused() {
    for found in [1_u8, 16, 31, 33, 64] {
        let bytes: Vec<u8> = (0..found).map(|at| at.wrapping_mul(91)).collect();
        let found = usize::from(found);
        assert_eq!(refusal(&Base64::encode_string(&bytes)), MasterKeyError::WrongLength { line: 1, found });
    }
}

#[test]
fn a_key_nobody_drew_is_refused() {
    let sixteen_values = |at: usize| u8::try_from(at % 16 * 13 % 251).unwrap();
    let weak: [[u8; 32]; 8] = [
        [0; 32],
        [0xFF; 32],
        [b'k'; 32],
        std::array::from_fn(|at| u8::try_from(at).unwrap()),
        std::array::from_fn(|at| u8::try_from(31 - at).unwrap()),
        std::array::from_fn(|at| u8::try_from(at * 7).unwrap()),
        std::array::from_fn(|at| sixteen_values(at).max(13)),
        *b"correct horse battery staple 123",
    ];
    for key in weak {
        let text = format!("{}\n{}", key_line("a"), Base64::encode_string(&key));
        assert_eq!(refusal(&text), MasterKeyError::Weak { line: 2 }, "{key:?}");
    }
}

#[test]
fn ten_thousand_drawn_keys_are_all_accepted() {
    for seed in 0..10_000 {
        assert!(MasterKeys::parse(&key_line(&seed.to_string())).is_ok(), "{seed}");
    }
}

#[test]
fn the_documentations_example_is_refused() {
    assert_eq!(refusal(EXAMPLE_MASTER_KEY), MasterKeyError::Example { line: 1 });
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let text = [key_line("a"), key_line("b"), key_line("a")].join("\n");
    assert_eq!(refusal(&text), MasterKeyError::Duplicate { line: 3 });
}

#[test]
fn every_refusal_is_one_sentence_that_says_what_to_do() {
    let refusals = [
        MasterKeyError::NoKey,
        MasterKeyError::NotText,
        MasterKeyError::NotBase64 { line: 3 },
        MasterKeyError::WrongLength { line: 3, found: 16 },
        MasterKeyError::Weak { line: 3 },
        MasterKeyError::Example { line: 3 },
        MasterKeyError::Duplicate { line: 3 },
    ];
    for refusal in refusals {
        let text = refusal.to_string();
        let (_, advice) = text.split_once(": ").unwrap();
        assert!(["put", "write", "make", "remove"].iter().any(|verb| advice.starts_with(verb)), "{text}");
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
    }
}
