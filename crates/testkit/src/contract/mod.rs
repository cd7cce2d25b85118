//! What every store must do, as claims: the MUSTs of `whatotp-ports`, run on each engine by [`store_contract!`].
//!
//! A claim is an `async fn` that takes a [`Scene`] on an empty store, and panics when it does not hold. Nothing in here
//! sleeps or reads a clock: every moment is an argument.
//!
//! [`store_contract!`]: crate::store_contract

#![expect(missing_docs, reason = "a claim's name says what it claims")]

mod accounts;
mod attempts;
mod audit;
mod cancellation;
mod console;
mod deliveries;
mod destinations;
mod differential;
mod events;
mod fallbacks;
mod guesses;
mod idempotency;
mod leases;
mod listing;
mod log;
mod master_keys;
mod model;
mod personal_data;
mod quotas;
mod races;
mod reports;
mod robustness;
mod scene;
mod senders;
mod sends;
mod sessions;
mod templates;
mod tickets;
mod traffic;
mod users;
mod withdrawals;

pub use accounts::*;
pub use attempts::*;
pub use audit::*;
pub use cancellation::*;
pub use console::*;
pub use deliveries::*;
pub use destinations::*;
pub use differential::*;
pub use events::*;
pub use fallbacks::*;
pub use guesses::*;
pub use idempotency::*;
pub use leases::*;
pub use listing::*;
pub use log::*;
pub use master_keys::*;
pub use personal_data::*;
pub use quotas::*;
pub use races::*;
pub use reports::*;
pub use robustness::*;
pub use scene::{Scene, Store};
pub use senders::*;
pub use sends::*;
pub use sessions::*;
pub use templates::*;
pub use tickets::*;
pub use traffic::*;
pub use users::*;
pub use withdrawals::*;

/// Makes one `#[tokio::test]` for each claim of the contract.
///
/// The argument is an `async fn` (or a closure that returns a future) which opens a new and empty store: an `Arc` of
/// it, and a guard that keeps its files or its server until the test is over.
///
/// ```text
/// async fn open() -> (Arc<SqliteStore>, TempDir) { … }
/// whatotp_testkit::store_contract!(open);
/// ```
#[macro_export]
macro_rules! store_contract {
    ($open:expr) => {
        $crate::store_contract! { @claims $open;
            an_issued_session_is_found_with_everything_in_it
            a_session_without_metadata_comes_back_without
            a_session_that_never_was_is_not_found
            nobody_else_can_see_or_change_a_session
            a_number_has_its_own_limits_in_every_scope
            a_new_send_supersedes_the_pending_session_of_its_purpose_only
            a_session_that_is_over_is_not_superseded
            an_expired_session_is_not_superseded
            a_code_is_right_until_its_expiry_and_not_a_millisecond_longer
            failing_ends_a_pending_session_and_no_other
            old_sessions_are_purged_and_young_ones_are_not
            the_right_code_is_accepted_once
            the_fifth_wrong_code_locks_and_the_right_one_comes_too_late
            a_session_has_as_many_attempts_as_it_was_issued_with
            a_resend_brings_no_new_attempts
            twenty_wrong_codes_in_a_day_block_the_number_over_all_its_sessions
            a_blocked_number_blocks_no_other_and_no_other_account
            nineteen_wrong_codes_do_not_block_and_the_twentieth_does
            a_right_code_forgives_the_failures_before_it
            wrong_codes_for_a_session_that_is_over_are_not_counted
            without_limits_a_number_is_never_blocked
            parallel_sessions_share_the_guesses_of_their_number
            a_session_that_is_over_holds_no_guesses
            a_locked_session_holds_no_guesses
            a_refused_issue_leaves_everything_as_it_was
            a_short_code_has_fewer_guesses_in_a_session_and_a_day
            a_hundred_wrong_codes_in_a_row_disable_a_number_until_it_is_forgiven
            what_is_not_counted_cannot_be_forgiven
            a_right_code_ends_the_row_and_ninety_nine_may_follow
            fifty_messages_a_day_over_all_accounts
            fifty_wrong_codes_a_day_over_all_accounts
            a_withdrawal_gives_back_what_the_sessions_held
            racing_sessions_and_guesses_never_exceed_the_budget
            racing_accounts_share_the_limits_over_all_of_them
            without_limits_nothing_is_counted_over_all_accounts
            a_session_is_canceled_once
            a_session_that_is_over_cannot_be_canceled
            canceling_a_session_cancels_what_is_still_queued_of_it
            canceling_a_session_takes_back_no_message_that_was_sent
            the_code_of_a_session_is_no_message_to_cancel
            the_cooldown_doubles_and_its_edges_are_exact
            a_refused_send_supersedes_nothing
            the_cooldown_holds_for_every_purpose_of_the_number
            five_messages_in_ten_minutes_ten_in_an_hour_twenty_in_a_day
            a_right_code_ends_the_cooldown_but_not_the_caps
            without_limits_every_message_is_let_through
            a_resend_is_one_more_delivery_of_the_same_session
            a_resend_has_the_cooldown_of_its_number
            a_session_has_as_many_messages_as_it_was_issued_with
            a_session_that_is_over_is_not_sent_again
            a_ledger_is_purged_when_nothing_in_it_matters_any_more
            a_purge_of_ledgers_forgets_no_limit_and_takes_no_more_than_asked
            a_withdrawn_session_was_never_there
            a_withdrawal_takes_back_one_message_and_not_those_before_it
            a_withdrawn_message_counts_for_no_cap
            the_session_that_was_superseded_is_pending_again
            a_superseded_session_whose_time_is_over_does_not_come_back
            a_withdrawn_resend_leaves_the_session_as_it_was
            a_session_that_has_moved_on_is_not_withdrawn
            a_resend_that_is_not_the_latest_is_not_withdrawn
            a_withdrawal_restores_no_session_that_was_not_superseded
            a_withdrawal_leaves_the_failures_of_the_number
            ten_racing_sends_to_one_number_make_one_session
            racing_sends_that_are_all_allowed_leave_one_session_pending
            racing_resends_are_one_message
            of_a_hundred_racing_right_codes_exactly_one_is_accepted
            of_a_hundred_racing_wrong_codes_exactly_five_are_looked_at
            racing_right_and_wrong_codes_never_overspend
            racing_sessions_share_the_guesses_of_their_number
            a_right_code_and_a_cancellation_race_for_one_end
            racing_changes_of_one_session_lose_none
            racing_sends_and_failures_of_one_number_are_all_counted
            racing_sends_under_one_key_are_one_session
            racing_attempts_under_one_key_are_one_attempt
            racing_workers_never_share_a_delivery
            one_of_twenty_racing_workers_gets_the_one_delivery
            a_key_nobody_used_has_no_past
            a_claim_is_running_then_answered_then_forgotten
            a_claim_without_an_answer_is_abandoned_when_its_lease_is_over
            an_abandoned_claim_is_forgotten_in_time_as_well
            a_key_with_another_body_is_another_request
            the_first_answer_stays
            an_answer_is_kept_without_work_too
            every_status_and_any_body_is_kept
            claims_of_other_scopes_are_independent
            refused_work_stores_no_claim
            what_is_not_found_stores_no_claim
            a_blocked_attempt_stores_no_claim
            an_attempt_under_a_claim_is_charged_once_and_its_outcome_kept
            a_locking_attempt_is_kept_as_what_it_was
            a_resend_under_a_claim_is_done_once
            a_cancellation_under_a_claim_is_done_once
            a_message_under_a_claim_is_stored_once
            canceling_a_message_under_a_claim_is_done_once
            a_message_that_is_not_canceled_stores_no_claim
            claims_are_purged_when_their_time_is_over
            a_message_is_found_with_everything_in_it
            nobody_else_can_see_or_cancel_a_message
            progress_is_kept_and_says_when_to_look_again
            every_try_is_counted
            tries_of_unknown_outcome_are_counted_apart
            a_late_event_moves_nothing_back
            a_failure_keeps_what_the_provider_said
            in_whatever_order_events_come_the_story_is_the_same
            a_session_shows_the_way_of_its_latest_delivery
            a_queued_message_is_canceled_and_never_sent
            a_message_that_a_worker_has_is_not_canceled
            a_message_past_queued_is_not_canceled
            old_deliveries_that_are_done_are_purged
            a_message_is_due_at_once
            workers_serve_every_account_longest_due_first
            a_delivery_is_due_again_when_its_lease_is_over
            a_worker_whose_lease_was_given_to_another_cannot_write
            a_slow_worker_that_nobody_replaced_may_still_write
            a_lease_is_good_for_its_own_delivery_only
            a_delivery_in_nobodys_hands_cannot_be_written
            a_first_lease_is_the_callers_until_it_lapses
            the_holder_of_a_first_lease_reports_like_any_worker
            what_is_past_its_time_is_still_handed_out_so_that_its_end_is_written_down
            the_next_due_is_the_earliest_of_all
            of_racing_reports_under_one_lease_one_is_written
            a_worker_and_a_cancellation_race_for_one_message
            deliveries_are_listed_newest_first_page_by_page
            a_list_holds_the_deliveries_of_its_scope_only
            a_listed_delivery_is_the_stored_one
            every_filter_lists_what_fits_alone_and_together
            a_search_looks_at_so_many_and_goes_on_where_it_ended
            a_search_sees_nothing_of_another_account
            what_is_counted_is_what_was_made_in_the_range
            the_states_of_sessions_are_those_of_their_scope
            what_was_given_up_is_listed_until_it_is_discarded
            accounts_are_listed_oldest_first
            an_installation_is_bound_to_its_first_master_key
            a_key_is_found_by_its_hash_with_everything_in_it
            a_key_of_no_account_is_not_stored
            keys_are_listed_newest_first_of_one_account_or_all
            a_revoked_key_is_still_found_and_keeps_its_first_moment
            a_key_and_its_successor_are_stored_in_one_step
            a_key_that_is_over_has_no_successor
            the_last_use_of_a_key_only_moves_forward
            a_template_is_found_by_id_and_by_name_in_its_scope_only
            templates_of_every_sort_come_back_as_they_were
            a_name_is_given_once_in_a_scope_and_business_account
            a_template_is_deleted_once_and_in_its_scope_only
            a_template_that_is_put_takes_the_place_of_its_name_and_keeps_the_id
            templates_are_listed_newest_first_page_by_page
            a_report_that_names_its_delivery_is_merged
            a_report_is_joined_by_the_providers_id
            what_a_report_names_comes_before_the_providers_id
            a_report_that_comes_before_the_id_is_told_waits_for_it
            a_report_tells_the_id_that_no_answer_told
            a_report_on_what_is_not_there_does_no_harm
            what_is_told_again_is_no_news
            a_batch_tells_of_each_delivery_once_as_it_then_is
            a_code_that_failed_is_due_at_once_and_a_message_that_failed_is_not
            what_has_arrived_is_due_no_more
            a_report_leaves_a_lease_alone
            a_delivery_is_found_by_the_ids_it_has_at_the_provider
            an_id_is_known_for_a_month
            a_purged_delivery_is_forgotten_with_its_id
            reports_that_wait_in_vain_are_purged
            in_whatever_order_reports_come_the_way_is_the_same
            racing_reports_and_the_answer_they_wait_for_all_arrive
            a_fallback_is_a_delivery_and_no_resend
            a_session_falls_back_from_its_latest_delivery_only
            a_session_that_is_over_does_not_fall_back
            a_session_shows_the_most_promising_of_a_delivery_and_its_fallbacks
            a_session_shows_nothing_from_before_its_latest_resend
            canceling_a_session_cancels_its_fallbacks_too
            a_session_fails_however_many_fallbacks_its_only_message_had
            a_fallback_is_not_withdrawn_but_a_resend_after_it_is
            of_racing_fallbacks_one_is_stored
            senders_come_back_as_they_were_oldest_first
            a_sender_that_is_put_again_keeps_its_age_and_its_quality
            the_quality_of_a_sender_is_written_down_and_the_one_before_told
            an_account_uses_its_senders_in_the_order_it_was_told
            a_route_to_what_does_not_exist_changes_nothing
            a_sender_that_is_removed_is_taken_from_every_account
            an_entry_of_the_audit_log_comes_back_as_it_was
            the_audit_log_is_listed_page_by_page_and_filtered
            racing_entries_of_the_audit_log_are_one_chain
            the_audit_log_is_whole_while_it_is_written_and_purged
            old_entries_of_the_audit_log_are_purged_and_the_rest_is_whole
            a_ticket_comes_back_as_it_was_with_its_comments
            nobody_else_can_see_or_change_a_ticket
            a_ticket_goes_on_as_the_rules_say
            tickets_are_listed_newest_first_and_filtered
            racing_comments_are_all_kept_up_to_the_limit
            old_tickets_are_purged_with_their_comments
            canned_replies_come_back_and_are_deleted_once
            events_of_every_kind_come_back_as_they_were
            events_are_listed_page_by_page
            events_are_filtered
            an_event_that_is_told_twice_is_stored_once
            old_events_are_purged
            master_keys_are_noted_and_forgotten
            everything_that_is_sealed_is_found_page_by_page
            a_resealed_value_takes_the_place_of_the_old_one_and_of_no_other
            only_a_pending_session_needs_the_key_of_its_code
            the_traces_of_a_number_are_found_in_its_scope_only
            what_is_erased_is_gone_and_nothing_else
            a_ledger_is_erased_in_one_place
            reports_that_wait_for_an_erased_message_are_erased_with_it
            a_delivery_that_a_worker_holds_is_neither_found_nor_erased
            variables_are_wiped_when_nobody_needs_them_any_more
            the_rules_of_an_account_take_the_place_of_those_before
            an_account_that_does_not_exist_has_no_rules
            blocks_come_back_as_they_were_newest_first
            a_block_takes_the_place_of_the_one_with_its_key
            a_block_is_ended_once_and_no_other_with_it
            blocks_that_have_ended_are_purged
            a_quota_ends_where_it_says_and_begins_anew_with_the_period
            a_quota_of_one_period_asks_for_no_other
            an_account_uses_up_its_own_quota_only
            a_message_that_is_taken_back_was_never_counted
            a_clock_that_is_behind_counts_in_the_present_period
            of_fifty_racing_messages_the_quota_lets_through_as_many_as_it_has
            traffic_is_added_up_and_read_by_its_key_only
            racing_additions_of_traffic_lose_nothing
            old_traffic_is_purged_dimension_by_dimension
            a_user_is_found_by_id_and_by_address_with_everything_in_it
            a_new_password_ends_the_other_sessions
            a_new_hash_takes_the_place_of_the_one_it_was_made_for
            a_member_is_changed_and_removed_in_their_own_account_only
            the_last_owner_who_can_log_in_stays
            of_owners_who_leave_at_once_one_stays
            tries_to_log_in_are_counted_whoever_has_the_address
            of_a_hundred_racing_tries_ten_are_looked_at
            old_tries_are_purged
            a_second_factor_counts_once_it_was_shown_to_work
            a_step_is_used_once_and_none_before_it
            a_recovery_code_is_used_once
            a_session_is_found_by_its_token_with_its_user
            the_last_use_of_a_session_only_moves_forward
            a_session_with_a_new_token_is_not_opened_by_the_old_one
            a_session_is_ended_by_its_own_user_only
            sessions_that_are_over_are_purged
            the_first_user_comes_in_once
            of_those_who_race_for_one_link_one_joins
            an_address_belongs_to_one_user
            a_forgotten_password_is_set_once
            invitations_are_listed_renewed_and_withdrawn_in_their_account_only
            links_whose_time_is_over_are_purged
            two_hundred_calls_at_once_all_answer
            a_caller_that_goes_away_leaves_the_store_working
            an_aborted_task_leaves_the_store_working
            random_scripts_go_as_the_rules_of_the_domain_say
        }
    };
    (@claims $open:expr; $($claim:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $claim() {
            let (store, _guard) = ($open)().await;
            $crate::contract::$claim($crate::contract::Scene::open(store).await).await;
        }
    )*};
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_claim_is_run() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contract");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let list = read(&folder.join("mod.rs"));
        let listed: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("            ")).collect();
        let mut claims = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let source = read(&entry.unwrap().path());
            for rest in source.split("\npub async fn ").skip(1) {
                let claim = rest.split('(').next().unwrap();
                assert!(listed.contains(&claim), "{claim} is not in the list of store_contract!");
                claims += 1;
            }
        }
        assert!(claims > 80, "only {claims} claims were found");
    }
}
