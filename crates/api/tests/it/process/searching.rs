use std::collections::HashMap;

/// Looks for many texts at once, in every form that a log or a file might hold them.
#[derive(Debug)]
pub(super) struct Search {
    /// By their first bytes, the rest of each and the number of its secret.
    needles: HashMap<[u8; PREFIX], Vec<(Vec<u8>, usize)>>,
    /// Which pairs of bytes any needle begins with: almost no place in a file needs a closer look.
    begins: Vec<bool>,
    secrets: Vec<Secret>,
}

/// What must not be found.
#[derive(Debug, Clone)]
pub(super) struct Secret {
    pub what: &'static str,
    pub value: Vec<u8>,
}

/// A secret where it should not be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub what: &'static str,
    pub value: String,
    pub at: usize,
}

/// Needles are longer than this.
const PREFIX: usize = 6;

impl Search {
    pub(super) fn new(secrets: Vec<Secret>) -> Self {
        let mut search = Self { needles: HashMap::new(), begins: vec![false; 1 << 16], secrets };
        for (number, secret) in search.secrets.iter().enumerate() {
            for form in forms(&secret.value) {
                let prefix = form[..PREFIX].try_into().unwrap();
                search.begins[pair(&form)] = true;
                search.needles.entry(prefix).or_default().push((form[PREFIX..].to_vec(), number));
            }
        }
        search
    }

    pub(super) fn forms(&self) -> usize {
        self.needles.values().map(Vec::len).sum()
    }

    /// Every place in which a secret stands.
    pub(super) fn hits(&self, hay: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        for at in 0..hay.len().saturating_sub(PREFIX) {
            if !self.begins[pair(&hay[at..])] {
                continue;
            }
            let Some(needles) = self.needles.get(&hay[at..at + PREFIX]) else { continue };
            for (rest, number) in needles {
                let end = at + PREFIX + rest.len();
                let Secret { what, value } = &self.secrets[*number];
                // Eight digits that are part of a longer number are that number's. (In hexadecimal they are part of bytes.)
                let within_number = hay.get(at..end) == Some(value)
                    && value.iter().all(u8::is_ascii_digit)
                    && (at.checked_sub(1).and_then(|before| hay.get(before)).is_some_and(u8::is_ascii_digit)
                        || hay.get(end).is_some_and(u8::is_ascii_digit));
                if hay[at + PREFIX..].starts_with(rest) && !within_number {
                    hits.push(Hit { what, value: String::from_utf8_lossy(value).into_owned(), at });
                }
            }
        }
        hits
    }
}

fn pair(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// As it is, in UTF-16, in hexadecimal, in base64 wherever it begins, and as Rust and JSON print bytes.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let wide = |before: bool| {
        let pairs = value.iter().map(|byte| if before { [0, *byte] } else { [*byte, 0] });
        pairs.flatten().collect::<Vec<_>>()
    };
    let hex = value.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let list = value.iter().map(u8::to_string).collect::<Vec<_>>();
    let mut forms = vec![value.to_vec(), wide(false), wide(true)];
    forms.extend([hex.to_uppercase(), hex, list.join(","), list.join(", ")].map(String::into_bytes));
    for shift in 0..3 {
        let whole = base64(&[&[0; 3][..shift], value].concat());
        // The characters at both ends depend on the neighbours as well.
        let (from, to) = ((shift * 8).div_ceil(6), (shift + value.len()) * 8 / 6);
        let middle = &whole[from..to];
        forms.push(middle.as_bytes().to_vec());
        forms.push(middle.replace('+', "-").replace('/', "_").into_bytes());
    }
    forms.sort();
    forms.dedup();
    forms.retain(|form| form.len() > PREFIX);
    forms
}

/// Without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            text.push(char::from(ALPHABET[bits >> (18 - 6 * place) & 63]));
        }
    }
    text
}

#[test]
fn a_secret_is_found_in_every_form_and_place() {
    assert_eq!(base64(b"any carnal pleasur"), "YW55IGNhcm5hbCBwbGVhc3Vy");
    assert_eq!(base64(b"any carnal pleasu"), "YW55IGNhcm5hbCBwbGVhc3U");
    let secret = |value: &str| Secret { what: "test", value: value.as_bytes().to_vec() };
    let search = Search::new(vec![secret("40718265"), secret("correct horse")]);
    for value in ["40718265", "correct horse"] {
        let found = |hay: &[u8]| search.hits(hay).iter().any(|hit| hit.value == value);
        let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let wide: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(found(format!("code={value};").as_bytes()) && found(hex.as_bytes()) && found(&wide));
        assert!(found(format!("{:?}", value.as_bytes()).as_bytes()));
        assert!(found(format!("\\\\x01{hex}02").as_bytes()), "as PostgreSQL prints bytes, between others");
        for before in ["", "a", "ab", "abc"] {
            assert!(found(base64(format!("{before}{value} and more").as_bytes()).as_bytes()), "after {before:?}");
        }
    }
    assert_eq!(search.hits(b"1764071826500 correct hors 4071826"), []);
}
