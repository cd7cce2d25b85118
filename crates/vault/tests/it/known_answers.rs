//! Computed by an independent program (Python's `hmac` and `cryptography`) from what the documentation says. A change
//! of any of these makes codes that are on their way wrong, or stored data unreadable or unfindable.

use base64ct::{Base64UrlUnpadded, Encoding};
use whatotp_domain::{AccountId, AccountScope, Mode, SessionId};
use whatotp_vault::{BlindIndex, Keyring, MessageIndex, Place, ReceiptClaims};

use crate::support::{NOW, hex, kid_of, length, number, ring, unhex};

fn fixed() -> (Keyring, AccountScope, SessionId) {
    let scope = AccountScope { account: AccountId::new(NOW, [1; 10]), mode: Mode::Test };
    (ring(&["a"]), scope, SessionId::new(NOW, [2; 10]))
}

#[test]
fn the_id_of_a_master_key() {
    assert_eq!(kid_of("a").as_str(), "76296572");
}

#[test]
fn codes_of_every_size() {
    let (ring, scope, session) = fixed();
    for (digits, code) in [(4, "9640"), (6, "720178"), (8, "34965320")] {
        let derived = ring.derive_code(&kid_of("a"), scope, session, "login", length(digits)).unwrap();
        assert_eq!(derived.expose(), code);
    }
}

#[test]
fn blind_indexes() {
    let (ring, scope, _) = fixed();
    let number = number("+4915112345678");
    let own = ring.blind_index(scope, &number);
    assert_eq!(hex(own.as_bytes()), "fb5567bcc3d9cd2811739d14d84af95446a4a4559d66b7ac9dcf2a76df02626c");
    assert_eq!(own.tag(), "fb5567bc");
    assert_eq!(ring.global_index(&number).to_hex(), "c985bce58c9f2e8fef5aa8e47d7e849313ef193f2f87d14f38bdd20f5a18914f");
}

#[test]
fn a_message_index() {
    let (ring, ..) = fixed();
    let index = ring.message_index("wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEjNBNzY=");
    assert_eq!(hex(index.as_bytes()), "b9721352523a6d924d521991abf3977f9866f8def50e9f4684db45fcec1cef42");
}

#[test]
fn an_event_fingerprint() {
    let (ring, ..) = fixed();
    assert_eq!(
        hex(&ring.event_fingerprint(&["template_paused", "login_code", "en"])),
        "564e5a508fa255ea1543c2ef733bef754f4c923f5ee6f19fd6285dce4296b38e"
    );
}

#[test]
fn idempotency() {
    let (ring, scope, _) = fixed();
    assert_eq!(
        hex(ring.fingerprint(scope, "POST /v1/otp/send", b"{}").as_bytes()),
        "ea83f078bdcfe5e9682e2c1d33ef5c101d4c440ec450669dfc34cc9b45af0c5b"
    );
    assert_eq!(
        hex(ring.idempotency_key_hash(scope, "POST /v1/otp/send", "order-42").as_bytes()),
        "1096aade71e70e438d7f8241d428053e292efa7414151a6e2e06e59d007d3365"
    );
}

#[test]
fn a_sealed_value() {
    let (ring, scope, session) = fixed();
    let place = Place { scope: Some(scope), table: "deliveries", column: "recipient", row: &session.to_bytes() };
    let nonce = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let expected = "0176296572000102030405060708090a0b0c0d0e0f1011121314151617\
                    4c3af949b42fe995f9ef64feba91382fd63092ed70a4946e8c98d810fe61";
    let sealed = ring.seal(&place, b"+4915112345678", nonce);
    assert_eq!(hex(sealed.as_bytes()), expected);
    assert_eq!(ring.open(&place, &sealed).unwrap().as_slice(), b"+4915112345678");
    assert_eq!(unhex(expected).len(), 1 + 4 + 24 + 14 + 16);
}

#[test]
fn a_sealed_value_of_the_installation() {
    let (ring, ..) = fixed();
    let place = Place { scope: None, table: "senders", column: "access_token", row: b"106540352242922" };
    let nonce = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let expected = "0176296572000102030405060708090a0b0c0d0e0f1011121314151617\
                    224f813fac7ff5d3a5b034a63af4e403e6695fdbf519221f4c3e2e92";
    let sealed = ring.seal(&place, b"EAAG-a-token", nonce);
    assert_eq!(hex(sealed.as_bytes()), expected);
    assert_eq!(ring.open(&place, &sealed).unwrap().as_slice(), b"EAAG-a-token");
}

#[test]
fn a_receipt() {
    let (ring, scope, session) = fixed();
    let receipt = ring.sign_receipt(&ReceiptClaims {
        scope,
        session,
        subject: ring.blind_index(scope, &number("+4915112345678")),
        purpose: "login",
        channel: "whatsapp",
        issued_at: NOW,
        expires_at: NOW.plus(std::time::Duration::from_secs(600)),
    });
    let parts: Vec<&str> = receipt.split('.').collect();
    let decoded = |part: &str| String::from_utf8(Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap();
    assert_eq!(decoded(parts[0]), r#"{"alg":"EdDSA","typ":"otp-receipt+jwt","kid":"76296572"}"#);
    let session_id = session.to_string();
    assert_eq!(
        decoded(parts[1]),
        format!(
            r#"{{"iss":"whatotp","aud":"{}","sub":"fb5567bcc3d9cd2811739d14d84af95446a4a4559d66b7ac9dcf2a76df02626c","session_id":"{session_id}","purpose":"login","channel":"whatsapp","mode":"test","iat":1795428000,"exp":1795428600,"jti":"{session_id}"}}"#,
            scope.account
        )
    );
    assert_eq!(parts[2], "xbyXT2aKejdBQDI4DjGO7AkX2aSvdnbgS_iyptI_O_Z_VeIzBMFQYRz46hkXxrqNJeBoWZf0chseqtDuz8SGDg");
}

#[test]
fn a_stored_blind_index_reads_back() {
    let index = BlindIndex::from_bytes([7; 32]);
    assert_eq!(BlindIndex::from_bytes(*index.as_bytes()), index);
    let index = MessageIndex::from_bytes([7; 32]);
    assert_eq!(MessageIndex::from_bytes(*index.as_bytes()), index);
}
