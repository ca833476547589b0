//! Opens the store at a location: a file system whose writes are synced, or one of three clouds over the house's own HTTP client.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use tokio::sync::Semaphore;

use super::connector::Connector;
use super::location::{Keeper, Location, StoreOptions};
use super::probe::Conditions;
use super::store::{MAX_OBJECT, SLOTS, Store};
use crate::outbound::{Limits, Outbound, PlainHttp};
use crate::storage;

/// Where clouds hand out credentials to the machines that they run: addresses that do not leave the host, over plain HTTP.
const METADATA_HOSTS: [&str; 7] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "metadata.google.internal",
    "metadata",
];

/// Why a store cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// The directory cannot be made.
    #[error("failed to make the directory of `{location}`")]
    Directory {
        /// The location.
        location: Arc<str>,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Its options are incomplete or contradictory.
    #[error("`{location}` cannot be used with these AWS_…, GOOGLE_… or AZURE_… variables")]
    Options {
        /// The location.
        location: Arc<str>,
        /// The cause.
        #[source]
        source: object_store::Error,
    },
}

impl Store {
    /// Opens the store at a location. Nothing is asked yet, so whether it is there shows later.
    ///
    /// # Errors
    ///
    /// When it can never work: a directory that cannot be made, options that do not go together.
    pub fn open(
        location: &Location,
        options: &StoreOptions,
        outbound: &Outbound,
        deadline: Duration,
    ) -> Result<Self, OpenStoreError> {
        let wrong = |source| OpenStoreError::Options { location: location.to_string().into(), source };
        let connector = || {
            let outbound = outbound.speaking(PlainHttp::Also(plain_hosts(location.keeper(), options)));
            Connector::new(outbound, Limits { deadline, max_body: MAX_OBJECT })
        };
        let objects: Arc<dyn ObjectStore> = match location.keeper() {
            Keeper::Directory => Arc::new(directory(location)?),
            Keeper::S3 => Arc::new(s3(location, options, connector()).map_err(wrong)?),
            Keeper::Google => Arc::new(google(location, options, connector()).map_err(wrong)?),
            Keeper::Azure => Arc::new(azure(location, options, connector()).map_err(wrong)?),
        };
        let on_disk = location.keeper() == Keeper::Directory;
        let prefix = if on_disk { "" } else { location.prefix() };
        Ok(Self {
            objects,
            prefix: Path::parse(prefix).map_err(|error| wrong(error.into()))?,
            label: location.to_string().into(),
            deadline,
            slots: Arc::new(Semaphore::new(SLOTS)),
            with_attributes: !on_disk,
            conditions: if location.keeper() == Keeper::S3 { Conditions::unknown() } else { Conditions::honoured() },
        })
    }
}

fn directory(location: &Location) -> Result<LocalFileSystem, OpenStoreError> {
    let path = location.directory_path();
    let failed = |source| OpenStoreError::Directory { location: location.to_string().into(), source };
    // A disk that is not mounted must not be made up for with a directory where it should be.
    if !path.parent().is_none_or(std::path::Path::is_dir) {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the directory above it is missing: is the disk mounted?")));
    }
    storage::make_private_directory(&path).map_err(failed)?;
    let store = LocalFileSystem::new_with_prefix(&path).map_err(|error| failed(io::Error::other(error)))?;
    Ok(store.with_fsync(true))
}

/// Who calls tries again, with a policy of his own.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, backoff: BackoffConfig::default(), ..RetryConfig::default() }
}

fn s3(location: &Location, options: &StoreOptions, connector: Connector) -> object_store::Result<impl ObjectStore> {
    let known = options.of(Keeper::S3).filter_map(|(name, value)| Some((name.parse::<AmazonS3ConfigKey>().ok()?, value)));
    let builder = known.fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value));
    builder.with_bucket_name(location.bucket()).with_retry(once()).with_http_connector(connector).build()
}

fn google(location: &Location, options: &StoreOptions, connector: Connector) -> object_store::Result<impl ObjectStore> {
    let known = options.of(Keeper::Google).filter_map(|(name, value)| Some((name.parse::<GoogleConfigKey>().ok()?, value)));
    let builder = known.fold(GoogleCloudStorageBuilder::new(), |builder, (key, value)| builder.with_config(key, value));
    builder.with_bucket_name(location.bucket()).with_retry(once()).with_http_connector(connector).build()
}

fn azure(location: &Location, options: &StoreOptions, connector: Connector) -> object_store::Result<impl ObjectStore> {
    let known = options.of(Keeper::Azure).filter_map(|(name, value)| Some((name.parse::<AzureConfigKey>().ok()?, value)));
    let builder = known.fold(MicrosoftAzureBuilder::new(), |builder, (key, value)| builder.with_config(key, value));
    builder.with_container_name(location.bucket()).with_retry(once()).with_http_connector(connector).build()
}

/// To whom plain HTTP may be spoken: the hosts of credentials, and an endpoint when the options allow it in so many words.
fn plain_hosts(keeper: Keeper, options: &StoreOptions) -> Vec<String> {
    let allowed = options.of(keeper).any(|(name, value)| name.ends_with("_allow_http") && is_true(value));
    let endpoints = options.of(keeper).filter(|(name, _)| allowed && (name.contains("endpoint") || name.ends_with("_url")));
    let hosts = endpoints.filter_map(|(_, url)| Some(url.parse::<http::Uri>().ok()?.host()?.to_owned()));
    METADATA_HOSTS.iter().map(|host| (*host).to_owned()).chain(hosts).collect()
}

fn is_true(value: &str) -> bool {
    ["1", "true", "on", "yes", "y"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
