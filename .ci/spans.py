"""An OTLP/HTTP receiver of OpenTelemetry's own Python package, and what must have reached it."""

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

NEW_ACTIVE = {"switchover", "negotiate", "take over", "adopt", "reconcile", "converge", "standby back", "bulk sync"}


def receive(out: Path, port_file: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces", self.path
            assert self.headers["content-type"] == "application/x-protobuf", self.headers["content-type"]
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            with out.open("a") as file:
                for of in request.resource_spans:
                    resource = attributes(of.resource.attributes)
                    for span in (span for scope in of.scope_spans for span in scope.spans):
                        line = {
                            "name": span.name,
                            "trace": span.trace_id.hex(),
                            "id": span.span_id.hex(),
                            "parent": span.parent_span_id.hex(),
                            "from": span.start_time_unix_nano,
                            "to": span.end_time_unix_nano,
                            "attributes": attributes(span.attributes),
                            "resource": resource,
                            "tenant": self.headers.get("x-tenant"),
                        }
                        file.write(json.dumps(line) + "\n")
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    port_file.write_text(str(server.server_port))
    server.serve_forever()


def attributes(pairs) -> dict:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def evidence(run: Path) -> dict:
    packed = run / "evidence.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (run / "evidence.json").read_bytes()
    return json.loads(text)


def check(received: Path, run: Path) -> None:
    spans = [json.loads(line) for line in received.read_text().splitlines()]
    trial = evidence(run)["trials"][0]
    root = next(span for span in spans if span["name"] == "trial")
    of_trial = [span for span in spans if span["trace"] == root["trace"]]
    ids = {span["id"] for span in of_trial}
    assert len(ids) == len(of_trial), "span ids are unique"
    assert all(span["parent"] in ids for span in of_trial if span is not root), "one tree"
    active = next(span for span in of_trial if span["name"] == "switchover")["resource"]["service.instance.id"]
    names = {span["name"] for span in of_trial if span["resource"]["service.instance.id"] == active}
    assert NEW_ACTIVE <= names, f"{NEW_ACTIVE - names} of the new active are missing"
    services = {span["resource"]["service.name"] for span in of_trial}
    assert {"swact", "swact-rp", "swact-linecard", "swact-tester"} <= services, services
    for span in spans:
        assert span["tenant"] == "ci", "OTEL_EXPORTER_OTLP_HEADERS"
        assert span["resource"]["deployment.environment.name"] == "ci", "OTEL_RESOURCE_ATTRIBUTES"
        assert span["from"] <= span["to"], span

    # The collector has what the report draws, and both have what the phases say.
    drawn = sorted((line["name"], line["to_ms"] - line["from_ms"]) for line in trial["spans"])
    there = sorted((span["name"], (span["to"] - span["from"]) / 1e6) for span in of_trial)
    assert [name for name, _ in drawn] == [name for name, _ in there], (drawn, there)
    assert all(abs(a - b) < 0.001 for (_, a), (_, b) in zip(drawn, there)), (drawn, there)
    lines = [line for line in trial["spans"] if line["card"] == "/".join(active.split("/")[1:])]
    ends = lambda name: [line["to_ms"] for line in lines if line["name"] == name]
    phases = trial["switchover"]
    for phase, name in [("take_over", "take over"), ("adopt", "adopt"), ("reconcile", "reconcile"),
                        ("converge", "converge"), ("redundant", "redundant")]:
        assert abs(max(ends(name)) - phases[phase]) < 0.01, (phase, ends(name), phases[phase])
    print(f"{len(spans)} spans reached the collector, {len(of_trial)} in the trial's trace, as the report draws them")


def known(run: Path) -> None:
    trial = evidence(run)["trials"][0]
    outages = trial["known_outages"]
    assert [(outage["every"], outage["ended_ns"] - outage["began_ns"]) for outage in outages] == [
        (1, 20_000_000), (1, 1_000_000_000), (7, 1_000_000_000)], outages
    # Whatever the machine does meanwhile: what the card counted is what it dropped, and nothing else is missing.
    assert trial["drops"]["injected"] == sum(outage["dropped"] for outage in outages) > 0, trial["drops"]
    assert trial["accounting"]["unaccounted"] == 0, trial["accounting"]
    if trial["invalid"]:
        print(f"known outages: every packet accounted for; times not looked at, the trial is invalid: {trial['invalid']}")
        return
    report = json.loads((run / "report.json").read_text())
    rows = {(row["every"], round(row["injected_ms"])): row for row in report["known_outages"]}
    assert set(rows) == {(1, 20), (1, 1000), (7, 1000)}, rows.keys()
    for (every, injected), row in rows.items():
        assert row["dropped"] == row["lost"] > 0, row
        # Not a timing test: half or double would be a defect of the reckoning.
        expected = injected / every
        assert expected / 2 <= row["loss_derived_ms"]["median"] <= expected * 2, row
        print(f"1 in {every} for {injected} ms: found {row['loss_derived_ms']['median']:.2f} ms, "
              f"{row['dropped']} dropped, {row['lost']} lost, resolution {row['resolution_ms']:.2f} ms")


if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    {"receive": receive, "check": check, "known": known}[what](*map(Path, paths))
