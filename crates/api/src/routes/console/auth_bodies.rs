use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::header::{self, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::{Application, LoggedIn};
use whatotp_domain::{ConsoleSession, EmailAddress, Password, PasswordError, Permission, User};

use crate::http::fields::{Bad, parsed, sentence, text};
use crate::http::{COOKIE, Problem, json};

/// A member of an account, as their own account sees them.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserBody {
    /// Their id.
    #[schema(example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    pub id: String,
    /// The account they belong to.
    #[schema(example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    account_id: String,
    /// What they are called.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// What they log in by.
    #[schema(example = "ada@example.org")]
    email: String,
    /// What they are there to do.
    #[schema(pattern = "^(owner|admin|developer|support|viewer)$", example = "owner")]
    role: &'static str,
    /// Whether they run the platform.
    operator: bool,
    /// What their role allows.
    #[schema(example = json!(["view_deliveries", "view_statistics"]))]
    permissions: Vec<&'static str>,
    /// Whether logging in takes a second factor.
    has_second_factor: bool,
    /// Whether they cannot log in.
    disabled: bool,
    /// When they joined.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
    /// When they logged in last.
    #[schema(required = true, format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    last_login_at: Option<String>,
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        let permissions = Permission::ALL.into_iter().filter(|permission| user.role.may(*permission));
        Self {
            id: user.id.to_string(),
            account_id: user.account.to_string(),
            name: user.name.clone(),
            email: user.email.as_str().to_owned(),
            role: user.role.as_str(),
            operator: user.operator,
            permissions: permissions.map(Permission::as_str).collect(),
            has_second_factor: user.has_totp,
            disabled: user.is_disabled(),
            created_at: user.created_at.to_string(),
            last_login_at: user.last_login_at.map(|at| at.to_string()),
        }
    }
}

/// A console session.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsoleSessionBody {
    /// Its id. It opens nothing.
    #[schema(example = "ses_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// Whether it is the one of this request.
    current: bool,
    /// The browser or program, in its own words.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0")]
    user_agent: String,
    /// When it began.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
    /// When the password was typed last.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    authenticated_at: String,
    /// When it was used last, to about a minute.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    last_seen_at: String,
    /// When it ends, if it is not used again.
    #[schema(format = DateTime, example = "2026-11-23T10:30:00.000Z")]
    expires_at: String,
}

impl ConsoleSessionBody {
    pub(super) fn new(session: &ConsoleSession, current: &ConsoleSession) -> Self {
        Self {
            id: session.id.to_string(),
            current: session.id == current.id,
            user_agent: session.user_agent.clone(),
            created_at: session.created_at.to_string(),
            authenticated_at: session.authenticated_at.to_string(),
            last_seen_at: session.last_seen_at.to_string(),
            expires_at: session.expires_at().to_string(),
        }
    }
}

/// Somebody who is logged in.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoggedInBody {
    /// Who.
    user: UserBody,
    /// Their session.
    session: ConsoleSessionBody,
    /// What opens it, as `Authorization: Bearer`. Only with the transport `bearer`, and only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cst_…")]
    access_token: Option<String>,
    /// What goes into the header `X-CSRF-Token` of every change. Only with the transport `cookie`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "3f1b…")]
    csrf_token: Option<String>,
}

/// How a session's token travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// In a cookie that no script reads.
    Cookie,
    /// In the answer, for a header.
    Bearer,
}

impl Transport {
    pub(super) const fn of(from_cookie: bool) -> Self {
        if from_cookie { Self::Cookie } else { Self::Bearer }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "cookie" => Some(Self::Cookie),
            "bearer" => Some(Self::Bearer),
            _ => None,
        }
    }
}

/// Hands out the token of a session.
pub(super) fn logged_in(
    app: &Application,
    logged_in: &LoggedIn,
    transport: Transport,
) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    let (mut access_token, mut csrf_token) = (None, None);
    match transport {
        Transport::Bearer => access_token = Some(logged_in.token.expose().to_owned()),
        Transport::Cookie => {
            csrf_token = Some(app.keyring().csrf_token(&logged_in.token.hash()));
            set_cookie(&mut response, logged_in.token.expose());
        }
    }
    let session = ConsoleSessionBody::new(&logged_in.session, &logged_in.session);
    json(response, &LoggedInBody { user: UserBody::from(&logged_in.user), session, access_token, csrf_token })
}

/// An empty one takes the cookie away.
pub(super) fn set_cookie(response: &mut HttpResponseBuilder, token: &str) {
    let ends = if token.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax{ends}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.insert_header((header::SET_COOKIE, value));
    }
}

pub(super) fn transport(value: Value) -> Result<Transport, Bad> {
    parsed("invalid_transport", "Use cookie or bearer.", Transport::parse)(value)
}

pub(super) fn email(value: Value) -> Result<EmailAddress, Bad> {
    parsed("invalid_email", "Write the address as name@example.org.", EmailAddress::parse)(value)
}

/// A password that is to be set.
pub(super) fn new_password(value: Value) -> Result<Password, Bad> {
    Password::choose(&text(value)?).map_err(refused)
}

/// Why a password cannot be set, as a bad field says it.
pub(super) fn refused(error: PasswordError) -> Bad {
    let code = match error {
        PasswordError::TooShort => "too_short",
        PasswordError::TooLong => "too_long",
        PasswordError::TooCommon => "too_common",
    };
    (code, sentence(&error))
}

/// A password that is to be checked.
pub(super) fn typed_password(value: Value) -> Result<Password, Bad> {
    Password::typed(&text(value)?).ok_or(("too_long", "No password is longer than 1000 characters.".into()))
}

/// A code of the second factor, or a recovery code.
pub(super) fn code(value: Value) -> Result<String, Bad> {
    text(value)
        .and_then(|code| if code.len() <= 64 { Ok(code) } else { Err(("too_long", "No code is that long.".into())) })
}

/// What somebody is called.
pub(super) fn name(value: Value) -> Result<String, Bad> {
    let name = text(value)?.trim().to_owned();
    match name.chars().count() {
        0 => Err(("too_short", "Write a name.".into())),
        1..=100 => Ok(name),
        _ => Err(("too_long", "Use at most 100 characters.".into())),
    }
}
