//! People of the console, logged in.

use whatotp_application::{FollowLink, LinkFollowed, LoggedIn};
use whatotp_domain::{AccountId, EmailAddress, Password, Role, User};
use whatotp_vault::LinkToken;

use crate::support::{Client, TestApp};

/// Somebody who is logged in.
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) api: Client,
}

/// The first owner, who runs the platform too.
pub(crate) async fn owner(app: &TestApp) -> Person {
    let token = app.app.bootstrap_link().await.unwrap().unwrap();
    join(app, token, Some("owner@example.org")).await
}

/// Somebody whom `by` has invited.
pub(crate) async fn member(app: &TestApp, by: &User, role: Role) -> Person {
    let address = format!("{}.{}@example.org", role.as_str(), by.account.to_string().to_lowercase());
    let (_, token) = app.app.invite(by, &email(&address), role).await.unwrap().unwrap();
    join(app, token, None).await
}

/// The owner of another account, who runs nothing else.
pub(crate) async fn stranger(app: &TestApp, owner: &User) -> Person {
    let account: AccountId = app.app.create_account("stranger").await.unwrap();
    member(app, &User { account, ..owner.clone() }, Role::Owner).await
}

async fn join(app: &TestApp, token: LinkToken, address: Option<&str>) -> Person {
    let password = Password::choose("a rather long passphrase of tests").unwrap();
    let (name, user_agent) = (Some("Grace".to_owned()), "tests".to_owned());
    let follow = FollowLink { token, name, email: address.map(email), password, user_agent };
    let followed = app.app.follow_link(follow).await.unwrap();
    let LinkFollowed::Joined(joined) = followed else { panic!("{followed:?}") };
    let LoggedIn { user, token, .. } = *joined;
    let api = app.api.with("authorization", &format!("Bearer {}", token.expose()));
    Person { user, api }
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}
