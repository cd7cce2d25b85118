use whatotp_domain::{Asked, Country, DeliveryId, DeliveryStatus, TemplateId, Timestamp};
use whatotp_ports::{DeliveryFilter, DeliveryKind, NewDelivery, Progress};

use super::Scene;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, a_message, a_number, a_session, an_acceptance, an_asker, an_event, at, free_to_guess, home, index_of,
    just_before, other_account, other_mode,
};

pub async fn deliveries_are_listed_newest_first_page_by_page(scene: Scene) {
    let mut expected = Vec::new();
    for n in 0..30 {
        // Three of each second, so that a page ends among equals.
        expected.push(scene.enqueue(a_message(&a_number(n), at(u64::try_from(n / 3).expect("small")))).await);
    }
    expected.sort_unstable();
    expected.reverse();

    let mut listed = Vec::new();
    let mut filter = DeliveryFilter { limit: 7, ..DeliveryFilter::default() };
    loop {
        let page = list(&scene, &filter).await;
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        filter.before = Some(*last);
        listed.extend(page);
        assert!(listed.len() <= expected.len(), "the pages go on and on: {listed:?}");
    }
    assert_eq!(listed, expected, "each once");
    assert_eq!(list(&scene, &DeliveryFilter { limit: 100, ..DeliveryFilter::default() }).await, expected);
    assert_eq!(list(&scene, &DeliveryFilter { limit: 0, ..DeliveryFilter::default() }).await, []);
}

pub async fn a_list_holds_the_deliveries_of_its_scope_only(scene: Scene) {
    let mine = scene.enqueue(a_message(ALICE, START)).await;
    for scope in [other_account(), other_mode()] {
        let theirs = NewDelivery { scope, ..a_message(ALICE, START) };
        let id = theirs.id;
        scene.store.enqueue(theirs, None, START).await.unwrap();
        let filter = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
        let listed = scene.store.list_deliveries(scope, &filter).await.unwrap();
        assert_eq!(listed.into_iter().map(|one| one.id).collect::<Vec<_>>(), [id]);
        assert_eq!(list(&scene, &filter).await, [mine]);
        let by_id = DeliveryFilter { delivery: Some(id), ..filter };
        assert_eq!(list(&scene, &by_id).await, []);
    }
}

pub async fn a_listed_delivery_is_the_stored_one(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let claimed = scene.claim_one(START).await;
    let failed = vec![an_event(DeliveryStatus::Failed, at(1))];
    scene.progress(&claimed.lease, Progress { events: failed, ..an_acceptance("wamid.1", at(1)) }).await;
    let filter = DeliveryFilter { limit: 1, ..DeliveryFilter::default() };
    let listed = scene.store.list_deliveries(home(), &filter).await.unwrap();
    assert_eq!(listed, [scene.delivery(id).await]);
}

/// Every filter alone, then every pair of filters: what is listed is what fits, worked out here.
pub async fn every_filter_lists_what_fits_alone_and_together(scene: Scene) {
    let rows = rows(&scene).await;
    let fits = |filter: &DeliveryFilter, row: &Row| {
        filter.messages.is_none_or(|messages| messages == matches!(row.kind, DeliveryKind::Message(_)))
            && filter.status.is_none_or(|status| status == row.status)
            && filter.template.is_none_or(|template| row.kind == DeliveryKind::Message(template))
            && filter.session.is_none_or(|session| row.kind == DeliveryKind::Otp(session))
            && filter.delivery.is_none_or(|id| id == row.id)
            && filter.number.is_none_or(|number| number == index_of(home(), row.number))
            && filter.created_after.is_none_or(|moment| row.created_at >= moment)
            && filter.created_before.is_none_or(|moment| row.created_at < moment)
            && filter.country.is_none_or(|country| row.country == Some(country))
            && filter.key.is_none_or(|key| row.asked.key == Some(key))
            && filter.request.is_none_or(|request| row.asked.request == Some(request))
            && filter.error.is_none_or(|error| row.status == DeliveryStatus::Failed && error == 131_026)
            && (!filter.handed_over || row.handed_over)
            && filter.before.is_none_or(|before| row.id < before)
    };
    let filters = filters(&rows);
    for (n, one) in filters.iter().enumerate() {
        let alone = rows.iter().filter(|row| fits(one, row)).count();
        assert!(alone > 0 && alone < rows.len(), "{one:?} tells nothing apart: {alone} of {}", rows.len());
        for other in &filters[n..] {
            let both = both(one, other);
            let expected: Vec<DeliveryId> = rows.iter().filter(|row| fits(&both, row)).map(|row| row.id).collect();
            assert_eq!(list(&scene, &both).await, expected, "{both:?}");
        }
    }
}

struct Row {
    id: DeliveryId,
    kind: DeliveryKind,
    status: DeliveryStatus,
    number: &'static str,
    country: Option<Country>,
    asked: Asked,
    created_at: Timestamp,
    handed_over: bool,
}

/// Deliveries of every sort, newest first.
async fn rows(scene: &Scene) -> Vec<Row> {
    use DeliveryStatus::{Accepted, Delivered, Failed, Queued, Unknown};
    let mut rows = Vec::new();
    let (mut second, templates) = (0, [[5; 10], [6; 10]].map(|random| TemplateId::new(START, random)));
    for number in [ALICE, BOB] {
        for kind in [None, Some(templates[0]), Some(templates[1])] {
            for status in [Queued, Unknown, Accepted, Delivered, Failed] {
                second += 1;
                let now = at(second);
                let (id, kind) = match kind {
                    None => {
                        let session = a_session(number).purpose(&format!("purpose {second}")).unleased();
                        let record = scene.issue(session.limits(&free_to_guess()).at(now)).await;
                        (record.delivery, DeliveryKind::Otp(record.session.id))
                    }
                    Some(template) => {
                        let kind = DeliveryKind::Message(template);
                        (scene.enqueue(NewDelivery { kind, ..a_message(number, now) }).await, kind)
                    }
                };
                let claimed = scene.claim_one(now).await;
                let mut progress = Progress::default();
                if status != Queued {
                    progress.events.push(an_event(status, now));
                    progress.attempted = true;
                }
                scene.store.progress(&claimed.lease, progress).await.unwrap().expect("the lease holds");
                let stored = scene.delivery(id).await;
                let (country, asked) = (stored.country, stored.asked);
                let handed_over = !matches!(status, Queued | Failed);
                rows.push(Row { id, kind, status, number, country, asked, created_at: now, handed_over });
            }
        }
    }
    rows.reverse();
    rows
}

fn filters(rows: &[Row]) -> Vec<DeliveryFilter> {
    let all = || DeliveryFilter { limit: 100, ..DeliveryFilter::default() };
    let middle = &rows[rows.len() / 2];
    let mut filters = vec![
        DeliveryFilter { messages: Some(true), ..all() },
        DeliveryFilter { messages: Some(false), ..all() },
        DeliveryFilter { number: Some(index_of(home(), ALICE)), ..all() },
        DeliveryFilter { number: Some(index_of(home(), BOB)), ..all() },
        DeliveryFilter { created_after: Some(middle.created_at), ..all() },
        DeliveryFilter { created_after: Some(just_before(middle.created_at)), ..all() },
        DeliveryFilter { created_before: Some(middle.created_at), ..all() },
        DeliveryFilter { country: Country::parse("AT"), ..all() },
        DeliveryFilter { key: an_asker(1).key, ..all() },
        DeliveryFilter { request: an_asker(2).request, ..all() },
        DeliveryFilter { error: Some(131_026), ..all() },
        DeliveryFilter { handed_over: true, ..all() },
        DeliveryFilter { before: Some(middle.id), ..all() },
        DeliveryFilter { delivery: Some(middle.id), ..all() },
        DeliveryFilter { delivery: Some(rows[0].id), ..all() },
    ];
    for status in [DeliveryStatus::Queued, DeliveryStatus::Unknown, DeliveryStatus::Accepted, DeliveryStatus::Delivered]
    {
        filters.push(DeliveryFilter { status: Some(status), ..all() });
    }
    let mut kinds: Vec<DeliveryKind> = rows.iter().map(|row| row.kind).collect();
    kinds.dedup();
    filters.extend(kinds.into_iter().map(|kind| match kind {
        DeliveryKind::Otp(session) => DeliveryFilter { session: Some(session), ..all() },
        DeliveryKind::Message(template) => DeliveryFilter { template: Some(template), ..all() },
    }));
    filters
}

fn both(one: &DeliveryFilter, other: &DeliveryFilter) -> DeliveryFilter {
    DeliveryFilter {
        messages: one.messages.or(other.messages),
        status: one.status.or(other.status),
        template: one.template.or(other.template),
        session: one.session.or(other.session),
        delivery: one.delivery.or(other.delivery),
        number: one.number.or(other.number),
        created_after: one.created_after.or(other.created_after),
        created_before: one.created_before.or(other.created_before),
        country: one.country.or(other.country),
        key: one.key.or(other.key),
        request: one.request.or(other.request),
        error: one.error.or(other.error),
        handed_over: one.handed_over || other.handed_over,
        before: one.before.or(other.before),
        limit: one.limit,
    }
}

async fn list(scene: &Scene, filter: &DeliveryFilter) -> Vec<DeliveryId> {
    let listed = scene.store.list_deliveries(home(), filter).await.expect("list_deliveries answers");
    listed.into_iter().map(|one| one.id).collect()
}
