//! Logs that are kept far away: in the buckets of clouds, and behind web servers. They are read and never written.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use tokio::runtime::Runtime;

use crate::audit::check::source::{Remote, StoreError, TileStore};
use crate::audit::ship::{Keeper, Location, Store};
use crate::config::{Environment, store_options};
use crate::outbound::{Limits, Outbound, Settings};

/// How many objects are asked for at a time.
const TOGETHER: usize = 32;
/// How long one may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest object that is read: an entry bundle of the longest records.
const MAX_OBJECT: usize = 17 << 20;

/// A log as it is named on the command line.
pub(super) enum Far {
    /// In a directory after all.
    Here(std::path::PathBuf),
    /// Elsewhere, with the runtime that asks for it.
    There(Runtime, Remote<Place>),
}

/// Where the objects of a log are.
pub(super) enum Place {
    /// In a bucket.
    Bucket(Store),
    /// Behind a web server, below this URL.
    Web(Box<Outbound>, String),
}

/// Prepares to read the log at a URL: `file`, `s3`, `gs`, `az`, `http` to this machine, or `https`.
pub(super) fn far(url: &str, environment: &Environment) -> anyhow::Result<Far> {
    let outbound = Outbound::new(Settings::default()).context("failed to prepare requests to other machines")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let place = if url.starts_with("https://") || url.starts_with("http://") {
        let url: Uri = url.parse().with_context(|| format!("`{url}` is not a URL"))?;
        Place::Web(Box::new(outbound), url.to_string().trim_end_matches('/').to_owned())
    } else {
        let location: Location = url.parse().with_context(|| format!("`{url}` is not a place of a log"))?;
        if location.keeper() == Keeper::Directory {
            return Ok(Far::Here(location.directory_path()));
        }
        let _context = runtime.enter();
        Place::Bucket(Store::open(&location, &store_options(environment), &outbound, DEADLINE)?)
    };
    let remote = Remote::new(place, runtime.handle().clone(), TOGETHER, DEADLINE);
    Ok(Far::There(runtime, remote))
}

impl TileStore for Place {
    async fn get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        match self {
            Self::Bucket(store) => Ok(store.read(name).await?),
            Self::Web(outbound, base) => {
                let request = Request::get(format!("{base}/{name}")).body(Bytes::new())?;
                let answer = outbound.request(request, Limits { deadline: DEADLINE, max_body: MAX_OBJECT }).await?;
                match answer.status() {
                    StatusCode::OK => Ok(Some(answer.into_body())),
                    StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
                    status => Err(format!("the server answers {status}").into()),
                }
            }
        }
    }
}
