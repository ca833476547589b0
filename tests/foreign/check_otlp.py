#!/usr/bin/env python3
"""Takes what a live feed sends, with OpenTelemetry's own protobuf types (PyPI: opentelemetry-proto).

check_otlp.py PORT FILE [TIMES]

Listens on 127.0.0.1:PORT until every record of FILE, an export of the same log in the form `jsonl`, has arrived so many times (once),
and holds each against it: body, number, hash, time. Refuses the third request with 503 and rejects one record of the fifth.
"""

import base64
import gzip
import hashlib
import http.server
import json
import sys
import threading

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

PORT, EXPORT = int(sys.argv[1]), sys.argv[2]
TIMES = int(sys.argv[3]) if len(sys.argv) > 3 else 1
EXPECTED = {}
with open(EXPORT, encoding="utf-8") as lines:
    for line in lines:
        record = json.loads(line)
        text = line.partition(',"record":')[2].rstrip("\n")[:-1]
        assert base64.b64encode(hashlib.sha256(b"\0" + text.encode()).digest()).decode() == record["leaf_hash"], line
        EXPECTED[record["seq"]] = (text, record)

done, arrived, requests = threading.Event(), {}, []


def plain(value):
    kind = value.WhichOneof("value")
    return [plain(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def check(record, resource):
    attributes = {pair.key: plain(pair.value) for pair in record.attributes}
    assert len(attributes) == len(record.attributes)
    seq = attributes["audit.seq"]
    text, exported = EXPECTED.get(seq, (None, None))
    if text is None:
        return
    assert record.body.string_value == text, (record, text)
    assert attributes["audit.leaf_hash"] == exported["leaf_hash"]
    assert attributes["audit.origin"] == exported["origin"] == resource["service.instance.id"]
    assert record.event_name == "cedarpost." + exported["record"]["t"]
    assert record.severity_number in (9, 13, 17) and record.time_unix_nano and record.observed_time_unix_nano
    assert record.trace_id.hex() == exported["record"].get("trace", "")
    arrived[seq] = arrived.get(seq, 0) + 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        requests.append(len(body))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request, is_json = service.ExportLogsServiceRequest(), self.headers["content-type"] == "application/json"
        if is_json:
            # OTLP writes ids in hexadecimal where protobuf's JSON has base64.
            said = json.loads(body)
            for record in said["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
                if "traceId" in record:
                    record["traceId"] = base64.b64encode(bytes.fromhex(record["traceId"])).decode()
            json_format.ParseDict(said, request)
        else:
            request.ParseFromString(body)
        answer, status = service.ExportLogsServiceResponse(), 200
        if len(requests) == 3:
            status = 503
        elif len(requests) == 5:
            answer.partial_success.rejected_log_records = 1
            answer.partial_success.error_message = "not today"
        else:
            for logs in request.resource_logs:
                resource = {pair.key: plain(pair.value) for pair in logs.resource.attributes}
                for scope in logs.scope_logs:
                    for record in scope.log_records:
                        check(record, resource)
        text = json_format.MessageToJson(answer).encode() if is_json else answer.SerializeToString()
        self.send_response(status)
        self.send_header("content-type", self.headers["content-type"])
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        if len(arrived) == len(EXPECTED) and min(arrived.values()) >= TIMES:
            done.set()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
complete = done.wait(120)
more = sum(times > TIMES for times in arrived.values())
print(f"{len(arrived)} of {len(EXPECTED)} records in {len(requests)} requests ({sum(requests)} bytes), {more} more than {TIMES} times")
sys.exit(0 if complete else 1)
