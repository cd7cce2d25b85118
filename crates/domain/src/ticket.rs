use crate::{AccountId, DeliveryId, SessionId, TicketId, Timestamp, UserId};

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketStatus {
    /// The people of the platform are to answer.
    Open,
    /// They have answered, and wait for the customer.
    Pending,
    /// Nobody waits any more.
    Closed,
}

impl TicketStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Open, Self::Pending, Self::Closed];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Closed => "closed",
        }
    }

    /// Reads [`TicketStatus::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What is to be answered first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TicketPriority {
    /// When there is time.
    Low,
    /// In its turn.
    Normal,
    /// Before the others.
    High,
    /// Now: codes do not arrive.
    Urgent,
}

impl TicketPriority {
    /// Every priority, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// Reads [`TicketPriority::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text)
    }
}

/// What a ticket is about, where that is one thing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketLink {
    /// An OTP session.
    Session(SessionId),
    /// A message.
    Message(DeliveryId),
}

impl TicketLink {
    /// Reads the id of a session or a message.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let session = SessionId::parse(text).ok().map(Self::Session);
        session.or_else(|| DeliveryId::parse(text).ok().map(Self::Message))
    }
}

impl std::fmt::Display for TicketLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session(id) => id.fmt(f),
            Self::Message(id) => id.fmt(f),
        }
    }
}

/// On which side of a ticket somebody writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketSide {
    /// The account that opened it.
    Customer,
    /// The people of the platform.
    Platform,
}

impl TicketSide {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Platform => "platform",
        }
    }

    /// Reads [`TicketSide::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Customer, Self::Platform].into_iter().find(|side| side.as_str() == text)
    }
}

/// What happens to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketChange {
    /// The customer writes: it is open, whatever it was.
    Commented,
    /// The people of the platform answer: they wait for the customer.
    Answered,
    /// The people of the platform write something down for themselves. Nobody's turn changes.
    Noted,
    /// It is done.
    Closed,
    /// It is not done after all. One that is not closed stays as it is.
    Reopened,
    /// The people of the platform sort their work. What is `None` stays.
    Triaged {
        /// Another status.
        status: Option<TicketStatus>,
        /// Another priority.
        priority: Option<TicketPriority>,
        /// Another assignee; `Some(None)` for nobody.
        assignee: Option<Option<UserId>>,
    },
}

/// A question of one account to the people of the platform, and where it stands. Its words are elsewhere, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// Whose it is.
    pub account: AccountId,
    /// Whose turn it is.
    pub status: TicketStatus,
    /// How soon it is to be answered.
    pub priority: TicketPriority,
    /// Who of the platform cares for it.
    pub assignee: Option<UserId>,
    /// What it is about.
    pub link: Option<TicketLink>,
    /// Who opened it.
    pub opened_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When something last happened to it that its customer may know of.
    pub updated_at: Timestamp,
    /// Since when it is closed, if it is.
    pub closed_at: Option<Timestamp>,
    /// How many comments it has, notes included.
    pub comments: u32,
}

impl Ticket {
    /// So many comments a ticket has at most: one that goes on longer is about something else by then.
    pub const MAX_COMMENTS: u32 = 200;

    /// So many tickets of an account at most wait for an end: more are not read by anybody.
    pub const MAX_OPEN: usize = 100;

    /// Whether there is room for one more comment.
    #[must_use]
    pub const fn takes_comments(&self) -> bool {
        self.comments < Self::MAX_COMMENTS
    }

    /// The ticket after a change.
    #[must_use]
    pub fn after(&self, change: TicketChange, now: Timestamp) -> Self {
        let mut next = self.clone();
        if change != TicketChange::Noted {
            next.updated_at = self.updated_at.max(now);
        }
        match change {
            TicketChange::Commented => next.turn(TicketStatus::Open, now),
            TicketChange::Answered => next.turn(TicketStatus::Pending, now),
            TicketChange::Closed => next.turn(TicketStatus::Closed, now),
            TicketChange::Reopened if self.status == TicketStatus::Closed => next.turn(TicketStatus::Open, now),
            TicketChange::Noted | TicketChange::Reopened => {}
            TicketChange::Triaged { status, priority, assignee } => {
                next.turn(status.unwrap_or(self.status), now);
                next.priority = priority.unwrap_or(self.priority);
                next.assignee = assignee.unwrap_or(self.assignee);
            }
        }
        if matches!(change, TicketChange::Commented | TicketChange::Answered | TicketChange::Noted) {
            next.comments = next.comments.saturating_add(1);
        }
        next
    }

    fn turn(&mut self, status: TicketStatus, now: Timestamp) {
        let closed = status == TicketStatus::Closed;
        self.closed_at = closed.then(|| self.closed_at.unwrap_or(now));
        self.status = status;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_000);

    fn a_ticket(status: TicketStatus) -> Ticket {
        Ticket {
            id: TicketId::new(NOW, [1; 10]),
            account: AccountId::new(NOW, [1; 10]),
            status,
            priority: TicketPriority::Normal,
            assignee: None,
            link: None,
            opened_by: UserId::new(NOW, [1; 10]),
            created_at: NOW,
            updated_at: NOW,
            closed_at: (status == TicketStatus::Closed).then_some(NOW),
            comments: 1,
        }
    }

    fn later() -> Timestamp {
        Timestamp::from_unix_ms(2_000)
    }

    #[test]
    fn names_are_read_back() {
        for status in TicketStatus::ALL {
            assert_eq!(TicketStatus::parse(status.as_str()), Some(status));
        }
        for priority in TicketPriority::ALL {
            assert_eq!(TicketPriority::parse(priority.as_str()), Some(priority));
        }
        for side in [TicketSide::Customer, TicketSide::Platform] {
            assert_eq!(TicketSide::parse(side.as_str()), Some(side));
        }
        let (session, message) = (SessionId::new(NOW, [3; 10]), DeliveryId::new(NOW, [3; 10]));
        for link in [TicketLink::Session(session), TicketLink::Message(message)] {
            assert_eq!(TicketLink::parse(&link.to_string()), Some(link));
        }
        assert_eq!(TicketLink::parse(&TicketId::new(NOW, [3; 10]).to_string()), None);
    }

    #[test]
    fn whoever_writes_gives_the_turn_to_the_other_side() {
        for status in TicketStatus::ALL {
            let ticket = a_ticket(status);
            let commented = ticket.after(TicketChange::Commented, later());
            assert_eq!((commented.status, commented.closed_at, commented.comments), (TicketStatus::Open, None, 2));
            let answered = ticket.after(TicketChange::Answered, later());
            assert_eq!((answered.status, answered.closed_at, answered.comments), (TicketStatus::Pending, None, 2));
            let noted = ticket.after(TicketChange::Noted, later());
            assert_eq!((noted.status, noted.closed_at, noted.comments), (status, ticket.closed_at, 2));
            assert_eq!(noted.updated_at, ticket.updated_at, "the customer is not to see that there is a note");
        }
    }

    #[test]
    fn closing_twice_keeps_the_first_moment_and_reopening_forgets_it() {
        let closed = a_ticket(TicketStatus::Pending).after(TicketChange::Closed, later());
        assert_eq!((closed.status, closed.closed_at), (TicketStatus::Closed, Some(later())));
        let again = closed.after(TicketChange::Closed, Timestamp::from_unix_ms(3_000));
        assert_eq!(again.closed_at, Some(later()));
        let reopened = again.after(TicketChange::Reopened, Timestamp::from_unix_ms(4_000));
        assert_eq!((reopened.status, reopened.closed_at, reopened.comments), (TicketStatus::Open, None, 1));
        let pending = a_ticket(TicketStatus::Pending).after(TicketChange::Reopened, later());
        assert_eq!(pending.status, TicketStatus::Pending, "it was never closed");
    }

    #[test]
    fn sorting_changes_what_is_named_and_nothing_else() {
        let ticket = a_ticket(TicketStatus::Open);
        let nothing = TicketChange::Triaged { status: None, priority: None, assignee: None };
        assert_eq!(ticket.after(nothing, NOW), ticket);
        let somebody = UserId::new(NOW, [9; 10]);
        let all = TicketChange::Triaged {
            status: Some(TicketStatus::Closed),
            priority: Some(TicketPriority::Urgent),
            assignee: Some(Some(somebody)),
        };
        let sorted = ticket.after(all, later());
        assert_eq!((sorted.status, sorted.closed_at), (TicketStatus::Closed, Some(later())));
        assert_eq!((sorted.priority, sorted.assignee, sorted.comments), (TicketPriority::Urgent, Some(somebody), 1));
        let nobody = TicketChange::Triaged { status: None, priority: None, assignee: Some(None) };
        assert_eq!(sorted.after(nobody, later()).assignee, None);
    }

    #[test]
    fn a_ticket_is_full_at_its_limit() {
        let ticket = Ticket { comments: Ticket::MAX_COMMENTS - 1, ..a_ticket(TicketStatus::Open) };
        assert!(ticket.takes_comments());
        assert!(!ticket.after(TicketChange::Noted, NOW).takes_comments());
    }
}
