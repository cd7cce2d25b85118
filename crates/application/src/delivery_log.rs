use std::collections::HashMap;

use whatotp_domain::{
    AccountScope, ApiKey, ApiKeyId, Country, DeliveryId, DeliveryStatus, PhoneNumber, RequestId, SessionId,
    SessionStatus, TemplateId, Timestamp,
};
use whatotp_ports::{DeliveryFilter, DeliveryKind, DeliveryRecord, SessionState};

use crate::views::delivery_row;
use crate::{Application, Failure, TemplateRef, error_chain};

/// How many of an account's deliveries one page looks at, whatever it is asked to find.
const LOOK_AT: u32 = 5_000;
/// A session has fewer deliveries than this: its sends, and for each of them a fallback for each sender.
const SIBLINGS_MAX: u32 = 100;

/// Which deliveries of the log to show. Everything that is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Only messages (`Some(false)` would be only codes).
    pub messages: Option<bool>,
    /// To this number.
    pub number: Option<PhoneNumber>,
    /// In this status.
    pub status: Option<DeliveryStatus>,
    /// That failed for this reason, in the provider's numbers.
    pub error: Option<u32>,
    /// To this country.
    pub country: Option<Country>,
    /// Of this template.
    pub template: Option<TemplateId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// Asked for with this key.
    pub key: Option<ApiKeyId>,
    /// Asked for in this request.
    pub request: Option<RequestId>,
    /// Made at or after this moment.
    pub created_after: Option<Timestamp>,
    /// Made before this moment.
    pub created_before: Option<Timestamp>,
    /// At most so many.
    pub limit: u32,
}

/// A delivery as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The delivery.
    pub record: DeliveryRecord,
    /// The number. Prints masked. `None` when it cannot be opened any more.
    pub to: Option<PhoneNumber>,
    /// The session whose code it carries, while that is kept.
    pub session: Option<SessionState>,
    /// The name of its template, while there is one.
    pub template: Option<String>,
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// Newest first.
    pub lines: Vec<LogLine>,
    /// What the next page is older than; `None` on the last.
    pub next: Option<DeliveryId>,
    /// Whether the page holds as much as was asked for, or all there is. Otherwise the search has ended for now, and goes
    /// on with `next`.
    pub complete: bool,
}

/// Everything about one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryDetail {
    /// The delivery.
    pub line: LogLine,
    /// The key that asked for it, while the account has that.
    pub key: Option<ApiKey>,
    /// Where its session stands now.
    pub session_status: Option<SessionStatus>,
    /// The other deliveries of its session, newest first: resends, and fallbacks to other senders.
    pub siblings: Vec<LogLine>,
}

/// The log of everything that was sent: codes and messages in one.
impl Application {
    /// Deliveries of this scope that fit and are older than `before`, newest first.
    pub async fn deliveries(
        &self,
        scope: AccountScope,
        query: &LogQuery,
        before: Option<DeliveryId>,
    ) -> Result<LogPage, Failure> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let filter = DeliveryFilter {
            messages: query.messages,
            status: query.status,
            template: query.template,
            session: query.session,
            number: query.number.as_ref().map(|number| self.keyring.blind_index(scope, number)),
            created_after: query.created_after,
            created_before: query.created_before,
            error: query.error,
            key: query.key,
            request: query.request,
            country: query.country,
            before,
            // One more than asked for tells whether there is a next page.
            limit: query.limit.saturating_add(1),
            ..DeliveryFilter::default()
        };
        let mut page = self.ports.deliveries.search_deliveries(scope, &filter, LOOK_AT).await?;
        let more = page.found.len() > limit;
        page.found.truncate(limit);
        let (next, complete) = match (more, page.looked_until) {
            (true, _) => (page.found.last().map(|last| last.id), true),
            (false, until) => (until, until.is_none()),
        };
        Ok(LogPage { lines: self.log_lines(scope, page.found).await?, next, complete })
    }

    /// One delivery, with all that is known of it. `None` when this scope has none of this id.
    pub async fn delivery(&self, scope: AccountScope, id: DeliveryId) -> Result<Option<DeliveryDetail>, Failure> {
        let Some(record) = self.ports.deliveries.find_delivery(scope, id).await? else { return Ok(None) };
        let mut siblings = Vec::new();
        if let DeliveryKind::Otp(session) = record.kind {
            let filter = DeliveryFilter { session: Some(session), limit: SIBLINGS_MAX, ..DeliveryFilter::default() };
            siblings = self.ports.deliveries.list_deliveries(scope, &filter).await?;
            siblings.retain(|sibling| sibling.id != id);
        }
        let key = match record.asked.key {
            None => None,
            Some(asked) => {
                let keys = self.ports.keys.list_keys(Some(scope.account)).await?;
                keys.into_iter().find(|key| key.id == asked)
            }
        };
        let siblings = self.log_lines(scope, siblings).await?;
        let Some(line) = self.log_lines(scope, vec![record]).await?.pop() else { return Ok(None) };
        let now = self.ports.clock.now();
        let session_status = line.session.as_ref().map(|session| session.status_at(now));
        Ok(Some(DeliveryDetail { line, key, session_status, siblings }))
    }

    /// What is to be shown beside each record: the number, what the code is for, and the template's name.
    async fn log_lines(&self, scope: AccountScope, records: Vec<DeliveryRecord>) -> Result<Vec<LogLine>, Failure> {
        let mut sessions: Vec<SessionId> = records.iter().filter_map(session_of).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let mut states = HashMap::new();
        if !sessions.is_empty() {
            let found = self.ports.sessions.session_states(scope, sessions).await?;
            states.extend(found.into_iter().map(|state| (state.id, state)));
        }
        let mut names: HashMap<TemplateId, Option<String>> = HashMap::new();
        for record in &records {
            if let DeliveryKind::Message(template) = record.kind
                && !names.contains_key(&template)
            {
                let found = self.find_template(scope, &TemplateRef::Id(template)).await?;
                names.insert(template, found.map(|template| template.name().to_owned()));
            }
        }
        let line = |record: DeliveryRecord| {
            let (session, template) = match record.kind {
                DeliveryKind::Otp(session) => (states.get(&session).cloned(), None),
                DeliveryKind::Message(template) => (None, names.get(&template).cloned().flatten()),
            };
            LogLine { to: self.number_in_log(&record), record, session, template }
        };
        Ok(records.into_iter().map(line).collect())
    }

    /// The number of a delivery. One that cannot be opened, because its master key is gone, say, hides nothing else.
    pub(crate) fn number_in_log(&self, record: &DeliveryRecord) -> Option<PhoneNumber> {
        let id = record.id.to_bytes();
        match self.open_number(delivery_row(record, &id), &record.recipient) {
            Ok(number) => Some(number),
            Err(failure) => {
                tracing::warn!(delivery.id = %record.id, error = error_chain(&failure), "a number cannot be opened");
                None
            }
        }
    }
}

const fn session_of(record: &DeliveryRecord) -> Option<SessionId> {
    match record.kind {
        DeliveryKind::Otp(session) => Some(session),
        DeliveryKind::Message(_) => None,
    }
}
