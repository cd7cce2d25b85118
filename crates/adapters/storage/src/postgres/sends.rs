//! New sessions, and codes that are sent again.

use async_trait::async_trait;
use diesel::prelude::{Queryable, Selectable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{IssueRefused, LiveSession, SessionId, SessionStatus, Timestamp};
use whatotp_ports::{Claim, Issued, NewSession, Resend, Resent, SessionRecord, Subject};

use super::claims::{self, Priors};
use super::coalescer::{Operation, RowKey};
use super::ledgers::Ledgers;
use super::statement::{change, changing, columns, fetch, fetching};
use super::{Batched, deliveries, sessions};
use crate::failure::Failure;
use crate::rows::{self, After, DeliveryRow, Places, SessionRow};
use crate::schema::otp_sessions;

/// A session that is to be issued.
pub(super) struct Issue {
    pub(super) new: NewSession,
    pub(super) now: Timestamp,
}

impl Operation for Issue {
    type Answer = Issued;

    fn rows(&self) -> Vec<RowKey> {
        let session = &self.new.record.session;
        let rows = RowKey::number(self.places()).chain([RowKey::Session(session.scope, session.id)]);
        rows.chain(RowKey::claim(self.new.claim.as_ref())).collect()
    }
}

/// A code that is to be sent again.
pub(super) struct SendAgain {
    pub(super) resend: Resend,
    pub(super) now: Timestamp,
}

impl Operation for SendAgain {
    type Answer = Option<Resent>;

    fn rows(&self) -> Vec<RowKey> {
        let Resend { scope, session, claim, .. } = &self.resend;
        let rows = RowKey::number(self.places()).chain([RowKey::Session(*scope, *session)]);
        rows.chain(RowKey::claim(claim.as_ref())).collect()
    }
}

change!(
    InsertSessions,
    "INSERT INTO otp_sessions (account_id, id, mode, purpose, code_length, kid, recipient, number, metadata, delivery_id,
        client_ip, status, attempts, attempts_max, sends, sends_max, created_at, expires_at, resend_available_at,
        finished_at)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
);

fetch!(
    /// Ends those that are still pending: the ledger is not told when a session is verified, locked or canceled.
    Supersede -> Ended,
    "UPDATE otp_sessions SET status = 'superseded', finished_at = k.now
     FROM unnest($1, $2, $3, $4) AS k (account_id, id, mode, now)
     WHERE otp_sessions.account_id = k.account_id AND otp_sessions.id = k.id AND otp_sessions.mode = k.mode
       AND otp_sessions.status = 'pending' AND otp_sessions.expires_at > k.now
     RETURNING ",
    ""
);

#[derive(Queryable, Selectable)]
#[diesel(table_name = otp_sessions)]
struct Ended {
    id: String,
}

/// What becomes of one new session.
enum Fate {
    Answered(Issued),
    Created { record: Box<SessionRecord>, replaced: Option<LiveSession>, delivery: Box<DeliveryRow> },
}

#[async_trait]
impl Batched for Issue {
    async fn run(connection: &mut AsyncPgConnection, batch: &[Self]) -> Result<Vec<Issued>, Failure> {
        let mut ledgers = Ledgers::lock(connection, batch.iter().map(Self::places)).await?;
        // Under the lock, or another process may do the same work between this look and it.
        let claims = batch.iter().filter_map(|issue| issue.new.claim.as_ref());
        let mut priors = Priors::find(connection, claims.collect()).await?;
        let mut fates = Vec::with_capacity(batch.len());
        for issue in batch {
            fates.push(match priors.of(issue.new.claim.as_ref(), issue.now)? {
                Some(prior) => Fate::Answered(Issued::Replay(prior)),
                None => issue.decide(&mut ledgers),
            });
        }
        let superseded = supersede(connection, batch, &fates).await?;
        insert(connection, &fates).await?;
        ledgers.save(connection).await?;
        let done = batch.iter().zip(&fates).filter(|(_, fate)| matches!(fate, Fate::Created { .. }));
        let done = done
            .filter_map(|(issue, _)| Some((issue.new.claim.as_ref()?, Subject::Session(issue.new.record.session.id))));
        store_claims(connection, done.collect(), batch.iter().map(|issue| issue.now)).await?;
        let answers = fates.into_iter().map(|fate| match fate {
            Fate::Answered(answer) => answer,
            Fate::Created { record, replaced, .. } => {
                let superseded = replaced.filter(|live| superseded.contains(&live.session));
                Issued::Created { record, superseded }
            }
        });
        Ok(answers.collect())
    }
}

impl Issue {
    fn places(&self) -> Places {
        let NewSession { record, limits, everybody, .. } = &self.new;
        Places::new(record.session.scope, record.number, limits, *everybody)
    }

    fn decide(&self, ledgers: &mut Ledgers) -> Fate {
        let (new, now) = (&self.new, self.now);
        let (places, mut record) = (self.places(), SessionRecord { delivery: new.delivery.id, ..new.record.clone() });
        let mut number = ledgers.get(&places);
        let replaced = match number.issue(&mut record.session, &new.limits, now) {
            Ok(replaced) => replaced,
            Err(IssueRefused::Send(refused)) => return Fate::Answered(Issued::Refused(refused)),
            Err(IssueRefused::Guess(refused)) => return Fate::Answered(Issued::NoGuesses(refused)),
        };
        ledgers.set(&places, number);
        let delivery = Box::new(DeliveryRow::new(&new.delivery, After::Nothing, now));
        Fate::Created { record: Box::new(record), replaced, delivery }
    }
}

/// Ends the sessions whose place new ones take. Returns those that were pending.
async fn supersede(
    connection: &mut AsyncPgConnection,
    batch: &[Issue],
    fates: &[Fate],
) -> Result<Vec<SessionId>, Failure> {
    let replaced = batch.iter().zip(fates).filter_map(|(issue, fate)| match fate {
        Fate::Created { record, replaced: Some(live), .. } => {
            Some((rows::ScopeColumns::from(record.session.scope), live.session.to_string(), issue.now.unix_ms()))
        }
        _ => None,
    });
    let mut replaced: Vec<_> = replaced.collect();
    if replaced.is_empty() {
        return Ok(Vec::new());
    }
    replaced.sort_unstable_by(|one, other| (&one.0.account, &one.1).cmp(&(&other.0.account, &other.1)));
    let these = columns!(replaced, one => one.0.account.as_str(), one.1.as_str(), one.0.mode, one.2);
    let ended: Vec<Ended> = fetching::<Supersede>(these).load(connection).await?;
    let ids = ended.iter().map(|row| SessionId::parse(&row.id).or(Err(rows::Unreadable("otp_sessions.id"))));
    Ok(ids.collect::<Result<_, _>>()?)
}

async fn insert(connection: &mut AsyncPgConnection, fates: &[Fate]) -> Result<(), Failure> {
    let created = fates.iter().filter_map(|fate| match fate {
        Fate::Created { record, delivery, .. } => Some((SessionRow::new(record), delivery.as_ref())),
        Fate::Answered(_) => None,
    });
    let (sessions, new): (Vec<SessionRow>, Vec<&DeliveryRow>) = created.unzip();
    if sessions.is_empty() {
        return Ok(());
    }
    let arguments = columns!(
        sessions,
        row => row.account_id.as_str(), row.id.as_str(), row.mode.as_str(), row.purpose.as_str(), row.code_length,
        row.kid.as_str(), row.recipient.as_slice(), row.number.as_slice(), row.metadata.as_deref(),
        row.delivery_id.as_str(), row.client_ip.as_deref(), row.status.as_str(), row.attempts, row.attempts_max, row.sends, row.sends_max,
        row.created_at, row.expires_at, row.resend_available_at, row.finished_at,
    );
    changing::<InsertSessions>(arguments).execute(connection).await?;
    deliveries::insert(connection, new).await
}

/// Claims are older than the oldest moment in the batch, or they are not over for all of it.
pub(super) async fn store_claims(
    connection: &mut AsyncPgConnection,
    done: Vec<(&Claim, Subject)>,
    moments: impl Iterator<Item = Timestamp> + Send,
) -> Result<(), Failure> {
    let now = moments.min().unwrap_or_default();
    claims::store(connection, done, now).await
}

#[async_trait]
impl Batched for SendAgain {
    async fn run(connection: &mut AsyncPgConnection, batch: &[Self]) -> Result<Vec<Option<Resent>>, Failure> {
        let mut ledgers = Ledgers::lock(connection, batch.iter().map(Self::places)).await?;
        let keys = batch.iter().map(|again| (again.resend.scope, again.resend.session));
        let found = sessions::lock(connection, keys.collect()).await?;
        let claims = batch.iter().filter_map(|again| again.resend.claim.as_ref());
        let mut priors = Priors::find(connection, claims.collect()).await?;
        let (mut answers, mut stored, mut new, mut done) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for again in batch {
            let Resend { scope, session, claim, .. } = &again.resend;
            if let Some(prior) = priors.of(claim.as_ref(), again.now)? {
                answers.push(Some(Resent::Replay(prior)));
                continue;
            }
            let before = found.get(&(*scope, *session));
            let answer = before.map(|record| again.decide(record.clone(), &mut ledgers));
            if let (Some(before), Some(Resent::Stored(record))) = (before, &answer) {
                new.push(DeliveryRow::new(&again.resend.delivery, After::Sent(before.delivery), again.now));
                stored.push(record.clone());
                done.extend(claim.as_ref().map(|claim| (claim, Subject::Session(*session))));
            }
            answers.push(answer);
        }
        sessions::save_sends(connection, &stored).await?;
        deliveries::insert(connection, new.iter().collect()).await?;
        ledgers.save(connection).await?;
        store_claims(connection, done, batch.iter().map(|again| again.now)).await?;
        Ok(answers)
    }
}

impl SendAgain {
    fn places(&self) -> Places {
        let Resend { scope, delivery, limits, everybody, .. } = &self.resend;
        Places::new(*scope, delivery.number, limits, *everybody)
    }

    fn decide(&self, mut record: SessionRecord, ledgers: &mut Ledgers) -> Resent {
        let (resend, now) = (&self.resend, self.now);
        let status = record.session.status_at(now);
        if status != SessionStatus::Pending {
            return Resent::Finished(status);
        }
        if record.session.sends_remaining() == 0 {
            return Resent::NoSendsLeft;
        }
        let places = self.places();
        let mut number = ledgers.get(&places);
        if let Err(refused) = number.send_again(&mut record.session, &resend.limits, now) {
            return Resent::Refused(refused);
        }
        ledgers.set(&places, number);
        record.delivery = resend.delivery.id;
        Resent::Stored(record)
    }
}
