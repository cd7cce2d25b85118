//! The guide's code samples: real files in four languages, so that editors and compilers can check them.

/// One sample in one language.
pub(super) struct Sample {
    pub(super) language: &'static str,
    pub(super) label: &'static str,
    pub(super) code: &'static str,
}

/// The same task in every language, shown as one group of tabs.
pub(super) struct SampleGroup {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) samples: [Sample; 4],
}

macro_rules! group {
    ($id:literal, $title:literal) => {
        SampleGroup {
            id: $id,
            title: $title,
            samples: [
                group!($id, "curl", "curl", ".sh"),
                group!($id, "python", "Python", ".py"),
                group!($id, "node", "Node", ".mjs"),
                group!($id, "go", "Go", ".go"),
            ],
        }
    };
    ($id:literal, $language:literal, $label:literal, $extension:literal) => {
        Sample {
            language: $language,
            label: $label,
            code: include_str!(concat!("../../templates/docs/samples/", $id, $extension)),
        }
    };
}

pub(super) const SEND: SampleGroup = group!("send", "Send a code");
pub(super) const VERIFY: SampleGroup = group!("verify", "Verify a code");
pub(super) const MESSAGE: SampleGroup = group!("message", "Send a message from a template");
pub(super) const STATUS: SampleGroup = group!("status", "Wait until the message has arrived");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sample_holds_a_key() {
        for group in [SEND, VERIFY, MESSAGE, STATUS] {
            for sample in group.samples {
                assert!(!sample.code.contains("sk_"), "{} {}", group.id, sample.language);
                assert!(sample.code.lines().all(|line| line.len() <= 92), "{} {}", group.id, sample.language);
            }
        }
    }
}
