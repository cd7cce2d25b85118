//! How many requests a key and an address may make, and what a refused one is told.

use std::time::Duration;

use serde_json::json;
use whatotp_domain::Mode;
use whatotp_ports::Clock as _;

use crate::support::{Client, MAGIC, TestApp};

const BEHIND_A_PROXY: (&str, &str) = ("WHATOTP_TRUSTED_PROXIES", "127.0.0.0/8");

/// As a client behind the proxy.
fn from(client: &Client, ip: &str) -> Client {
    client.with("x-forwarded-for", ip)
}

/// Makes requests until one is refused, and returns how many were not.
async fn admitted(client: &Client) -> usize {
    for count in 0.. {
        let answer = client.get("/v1/templates?limit=1").await;
        if answer.status == 429 {
            answer.problem(429, "rate_limited");
            return count;
        }
        answer.success(200);
    }
    unreachable!()
}

#[tokio::test]
async fn no_sixty_seconds_see_more_than_120_requests_however_they_lie() {
    let app = TestApp::start().await;
    let begin = app.clock.now();
    let mut admitted: Vec<u128> = Vec::new();
    // Bursts on both sides of the minutes' edges, and a trickle between: each (at second, requests).
    let mut attempts = vec![(0, 10), (59, 130), (60, 130), (61, 5), (118, 40), (119, 130), (120, 130), (179, 130)];
    attempts.extend((61..118).step_by(7).map(|second| (second, 3)));
    attempts.sort_unstable();
    for (second, requests) in attempts {
        app.clock.set(begin.plus(Duration::from_millis(second * 1000 + 999)));
        for _ in 0..requests {
            if app.api.get("/v1/templates?limit=1").await.status == 200 {
                admitted.push(app.clock.now().since(begin).as_millis());
            }
        }
    }
    for from in &admitted {
        let within = admitted.iter().filter(|at| (*from..=from + 60_000).contains(at)).count();
        assert!(within <= 120, "{within} from {from} ms on");
    }
    assert!(admitted.len() > 240, "and what fits is let through: {}", admitted.len());
}

#[tokio::test]
async fn the_headers_say_where_the_limit_stands() {
    let app = TestApp::start().await;
    let path = "/v1/templates?limit=1";
    let first = app.api.get(path).await;
    assert_eq!(first.header("ratelimit-policy"), Some("\"product\";q=120;w=60"));
    assert_eq!(first.header("ratelimit"), Some("\"product\";r=119;t=60"));
    assert_eq!(first.header("retry-after"), None);
    app.advance(20);
    let second = app.api.get(path).await;
    assert_eq!(second.header("ratelimit"), Some("\"product\";r=118;t=60"));
    // Errors count and say so too.
    let error = app.api.get("/v1/nothing").await;
    assert_eq!((error.status, error.header("ratelimit")), (404, Some("\"product\";r=117;t=60")));
    // What is not the product API has no limit.
    assert_eq!(app.api.get("/livez").await.header("ratelimit"), None);

    assert_eq!(admitted(&app.api).await, 117);
    let refused = app.api.get(path).await;
    assert_eq!(refused.problem(429, "rate_limited"), json!({}));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"product\";q=120;w=60"));
    assert_eq!(refused.header("ratelimit"), Some("\"product\";r=0;t=60"));
    // The first request was 20 seconds ago.
    let wait = refused.retry_after();
    assert!((40..=41).contains(&wait), "{wait}");
    app.advance(wait - 2);
    app.api.get(path).await.problem(429, "rate_limited");
    app.advance(2);
    app.api.get(path).await.success(200);
}

#[tokio::test]
async fn a_refused_request_does_nothing() {
    let app = TestApp::with(&[("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "1")]).await;
    app.api.get("/v1/templates").await.success(200);
    let body = json!({"to": MAGIC, "channel": "whatsapp"});
    app.api.with("idempotency-key", "once").post("/v1/otp/send", body).await.problem(429, "rate_limited");
    assert!(app.outbox(Mode::Test).await.is_empty());
}

#[tokio::test]
async fn a_key_has_600_a_minute_over_all_addresses() {
    let app = TestApp::with(&[BEHIND_A_PROXY]).await;
    for host in 1..=5 {
        assert_eq!(admitted(&from(&app.api, &format!("198.51.100.{host}"))).await, 120);
    }
    let sixth = from(&app.api, "198.51.100.6");
    let refused = sixth.get("/v1/templates").await;
    assert_eq!(refused.problem(429, "rate_limited"), json!({}));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"key\";q=600;w=60"));
    assert_eq!(refused.header("ratelimit"), Some("\"key\";r=0;t=60"));
    // Another key from the same address is another caller.
    let other = app.key(Mode::Test, &[]).await;
    from(&other, "198.51.100.6").get("/v1/templates").await.success(200);
}

#[tokio::test]
async fn keys_and_addresses_have_limits_of_their_own() {
    let app = TestApp::with(&[BEHIND_A_PROXY, ("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "3")]).await;
    let other = app.key(Mode::Test, &[]).await;
    for client in [&app.api, &other] {
        for ip in ["198.51.100.7", "198.51.100.8"] {
            assert_eq!(admitted(&from(client, ip)).await, 3);
        }
    }
}

#[tokio::test]
async fn what_an_untrusted_peer_says_of_its_address_changes_nothing() {
    let app = TestApp::with(&[("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "3")]).await;
    assert_eq!(admitted(&from(&app.api, "198.51.100.1")).await, 3);
    for ip in ["198.51.100.2", "127.0.0.1", "2001:db8::1"] {
        assert_eq!(admitted(&from(&app.api, ip)).await, 0, "{ip}");
        let forwarded = app.api.with("forwarded", &format!("for={ip}")).with("x-real-ip", ip);
        assert_eq!(admitted(&forwarded).await, 0, "{ip}");
    }
}

#[tokio::test]
async fn behind_a_proxy_only_the_rightmost_stranger_counts() {
    let app = TestApp::with(&[
        ("WHATOTP_TRUSTED_PROXIES", "127.0.0.1/32, 10.0.0.0/8"),
        ("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "3"),
    ])
    .await;
    assert_eq!(admitted(&from(&app.api, "198.51.100.7")).await, 3);
    for forwarded in ["6.6.6.6, 198.51.100.7", "198.51.100.7, 10.1.2.3", "198.51.100.7:4711, 10.1.2.3,10.0.0.1"] {
        assert_eq!(admitted(&from(&app.api, forwarded)).await, 0, "{forwarded}");
    }
    assert_eq!(admitted(&from(&app.api, "198.51.100.7, 198.51.100.8")).await, 3);
}

#[tokio::test]
async fn an_ipv6_subscriber_is_one_address() {
    let app = TestApp::with(&[BEHIND_A_PROXY, ("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "3")]).await;
    assert_eq!(admitted(&from(&app.api, "2001:db8:1:2::1")).await, 3);
    for same in ["2001:db8:1:2::2", "2001:db8:1:2:ffff:ffff:ffff:ffff", "[2001:db8:1:2::3]:443"] {
        assert_eq!(admitted(&from(&app.api, same)).await, 0, "{same}");
    }
    assert_eq!(admitted(&from(&app.api, "2001:db8:1:3::1")).await, 3);
}

#[tokio::test]
async fn who_tries_keys_gets_twenty_a_minute_and_a_good_key_is_not_held_up() {
    let app = TestApp::with(&[BEHIND_A_PROXY]).await;
    let thief = from(&app.api, "198.51.100.7");
    let attempt = async |client: &Client, n: usize| match n % 3 {
        // A key of the right form that nobody has, one with a typo, and none at all of that form.
        0 => client.with_key(&format!("sk_test_wa1_{}", "0".repeat(36))).get("/v1/templates").await,
        1 => client.with_key(&(client.key() + "x")).get("/v1/templates").await,
        _ => client.with("authorization", "Basic dXNlcjpwYXNz").get("/v1/templates").await,
    };
    thief.get("/v1/templates").await.success(200);
    for n in 0..20 {
        assert_eq!(attempt(&thief, n).await.problem(401, "invalid_api_key"), json!({}));
        if n == 9 {
            app.advance(30);
        }
    }
    for n in 0..3 {
        let refused = attempt(&thief, n).await;
        assert_eq!(refused.problem(429, "rate_limited"), json!({}));
        assert!((30..=31).contains(&refused.retry_after()));
        assert_eq!(refused.header("ratelimit-policy"), Some("\"auth\";q=20;w=60"));
        assert_eq!(refused.header("ratelimit"), Some("\"auth\";r=0;t=60"));
    }
    // A good key that was not seen before is not even looked up from there, and is let in from elsewhere.
    let new = app.key(Mode::Test, &[whatotp_domain::Scope::Read]).await;
    from(&new, "198.51.100.7").get("/v1/templates").await.problem(429, "rate_limited");
    from(&new, "198.51.100.8").get("/v1/templates").await.success(200);
    // The same address with a key that is known to be good, and the same tries from another address.
    thief.get("/v1/templates").await.success(200);
    attempt(&from(&app.api, "198.51.100.8"), 0).await.problem(401, "invalid_api_key");
    // Exact here as well: ten more are free when the first ten are a minute old.
    app.advance(31);
    for n in 0..10 {
        attempt(&thief, n).await.problem(401, "invalid_api_key");
    }
    attempt(&thief, 0).await.problem(429, "rate_limited");
}
