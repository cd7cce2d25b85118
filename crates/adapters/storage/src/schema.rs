//! The tables, for every engine alike: text, binary and integers only.

diesel::table! {
    installation (id) {
        id -> Integer,
        index_kid -> Text,
    }
}

diesel::table! {
    master_keys (kid) {
        kid -> Text,
    }
}

diesel::table! {
    accounts (id) {
        id -> Text,
        name -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        account_id -> Text,
        mode -> Text,
        hash -> Binary,
        name -> Text,
        hint -> Text,
        scopes -> Text,
        allowed_ips -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    templates (account_id, id) {
        account_id -> Text,
        id -> Text,
        mode -> Text,
        waba_id -> Text,
        name -> Text,
        category -> Text,
        status -> Text,
        translations -> Text,
    }
}

diesel::table! {
    number_ledgers (account_id, mode, number) {
        account_id -> Text,
        mode -> Text,
        number -> Binary,
        sends -> Text,
        failures -> Text,
        live -> Text,
        verified_at -> Nullable<BigInt>,
        short_failures -> Text,
        in_a_row -> BigInt,
        reserved -> Text,
    }
}

diesel::table! {
    otp_sessions (account_id, id) {
        account_id -> Text,
        id -> Text,
        mode -> Text,
        purpose -> Text,
        code_length -> Integer,
        kid -> Text,
        recipient -> Binary,
        number -> Binary,
        metadata -> Nullable<Binary>,
        delivery_id -> Text,
        client_ip -> Nullable<Text>,
        status -> Text,
        attempts -> Integer,
        attempts_max -> Integer,
        sends -> Integer,
        sends_max -> Integer,
        created_at -> BigInt,
        expires_at -> BigInt,
        resend_available_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    deliveries (account_id, id) {
        account_id -> Text,
        id -> Text,
        mode -> Text,
        session_id -> Nullable<Text>,
        template_id -> Nullable<Text>,
        previous_id -> Nullable<Text>,
        recipient -> Binary,
        number -> Binary,
        variables -> Nullable<Binary>,
        metadata -> Nullable<Binary>,
        locale -> Nullable<Text>,
        status -> Text,
        queued_at -> Nullable<BigInt>,
        unknown_at -> Nullable<BigInt>,
        accepted_at -> Nullable<BigInt>,
        sent_at -> Nullable<BigInt>,
        canceled_at -> Nullable<BigInt>,
        expired_at -> Nullable<BigInt>,
        failed_at -> Nullable<BigInt>,
        delivered_at -> Nullable<BigInt>,
        read_at -> Nullable<BigInt>,
        error_code -> Nullable<BigInt>,
        error_title -> Nullable<Text>,
        error_detail -> Nullable<Text>,
        route -> BigInt,
        sender_id -> Nullable<Text>,
        fallback -> Integer,
        attempts -> BigInt,
        in_doubt -> BigInt,
        lease_token -> BigInt,
        leased -> Integer,
        due_at -> Nullable<BigInt>,
        created_at -> BigInt,
        expires_at -> BigInt,
        country -> Nullable<Text>,
        key_id -> Nullable<Text>,
        request_id -> Nullable<Text>,
        discarded_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    idempotency_claims (account_id, mode, key) {
        account_id -> Text,
        mode -> Text,
        key -> Binary,
        fingerprint -> Binary,
        subject -> Nullable<Text>,
        lease_until -> BigInt,
        expires_at -> BigInt,
        answer_status -> Nullable<Integer>,
        answer -> Nullable<Binary>,
    }
}

diesel::table! {
    senders (id) {
        id -> Text,
        waba_id -> Text,
        name -> Text,
        base_url -> Text,
        api_version -> Text,
        messages_path -> Text,
        templates_path -> Text,
        auth_header -> Text,
        auth_prefix -> Text,
        access_token -> Binary,
        otp_template -> Text,
        shared -> Integer,
        configured -> Integer,
        quality -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    account_senders (account_id, position) {
        account_id -> Text,
        position -> BigInt,
        sender_id -> Text,
    }
}

diesel::table! {
    provider_messages (day, message) {
        day -> BigInt,
        message -> Binary,
        account_id -> Text,
        mode -> Text,
        delivery_id -> Text,
    }
}

diesel::table! {
    waiting_reports (message, status, at) {
        message -> Binary,
        status -> Text,
        at -> BigInt,
        error_code -> Nullable<BigInt>,
        error_title -> Nullable<Text>,
        error_detail -> Nullable<Text>,
        reported_at -> BigInt,
    }
}

diesel::table! {
    events (id) {
        id -> Text,
        at -> BigInt,
        kind -> Text,
        account_id -> Nullable<Text>,
        subject -> Text,
        detail -> Text,
        fingerprint -> Binary,
    }
}

diesel::table! {
    audit_log (seq) {
        seq -> BigInt,
        id -> Text,
        at -> BigInt,
        account_id -> Nullable<Text>,
        actor -> Text,
        action -> Text,
        subject -> Text,
        detail -> Text,
        mac -> Binary,
    }
}

diesel::table! {
    audit_head (id) {
        id -> Integer,
        anchor_seq -> BigInt,
        anchor_mac -> Binary,
        seq -> BigInt,
        mac -> Binary,
        seal -> Binary,
    }
}

diesel::table! {
    tickets (account_id, id) {
        account_id -> Text,
        id -> Text,
        status -> Text,
        priority -> Text,
        assignee -> Nullable<Text>,
        link -> Nullable<Text>,
        opened_by -> Text,
        subject -> Binary,
        comments -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        closed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    ticket_comments (account_id, ticket_id, id) {
        account_id -> Text,
        ticket_id -> Text,
        id -> Text,
        author -> Text,
        side -> Text,
        internal -> Integer,
        body -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    canned_replies (id) {
        id -> Text,
        title -> Text,
        body -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    account_rules (account_id) {
        account_id -> Text,
        countries_allowed -> Text,
        countries_denied -> Text,
        per_day -> Nullable<BigInt>,
        per_month -> Nullable<BigInt>,
        suspended -> Integer,
    }
}

diesel::table! {
    account_usage (account_id) {
        account_id -> Text,
        day -> BigInt,
        day_used -> BigInt,
        month -> BigInt,
        month_used -> BigInt,
    }
}

diesel::table! {
    destination_blocks (account_id, kind, key) {
        account_id -> Text,
        kind -> Text,
        key -> Text,
        until -> Nullable<BigInt>,
        reason -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    traffic (account_id, dimension, key, part, slot) {
        account_id -> Text,
        dimension -> Text,
        key -> Text,
        part -> Text,
        slot -> BigInt,
        sent -> BigInt,
        verified -> BigInt,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        account_id -> Text,
        role -> Text,
        operator -> Integer,
        email_index -> Binary,
        email -> Binary,
        name -> Binary,
        password -> Text,
        totp -> Nullable<Binary>,
        totp_pending -> Nullable<Binary>,
        totp_step -> BigInt,
        recovery_codes -> Text,
        created_at -> BigInt,
        last_login_at -> Nullable<BigInt>,
        disabled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    console_sessions (id) {
        id -> Text,
        account_id -> Text,
        user_id -> Text,
        hash -> Binary,
        user_agent -> Text,
        created_at -> BigInt,
        authenticated_at -> BigInt,
        last_seen_at -> BigInt,
    }
}

diesel::table! {
    console_links (id) {
        id -> Text,
        account_id -> Text,
        kind -> Text,
        hash -> Binary,
        user_id -> Nullable<Text>,
        role -> Nullable<Text>,
        email -> Nullable<Binary>,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    log_in_tries (email) {
        email -> Binary,
        failures -> BigInt,
        last_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(console_sessions, users);
