//! The shape of `report.json` and of a comparison.

use super::*;

#[test]
fn report_json_keeps_its_schema() {
    let json = serde_json::to_value(Report::of(&run())).unwrap();
    assert_eq!(json["schema"], "swact.report/1");
    for key in ["schema", "title", "started", "finished", "seed", "runtime", "host", "topology", "command", "cells"] {
        assert!(keys(&json).contains(&key), "{key}");
    }
    assert_eq!(keys(&json["host"]), ["clock_source", "cpus", "engine", "kernel", "memory_bytes"]);
    let cell = &json["cells"][0];
    let wanted = [
        "mode",
        "fault",
        "trials",
        "invalid_trials",
        "modelled",
        "packets",
        "lost_per_trial",
        "outage_ms",
        "switchover_ms",
        "resolution_ms",
        "noise_floor",
        "verdict",
        "reasons",
    ];
    for key in wanted {
        assert!(keys(cell).contains(&key), "{key}");
    }
    for key in ["offered", "delivered", "lost", "duplicated", "reordered", "misdelivered", "unaccounted", "dropped"] {
        assert!(keys(&cell["packets"]).contains(&key), "{key}");
    }
    assert_eq!(keys(&cell["outage_ms"]), ["count", "longest", "loss_derived", "timestamp_derived", "total"]);
    assert_eq!(keys(&cell["switchover_ms"]), ["adopt", "converge", "detect", "reconcile", "redundant", "take_over"]);
    assert_eq!(keys(&cell["lost_per_trial"]), ["ci95", "max", "mean", "median", "min", "n", "p90", "p99"]);
    assert_eq!(cell["lost_per_trial"]["p99"], serde_json::Value::Null, "8 trials have no p99");
    assert_eq!(cell["verdict"], "pass");
}

/// Every place where a document and its schema name different properties.
fn differences(
    schema: &serde_json::Value,
    root: &serde_json::Value,
    value: &serde_json::Value,
    at: &str,
) -> Vec<String> {
    let schema = match schema["$ref"].as_str() {
        Some(link) => root.pointer(link.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    let schema = match schema["oneOf"].as_array() {
        Some(choices) if value.is_object() => choices.iter().find(|choice| choice["type"] == "object").unwrap(),
        Some(_) | None => schema,
    };
    match value {
        serde_json::Value::Object(object) if schema["properties"].is_object() => {
            let known = keys(&schema["properties"]);
            let given: Vec<&str> = object.keys().map(String::as_str).collect();
            let required = schema["required"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
            let missing = required.filter(|key| !given.contains(key)).map(|key| format!("{at}/{key} is missing"));
            let unknown = given.iter().filter(|key| !known.contains(key)).map(|key| format!("{at}/{key} is new"));
            let below = object.iter().filter(|(key, _)| known.contains(&key.as_str()));
            let below = below
                .flat_map(|(key, value)| differences(&schema["properties"][key], root, value, &format!("{at}/{key}")));
            missing.chain(unknown).chain(below).collect()
        }
        serde_json::Value::Array(items) => {
            items.iter().flat_map(|item| differences(&schema["items"], root, item, &format!("{at}[]"))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn what_is_written_is_what_the_published_schemas_say() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let schema =
        |name: &str| -> serde_json::Value { serde_json::from_slice(&fs::read(docs.join(name)).unwrap()).unwrap() };
    let report = schema("swact.report-1.schema.json");
    let mut run_record = run();
    for churn in ["", "1% of the table of pe1 a minute"] {
        churn.clone_into(&mut run_record.topology.churn);
        let written = serde_json::to_value(Report::of(&run_record)).unwrap();
        assert_eq!(differences(&report, &report, &written, ""), Vec::<String>::new());
    }
    let compared = schema("swact.compare-1.schema.json");
    let written = serde_json::to_value(compare(&run(), &run(), 5.0)).unwrap();
    assert_eq!(differences(&compared, &compared, &written, ""), Vec::<String>::new());
}
