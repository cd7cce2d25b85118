//! URLs.

use whatotp_redis::{RedisAddress, RedisAddressError};

#[test]
fn servers_and_clusters_have_urls() {
    for url in [
        "redis://127.0.0.1",
        "redis://localhost:6379/3",
        "redis://:p%2Cw@[::1]:6379",
        "valkeys://user:word@cache.internal:6380",
        "rediss://user:word@cache.internal",
        "redis+cluster://10.0.0.1:7000",
        "rediss+cluster://user:wo%40rd@a:7000,b:7001,c:7002/0",
        "valkey+cluster://a,b",
    ] {
        assert!(RedisAddress::parse(url).is_ok(), "{url}");
    }
}

#[test]
fn a_bad_url_is_refused_without_being_quoted() {
    for url in
        ["", "cache:6379", "http://secret@cache", "redis+unix:///tmp/secret", "unix:///secret", "redis+sentinel://a"]
    {
        assert!(matches!(RedisAddress::parse(url), Err(RedisAddressError::Scheme)), "{url}");
    }
    for url in [
        "redis://",
        "redis://secret@cache:port",
        "redis://cache/secret",
        "redis+cluster://a:1,b:secret",
        "redis+cluster://",
    ] {
        let Err(error) = RedisAddress::parse(url) else { panic!("{url} was taken") };
        assert!(matches!(error, RedisAddressError::Unreadable(_)), "{url}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
