use actix_web::http::header::{self, HeaderMap};

/// Whether a caller takes what the API answers: JSON and, where there is a stream of events, that.
///
/// Without an `Accept` header everything is taken.
pub(crate) fn takes_our_answers(headers: &HeaderMap, events: bool) -> bool {
    let mut lines = headers.get_all(header::ACCEPT).peekable();
    if lines.peek().is_none() {
        return true;
    }
    let ranges = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let wanted = ranges.filter(|range| !is_refused(range)).map(|range| essence(range).to_ascii_lowercase());
    wanted.into_iter().any(|range| match range.as_str() {
        "*/*" | "application/*" | "application/json" | "application/problem+json" => true,
        "text/*" | "text/event-stream" => events,
        _ => false,
    })
}

fn essence(range: &str) -> &str {
    range.split(';').next().unwrap_or_default().trim()
}

/// `;q=0` says "anything but this" (RFC 9110 section 12.4.2).
fn is_refused(range: &str) -> bool {
    range.split(';').skip(1).any(|parameter| {
        let weight = parameter.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        weight.is_some_and(|weight| weight <= 0.0)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn takes(accept: &str, events: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        takes_our_answers(&headers, events)
    }

    #[test]
    fn json_must_be_among_what_is_taken() {
        assert!(takes_our_answers(&HeaderMap::new(), false));
        for accept in ["*/*", "application/json", "text/html, application/*;q=0.1", "Application/JSON; charset=utf-8"] {
            assert!(takes(accept, false), "{accept}");
        }
        for accept in ["text/html", "application/xml", "application/json;q=0", "text/event-stream", ""] {
            assert!(!takes(accept, false), "{accept}");
        }
        assert!(takes("text/event-stream", true));
    }
}
