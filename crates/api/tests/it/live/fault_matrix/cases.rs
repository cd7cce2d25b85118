use whatotp_simulator::{FaultKind, GatewayBody};

/// What goes wrong.
pub(super) enum Trouble {
    /// With requests to send.
    Fault(FaultKind),
    /// With messages that were accepted, with this code.
    Fails(u32),
    /// Nobody answers at WhatsApp's address.
    Down,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Once,
    Always,
}

/// Whether it means that this message cannot arrive, however often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Definite {
    Yes,
    No,
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) trouble: Trouble,
    pub(super) times: Times,
    pub(super) definite: Definite,
}

fn once(name: &'static str, kind: FaultKind) -> Case {
    Case { name, trouble: Trouble::Fault(kind), times: Times::Once, definite: Definite::No }
}

fn always(name: &'static str, kind: FaultKind) -> Case {
    Case { times: Times::Always, ..once(name, kind) }
}

fn definite(name: &'static str, kind: FaultKind) -> Case {
    Case { definite: Definite::Yes, ..once(name, kind) }
}

const fn error(code: u32) -> FaultKind {
    FaultKind::error(code)
}

const fn gateway(status: u16, body: GatewayBody) -> FaultKind {
    FaultKind::Gateway { status, body, retry_after_seconds: None }
}

const fn wait(code: u32, seconds: u32) -> FaultKind {
    FaultKind::Error { code, status: Some(429), retry_after_seconds: Some(seconds), details: None }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        once("nothing, but a slow answer", FaultKind::SlowAnswer { pause_ms: 1 }),
        // Definite refusals.
        definite("131026 not on WhatsApp", error(131_026)),
        Case {
            name: "131026 told by webhook",
            trouble: Trouble::Fails(131_026),
            times: Times::Always,
            definite: Definite::Yes,
        },
        definite("132000 our fault", error(132_000)),
        Case {
            name: "190 token revoked",
            trouble: Trouble::Fault(FaultKind::RevokedToken),
            times: Times::Always,
            definite: Definite::Yes,
        },
        once("132015 one language paused", FaultKind::PausedTemplate),
        always("132015 every language paused", error(132_015)),
        // Too fast, and refused before processing.
        once("131056 pair limit", FaultKind::PairLimit),
        always("131056 pair limit", FaultKind::PairLimit),
        once("130429 throughput, Retry-After 30", wait(130_429, 30)),
        always("130429 throughput, Retry-After 30", wait(130_429, 30)),
        // Outcomes that nobody knows, where the message was not taken …
        once("131016 service unavailable", error(131_016)),
        always("131016 service unavailable", error(131_016)),
        once("131000 unknown error", error(131_000)),
        once("500 with a page of HTML", gateway(500, GatewayBody::Html)),
        always("500 with a page of HTML", gateway(500, GatewayBody::Html)),
        once("503 without a body", gateway(503, GatewayBody::Empty)),
        once("time-out before acceptance", FaultKind::TimeoutBeforeAcceptance),
        always("time-out before acceptance", FaultKind::TimeoutBeforeAcceptance),
        once("reset before acceptance", FaultKind::ResetBeforeAcceptance),
        always("reset before acceptance", FaultKind::ResetBeforeAcceptance),
        // … and where it was.
        once("time-out after acceptance", FaultKind::TimeoutAfterAcceptance),
        always("time-out after acceptance", FaultKind::TimeoutAfterAcceptance),
        once("reset after acceptance", FaultKind::ResetAfterAcceptance),
        always("reset after acceptance", FaultKind::ResetAfterAcceptance),
        once("body too slow", FaultKind::SlowAnswer { pause_ms: 50 }),
        once("502 after acceptance", FaultKind::LostAnswer { status: 502 }),
        always("502 after acceptance", FaultKind::LostAnswer { status: 502 }),
        once("200 with half of the JSON", FaultKind::MalformedAnswer),
        // Nobody there.
        Case { name: "connection refused", trouble: Trouble::Down, times: Times::Once, definite: Definite::No },
        Case { name: "connection refused", trouble: Trouble::Down, times: Times::Always, definite: Definite::No },
    ]
}
