mod body;
mod parts;
mod translation;
mod variables;

pub use body::TemplateBody;
pub use parts::template_footer;
pub use translation::{OtpButton, TemplateButton, TemplateHeader, Translation};
pub use variables::{VariableMismatch, Variables, VariablesError};

use crate::{Locale, SenderQuality, TemplateId, WabaId};

/// WhatsApp's limit for a template's name.
const MAX_NAME_BYTES: usize = 512;

/// Why something cannot be a message template. No message repeats what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The name is not of the form WhatsApp takes.
    #[error("name the template with 1 to 512 lower-case letters, digits and underscores")]
    Name,
    /// There is no text in any language.
    #[error("give the template a body in at least one language")]
    NoTranslation,
    /// Two texts are for the same locale.
    #[error("give the template one body for each language")]
    DuplicateLocale,
    /// A body has nothing but white space.
    #[error("write a body that is not blank")]
    BodyBlank,
    /// A body has more than 1024 characters.
    #[error("shorten the body to at most 1024 characters")]
    BodyTooLong,
    /// A brace belongs to no placeholder, or a placeholder's name has another form.
    #[error("write each placeholder as {{{{1}}}} or {{{{first_name}}}}, and use no other braces")]
    MalformedPlaceholder,
    /// Some placeholders are numbers and some are names.
    #[error("use either numbered or named placeholders, not both")]
    MixedPlaceholders,
    /// The numbers are not 1, 2, 3, … in some order.
    #[error("number the placeholders from 1 without leaving one out")]
    PlaceholderGap,
    /// A header has more than one placeholder.
    #[error("use at most one placeholder in a header")]
    HeaderPlaceholders,
    /// A header is blank, or has more than 60 characters or a line break.
    #[error("write a header of at most 60 characters on one line")]
    Header,
    /// A footer is blank, or has more than 60 characters, a line break or a placeholder.
    #[error("write a footer of at most 60 characters on one line, without placeholders")]
    Footer,
    /// A button's label is blank, or has more than 25 characters, a line break or a placeholder.
    #[error("label each button with at most 25 characters on one line, without placeholders")]
    ButtonLabel,
    /// A button's address is no HTTP address, or has more than 2000 characters or a placeholder but `{{1}}` at its end.
    #[error(
        "give the button a whole address (https://…) of at most 2000 characters, with at most {{{{1}}}} at its end"
    )]
    ButtonUrl,
    /// A button's number is not one that can be rung.
    #[error("write the button's number with its country code, such as +1 and the rest, in at most 20 characters")]
    ButtonNumber,
    /// There are more than ten buttons, two numbers, or three addresses.
    #[error("use at most ten buttons: at most two that open an address, and one that rings")]
    TooManyButtons,
    /// Quick replies stand between other buttons.
    #[error("put the quick replies together, before or after the other buttons")]
    ButtonsMixed,
    /// One language uses a placeholder that another does not.
    #[error("use the same placeholders in every language")]
    PlaceholdersDiffer,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word for it in the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Reads what `as_str` writes.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// What WhatsApp charges a template as, and what it may say.
    TemplateCategory {
        /// One-time codes; WhatsApp fixes their text.
        Authentication = "authentication",
        /// About something the recipient does or has ordered.
        Utility = "utility",
        /// Everything else.
        Marketing = "marketing",
    }
}

words! {
    /// How far a template has come with WhatsApp.
    TemplateStatus {
        /// Not handed in yet.
        Draft = "draft",
        /// Handed in, not decided.
        Pending = "pending",
        /// May be sent.
        Approved = "approved",
        /// Refused.
        Rejected = "rejected",
        /// Stopped for a while because recipients complained.
        Paused = "paused",
        /// Stopped for good.
        Disabled = "disabled",
    }
}

/// A message with placeholders, in one or more languages that all have the same placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageTemplate {
    id: TemplateId,
    waba: Option<WabaId>,
    name: String,
    category: TemplateCategory,
    // There is always a first, which is why it is not merely one of a list.
    first: Translation,
    others: Vec<Translation>,
}

impl MessageTemplate {
    /// A template of these translations, of which the first is the last resort when no locale fits.
    pub fn new(
        id: TemplateId,
        name: String,
        category: TemplateCategory,
        translations: Vec<Translation>,
    ) -> Result<Self, TemplateError> {
        if !is_template_name(&name) {
            return Err(TemplateError::Name);
        }
        let mut translations = translations.into_iter();
        let first = translations.next().ok_or(TemplateError::NoTranslation)?;
        let template = Self { id, waba: None, name, category, first, others: translations.collect() };
        template.check_translations()?;
        Ok(template)
    }

    fn check_translations(&self) -> Result<(), TemplateError> {
        let mut locales: Vec<&Locale> = self.locales().collect();
        locales.sort_unstable();
        locales.dedup();
        if locales.len() != self.locales().count() {
            return Err(TemplateError::DuplicateLocale);
        }
        for translation in self.translations() {
            translation.check_placeholders()?;
        }
        let same = |translation: &Translation| sorted(translation.placeholders()) == sorted(self.placeholders());
        if self.others.iter().all(same) { Ok(()) } else { Err(TemplateError::PlaceholdersDiffer) }
    }

    /// The template's id.
    #[must_use]
    pub fn id(&self) -> TemplateId {
        self.id
    }

    /// The same template as one of this business account: only senders of that account can send it.
    #[must_use]
    pub fn of_waba(self, waba: WabaId) -> Self {
        Self { waba: Some(waba), ..self }
    }

    /// The business account it belongs to; `None` in test mode, where there is none.
    #[must_use]
    pub const fn waba(&self) -> Option<&WabaId> {
        self.waba.as_ref()
    }

    /// The name it has at WhatsApp.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may say.
    #[must_use]
    pub fn category(&self) -> TemplateCategory {
        self.category
    }

    /// Whether it may be sent: approved when any of its languages is, or else what the first one is.
    #[must_use]
    pub fn status(&self) -> TemplateStatus {
        if self.translations().any(Translation::is_approved) { TemplateStatus::Approved } else { self.first.status }
    }

    /// Its translations, in the order they were given.
    pub fn translations(&self) -> impl Iterator<Item = &Translation> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The locales it has a text for.
    pub fn locales(&self) -> impl Iterator<Item = &Locale> {
        self.translations().map(|translation| &translation.locale)
    }

    /// What has to be filled in: of the header, of the body (numbers in order, names as they first appear), then of the
    /// buttons.
    #[must_use]
    pub fn placeholders(&self) -> Vec<String> {
        self.first.placeholders()
    }

    /// The text for exactly this locale.
    #[must_use]
    pub fn exactly(&self, locale: &Locale) -> Option<&Translation> {
        self.translations().find(|translation| translation.locale == *locale)
    }

    /// The text that fits best: `wanted` and its fallbacks, then `default` and its fallbacks, then the first.
    #[must_use]
    pub fn translation(&self, wanted: Option<&Locale>, default: &Locale) -> &Translation {
        self.best(wanted, default, |_any| true).unwrap_or(&self.first)
    }

    /// The best text that WhatsApp has approved; `None` when it has approved none.
    #[must_use]
    pub fn sendable(&self, wanted: Option<&Locale>, default: &Locale) -> Option<&Translation> {
        self.best(wanted, default, Translation::is_approved)
    }

    fn best(
        &self,
        wanted: Option<&Locale>,
        default: &Locale,
        fits: impl Fn(&Translation) -> bool,
    ) -> Option<&Translation> {
        let candidates = wanted.into_iter().chain([default]).flat_map(Locale::fallbacks);
        let mut of_locale = candidates.filter_map(|locale| self.exactly(&locale));
        of_locale.find(|translation| fits(translation)).or_else(|| self.translations().find(|one| fits(one)))
    }

    /// Whether the variables name exactly the placeholders.
    pub fn check(&self, variables: &Variables) -> Result<(), VariableMismatch> {
        variables.check(&self.placeholders())
    }

    /// What it is after WhatsApp decided on one of its languages; `None` when it has no such language.
    #[must_use]
    pub fn decided(mut self, locale: &Locale, status: TemplateStatus) -> Option<Self> {
        let mut translations = std::iter::once(&mut self.first).chain(&mut self.others);
        translations.find(|translation| translation.locale == *locale)?.status = status;
        Some(self)
    }

    /// What it is after WhatsApp told its quality in one of its languages; `None` when it has no such language.
    #[must_use]
    pub fn rated(mut self, locale: &Locale, quality: SenderQuality) -> Option<Self> {
        let mut translations = std::iter::once(&mut self.first).chain(&mut self.others);
        translations.find(|translation| translation.locale == *locale)?.quality = quality;
        Some(self)
    }

    /// The worst quality that any of its languages has.
    #[must_use]
    pub fn quality(&self) -> SenderQuality {
        self.translations().map(|translation| translation.quality).min().unwrap_or(SenderQuality::Unknown)
    }

    /// What it is with this text in the place of the one in the same language, or after the others.
    pub fn with(mut self, translation: Translation) -> Result<Self, TemplateError> {
        let mut translations = std::iter::once(&mut self.first).chain(&mut self.others);
        match translations.find(|known| known.locale == translation.locale) {
            Some(known) => *known = translation,
            None => self.others.push(translation),
        }
        self.check_translations()?;
        Ok(self)
    }

    /// What it is after WhatsApp put it into another category.
    #[must_use]
    pub fn recategorised(self, category: TemplateCategory) -> Self {
        Self { category, ..self }
    }
}

fn is_template_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}
