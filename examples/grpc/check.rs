//! Asks a sidecar for a decision over gRPC. The messages are those of this crate; another would generate its own from `proto/`.
//!
//!     check ADDRESS AGENT ACTOR SERVER TOOL [ARGUMENTS]
//!
//! Exits with 0 for an allow, 1 for a denial or when a person has to approve, 2 when there is no decision.
#![expect(clippy::print_stdout, reason = "it reports to a terminal")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use cedarpost::grpc::pb::decision_service_client::DecisionServiceClient;
use cedarpost::grpc::pb::{Call, Caller, CheckRequest, Decision, call, caller};
use tonic::Request;
use tonic_types::StatusExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let mut next = || given.next().ok_or("usage: check ADDRESS AGENT ACTOR SERVER TOOL [ARGUMENTS]");
    let (address, agent, actor, server, tool) = (next()?, next()?, next()?, next()?, next()?);
    let arguments_json = given.next().unwrap_or_default();

    let caller = Caller { agent, person: Some(caller::Person::Actor(actor)), ..Caller::default() };
    let call = Call { server, target: Some(call::Target::Tool(tool)), arguments_json, ..Call::default() };
    let mut request = Request::new(CheckRequest { caller: Some(caller), call: Some(call), dry_run: false });
    request.set_timeout(Duration::from_secs(5));
    let mut client = DecisionServiceClient::connect(format!("http://{address}")).await?;
    let answer = match client.check(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let code = format!("{:?}", status.code());
            println!("no decision: {}: {}", screaming(&code), status.message());
            let bad = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
            bad.iter().for_each(|bad| println!("  {}: {}", bad.field, bad.description));
            return Ok(ExitCode::from(2));
        }
    };
    // Whatever is not known is a denial.
    let decision = Decision::try_from(answer.decision).unwrap_or(Decision::Deny);
    println!("{} {} {}", decision.as_str_name(), answer.decision_id, answer.message);
    for judgement in answer.judgements {
        let policies = judgement.policies.iter().map(|policy| format!(" ({} at {}:{})", policy.id, policy.file, policy.line));
        println!("  {}: {}{}", judgement.principal, judgement.cause, policies.collect::<String>());
    }
    Ok(if decision == Decision::Allow { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `InvalidArgument` as the specification of gRPC writes it.
fn screaming(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}
