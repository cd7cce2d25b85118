use actix_web::{HttpResponse, web};
use askama::Template;
use whatotp_domain::{Invitation, Mode, Permission, Role, User};

use super::frame::{Frame, Section};
use super::page;
use super::shown::Moment;
use crate::context::Context;
use crate::http::{Member, Problem};

#[derive(Template)]
#[template(path = "console/members.html")]
struct Members {
    frame: Frame,
    may_manage: bool,
    rows: Vec<Row>,
    invitations: Vec<Invited>,
    roles: Vec<(&'static str, &'static str)>,
}

struct Row {
    id: String,
    me: bool,
    name: String,
    email: String,
    role: &'static str,
    is: String,
    second_factor: &'static str,
    last_login: Option<Moment>,
    manageable: bool,
}

impl Row {
    fn new(user: &User, member: &Member) -> Self {
        let me = user.id == member.user.id;
        Self {
            id: user.id.to_string(),
            me,
            name: user.name.clone(),
            email: user.email.as_str().to_owned(),
            role: user.role.as_str(),
            is: [(user.operator, "operator"), (user.is_disabled(), "cannot log in")]
                .into_iter()
                .filter_map(|(is, what)| is.then_some(what))
                .collect::<Vec<_>>()
                .join(", "),
            second_factor: if user.has_totp { "on" } else { "off" },
            last_login: user.last_login_at.map(Moment::from),
            manageable: !me && !user.is_disabled() && member.user.role.may_manage(user.role),
        }
    }
}

struct Invited {
    id: String,
    email: String,
    role: &'static str,
    expires: Moment,
}

impl From<&Invitation> for Invited {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.as_str().to_owned(),
            role: invitation.role.as_str(),
            expires: invitation.expires_at.into(),
        }
    }
}

pub(super) async fn list(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewMembers)?;
    let users = ctx.app.list_users(Some(account)).await?;
    let may_manage = member.user.role.may(Permission::ManageMembers);
    let invitations = if may_manage { ctx.app.list_invitations(account).await? } else { Vec::new() };
    let roles = Role::ALL.into_iter().filter(|role| member.user.role.may_manage(*role));
    page(&Members {
        frame: Frame::new(&member, Section::Members, Mode::Live),
        may_manage,
        rows: users.iter().map(|user| Row::new(user, &member)).collect(),
        invitations: invitations.iter().map(Invited::from).collect(),
        roles: roles.map(|role| (role.as_str(), meaning(role))).collect(),
    })
}

const fn meaning(role: Role) -> &'static str {
    match role {
        Role::Owner => "everything, and who else is an owner",
        Role::Admin => "everything but owners",
        Role::Developer => "keys and templates",
        Role::Support => "deliveries and tickets",
        Role::Viewer => "looks, and changes nothing",
    }
}
