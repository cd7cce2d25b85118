use base64ct::{Base64, Base64Url, Encoding as _};

use crate::random::Random;

const OUTBOUND: u8 = 0x11;
const INBOUND: u8 = 0x12;

/// The id of a message to this number. Like Meta's, it is base64 of a binary record that holds the number's digits, so
/// whoever logs a wamid logs a phone number.
pub(crate) fn outbound(wa_id: &str, random: &mut Random) -> String {
    wamid(wa_id, OUTBOUND, random)
}

/// The id of a message from this number.
pub(crate) fn inbound(wa_id: &str, random: &mut Random) -> String {
    wamid(wa_id, INBOUND, random)
}

fn wamid(wa_id: &str, direction: u8, random: &mut Random) -> String {
    let mut record = vec![0x1c, 0x18, u8::try_from(wa_id.len()).unwrap_or(u8::MAX)];
    record.extend_from_slice(wa_id.as_bytes());
    record.extend_from_slice(&[0x15, 0x02, 0x00, direction, 0x18, 0x12]);
    record.extend_from_slice(format!("{:016X}{:02X}", random.next(), random.next() & 0xff).as_bytes());
    record.push(0);
    format!("wamid.{}", Base64::encode_string(&record))
}

/// Meta's mark of one request, for its support.
pub(crate) fn trace_id(random: &mut Random) -> String {
    let bytes = [random.next().to_be_bytes(), random.next().to_be_bytes()].concat();
    format!("A{}", Base64Url::encode_string(&bytes).trim_end_matches('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wamid_has_metas_structure_and_holds_the_number() {
        let made = outbound("16503879439", &mut Random::new(1));
        // The beginning of a wamid from Meta's documentation, for the same number.
        assert!(made.starts_with("wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI"), "{made}");
        assert_eq!(made.len(), "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJFNjk2OTMwNEZCQjhGMzUyQUYA".len());
        assert_ne!(made, outbound("16503879439", &mut Random::new(2)));
        assert!(inbound("16503879439", &mut Random::new(1)).starts_with("wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBI"));
    }
}
