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
    let policy = settings.policy();
    assert_eq!(policy.otp, OtpPolicy::default());
    assert_eq!(policy.limits, LedgerPolicy::default());
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
    assert_eq!(settings.policy().limits.cooldowns, [Duration::from_secs(1), Duration::from_secs(2)]);
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
fn only_a_path_is_a_sqlite_url() {
    let path = |url: &str| load(&[("WHATOTP_DATABASE_URL", url)]).unwrap().sqlite_path();
    assert_eq!(path("sqlite:/tmp/x.db").unwrap(), PathBuf::from("/tmp/x.db"));
    assert!(path("sqlite:").is_err());
    assert!(path("mysql://db").is_err());
}
