use std::fmt;

macro_rules! graph_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// One to 32 digits, so that it can be put into a path as it is.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads it; `None` when it is anything but 1 to 32 ASCII digits.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let fits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
                fits.then(|| Self(text.to_owned()))
            }

            /// The digits.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

graph_ids! {
    /// A phone number that messages are sent from, by the id that Meta gave it (`phone_number_id`).
    SenderId;
    /// A WhatsApp Business account, to which templates and senders belong, by the id that Meta gave it.
    WabaId;
}

/// What WhatsApp thinks of a sender, from the reports and blocks of its recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SenderQuality {
    /// Many complaints: the sender may be restricted soon.
    Red,
    /// Some complaints.
    Yellow,
    /// Not enough messages to tell.
    Unknown,
    /// Few complaints.
    Green,
}

impl SenderQuality {
    /// Every quality, worst first.
    pub const ALL: [Self; 4] = [Self::Red, Self::Yellow, Self::Unknown, Self::Green];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Unknown => "unknown",
            Self::Green => "green",
        }
    }

    /// Reads [`SenderQuality::as_str`] back, in any case: Meta writes capitals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quality| quality.as_str().eq_ignore_ascii_case(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_go_into_a_path() {
        assert_eq!(SenderId::parse("106540352242922").map(|id| id.to_string()).as_deref(), Some("106540352242922"));
        let long = "1".repeat(33);
        for text in ["", " 1", "1/2", "..", "1?x", "१२३", "+1", &long] {
            assert_eq!(SenderId::parse(text), None, "{text}");
            assert_eq!(WabaId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_quality_is_read_back_and_worse_is_less() {
        assert!(SenderQuality::ALL.is_sorted());
        for quality in SenderQuality::ALL {
            assert_eq!(SenderQuality::parse(&quality.as_str().to_uppercase()), Some(quality));
        }
        assert_eq!(SenderQuality::parse("NA"), None);
    }
}
