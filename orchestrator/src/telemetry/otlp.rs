//! An OTLP request, as the SDK's spans. Other people's bytes: whatever they hold, this returns.

use super::Resource;
use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanId, SpanKind, Status, TraceId},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue as OtlpKeyValue, any_value},
    trace::v1::{Span, span, status},
};
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;
use std::time::{Duration, UNIX_EPOCH};

/// The spans of a request, each with its resource. Attributes of kinds that an SDK span cannot hold are left out.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<(Resource, SpanData)>, prost::DecodeError> {
    let request = ExportTraceServiceRequest::decode(bytes)?;
    let mut spans = Vec::new();
    for of in request.resource_spans {
        let resource = attributes(of.resource.map(|resource| resource.attributes).unwrap_or_default());
        for scoped in of.scope_spans {
            let scope = scoped.scope.unwrap_or_default();
            let scope = InstrumentationScope::builder(scope.name).with_version(scope.version).build();
            spans.extend(scoped.spans.into_iter().map(|span| (resource.clone(), data(span, scope.clone()))));
        }
    }
    Ok(spans)
}

fn data(span: Span, scope: InstrumentationScope) -> SpanData {
    let time = |nanos| UNIX_EPOCH + Duration::from_nanos(nanos);
    let kind = match span.kind() {
        span::SpanKind::Unspecified | span::SpanKind::Internal => SpanKind::Internal,
        span::SpanKind::Server => SpanKind::Server,
        span::SpanKind::Client => SpanKind::Client,
        span::SpanKind::Producer => SpanKind::Producer,
        span::SpanKind::Consumer => SpanKind::Consumer,
    };
    let status = match span.status.as_ref().map(|status| (status.code(), status.message.clone())) {
        Some((status::StatusCode::Ok, _)) => Status::Ok,
        Some((status::StatusCode::Error, why)) => Status::error(why),
        Some((status::StatusCode::Unset, _)) | None => Status::Unset,
    };
    SpanData {
        span_context: super::context(trace_id(&span.trace_id), span_id(&span.span_id)),
        parent_span_id: span_id(&span.parent_span_id),
        parent_span_is_remote: false,
        span_kind: kind,
        name: span.name.into(),
        start_time: time(span.start_time_unix_nano),
        end_time: time(span.end_time_unix_nano),
        attributes: attributes(span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: Default::default(),
        links: Default::default(),
        status,
        instrumentation_scope: scope,
    }
}

/// An id of the wrong length is no id.
fn trace_id(bytes: &[u8]) -> TraceId {
    bytes.try_into().map_or(TraceId::INVALID, TraceId::from_bytes)
}

fn span_id(bytes: &[u8]) -> SpanId {
    bytes.try_into().map_or(SpanId::INVALID, SpanId::from_bytes)
}

fn attributes(all: Vec<OtlpKeyValue>) -> Vec<KeyValue> {
    let value = |value: any_value::Value| match value {
        any_value::Value::StringValue(text) => Some(Value::from(text)),
        any_value::Value::BoolValue(is) => Some(Value::from(is)),
        any_value::Value::IntValue(number) => Some(Value::from(number)),
        any_value::Value::DoubleValue(number) => Some(Value::from(number)),
        _ => None,
    };
    all.into_iter().filter_map(|kv| Some(KeyValue::new(kv.key, value(kv.value?.value?)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::{
        common::v1::AnyValue,
        resource::v1::Resource as OtlpResource,
        trace::v1::{ResourceSpans, ScopeSpans},
    };

    #[test]
    fn a_request_is_read_and_garbage_is_refused() {
        let text = |key: &str, value: any_value::Value| OtlpKeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..OtlpKeyValue::default()
        };
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            // Of the wrong length.
            parent_span_id: vec![3; 5],
            name: "adopt".to_owned(),
            start_time_unix_nano: 5,
            end_time_unix_nano: 9,
            attributes: vec![text("swact.line_card", any_value::Value::IntValue(3))],
            ..Span::default()
        };
        let resource = OtlpResource {
            attributes: vec![text("service.name", any_value::Value::StringValue("swact-rp".to_owned()))],
            ..OtlpResource::default()
        };
        let of = ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        };
        let bytes = ExportTraceServiceRequest { resource_spans: vec![of] }.encode_to_vec();
        let spans = decode(&bytes).unwrap();
        let [(resource, data)] = &spans[..] else { panic!("one span") };
        assert_eq!(resource[0], KeyValue::new("service.name", "swact-rp"));
        assert_eq!((data.name.as_ref(), data.parent_span_id), ("adopt", SpanId::INVALID));
        assert_eq!(data.span_context.trace_id(), TraceId::from_bytes([1; 16]));
        assert_eq!(data.attributes, [KeyValue::new("swact.line_card", 3)]);
        assert!(decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(decode(&[]).unwrap().is_empty());
    }
}
