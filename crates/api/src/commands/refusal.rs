use whatotp_ports::CatalogError;
use whatotp_whatsapp::cloud_api::errors::lookup;

/// What Meta answers when it does not let a business create authentication templates, in the same code as for a token
/// that may not.
const PERMISSION: u32 = 10;
const NOT_VERIFIED: &str = "Verify the business: authentication templates need a messaging limit of at least 2,000. If it \
    has that, grant the token's system user whatsapp_business_management.";

/// What WhatsApp said no with, and what to do about it.
pub(super) fn explained(error: &CatalogError) -> String {
    match error {
        CatalogError::Refused(refusal) => with_remedy(error, lookup(refusal.code).remedy),
        CatalogError::Unreachable(_) => error.to_string(),
    }
}

/// The same, of an authentication template that was to be made.
pub(super) fn of_authentication(error: &CatalogError) -> String {
    match error {
        CatalogError::Refused(refusal) if refusal.code == PERMISSION => with_remedy(error, NOT_VERIFIED),
        _ => explained(error),
    }
}

fn with_remedy(error: &CatalogError, remedy: &str) -> String {
    format!("{}. {remedy}", error.to_string().trim_end_matches([':', ' ', '.']))
}

#[cfg(test)]
mod tests {
    use whatotp_domain::DeliveryError;

    use super::*;

    fn refused(code: u32, detail: &str) -> CatalogError {
        CatalogError::Refused(DeliveryError { code, title: "Title".to_owned(), detail: detail.to_owned() })
    }

    #[test]
    fn a_refusal_ends_in_what_to_do() {
        let token = explained(&refused(190, "Session has expired."));
        assert!(token.starts_with("WhatsApp refused: Title (190): Session has expired. Give the sender"), "{token}");
        let without_detail = explained(&refused(190, ""));
        assert!(without_detail.starts_with("WhatsApp refused: Title (190). Give the sender"), "{without_detail}");
        let unreachable = CatalogError::Unreachable("There is no connection. Check the network.".to_owned());
        assert_eq!(explained(&unreachable), unreachable.to_string());
    }

    #[test]
    fn a_business_that_is_not_verified_is_told_so_where_it_matters() {
        let error = refused(10, "no permission to create message template");
        assert!(of_authentication(&error).contains("a messaging limit of at least 2,000"));
        assert!(!explained(&error).contains("2,000") && explained(&error).contains("system user"));
        assert_eq!(of_authentication(&refused(190, "")), explained(&refused(190, "")));
    }
}
