//! The six steps. Each asks something real, prints what was asked and what came back, and fails when that is not what it should be.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use http::Uri;
use serde_json::{Value, json};
use tokio::fs;

use super::TourError;
use super::client::{Client, ToolAnswer};
use super::page::{Page, Tone};
use crate::demo::Shop;

/// The policy file that step 5 edits, and what it adds.
const EDITED: &str = "reading.cedar";
const ADDED: &str = r#"
@id("closed-for-stocktaking")
@reason("Orders cannot be read during stocktaking.")
forbid (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/read_order");
"#;
/// How long an edited policy may take before the tour gives up, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// What the tour is told at the start.
#[derive(Debug, Clone)]
pub struct TourSettings {
    /// Where the sidecar answers for the shop (`http://…`), as the agent `assistant` acting for the user `alice`.
    pub proxy_url: Uri,
    /// Where the shop itself answers, to compare.
    pub shop_url: Uri,
    /// The shop, for its own count of what reached it.
    pub shop: Shop,
    /// The folder of the policies in force, as [`crate::demo::write_policies`] wrote it. Step 5 edits a file here and puts it back.
    pub policies_dir: PathBuf,
    /// Whether to print in colour.
    pub colour: bool,
}

/// Makes the tour, printing it to `out`. `approve` is the person: they approve the one call that waits, and say under which ticket. `verify`
/// checks the log and says how many records it holds.
///
/// # Errors
/// The first thing that did not behave as it should, or that kept the tour from going on.
pub async fn run(
    settings: &TourSettings,
    approve: impl AsyncFnOnce() -> anyhow::Result<String>,
    verify: impl AsyncFnOnce() -> anyhow::Result<u64>,
    out: &mut (dyn Write + Send),
) -> Result<(), TourError> {
    let mut guide = Guide {
        settings,
        agent: Client::new(settings.proxy_url.clone()),
        direct: Client::new(settings.shop_url.clone()),
        page: Page::new(out, settings.colour),
    };
    guide.what_the_agent_sees().await?;
    guide.an_allowed_call().await?;
    guide.a_denied_call().await?;
    guide.a_call_that_needs_a_person(approve).await?;
    guide.a_policy_changes().await?;
    guide.the_log(verify).await
}

/// What all steps use.
struct Guide<'t> {
    settings: &'t TourSettings,
    /// Calls through the sidecar.
    agent: Client,
    /// Calls past it.
    direct: Client,
    page: Page<'t>,
}

impl Guide<'_> {
    async fn what_the_agent_sees(&mut self) -> Result<(), TourError> {
        self.page.heading("What the agent gets to see")?;
        self.page.fact("asked", Tone::Neutral, "tools/list, once at the shop itself and once through Cedarpost")?;
        let all = self.direct.tools().await?;
        let shown = self.agent.tools().await?;
        self.page.fact("shop", Tone::Neutral, &all.join(", "))?;
        self.page.fact("agent", Tone::Good, &shown.join(", "))?;
        let hidden: Vec<&String> = all.iter().filter(|tool| !shown.contains(tool)).collect();
        self.expect(hidden == ["delete_customer"], "delete_customer to be hidden and nothing else", format!("{shown:?}"))?;
        self.page.say("A policy forbids agents to delete customers, whatever the arguments, so that tool is not even shown.")?;
        Ok(())
    }

    async fn an_allowed_call(&mut self) -> Result<(), TourError> {
        self.page.heading("A call that is allowed")?;
        let answer = self.call("read_order", &json!({ "order": "A-1001" })).await?;
        self.expect(!answer.is_error, "an order", answer.text)?;
        self.page.say("The decision was in the log, on disk, before the call went on to the shop.")?;
        Ok(())
    }

    async fn a_denied_call(&mut self) -> Result<(), TourError> {
        self.page.heading("A call that is denied")?;
        self.page.say("A tool that is not shown can still be asked for.")?;
        self.refused("delete_customer", &json!({ "customer": "c-17" }), "is for people, not for agents").await?;
        self.page.say(
            "The reason comes from the policy (customers.cedar). It is an ordinary answer, so the agent's session goes on.",
        )?;
        Ok(())
    }

    async fn a_call_that_needs_a_person(
        &mut self,
        approve: impl AsyncFnOnce() -> anyhow::Result<String>,
    ) -> Result<(), TourError> {
        self.page.heading("A call that needs a person")?;
        self.page.say("Refunds up to 100.00 go through …")?;
        let small = self.call("refund", &json!({ "order": "A-1003", "amount": 2_500, "reason": "scratched" })).await?;
        self.expect(!small.is_error, "a refund", small.text)?;
        self.page.say("… and 250.00 needs somebody's approval. The tool is the same: the policy looks at the arguments.")?;
        let arguments = json!({ "order": "A-1003", "amount": 25_000, "reason": "broken" });
        self.page.fact("asked", Tone::Neutral, &format!("refund {arguments}"))?;
        let (answer, approved) = tokio::join!(self.agent.call("refund", &arguments), approve());
        let ticket = approved.map_err(TourError::Approval)?;
        self.page.fact("waits", Tone::Neutral, &ticket)?;
        self.page.fact("person", Tone::Good, &format!("cedarpost approvals approve {ticket}"))?;
        let answer = answer?;
        self.page.fact("answer", if answer.is_error { Tone::Bad } else { Tone::Good }, &answer.text)?;
        self.expect(!answer.is_error, "a refund", answer.text)?;
        self.page
            .say("The agent waited, and noticed nothing else. The approval was good for exactly this call, once.")
            .map_err(TourError::Print)
    }

    async fn a_policy_changes(&mut self) -> Result<(), TourError> {
        self.page.heading("A policy changes while everything runs")?;
        let path = self.settings.policies_dir.join(EDITED);
        let before = fs::read_to_string(&path).await.map_err(|source| TourError::Edit { path, source })?;
        self.page.fact("edited", Tone::Neutral, &format!("{EDITED}, these lines are added:\n{}", ADDED.trim()))?;
        let closed = self.replace_and_wait(&format!("{before}{ADDED}"), true).await?;
        self.page.say(&format!("In force {} ms after the file was written.", closed.as_millis()))?;
        self.refused("read_order", &json!({ "order": "A-1001" }), "stocktaking").await?;
        self.page.fact("edited", Tone::Neutral, &format!("{EDITED}, back to what it was"))?;
        let opened = self.replace_and_wait(&before, false).await?;
        self.page.say(&format!("In force {} ms after the file was written.", opened.as_millis()))?;
        let answer = self.call("read_order", &json!({ "order": "A-1001" })).await?;
        self.expect(!answer.is_error, "an order", answer.text)
    }

    async fn the_log(&mut self, verify: impl AsyncFnOnce() -> anyhow::Result<u64>) -> Result<(), TourError> {
        self.page.heading("What the log says")?;
        let records = verify().await.map_err(TourError::Log)?;
        self.page.fact("log", Tone::Good, &format!("{records} records, verified"))?;
        // Four decisions that the tour itself asked for is the least there can be.
        self.expect(records >= 4, "a record of every decision", format!("{records} records"))?;
        self.page.say("Every record carries the hash of the one before it, and each commit signs the tree of all of them: none can be changed")?;
        self.page.say("or taken out unnoticed, and whoever has the public key can check that without us.")?;
        Ok(())
    }

    /// Replaces the edited file in one go, and polls until `read_order` is refused or not, as wished. Returns how long that took.
    async fn replace_and_wait(&self, text: &str, refused: bool) -> Result<Duration, TourError> {
        let path = self.settings.policies_dir.join(EDITED);
        let draft = path.with_extension("draft");
        let edit = |source| TourError::Edit { path: path.clone(), source };
        // A rename, so that nobody ever reads half a file.
        fs::write(&draft, text).await.map_err(edit)?;
        fs::rename(&draft, &path).await.map_err(edit)?;
        let written = Instant::now();
        while self.agent.call("read_order", &json!({ "order": "A-1001" })).await?.is_error != refused {
            if written.elapsed() > PATIENCE {
                return Err(TourError::NotInForce { waited: written.elapsed() });
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(written.elapsed())
    }

    /// Asks for something that must be refused for a reason that contains `reason`, and must not reach the shop.
    async fn refused(&mut self, tool: &'static str, arguments: &Value, reason: &str) -> Result<(), TourError> {
        let before = self.settings.shop.reached(tool);
        let answer = self.call(tool, arguments).await?;
        let reached = self.settings.shop.reached(tool) - before;
        let as_said = answer.is_error && answer.text.contains(reason);
        self.expect(as_said, format!("a refusal that speaks of \"{reason}\""), answer.text)?;
        let Some(decision) = answer.decision else {
            return self.expect(false, "the id of the decision", "none");
        };
        self.page.fact("decision", Tone::Neutral, &decision)?;
        self.expect(reached == 0, "nothing to reach the shop", format!("{reached} calls"))?;
        self.page.fact("shop", Tone::Neutral, "was not asked")?;
        Ok(())
    }

    /// Calls a tool as the agent, and prints what was asked and what came back.
    async fn call(&mut self, tool: &str, arguments: &Value) -> Result<ToolAnswer, TourError> {
        self.page.fact("asked", Tone::Neutral, &format!("{tool} {arguments}"))?;
        let answer = self.agent.call(tool, arguments).await?;
        self.page.fact("answer", if answer.is_error { Tone::Bad } else { Tone::Good }, &answer.text)?;
        Ok(answer)
    }

    fn expect(&self, holds: bool, wanted: impl Into<String>, got: impl Into<String>) -> Result<(), TourError> {
        if holds {
            return Ok(());
        }
        Err(TourError::Unexpected { step: self.page.step(), wanted: wanted.into(), got: got.into() })
    }
}
