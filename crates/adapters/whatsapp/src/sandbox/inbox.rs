use whatotp_domain::Locale;
use whatotp_ports::Content;

/// What the recipient would read: WhatsApp's own text for a code, the filled-in body for a template.
///
/// It holds the code, so only the inbox of a test key may show it. A code's text is WhatsApp's fixed English one (the
/// real one follows the locale), without the line on expiry, which belongs to the template and not to the message.
#[must_use]
pub fn inbox_text(content: &Content, default: &Locale) -> String {
    match content {
        Content::Code { code, .. } => {
            format!("*{}* is your verification code. For your security, do not share this code.", code.expose())
        }
        Content::Template { template, locale, variables } => {
            let body = &template.translation(locale.as_ref(), default).body;
            // The variables were checked when the message was taken; if the template has changed since, its bare text
            // says more than nothing.
            body.render(variables).unwrap_or_else(|| body.as_str().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use whatotp_domain::{
        Code, CodeLength, MessageTemplate, TemplateBody, TemplateCategory, TemplateId, Timestamp, Translation,
        Variables,
    };

    use super::*;

    fn template(translations: &[(&str, &str)]) -> MessageTemplate {
        let translations = translations
            .iter()
            .map(|(locale, body)| {
                Translation::of_body(Locale::parse(locale).unwrap(), TemplateBody::parse(body).unwrap())
            })
            .collect();
        let id = TemplateId::new(Timestamp::from_unix_ms(1), [1; 10]);
        MessageTemplate::new(id, "welcome".to_owned(), TemplateCategory::Utility, translations).unwrap()
    }

    fn read(locale: Option<&str>, variables: &[(&str, &str)]) -> String {
        let content = Content::Template {
            template: Box::new(template(&[
                ("es", "¡Hola {{first_name}}!"),
                ("en", "Hello {{first_name}}!"),
                ("pt", "Olá, {{first_name}}!"),
            ])),
            locale: locale.map(|locale| Locale::parse(locale).unwrap()),
            variables: Variables::new(variables.iter().copied()).unwrap(),
        };
        inbox_text(&content, &Locale::parse("en").unwrap())
    }

    #[test]
    fn a_code_is_in_whatsapps_own_words() {
        let code = Code::from_number(7_401, CodeLength::DEFAULT);
        assert_eq!(
            inbox_text(&Content::Code { code, locale: Locale::parse("de") }, &Locale::parse("en").unwrap()),
            "*007401* is your verification code. For your security, do not share this code."
        );
    }

    #[test]
    fn a_template_is_filled_in_the_language_asked_for_or_else_in_the_default_one() {
        let ada = [("first_name", "Ada {{x}}")];
        assert_eq!(read(Some("pt-BR"), &ada), "Olá, Ada {{x}}!");
        assert_eq!(read(Some("de"), &ada), "Hello Ada {{x}}!");
        assert_eq!(read(None, &ada), "Hello Ada {{x}}!");
    }

    #[test]
    fn a_template_that_has_changed_is_shown_unfilled() {
        assert_eq!(read(None, &[("surname", "Lovelace")]), "Hello {{first_name}}!");
    }
}
