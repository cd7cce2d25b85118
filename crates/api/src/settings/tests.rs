use super::*;

fn load(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load(None, variables.collect())
}

#[test]
fn the_manual_is_complete_and_its_defaults_are_the_documented_ones() {
    let settings = load(&[]).unwrap();
    let limits = &settings.limits;
    assert_eq!((limits.auth_per_minute, limits.product_per_minute, limits.key_per_minute), (20, 120, 600));
    assert_eq!(limits.console_per_minute, 600);
    let policy = settings.policy();
    assert_eq!(policy.otp, OtpPolicy::default());
    assert_eq!(policy.limits, NumberLimits::default());
}

#[test]
fn the_environment_wins_and_lists_have_commas() {
    let settings = load(&[
        ("WHATOTP_LISTEN", "0.0.0.0:0"),
        ("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "7"),
        ("WHATOTP_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8"),
        ("WHATOTP_OTP__COOLDOWN_SECONDS", "1,2"),
        ("WHATOTP_API_KEY", "not a setting"),
        ("PATH", "not ours"),
    ])
    .unwrap();
    assert_eq!(settings.listen.to_string(), "0.0.0.0:0");
    assert_eq!(settings.limits.product_per_minute, 7);
    assert_eq!(settings.trusted_proxies.len(), 2);
    assert_eq!(settings.policy().limits.account.cooldowns, [Duration::from_secs(1), Duration::from_secs(2)]);
}

#[test]
fn what_is_not_a_setting_is_refused_by_name() {
    let error = load(&[("WHATOTP_LIMITS__PRODUKT_PER_MINUTE", "7")]).unwrap_err().to_string();
    assert!(error.contains("WHATOTP_LIMITS__PRODUKT_PER_MINUTE"), "{error}");
}

#[test]
fn what_cannot_work_is_refused() {
    for (name, value, said) in [
        ("WHATOTP_OTP__DEFAULT_EXPIRES_IN_SECONDS", "601", "10 minutes"),
        ("WHATOTP_DELIVERY__LEASE_SECONDS", "10", "twice"),
        ("WHATOTP_LIMITS__KEY_PER_MINUTE", "many", "key_per_minute"),
        ("WHATOTP_OTP__DEFAULT_LOCALE", "klingon!", "BCP 47"),
    ] {
        let error = load(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_secret_can_come_from_a_file_and_is_not_explained() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "postgres://user:hunter2@db/whatotp\n").unwrap();
    let variables: Variables = [("WHATOTP_DATABASE_URL_FILE".to_owned(), file.path().display().to_string())].into();
    let explained = explain(None, variables).unwrap();
    let url = explained.iter().find(|one| one.key == "database_url").unwrap();
    assert_eq!(url.value, "postgres://[REDACTED]@db/whatotp");
    assert_eq!(url.origin, "WHATOTP_DATABASE_URL_FILE");
    assert!(explained.iter().all(|one| !one.value.contains("hunter2")));
}

#[test]
fn a_database_is_a_path_or_a_postgres_url() {
    let database = |url: &str| load(&[("WHATOTP_DATABASE_URL", url)]).and_then(|settings| settings.database());
    assert!(matches!(database("sqlite:/tmp/x.db"), Ok(Database::Sqlite(path)) if path == Path::new("/tmp/x.db")));
    for url in ["postgres://user:hunter2@db/whatotp", "postgresql://user:hunter2@db/whatotp"] {
        let Ok(postgres @ Database::Postgres(_)) = database(url) else { panic!("{url}") };
        assert!(postgres.to_string().ends_with("://[REDACTED]@db/whatotp"), "{postgres}");
    }
    for url in ["sqlite:", "mysql://db", "whatotp.db", ""] {
        assert!(database(url).is_err(), "{url}");
    }
}

#[test]
fn sqlite_is_for_one_process() {
    let role = |url: &str| load(&[("WHATOTP_DATABASE_URL", url), ("WHATOTP_ROLE", "worker")]);
    assert!(role("sqlite:data/whatotp.db").unwrap_err().to_string().contains("PostgreSQL"));
    assert_eq!(role("postgres://db/whatotp").unwrap().role, ServerRole::Worker);
    assert!(load(&[("WHATOTP_ROLE", "boss")]).is_err());
}

#[test]
fn a_redis_url_that_is_none_is_refused_and_not_repeated() {
    let redis = |url: &str| load(&[("WHATOTP_REDIS_URL", url)]);
    assert!(redis("redis://127.0.0.1:6379").unwrap().redis().unwrap().is_some());
    assert!(redis("").unwrap().redis().unwrap().is_none());
    let error = redis("http://user:hunter2@cache").unwrap_err().to_string();
    assert!(error.contains("redis_url") && !error.contains("hunter2"), "{error}");
}

const SENDER: [(&str, &str); 3] = [
    ("WHATOTP_WHATSAPP__PHONE_NUMBER_ID", "106540352242922"),
    ("WHATOTP_WHATSAPP__WABA_ID", "102290129340398"),
    ("WHATOTP_WHATSAPP__ACCESS_TOKEN", "EAAG-hunter2"),
];

#[test]
fn a_sender_is_whole_or_not_there() {
    assert!(load(&[]).unwrap().whatsapp.sender().unwrap().is_none());
    let whole = load(&SENDER).unwrap().whatsapp.sender().unwrap().unwrap();
    assert_eq!((whole.id.as_str(), whole.waba.as_str(), whole.shared), ("106540352242922", "102290129340398", true));
    assert_eq!(
        (whole.otp_template.as_str(), &*whole.endpoint.base_url),
        ("verification_code", "https://graph.facebook.com")
    );
    for (missing, said) in [(0, "phone_number_id"), (1, "waba_id"), (2, "access_token")] {
        let mut parts = SENDER.to_vec();
        parts.remove(missing);
        let error = load(&parts).unwrap_err().to_string();
        assert!(error.contains(&format!("whatsapp.{said}")) && !error.contains("hunter2"), "{error}");
    }
    let number = load(&[("WHATOTP_WHATSAPP__PHONE_NUMBER_ID", "+14155550123"), SENDER[1], SENDER[2]]).unwrap_err();
    assert!(number.to_string().contains("not the number itself"), "{number}");
}

#[test]
fn a_token_crosses_no_network_in_the_clear() {
    let base_url =
        |url: &str| load(&[("WHATOTP_WHATSAPP__BASE_URL", url)]).map(|settings| settings.whatsapp.endpoint());
    for safe in [
        "https://graph.facebook.com",
        "https://waba-v2.360dialog.io/",
        "http://localhost:8090",
        "http://127.8.9.1",
        "http://[::1]:8090/",
    ] {
        assert_eq!(base_url(safe).unwrap().base_url, safe.trim_end_matches('/'));
    }
    for unsafe_url in [
        "",
        "https://",
        "graph.facebook.com",
        "ftp://localhost",
        "http://graph.facebook.com",
        "http://10.0.0.1",
        "http://0.0.0.0:8090",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "https://user:password@graph.facebook.com",
        "http://[::2]",
    ] {
        assert!(base_url(unsafe_url).unwrap_err().to_string().contains("whatsapp.base_url"), "{unsafe_url}");
    }
}

#[test]
fn what_cannot_reach_whatsapp_is_refused_by_name() {
    for (name, value) in [
        ("API_VERSION", "25"),
        ("API_VERSION", "v25.0/me"),
        ("MESSAGES_PATH", "messages"),
        ("TEMPLATES_PATH", ""),
        ("AUTH_HEADER", ""),
        ("CONNECT_TIMEOUT_SECONDS", "9"),
        ("TEMPLATE_SYNC_MINUTES", "0"),
    ] {
        let error = load(&[(&format!("WHATOTP_WHATSAPP__{name}"), value)]).unwrap_err().to_string();
        assert!(error.contains(&format!("whatsapp.{}", name.to_lowercase())), "{name}={value}: {error}");
    }
}

#[test]
fn what_webhooks_need_is_named_and_never_shown() {
    let (app_secret, verify_token) =
        (("WHATOTP_WHATSAPP__APP_SECRET", "hunter2"), ("WHATOTP_WHATSAPP__VERIFY_TOKEN", "hunter3"));
    let missing = |variables: &[(&str, &str)]| load(variables).unwrap().whatsapp.missing_for_webhooks();
    assert_eq!(missing(&[verify_token]), Some("whatsapp.app_secret"));
    assert_eq!(missing(&[app_secret]), Some("whatsapp.verify_token"));
    assert_eq!(missing(&[app_secret, verify_token]), None);
    let all = [app_secret, verify_token, ("WHATOTP_WHATSAPP__PREVIOUS_APP_SECRET", "hunter4"), SENDER[2]];
    let variables = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let explained = explain(None, variables.into()).unwrap();
    assert!(explained.iter().all(|one| !one.value.contains("hunter")), "{explained:?}");
    assert_eq!(explained.iter().filter(|one| one.value == "[REDACTED]").count(), 4);
}
