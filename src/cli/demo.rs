//! `cedarpost demo`: a small shop behind a real sidecar, in a folder of its own that is gone afterwards.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Exit;
use super::ask;
use super::serve::{on_runtime, start_logging};
use crate::app::{self, Ended};
use crate::audit;
use crate::config::flags::DemoFlags;
use crate::config::{Config, Environment, LogFormat, LogSettings, Sources};
use crate::demo::{self, Shop, TourSettings};
use crate::lifecycle::Stop;

/// How often it is looked for a call that waits, and the pauses between.
const LOOKS: u32 = 160;
const LOOK: Duration = Duration::from_millis(50);

/// Runs the demo; it logs only what went wrong, its own words go to standard output.
pub(super) fn demo(flags: &DemoFlags, environment: &Environment) -> anyhow::Result<Exit> {
    let _logging = start_logging(&LogSettings { format: LogFormat::Pretty, level: "error".to_owned() }, environment)?;
    let home = tempfile::Builder::new().prefix("cedarpost-demo-").tempdir().context("failed to make a folder for the demo")?;
    let colour = io::stdout().is_terminal() && !environment.refuses_color();
    on_runtime(run(flags, home.path(), colour))
}

async fn run(flags: &DemoFlags, home: &Path, colour: bool) -> anyhow::Result<Exit> {
    let policies = home.join("policies");
    demo::write_policies(&policies).context("failed to write the demo's policies")?;
    let listener = demo::open_port().await.context("failed to open a port for the shop")?;
    let (shop, shop_address) = (Shop::new(), listener.local_addr()?);
    let stop = Stop::new();
    let closing = stop.clone();
    tokio::spawn(demo::serve(shop.clone(), listener, async move { closing.wait().await }));

    let config = config(flags, home, shop_address)?;
    let log = config.audit.directory.clone();
    let (ready, listening) = oneshot::channel();
    let sidecar = tokio::spawn(app::serve(config, stop.clone(), move |address| {
        // Nobody is left to tell when the demo has failed meanwhile.
        let _ = address.tcp().map(|address| ready.send(address));
    }));
    let toured = match listening.await {
        Ok(address) => {
            let place = Place { address, shop_address, policies, log, home: home.to_owned() };
            let toured = tour(&place, shop, colour).await;
            if flags.tour || toured.is_err() {
                stop.request();
            } else {
                say(&place.farewell())?;
            }
            toured
        }
        // It ended before it listened, and says why below.
        Err(_) => Ok(()),
    };
    let ended = sidecar.await.context("the sidecar ended unexpectedly")?.context("the sidecar failed")?;
    toured?;
    Ok(if ended == Ended::Interrupted { Exit::Interrupted } else { Exit::Done })
}

/// Where everything of the demo is.
struct Place {
    address: SocketAddr,
    shop_address: SocketAddr,
    policies: PathBuf,
    log: PathBuf,
    home: PathBuf,
}

impl Place {
    fn url(&self) -> String {
        format!("http://{}/shop", self.address)
    }

    fn farewell(&self) -> String {
        format!(
            "The sidecar stays up until you press Ctrl-C. Point an MCP client (streamable HTTP) at\n\n    {}\n\n\
             and edit the policies in\n\n    {}\n\nwhile it runs: a change is in force within a second. Refunds above 100.00 wait for you:\n\n    \
             cedarpost approvals watch --audit-dir {}\n",
            self.url(),
            self.policies.display(),
            self.log.display(),
        )
    }
}

async fn tour(place: &Place, shop: Shop, colour: bool) -> anyhow::Result<()> {
    let uri = |text: String| text.parse().context("failed to make a URL");
    let settings = TourSettings {
        proxy_url: uri(place.url())?,
        shop_url: uri(format!("http://{}/mcp", place.shop_address))?,
        shop,
        policies_dir: place.policies.clone(),
        colour,
    };
    let (log, scratch) = (place.log.clone(), place.home.clone());
    let verify = async move || {
        let checking = move || {
            let question = audit::Question::new(audit::Trusted::schedule(audit::read_schedule(&log)?));
            anyhow::Ok(audit::verify(&log, &scratch, &question, &mut |_, _| {})?)
        };
        let report = tokio::task::spawn_blocking(checking).await?.context("failed to check the log")?;
        match report.faults.first() {
            None if report.verified() => Ok(report.tree.size),
            fault => bail!("the log does not verify: {}", fault.map_or_else(String::new, ToString::to_string)),
        }
    };
    let asked = place.log.clone();
    let approve = async move || tokio::task::spawn_blocking(move || approve_what_waits(&asked)).await?;
    say(&format!("A shop with six tools runs behind a Cedarpost sidecar. An MCP client connects to\n\n    {}\n\n", place.url()))?;
    demo::tour(&settings, approve, verify, &mut io::stdout()).await.context("the tour did not go as it should")
}

/// Approves the one call that waits, as the operator, once it does. Which one that was.
fn approve_what_waits(log: &Path) -> anyhow::Result<String> {
    for _ in 0..LOOKS {
        let listed = ask::request(log, Method::GET, "/v1/approvals?state=waiting", None)?.context("the sidecar is gone")?;
        let listed: Value = serde_json::from_slice(&listed.1).context("what the sidecar answers cannot be read")?;
        if let Some(ticket) = listed.pointer("/approvals/0/id").and_then(Value::as_str) {
            ask::post(log, &format!("/v1/approvals/{ticket}/rule"), &json!({ "verdict": "approve" }))?;
            return Ok(ticket.to_owned());
        }
        std::thread::sleep(LOOK);
    }
    bail!("no call waits for approval")
}

fn say(text: &str) -> anyhow::Result<()> {
    io::stdout().write_all(text.as_bytes()).context("failed to write to standard output")
}

/// The configuration, written as a file as any user would.
fn config(flags: &DemoFlags, home: &Path, shop: SocketAddr) -> anyhow::Result<Config> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let text = format!(
        "[listen]\naddress = \"{listen}\"\n\n[admin]\naddress = \"{admin}\"\n\n[identity]\nagent = \"assistant\"\nactor = \"alice\"\n\n\
         [policy]\npolicies = [\"policies\"]\nschema = [\"policies/schema\"]\nentities = [\"policies/entities\"]\n\n\
         [audit]\ndirectory = \"audit\"\n\n[[server]]\nname = \"shop\"\nurl = \"http://{shop}/mcp\"\n",
        listen = flags.listen.unwrap_or(any),
        admin = flags.admin_listen.unwrap_or(any),
    );
    let file = home.join("cedarpost.toml");
    fs::write(&file, text).context("failed to write the demo's configuration")?;
    let sources = Sources { file: Some(&file), environment: Environment::default(), flags: Vec::new() };
    Ok(Config::for_serve(&sources)?)
}
