use std::time::Duration;

use subtle::ConstantTimeEq as _;

use crate::state::Shared;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Why the webhook's address was not verified.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error("there is no webhook URL")]
    NoUrl,
    #[error("the webhook URL is not one")]
    NotAUrl,
    #[error("the webhook URL does not answer")]
    Unreachable(#[source] reqwest::Error),
    #[error("the webhook URL answered with {0} instead of 200")]
    Refused(u16),
    #[error("the webhook URL did not answer with the challenge")]
    WrongChallenge,
}

/// Asks the webhook's address for proof that it knows the verify token, as Meta does when the address is entered.
pub(crate) async fn verify(shared: &Shared) -> Result<(), HandshakeError> {
    let url = shared.read(|state| state.webhook_url.clone()).ok_or(HandshakeError::NoUrl)?;
    let challenge = shared.change(|state| (state.ids.next() % 10_000_000_000).to_string());
    let query = [("hub.mode", "subscribe"), ("hub.challenge", &challenge), ("hub.verify_token", &shared.verify_token)];
    let Ok(url) = reqwest::Url::parse_with_params(&url, query) else {
        return Err(HandshakeError::NotAUrl);
    };
    let unreachable = |error: reqwest::Error| HandshakeError::Unreachable(error.without_url());
    let answer = shared.http.get(url).timeout(TIMEOUT).send().await.map_err(unreachable)?;
    if answer.status().as_u16() != 200 {
        return Err(HandshakeError::Refused(answer.status().as_u16()));
    }
    let echoed = answer.bytes().await.map_err(unreachable)?;
    if bool::from(echoed.as_ref().ct_eq(challenge.as_bytes())) { Ok(()) } else { Err(HandshakeError::WrongChallenge) }
}
