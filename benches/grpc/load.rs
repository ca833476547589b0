//! The load: callers that ask one question after the other, over a connection for every sixteen of them, and what they see.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cedarpost::grpc::pb;
use cedarpost::grpc::pb::decision_service_client::DecisionServiceClient;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;

use crate::child::Child;
use crate::stats::{Sample, percentile};

/// How many callers share a connection.
const SHARE: usize = 16;

/// A run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) callers: usize,
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
    pub(crate) dry_run: bool,
}

/// Asks a server for a while. Every answer must be an allow.
pub(crate) async fn sample(server: &Child, shape: Shape) -> Result<Sample> {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address()))?.tcp_nodelay(true);
    let (begin, mut callers) = (Instant::now() + shape.warmup, JoinSet::new());
    let end = begin + shape.measured;
    let mut client = None;
    for number in 0..shape.callers {
        if number % SHARE == 0 {
            client = Some(DecisionServiceClient::new(endpoint.connect().await?));
        }
        let Some(mut client) = client.clone() else { continue };
        callers.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let began = Instant::now();
                if began >= end {
                    return Ok(latencies);
                }
                let answer = client.check(question(shape.dry_run)).await?.into_inner();
                ensure!(answer.decision() == pb::Decision::Allow, "the answer is {answer:?}");
                if began >= begin {
                    latencies.push(u64::try_from(began.elapsed().as_nanos())?);
                }
            }
        });
    }
    tokio::time::sleep_until(begin.into()).await;
    let before = server.cpu()?;
    tokio::time::sleep_until(end.into()).await;
    let cpu = server.cpu()?.saturating_sub(before);
    let mut latencies = Vec::new();
    while let Some(caller) = callers.join_next().await {
        latencies.extend(caller??);
    }
    Ok(summed_up(latencies, shape, cpu))
}

/// The sample of these latencies in nanoseconds.
pub(crate) fn summed_up(mut latencies: Vec<u64>, shape: Shape, cpu: Duration) -> Sample {
    latencies.sort_unstable();
    let answered = latencies.len() as f64;
    Sample {
        p50: percentile(&latencies, 0.5) as f64 / 1000.0,
        p99: percentile(&latencies, 0.99) as f64 / 1000.0,
        rate: answered / shape.measured.as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / answered,
    }
}

fn question(dry_run: bool) -> pb::CheckRequest {
    pb::CheckRequest {
        caller: Some(pb::Caller {
            agent: "assistant".to_owned(),
            person: Some(pb::caller::Person::Actor("alice".to_owned())),
            ..pb::Caller::default()
        }),
        call: Some(pb::Call {
            server: "bench".to_owned(),
            target: Some(pb::call::Target::Tool("echo".to_owned())),
            arguments_json: r#"{"message":"a message of ordinary length, as calls have them","amount":25}"#.to_owned(),
            ..pb::Call::default()
        }),
        dry_run,
    }
}
