//! The pages in front of the console: log in, and come in by a one-time link.
//!
//! A link's token is in the address's fragment, so nobody knows here whether it is good: the form asks the API.

use actix_web::HttpResponse;
use askama::Template;

use super::frame::Assets;
use super::page;
use crate::http::Problem;

#[derive(Template)]
#[template(path = "console/login.html")]
struct LogIn {
    assets: Assets,
}

pub(super) async fn log_in() -> Result<HttpResponse, Problem> {
    page(&LogIn { assets: Assets::new() })
}

#[derive(Template)]
#[template(path = "console/welcome.html")]
struct Welcome {
    assets: Assets,
    title: &'static str,
    text: &'static str,
    /// What else the link asks for: a reset knows who somebody is, and an invitation by which address.
    asks_name: bool,
    asks_email: bool,
}

pub(super) async fn welcome() -> Result<HttpResponse, Problem> {
    page(&Welcome {
        assets: Assets::new(),
        title: "Welcome",
        text: "You are the first one here, and will run this installation. Choose how you log in from now on.",
        asks_name: true,
        asks_email: true,
    })
}

pub(super) async fn join() -> Result<HttpResponse, Problem> {
    page(&Welcome {
        assets: Assets::new(),
        title: "Join",
        text: "You were invited. Choose how you log in from now on, with the e-mail address you were invited by.",
        asks_name: true,
        asks_email: false,
    })
}

pub(super) async fn reset() -> Result<HttpResponse, Problem> {
    page(&Welcome {
        assets: Assets::new(),
        title: "New password",
        text: "Choose a new password. All your sessions end.",
        asks_name: false,
        asks_email: false,
    })
}
