//! What customers ask the people of the platform, from either side.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use whatotp_application::{CommentView, Linked, LogQuery, TicketSummary, TicketView};
use whatotp_domain::{
    AccountId, AccountScope, DeliveryId, Mode, Permission, TicketId, TicketPriority, TicketSide, TicketStatus, User,
    UserId,
};
use whatotp_ports::TicketFilter;

use super::deliveries::{Step, steps};
use super::frame::{Frame, NavLink, Section};
use super::shown::{Moment, Status};
use super::{Asked, page};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Member, Problem};

#[derive(Template)]
#[template(path = "console/tickets.html")]
struct List {
    frame: Frame,
    queue: bool,
    may_write: bool,
    statuses: Vec<NavLink>,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    href: String,
    subject: String,
    account: String,
    status: Status,
    priority: Status,
    assignee: String,
    comments: u32,
    updated: Moment,
}

pub(super) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewTickets)?;
    show_list(&ctx, &member, &request, Some(account)).await
}

pub(super) async fn queue(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    show_list(&ctx, &member, &request, None).await
}

/// The tickets of an account, or of all of them.
async fn show_list(
    ctx: &Context,
    member: &Member,
    request: &HttpRequest,
    account: Option<AccountId>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(request);
    let path = if account.is_some() { "/console/tickets" } else { "/console/admin/tickets" };
    let paging = asked.paging(TicketId::parse);
    let filter = TicketFilter {
        account,
        status: TicketStatus::parse(&asked.get("status")),
        before: paging.before,
        limit: paging.rows(),
        ..TicketFilter::default()
    };
    let found = ctx.app.list_tickets(&filter).await?;
    let (found, next) = paging.cut(found, |summary| summary.ticket.id.to_string());
    // Whoever answers an account's tickets is not of that account.
    let people = People(ctx.app.list_users(None).await?);
    let accounts = accounts(ctx, account.is_none()).await?;
    let row = |summary: &TicketSummary| {
        let ticket = &summary.ticket;
        Row {
            href: format!("{path}/{}", ticket.id),
            subject: summary.subject.clone(),
            account: accounts.get(&ticket.account).cloned().unwrap_or_else(|| ticket.account.to_string()),
            status: ticket.status.into(),
            priority: ticket.priority.into(),
            assignee: ticket.assignee.map_or_else(|| "nobody yet".to_owned(), |who| people.name(who)),
            comments: ticket.comments,
            updated: ticket.updated_at.into(),
        }
    };
    let all = NavLink { href: path.to_owned(), label: "All", current: filter.status.is_none() };
    let one = |status: TicketStatus, label| NavLink {
        href: format!("{path}?status={}", status.as_str()),
        label,
        current: filter.status == Some(status),
    };
    let statuses = vec![
        all,
        one(TicketStatus::Open, "Open"),
        one(TicketStatus::Pending, "Waiting for the customer"),
        one(TicketStatus::Closed, "Closed"),
    ];
    page(&List {
        frame: Frame::new(member, if account.is_some() { Section::Tickets } else { Section::Queue }, Mode::Live),
        queue: account.is_none(),
        may_write: account.is_some() && member.user.role.may(Permission::WriteTickets),
        statuses,
        rows: found.iter().map(row).collect(),
        next: asked.next(path, next),
    })
}

#[derive(Template)]
#[template(path = "console/ticket_new.html")]
struct New {
    frame: Frame,
    about: String,
}

pub(super) async fn new(member: Member, request: HttpRequest) -> Result<HttpResponse, Problem> {
    member.may(Permission::WriteTickets)?;
    let about = Asked::of(&request).get("about");
    page(&New { frame: Frame::new(&member, Section::Tickets, Mode::Live), about })
}

#[derive(Template)]
#[template(path = "console/ticket.html")]
struct Detail {
    frame: Frame,
    /// Whether it is seen from the platform's side.
    operating: bool,
    may_write: bool,
    here: String,
    id: String,
    subject: String,
    status: Status,
    priority: Status,
    closed: bool,
    comments: Vec<Said>,
    canned: Vec<(String, String)>,
    operators: Vec<(String, String, bool)>,
    priorities: Vec<(&'static str, bool)>,
    ticket_statuses: Vec<(&'static str, bool)>,
    opened_by: String,
    opened: Moment,
    account: String,
    assignee: String,
    about: String,
    steps: Vec<Step>,
}

struct Said {
    author: String,
    ours: bool,
    internal: bool,
    body: String,
    at: Moment,
}

pub(super) async fn detail(
    ctx: web::Data<Context>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewTickets)?;
    show(&ctx, &member, Some(account), &id).await
}

pub(super) async fn detail_in_queue(
    ctx: web::Data<Context>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    show(&ctx, &member, None, &id).await
}

async fn show(ctx: &Context, member: &Member, account: Option<AccountId>, id: &str) -> Result<HttpResponse, Problem> {
    let nowhere = || Problem::new(ErrorCode::TicketNotFound);
    let id = TicketId::parse(id).map_err(|_malformed| nowhere())?;
    let view = ctx.app.ticket(account, id).await?.ok_or_else(nowhere)?;
    let operating = account.is_none();
    let ticket = &view.summary.ticket;
    let people = People(ctx.app.list_users(None).await?);
    let canned = if operating { ctx.app.canned_replies().await? } else { Vec::new() };
    let accounts = accounts(ctx, operating).await?;
    let (about, steps) = linked(ctx, &view).await?;
    page(&Detail {
        frame: Frame::new(member, if operating { Section::Queue } else { Section::Tickets }, Mode::Live),
        operating,
        may_write: operating || member.user.role.may(Permission::WriteTickets),
        here: format!("/console{}/tickets/{id}", if operating { "/admin" } else { "" }),
        id: id.to_string(),
        subject: view.summary.subject.clone(),
        status: ticket.status.into(),
        priority: ticket.priority.into(),
        closed: ticket.status == TicketStatus::Closed,
        comments: view.comments.iter().map(said).collect(),
        canned: canned.into_iter().map(|reply| (reply.title, reply.body)).collect(),
        operators: people
            .0
            .iter()
            .filter(|user| operating && user.operator && !user.is_disabled())
            .map(|user| (user.id.to_string(), user.name.clone(), ticket.assignee == Some(user.id)))
            .collect(),
        priorities: TicketPriority::ALL.map(|one| (one.as_str(), one == ticket.priority)).to_vec(),
        ticket_statuses: TicketStatus::ALL.map(|one| (one.as_str(), one == ticket.status)).to_vec(),
        opened_by: people.name(ticket.opened_by),
        opened: ticket.created_at.into(),
        account: accounts.get(&ticket.account).cloned().unwrap_or_default(),
        assignee: ticket.assignee.map_or_else(|| "nobody yet".to_owned(), |who| people.name(who)),
        about,
        steps,
    })
}

fn said(comment: &CommentView) -> Said {
    let name = comment.author_name.clone().unwrap_or_else(|| "somebody who is gone".to_owned());
    let ours = comment.side == TicketSide::Platform;
    Said {
        author: if ours { format!("{name} (support)") } else { name },
        ours,
        internal: comment.is_internal,
        body: comment.body.clone(),
        at: comment.created_at.into(),
    }
}

/// What a ticket is about, and what happened to it: of a session, to its latest message.
async fn linked(ctx: &Context, view: &TicketView) -> Result<(String, Vec<Step>), Problem> {
    let account = view.summary.ticket.account;
    let (about, found): (String, Option<(AccountScope, DeliveryId)>) = match &view.linked {
        None => return Ok((String::new(), Vec::new())),
        Some(Linked::Session(session)) => {
            let scope = AccountScope { account, ..session.session.scope };
            let latest = LogQuery { session: Some(session.session.id), limit: 1, ..LogQuery::default() };
            let latest = ctx.app.deliveries(scope, &latest, None).await?.lines.into_iter().next();
            (session.session.id.to_string(), latest.map(|line| (scope, line.record.id)))
        }
        Some(Linked::Message(message)) => {
            (message.record.id.to_string(), Some((AccountScope { account, ..message.record.scope }, message.record.id)))
        }
        Some(Linked::Gone(link)) => (link.to_string(), None),
    };
    let steps = match found {
        None => Vec::new(),
        Some((scope, id)) => ctx.app.delivery(scope, id).await?.as_ref().map(steps).unwrap_or_default(),
    };
    Ok((about, steps))
}

/// Those whose names are on tickets.
struct People(Vec<User>);

impl People {
    fn name(&self, id: UserId) -> String {
        let found = self.0.iter().find(|user| user.id == id);
        found.map_or_else(|| "somebody who is gone".to_owned(), |user| user.name.clone())
    }
}

async fn accounts(ctx: &Context, all: bool) -> Result<HashMap<AccountId, String>, Problem> {
    let accounts = if all { ctx.app.list_accounts().await? } else { Vec::new() };
    Ok(accounts.into_iter().map(|account| (account.id, account.name)).collect())
}
