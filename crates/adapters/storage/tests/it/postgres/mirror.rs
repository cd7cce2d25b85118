//! The two engines side by side: whatever is asked, both give the same answer.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use whatotp_domain::{
    AccountId, AccountScope, ApiKey, ApiKeyId, AuditText, Delivery, DeliveryId, Dimension, EventId, LedgerPolicy,
    LogEvent, MessageTemplate, NumberLedger, Quota, SenderId, SenderQuality, SessionId, TemplateId, Timestamp, WabaId,
};
use whatotp_domain::{CannedReplyId, TicketChange, TicketId};
use whatotp_domain::{ConsoleSession, ConsoleSessionId, LinkId, LogInTries, Role, UserId};
use whatotp_ports::{
    Account, AccountStore, ApiKeyStore, Attempt, CancelDelivery, CancelSession, Claim, ClaimedDelivery, DeadLetter,
    DeliveryCount, DeliveryFilter, DeliveryPage, DeliveryRecord, DeliveryStore, Enqueued, EventStore, IdempotencyStore,
    Issued, Lease, NewDelivery, NewEvent, NewSession, Prior, Progress, Report, Reported, Resend, Resent, SenderRecord,
    SenderStore, Sent, SessionRecord, SessionState, SessionStore, Settled, StoreResult, TemplateStore, Withdrawal,
};
use whatotp_ports::{
    AccountRules, Appended, AuditFilter, AuditPurged, AuditRecord, AuditStore, Block, BlockKey, Counted,
    DestinationStore, Erased, LedgerKey, Looked, MasterKeyStore, PersonalDataStore, QuotaStore, Resealed, SealedRow,
    SealedRowKey, SealedTable, Sought, Trace, TraceTable, Traffic, TrafficKey, TrafficStore,
};
use whatotp_ports::{CannedReply, EventFilter, TicketChanged, TicketComment, TicketFilter, TicketRecord, TicketStore};
use whatotp_ports::{ConsoleSessionStore, Joined, LinkRecord, LinkStore, MemberChange, UserRecord, UserStore};
use whatotp_storage::postgres::{PostgresSettings, PostgresStore};
use whatotp_storage::{SqliteSettings, SqliteStore};
use whatotp_testkit::START;
use whatotp_testkit::contract::{self, Scene};
use whatotp_vault::{AuditHead, AuditKey, AuditMac, KeyHash, Kid, MessageIndex, Sealed};

use whatotp_vault::{EmailIndex, LinkHash, PasswordHash, RecoveryHash, SessionHash};

use super::server::{migrated, settings};

/// Both engines behind one store.
struct Mirror {
    sqlite: SqliteStore,
    postgres: PostgresStore,
    _directory: TempDir,
}

fn same<T: Debug>(sqlite: StoreResult<T>, postgres: StoreResult<T>) -> StoreResult<T> {
    assert_eq!(format!("{postgres:?}"), format!("{sqlite:?}"), "PostgreSQL on the left, SQLite on the right");
    sqlite.and(postgres)
}

/// Asks both, one after the other.
macro_rules! both {
    ($(impl $port:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+ })+) => {$(
        #[async_trait]
        impl $port for Mirror {
            $(async fn $name(&self, $($argument: $type),*) -> StoreResult<$answer> {
                let sqlite = self.sqlite.$name($(Clone::clone(&$argument)),*).await;
                same(sqlite, self.postgres.$name($($argument),*).await)
            })+
        }
    )+};
}

both! {
    impl SessionStore {
        fn issue(new: NewSession, now: Timestamp) -> Issued;
        fn resend(resend: Resend, now: Timestamp) -> Option<Resent>;
        fn withdraw(withdrawal: Withdrawal, now: Timestamp) -> ();
        fn settle_attempt(attempt: Attempt, now: Timestamp) -> Option<Settled>;
        fn cancel(scope: AccountScope, session: SessionId, claim: Option<Claim>, now: Timestamp) -> Option<CancelSession>;
        fn fall_back(scope: AccountScope, session: SessionId, instead_of: DeliveryId, delivery: NewDelivery, now: Timestamp) -> bool;
        fn fail(scope: AccountScope, session: SessionId, now: Timestamp) -> ();
        fn find(scope: AccountScope, session: SessionId) -> Option<(SessionRecord, Sent)>;
        fn session_states(scope: AccountScope, sessions: Vec<SessionId>) -> Vec<SessionState>;
        fn purge_sessions(created_before: Timestamp, limit: u32) -> u64;
        fn find_ledger(key: &LedgerKey) -> Option<NumberLedger>;
        fn forgive(key: &LedgerKey) -> bool;
        fn purge_ledgers(limits: &LedgerPolicy, now: Timestamp, limit: u32) -> u64;
    }
    impl DeliveryStore {
        fn enqueue(new: NewDelivery, claim: Option<Claim>, now: Timestamp) -> Enqueued;
        fn claim_due(lease_for: Duration, limit: u32, now: Timestamp) -> Vec<ClaimedDelivery>;
        fn progress(lease: &Lease, progress: Progress) -> Option<Delivery>;
        fn record_reports(reports: Vec<Report>, now: Timestamp) -> Vec<Reported>;
        fn find_by_message(message: &MessageIndex) -> Option<DeliveryRecord>;
        fn find_delivery(scope: AccountScope, id: DeliveryId) -> Option<DeliveryRecord>;
        fn list_deliveries(scope: AccountScope, filter: &DeliveryFilter) -> Vec<DeliveryRecord>;
        fn search_deliveries(scope: AccountScope, filter: &DeliveryFilter, look_at: u32) -> DeliveryPage;
        fn count_deliveries(scope: AccountScope, range: (Timestamp, Timestamp), before: Option<DeliveryId>, limit: u32) -> Vec<DeliveryCount>;
        fn list_dead_letters(before: Option<DeliveryId>, limit: u32) -> Vec<DeadLetter>;
        fn find_dead_letter(id: DeliveryId) -> Option<DeadLetter>;
        fn discard_dead_letter(scope: AccountScope, id: DeliveryId, now: Timestamp) -> bool;
        fn cancel_delivery(scope: AccountScope, id: DeliveryId, claim: Option<Claim>, now: Timestamp) -> Option<CancelDelivery>;
        fn next_due() -> Option<Timestamp>;
        fn purge_deliveries(created_before: Timestamp, limit: u32) -> u64;
        fn purge_reports(reported_before: Timestamp, limit: u32) -> u64;
    }
    impl IdempotencyStore {
        fn find_prior(claim: &Claim, now: Timestamp) -> Option<Prior>;
        fn keep_answer(claim: &Claim, status: u16, body: Sealed) -> ();
        fn purge_claims(now: Timestamp, limit: u32) -> u64;
    }
    impl AccountStore {
        fn insert_account(account: Account) -> ();
        fn list_accounts() -> Vec<Account>;
        fn bind_master_key(kid: Kid) -> Kid;
    }
    impl ApiKeyStore {
        fn insert_key(key: ApiKey, hash: KeyHash) -> bool;
        fn find_key(hash: &KeyHash) -> Option<ApiKey>;
        fn list_keys(account: Option<AccountId>) -> Vec<ApiKey>;
        fn replace_key(old: ApiKeyId, old_ends_at: Timestamp, successor: ApiKey, hash: KeyHash) -> bool;
        fn note_key_use(id: ApiKeyId, at: Timestamp) -> ();
        fn revoke_key(id: ApiKeyId, now: Timestamp) -> Option<ApiKey>;
    }
    impl TemplateStore {
        fn insert_template(scope: AccountScope, template: MessageTemplate) -> bool;
        fn put_template(scope: AccountScope, template: MessageTemplate) -> ();
        fn find_template(scope: AccountScope, id: TemplateId) -> Option<MessageTemplate>;
        fn find_template_named(scope: AccountScope, waba: Option<&WabaId>, name: &str) -> Option<MessageTemplate>;
        fn delete_template(scope: AccountScope, id: TemplateId) -> bool;
        fn list_templates(scope: AccountScope, before: Option<TemplateId>, limit: u32) -> Vec<MessageTemplate>;
    }
    impl SenderStore {
        fn put_sender(sender: SenderRecord) -> ();
        fn remove_sender(id: &SenderId) -> bool;
        fn list_senders() -> Vec<SenderRecord>;
        fn set_quality(id: &SenderId, quality: SenderQuality) -> Option<SenderQuality>;
        fn set_routes(account: AccountId, senders: Vec<SenderId>) -> bool;
        fn list_routes() -> Vec<(AccountId, Vec<SenderId>)>;
    }
    impl MasterKeyStore {
        fn note_master_key(kid: Kid) -> ();
        fn noted_master_keys() -> Vec<Kid>;
        fn forget_master_key(kid: Kid) -> ();
        fn sealed_rows(table: SealedTable, after: Option<SealedRowKey>, limit: u32) -> Vec<SealedRow>;
        fn reseal(values: Vec<Resealed>) -> u64;
    }
    impl UserStore {
        fn has_users() -> bool;
        fn join(link: LinkHash, user: UserRecord, session: ConsoleSession, hash: SessionHash, now: Timestamp) -> Joined;
        fn reset_password(link: LinkHash, password: PasswordHash, now: Timestamp) -> Option<UserRecord>;
        fn find_user(id: UserId) -> Option<UserRecord>;
        fn find_user_by_email(email: &EmailIndex) -> Option<UserRecord>;
        fn list_users(account: Option<AccountId>) -> Vec<UserRecord>;
        fn set_password(id: UserId, password: PasswordHash, keep: Option<ConsoleSessionId>) -> ();
        fn rehash_password(id: UserId, old: PasswordHash, new: PasswordHash) -> ();
        fn set_role(account: AccountId, id: UserId, role: Role) -> MemberChange;
        fn set_disabled(account: AccountId, id: UserId, disabled_at: Option<Timestamp>) -> MemberChange;
        fn remove_user(account: AccountId, id: UserId) -> MemberChange;
        fn set_operator(id: UserId, operator: bool) -> bool;
        fn charge_log_in(email: &EmailIndex, now: Timestamp) -> Option<Timestamp>;
        fn refund_log_in(email: &EmailIndex) -> ();
        fn forget_log_ins(email: &EmailIndex) -> bool;
        fn log_in_tries(email: &EmailIndex) -> LogInTries;
        fn purge_log_ins(before: Timestamp, limit: u32) -> u64;
        fn offer_totp(id: UserId, secret: Sealed) -> ();
        fn confirm_totp(id: UserId, secret: Sealed, step: u64, codes: Vec<RecoveryHash>, keep: ConsoleSessionId) -> bool;
        fn use_totp_step(id: UserId, step: u64) -> bool;
        fn use_recovery_code(id: UserId, code: &RecoveryHash) -> bool;
        fn count_recovery_codes(id: UserId) -> u64;
        fn remove_totp(id: UserId) -> bool;
    }
    impl ConsoleSessionStore {
        fn begin_console_session(session: ConsoleSession, hash: SessionHash) -> bool;
        fn find_console_session(hash: &SessionHash) -> Option<(ConsoleSession, UserRecord)>;
        fn touch_console_session(id: ConsoleSessionId, at: Timestamp) -> ();
        fn renew_console_session(id: ConsoleSessionId, old: SessionHash, new: SessionHash, at: Option<Timestamp>) -> bool;
        fn list_console_sessions(user: UserId) -> Vec<ConsoleSession>;
        fn end_console_session(user: UserId, id: ConsoleSessionId) -> bool;
        fn end_console_sessions(user: UserId) -> u64;
        fn purge_console_sessions(seen_before: Timestamp, made_before: Timestamp, limit: u32) -> u64;
    }
    impl LinkStore {
        fn put_link(link: LinkRecord) -> bool;
        fn find_link(hash: &LinkHash) -> Option<LinkRecord>;
        fn has_bootstrap_link() -> bool;
        fn list_invitations(account: AccountId) -> Vec<LinkRecord>;
        fn renew_invitation(account: AccountId, id: LinkId, hash: LinkHash, expires_at: Timestamp) -> Option<LinkRecord>;
        fn withdraw_invitation(account: AccountId, id: LinkId) -> bool;
        fn purge_links(before: Timestamp, limit: u32) -> u64;
    }
    impl PersonalDataStore {
        fn look_for_traces(sought: Sought, table: TraceTable, after: Option<Trace>, limit: u32, now: Timestamp) -> Looked;
        fn erase_traces(scope: AccountScope, traces: Vec<Trace>, now: Timestamp) -> Erased;
        fn erase_ledger(key: &LedgerKey) -> u64;
        fn wipe_variables(ended_before: Timestamp, limit: u32) -> u64;
    }
    impl DestinationStore {
        fn set_rules(account: AccountId, rules: AccountRules) -> bool;
        fn list_rules() -> Vec<(AccountId, AccountRules)>;
        fn put_block(block: Block) -> ();
        fn end_block(key: BlockKey, now: Timestamp) -> bool;
        fn list_blocks() -> Vec<Block>;
        fn purge_blocks(ended_before: Timestamp, limit: u32) -> u64;
    }
    impl QuotaStore {
        fn count_message(account: AccountId, quota: Quota, now: Timestamp) -> Counted;
        fn uncount_message(account: AccountId, counted_at: Timestamp) -> ();
    }
    impl TrafficStore {
        fn add_traffic(traffic: Vec<Traffic>) -> ();
        fn read_traffic(keys: Vec<TrafficKey>) -> Vec<Traffic>;
        fn purge_traffic(dimension: Dimension, before: Timestamp, limit: u32) -> u64;
    }
    impl AuditStore {
        fn append_audit(entry: AuditText, key: &AuditKey) -> Appended;
        fn list_audit(filter: &AuditFilter, before: Option<EventId>, limit: u32) -> Vec<AuditRecord>;
        fn audit_after(after: i64, limit: u32) -> Vec<AuditRecord>;
        fn audit_head() -> Option<(AuditHead, AuditMac)>;
        fn purge_audit(written_before: Timestamp, limit: u32, key: &AuditKey) -> AuditPurged;
    }
    impl TicketStore {
        fn insert_ticket(ticket: TicketRecord, first: TicketComment) -> ();
        fn find_ticket(account: Option<AccountId>, id: TicketId) -> Option<TicketRecord>;
        fn list_comments(account: AccountId, id: TicketId) -> Vec<TicketComment>;
        fn list_tickets(filter: &TicketFilter) -> Vec<TicketRecord>;
        fn change_ticket(account: AccountId, id: TicketId, change: TicketChange, comment: Option<TicketComment>, now: Timestamp) -> Option<TicketChanged>;
        fn purge_tickets(closed_before: Timestamp, limit: u32) -> u64;
        fn insert_canned_reply(reply: CannedReply) -> ();
        fn list_canned_replies() -> Vec<CannedReply>;
        fn delete_canned_reply(id: CannedReplyId) -> bool;
    }
    impl EventStore {
        fn append_event(new: NewEvent) -> bool;
        fn list_events(before: Option<EventId>, limit: u32) -> Vec<LogEvent>;
        fn find_events(filter: &EventFilter, before: Option<EventId>, limit: u32) -> Vec<LogEvent>;
        fn purge_events(created_before: Timestamp, limit: u32) -> u64;
    }
}

async fn open() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteSettings { create: true, ..SqliteSettings::new(directory.path().join("mirror.db")) };
    let sqlite = SqliteStore::open(&sqlite, START).unwrap();
    let patient = Duration::from_secs(20);
    let postgres = settings(&migrated().await);
    let postgres = PostgresSettings { answer_within: patient, connection_wait: patient, ..postgres };
    let postgres = PostgresStore::open(&postgres).await.unwrap();
    Scene::open(Arc::new(Mirror { sqlite, postgres, _directory: directory })).await
}

/// The claims in which nothing is asked at the same time: there the order, and so the answer, is anybody's.
macro_rules! mirrored {
    ($($claim:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $claim() {
            contract::$claim(open().await).await;
        }
    )+};
}

mirrored! {
    random_scripts_go_as_the_rules_of_the_domain_say
    every_filter_lists_what_fits_alone_and_together
    a_search_looks_at_so_many_and_goes_on_where_it_ended
    what_was_given_up_is_listed_until_it_is_discarded
    a_batch_tells_of_each_delivery_once_as_it_then_is
    workers_serve_every_account_longest_due_first
    templates_of_every_sort_come_back_as_they_were
    every_status_and_any_body_is_kept
    a_ticket_goes_on_as_the_rules_say
    tickets_are_listed_newest_first_and_filtered
    old_tickets_are_purged_with_their_comments
    a_member_is_changed_and_removed_in_their_own_account_only
    a_second_factor_counts_once_it_was_shown_to_work
    the_first_user_comes_in_once
    invitations_are_listed_renewed_and_withdrawn_in_their_account_only
    an_entry_of_the_audit_log_comes_back_as_it_was
    the_audit_log_is_listed_page_by_page_and_filtered
    old_entries_of_the_audit_log_are_purged_and_the_rest_is_whole
    a_quota_ends_where_it_says_and_begins_anew_with_the_period
    a_message_that_is_taken_back_was_never_counted
    a_clock_that_is_behind_counts_in_the_present_period
    blocks_come_back_as_they_were_newest_first
    a_block_is_ended_once_and_no_other_with_it
    a_purge_of_ledgers_forgets_no_limit_and_takes_no_more_than_asked
    fifty_wrong_codes_a_day_over_all_accounts
    a_hundred_wrong_codes_in_a_row_disable_a_number_until_it_is_forgiven
    a_withdrawal_gives_back_what_the_sessions_held
    everything_that_is_sealed_is_found_page_by_page
    the_traces_of_a_number_are_found_in_its_scope_only
    variables_are_wiped_when_nobody_needs_them_any_more
}
