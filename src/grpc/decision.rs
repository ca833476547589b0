//! `cedarpost.v1.DecisionService`: every question goes to the gate, and what it says is put into a message.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::access::{asker, only_near};
use super::pb::decision_service_server::DecisionService;
use super::problem::{BadField, not_recorded};
use super::stream::Watchers;
use super::watch::{self, RecordsSource, Told};
use super::{convert, pb};
use crate::domain::{Action, Target};
use crate::gate::{Checked, Gate};
use crate::lifecycle::Begun;

/// The most questions of one batch.
const MAX_BATCH: usize = 100;

/// Answers questions about decisions.
pub(super) struct Decisions {
    pub(super) gate: Gate,
    pub(super) records: Arc<RecordsSource>,
    /// How deep arguments may be nested.
    pub(super) depth: u32,
    /// One explanation at a time: each takes as long as thousands of decisions.
    pub(super) explaining: Arc<Semaphore>,
    pub(super) watchers: Watchers,
    /// How many decisions may be under way.
    pub(super) deciding: Arc<Semaphore>,
}

impl Decisions {
    async fn decide(&self, request: pb::CheckRequest, by: &Arc<str>) -> Result<Checked, Status> {
        let (caller, call) = (convert::caller(request.caller)?, convert::call(request.call, self.depth)?);
        // A question waits for room in the log's line: so it takes a place, too.
        let place = Arc::clone(&self.deciding).try_acquire_owned();
        let place = place.map_err(|_| Status::resource_exhausted("too many decisions are under way; try again later"))?;
        let checked = if request.dry_run {
            let _place = place;
            self.gate.check_dry(&caller, &call, by).await
        } else {
            let (gate, by) = (self.gate.clone(), Arc::clone(by));
            // INVARIANT: a decision that has begun is recorded whole. Who hangs up, or whose deadline is over, ends only the waiting.
            let deciding = Begun::new(async move {
                let _place = place;
                gate.check(&caller, &call, &by).await
            });
            deciding.await.map_err(|_| Status::unavailable("the decision could not be finished"))?
        };
        checked.map_err(|refusal| not_recorded(refusal.sentence()))
    }
}

#[tonic::async_trait]
impl DecisionService for Decisions {
    async fn check(&self, request: Request<pb::CheckRequest>) -> Result<Response<pb::CheckResponse>, Status> {
        let by = asker(&request);
        let checked = self.decide(request.into_inner(), &by).await?;
        Ok(Response::new(convert::checked(&checked)))
    }

    async fn check_batch(&self, request: Request<pb::CheckBatchRequest>) -> Result<Response<pb::CheckBatchResponse>, Status> {
        let by = asker(&request);
        let checks = request.into_inner().checks;
        if checks.is_empty() || checks.len() > MAX_BATCH {
            return Err(BadField::new("checks", format!("must be 1 to {MAX_BATCH}")).into());
        }
        // At the same time, so that they share the commits of the log.
        let decided = futures_util::future::join_all(checks.into_iter().map(|check| self.decide(check, &by))).await;
        let result = |decided: Result<Checked, Status>| pb::CheckResult {
            result: Some(match decided {
                Ok(checked) => pb::check_result::Result::Response(convert::checked(&checked)),
                Err(status) => pb::check_result::Result::Error(pb::CheckError {
                    code: status.code().into(),
                    message: status.message().to_owned(),
                }),
            }),
        };
        Ok(Response::new(pb::CheckBatchResponse { results: decided.into_iter().map(result).collect() }))
    }

    async fn list_visible_tools(
        &self,
        request: Request<pb::ListVisibleToolsRequest>,
    ) -> Result<Response<pb::ListVisibleToolsResponse>, Status> {
        let pb::ListVisibleToolsRequest { caller, server, source } = request.into_inner();
        let (caller, server, source) = (convert::caller(caller)?, convert::server(&server)?, convert::source(source)?);
        let known = self.gate.tools(&server).ok_or_else(|| Status::not_found(format!("there is no server `{server}`")))?;
        let view = self.gate.view(&caller, &server, &source);
        let shown = |name: &&Arc<str>| view.shows(Action::ToolsCall, &Target::Tool(Arc::clone(name)));
        let tools = known.iter().filter(shown).map(ToString::to_string).collect();
        let known = u32::try_from(known.len()).unwrap_or(u32::MAX);
        Ok(Response::new(pb::ListVisibleToolsResponse { tools, known }))
    }

    async fn explain(&self, request: Request<pb::ExplainRequest>) -> Result<Response<pb::ExplainResponse>, Status> {
        let pb::ExplainRequest { caller, call, at } = request.into_inner();
        let (caller, call) = (convert::caller(caller)?, convert::call(call, self.depth)?);
        let at = at.map(|at| convert::read_time("at", &at)).transpose()?;
        let stopping = || Status::unavailable("the sidecar is stopping");
        let turn = Arc::clone(&self.explaining).acquire_owned().await.map_err(|_| stopping())?;
        let gate = self.gate.clone();
        let explained = tokio::task::spawn_blocking(move || {
            // It goes on when nobody waits for it any more.
            let _turn = turn;
            gate.explain(&caller, &call, at)
        });
        let explanation = explained.await.map_err(|_| stopping())?;
        let decision = match explanation.decision.name() {
            "allow" => pb::Decision::Allow,
            "require_approval" => pb::Decision::RequireApproval,
            _ => pb::Decision::Deny,
        };
        let text = serde_json::to_string(&explanation).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(pb::ExplainResponse { decision: decision.into(), explanation_json: text }))
    }

    type WatchDecisionsStream = Told<pb::WatchDecisionsResponse>;

    async fn watch_decisions(
        &self,
        request: Request<pb::WatchDecisionsRequest>,
    ) -> Result<Response<Self::WatchDecisionsStream>, Status> {
        // It tells of everybody's decisions, as the log does.
        only_near(&request)?;
        let wanted = watch::Decisions::of(request.into_inner())?;
        Ok(Response::new(watch::decisions(&self.records, wanted, &self.watchers)?))
    }
}
