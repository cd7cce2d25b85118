//! The text of authentication templates, which is Meta's own in every language.

struct Words {
    language: &'static str,
    code: &'static str,
    recommendation: &'static str,
    expires: (&'static str, &'static str),
}

/// The first one also stands in for languages that are not here.
const WORDS: [Words; 5] = [
    Words {
        language: "en",
        code: "*{{1}}* is your verification code.",
        recommendation: "For your security, do not share this code.",
        expires: ("This code expires in ", " minutes."),
    },
    Words {
        language: "es",
        code: "Tu código de verificación es *{{1}}*.",
        recommendation: "Por tu seguridad, no lo compartas.",
        expires: ("Este código caduca en ", " minutos."),
    },
    Words {
        language: "pt",
        code: "Seu código de verificação é *{{1}}*.",
        recommendation: "Para sua segurança, não o compartilhe.",
        expires: ("Este código expira em ", " minutos."),
    },
    Words {
        language: "fr",
        code: "Votre code de vérification est *{{1}}*.",
        recommendation: "Pour votre sécurité, ne le partagez pas.",
        expires: ("Ce code expire dans ", " minutes."),
    },
    Words {
        language: "de",
        code: "*{{1}}* ist dein Verifizierungscode.",
        recommendation: "Teile diesen Code zu deiner Sicherheit nicht.",
        expires: ("Dieser Code läuft in ", " Minuten ab."),
    },
];

fn words(language: &str) -> &'static Words {
    let spoken = language.split('_').next().unwrap_or(language);
    let [fallback, ..] = &WORDS;
    WORDS.iter().find(|words| words.language == spoken).unwrap_or(fallback)
}

pub(crate) fn body_text(language: &str, recommendation: bool) -> String {
    let words = words(language);
    if recommendation { format!("{} {}", words.code, words.recommendation) } else { words.code.to_owned() }
}

pub(crate) fn footer_text(language: &str, minutes: u8) -> String {
    let (before, after) = words(language).expires;
    format!("{before}{minutes}{after}")
}

/// The languages a preview has when none is asked for.
pub(crate) fn languages() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|words| words.language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_follows_the_language_and_the_options() {
        let english = "*{{1}}* is your verification code. For your security, do not share this code.";
        assert_eq!(body_text("en_US", true), english);
        assert_eq!(body_text("xx", true), english);
        assert_eq!(body_text("pt_BR", false), "Seu código de verificação é *{{1}}*.");
        assert_eq!(footer_text("es", 10), "Este código caduca en 10 minutos.");
    }
}
