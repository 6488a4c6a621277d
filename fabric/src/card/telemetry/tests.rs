use super::*;
use fabric_proto::{
    id::{Epoch, LcSlot, RpSlot},
    linecard::Adoption,
    redundancy::{Mode, RfState},
};
use opentelemetry_proto::tonic::trace::v1::Span as OtlpSpan;

fn telemetry() -> Telemetry {
    Telemetry::enabled(&CardId::card("lab", "pe1", Slot::Rp(RpSlot::B)), "1.0", Instant::from_millis(1))
}

/// The spans as a collector reads them: name, milliseconds from and to, on the clock of the events.
fn read(batch: &SpanBatch) -> Vec<OtlpSpan> {
    let request = ExportTraceServiceRequest::decode(&batch.otlp[..]).unwrap();
    request.resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
}

fn edges(batch: &SpanBatch) -> Vec<(String, u64, u64)> {
    let ms = |nanos: u64| (nanos - batch.wall_offset) / 1_000_000;
    read(batch)
        .into_iter()
        .map(|span| (span.name.clone(), ms(span.start_time_unix_nano), ms(span.end_time_unix_nano)))
        .collect()
}

fn switchover(telemetry: &Telemetry) {
    let epoch = Epoch(9);
    let adopted = |slot| EventKind::LcAdopted { slot: LcSlot(slot), how: Adoption::Keep };
    let in_sync = |slot| EventKind::LcInSync { slot: LcSlot(slot), buckets: 0, routes: 0 };
    let state = |to| EventKind::RfState { from: RfState::StandbyHot, to };
    let peer = |present| EventKind::Peer { present, reason: "heard".to_owned() };
    for (at, kind) in [
        (5, EventKind::Booted { release: "1.0".to_owned() }),
        (300, peer(false)),
        (300, EventKind::Switchover { epoch, reason: "active unit failed".to_owned() }),
        (301, state(RfState::ActiveFast)),
        (302, state(RfState::Active)),
        (302, EventKind::TookOver { epoch }),
        (310, adopted(1)),
        (312, adopted(2)),
        (315, in_sync(2)),
        (318, in_sync(1)),
        // An ordinary update afterwards.
        (319, in_sync(1)),
        (340, EventKind::Converged),
        (700, peer(true)),
        (750, EventKind::BulkSync { done: false }),
        (800, EventKind::BulkSync { done: true }),
        (801, EventKind::Redundant { mode: Mode::Sso }),
    ] {
        telemetry.observe(Instant::from_millis(at), &kind);
    }
}

#[test]
fn a_switchover_reads_as_its_chapters_with_the_instants_of_the_events() {
    let telemetry = telemetry();
    switchover(&telemetry);
    let batch = telemetry.batch(0);
    let expected = [
        ("boot", 1, 5),
        ("negotiate", 300, 301),
        ("take over", 301, 302),
        ("adopt", 302, 310),
        ("adopt", 302, 312),
        ("reconcile", 312, 315),
        ("reconcile", 310, 318),
        ("converge", 302, 340),
        ("standby back", 300, 700),
        ("bulk sync", 750, 800),
        ("redundant", 302, 801),
        ("switchover", 300, 801),
    ];
    let expected: Vec<_> = expected.iter().map(|(name, from, to)| ((*name).to_owned(), *from, *to)).collect();
    assert_eq!(edges(&batch), expected);

    let spans = read(&batch);
    let (boot, root) = (&spans[0], &spans[11]);
    assert!(root.parent_span_id.is_empty() && boot.trace_id != root.trace_id);
    assert!(spans[1..11].iter().all(|part| part.parent_span_id == root.span_id && part.trace_id == root.trace_id));
    let named = |key: &str| root.attributes.iter().any(|attribute| attribute.key == key);
    assert!(named("swact.epoch") && named("swact.switchover.reason") && named("swact.mode"));
}

#[test]
fn a_resource_says_who_the_card_is() {
    let telemetry = telemetry();
    switchover(&telemetry);
    let request = ExportTraceServiceRequest::decode(&telemetry.batch(0).otlp[..]).unwrap();
    let resource = request.resource_spans[0].resource.clone().unwrap();
    let keys: Vec<_> = resource.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    for key in ["service.name", "service.namespace", "service.instance.id", "service.version", "telemetry.sdk.name"] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
}

#[test]
fn a_reader_gets_what_it_has_not_seen_and_what_nobody_fetched_is_counted() {
    let telemetry = telemetry();
    let push = |count: usize| {
        for _ in 0..count {
            telemetry.span("x", Instant(1), Instant(2), &[]);
        }
    };
    push(3);
    let first = telemetry.batch(0);
    assert_eq!((read(&first).len(), first.dropped), (3, 0));
    let again = telemetry.batch(first.last);
    assert_eq!((read(&again).len(), again.last), (0, first.last));
    push(KEPT + 10);
    // The three that were fetched are no loss; of the rest, ten more than are kept were pushed out.
    let late = telemetry.batch(first.last);
    assert_eq!((read(&late).len(), late.dropped), (KEPT, 10));
}

#[test]
fn a_line_card_tells_of_its_time_without_an_active() {
    let id = CardId::card("lab", "pe1", Slot::Lc(LcSlot(3)));
    let telemetry = Telemetry::enabled(&id, "1.0", Instant::from_millis(0));
    let obeys = |how| EventKind::Obeys { epoch: Epoch(9), how };
    for (at, kind) in [
        (10, obeys(Adoption::Flush)),
        (20, EventKind::TableConfirmed { routes: 7 }),
        (30, EventKind::Orphaned),
        (45, obeys(Adoption::Keep)),
        (46, EventKind::TableConfirmed { routes: 7 }),
        (99, EventKind::TableConfirmed { routes: 7 }),
    ] {
        telemetry.observe(Instant::from_millis(at), &kind);
    }
    let expected = [("download", 10, 20), ("orphaned", 30, 45), ("reconcile", 45, 46)];
    let expected: Vec<_> = expected.iter().map(|(name, from, to)| ((*name).to_owned(), *from, *to)).collect();
    assert_eq!(edges(&telemetry.batch(0)), expected);
}
