//! The message codec alone: what reading a call, cutting a list and framing events cost.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot read its own input has nothing to measure")]

use std::hint::black_box;

use bytes::Bytes;
use cedarpost::mcp::list::{self, CachePolicy};
use cedarpost::mcp::{Inspection, Limits, ListKind, Message, headers, sse};
use criterion::{Criterion, criterion_group, criterion_main};

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

fn call() -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"refund","arguments":{{"order":"A-1003","amount":2500,"reason":"scratched"}},{META}}}}}"#).into()
}

fn tools(count: usize) -> Bytes {
    let tool = |n: usize| {
        format!(
            r#"{{"name":"tool_{n}","description":"Does the {n}th thing.","inputSchema":{{"type":"object","properties":{{"a":{{"type":"string"}},"b":{{"type":"integer"}}}},"required":["a"]}},"annotations":{{"readOnlyHint":{}}}}}"#,
            n.is_multiple_of(2)
        )
    };
    let tools: Vec<String> = (0..count).map(tool).collect();
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(",")).into()
}

fn codec(criterion: &mut Criterion) {
    let (limits, call, tools) = (Limits::default(), call(), tools(100));
    criterion.bench_function("parse a call", |bencher| bencher.iter(|| Message::parse(black_box(&call), &limits).unwrap()));
    let message = Message::parse(&call, &limits).unwrap();
    let header = |name: &str| match name {
        "mcp-protocol-version" => vec![&b"2026-07-28"[..]],
        "mcp-method" => vec![&b"tools/call"[..]],
        "mcp-name" => vec![&b"refund"[..]],
        _ => vec![],
    };
    criterion.bench_function("check the headers of a call", |bencher| {
        bencher.iter(|| headers::check(black_box(&message), header).unwrap());
    });
    criterion.bench_function("cut a list of 100 tools in half", |bencher| {
        bencher.iter(|| {
            let even = |item: &list::Item<'_>| item.name.ends_with(['0', '2', '4', '6', '8']);
            list::filter(black_box(&tools), ListKind::Tools, even, CachePolicy::Untouched).unwrap()
        });
    });
    criterion.bench_function("read and inspect a result", |bencher| {
        bencher.iter(|| Inspection::of(&Message::parse_from_server(black_box(&tools), &limits).unwrap()).unwrap());
    });
    let event = Bytes::from([b"id: 1\ndata: ", &call[..], b"\n\n"].concat());
    criterion.bench_function("frame an event", |bencher| {
        bencher.iter(|| sse::Framer::new(1 << 20).push(black_box(event.clone())).unwrap());
    });
}

criterion_group!(benches, codec);
criterion_main!(benches);
