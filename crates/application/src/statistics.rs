use std::collections::{HashMap, HashSet};

use whatotp_domain::{
    AccountScope, CodeFacts, DeliveryFacts, DeliveryId, Figures, GroupBy, GroupKey, SessionId, SessionStatus, Tally,
    Timestamp,
};
use whatotp_ports::{DeliveryCount, SessionState};

use crate::{Application, Failure};

/// Rows read in one step, so that nobody else waits for long.
const PAGE: u32 = 2_000;
/// How many deliveries are counted for one answer. What is older than these is left out, and the answer says so.
const COUNTED_MAX: usize = 500_000;

/// The figures of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// From when.
    pub from: Timestamp,
    /// Until when, without it.
    pub to: Timestamp,
    /// Of everything.
    pub total: Figures,
    /// Broken down, in the order that was asked for: by time, or the greatest first.
    pub groups: Vec<Vec<(GroupKey, Figures)>>,
    /// From when on everything is counted: later than `from` when there was too much to count.
    pub counted_from: Timestamp,
}

impl Statistics {
    /// Whether all of the range is counted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.counted_from <= self.from
    }

    /// The first breakdown, where one was asked for.
    #[must_use]
    pub fn breakdown(&self) -> &[(GroupKey, Figures)] {
        self.groups.first().map_or(&[], Vec::as_slice)
    }
}

/// What is counted out of the log. Nothing is kept for it: the rows are the truth, and are read page by page.
impl Application {
    /// The figures of what was made from `from` until `to`. The caller sees to it that the range is no longer than
    /// [`GroupBy::longest`].
    pub async fn statistics(
        &self,
        scope: AccountScope,
        from: Timestamp,
        to: Timestamp,
        by: GroupBy,
    ) -> Result<Statistics, Failure> {
        self.count(scope, (from, to), &[by]).await
    }

    /// As [`Application::statistics`], broken down in several ways out of one reading.
    pub(crate) async fn count(
        &self,
        scope: AccountScope,
        (from, to): (Timestamp, Timestamp),
        by: &[GroupBy],
    ) -> Result<Statistics, Failure> {
        let mut tallies: Vec<Tally> = by.iter().copied().map(Tally::new).collect();
        let (mut before, mut counted, mut counted_from): (Option<DeliveryId>, _, _) = (None, 0, from);
        loop {
            let page = self.ports.deliveries.count_deliveries(scope, (from, to), before, PAGE).await?;
            let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            let sessions = self.sessions_of(scope, &page).await?;
            counted += page.len();
            before = page.last().map(|last| last.id);
            let oldest = page.last().map_or(from, |last| last.created_at);
            for row in page {
                let facts = facts(&row, &sessions);
                for tally in &mut tallies {
                    tally.count(&facts);
                }
            }
            if is_last {
                break;
            }
            if counted >= COUNTED_MAX {
                counted_from = oldest;
                break;
            }
        }
        let (mut total, mut groups) = (Figures::default(), Vec::new());
        for tally in tallies {
            let (figures, parts) = tally.finish();
            total = figures;
            groups.push(parts);
        }
        Ok(Statistics { from, to, total, groups, counted_from })
    }

    /// The sessions whose first message is on the page.
    async fn sessions_of(
        &self,
        scope: AccountScope,
        page: &[DeliveryCount],
    ) -> Result<HashMap<SessionId, SessionState>, Failure> {
        let first: HashSet<SessionId> = page.iter().filter(|row| row.is_first).filter_map(|row| row.session).collect();
        if first.is_empty() {
            return Ok(HashMap::new());
        }
        let states = self.ports.sessions.session_states(scope, first.into_iter().collect()).await?;
        Ok(states.into_iter().map(|state| (state.id, state)).collect())
    }
}

fn facts(row: &DeliveryCount, sessions: &HashMap<SessionId, SessionState>) -> DeliveryFacts {
    // A session that is kept for a shorter time than its deliveries was a code all the same.
    let code = row.session.filter(|_| row.is_first).map(|session| CodeFacts {
        verified_after: sessions.get(&session).and_then(|session| {
            let verified_at = session.finished_at.filter(|_| session.status == SessionStatus::Verified);
            verified_at.map(|at| at.since(session.created_at))
        }),
    });
    DeliveryFacts {
        created_at: row.created_at,
        template: row.template,
        country: row.country,
        status: row.status,
        handed_over: row.handed_over,
        delivered_at: row.delivered_at,
        error: row.error,
        code,
    }
}
