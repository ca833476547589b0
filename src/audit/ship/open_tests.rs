//! Opening: options that do not go together, disks that are not mounted, and where plain HTTP may go.

use super::*;
use crate::outbound;

fn open(location: &str, options: &[(&str, &str)]) -> Result<Store, String> {
    let outbound = Outbound::new(outbound::Settings::default()).unwrap();
    let options = options.iter().copied().collect();
    let opened = Store::open(&location.parse().unwrap(), &options, &outbound, Duration::from_secs(1));
    opened.map_err(|error| super::super::hitch::told(&error))
}

#[test]
fn a_store_opens_with_what_its_cloud_needs_and_not_without() {
    let azure_key = [("AZURE_STORAGE_ACCOUNT_NAME", "account"), ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")];
    for (location, options) in [
        ("s3://bucket/x", &[("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_PAGER", "less")][..]),
        ("s3://bucket/x", &[]),
        ("gs://bucket/x", &[("GOOGLE_BEARER_TOKEN", "token")]),
        ("az://container/x", &azure_key),
        ("az://container/x", &[("AZURE_STORAGE_USE_EMULATOR", "true")]),
    ] {
        assert!(open(location, options).is_ok(), "{location}: {:?}", open(location, options));
    }
    for (location, options, expected) in [
        ("s3://bucket/x", &[("AWS_ACCESS_KEY_ID", "key")][..], "Missing SecretAccessKey"),
        ("az://container/x", &[], "Account must be specified"),
        ("gs://bucket/x", &[("GOOGLE_SERVICE_ACCOUNT", "/nowhere/key.json")], "/nowhere/key.json"),
        ("s3://bucket/x", &[("AWS_S3_EXPRESS", "perhaps")], "perhaps"),
    ] {
        let error = open(location, options).unwrap_err();
        assert!(error.starts_with(&format!("`{location}` cannot be used")) && error.contains(expected), "{error}");
    }
}

#[test]
fn the_bucket_is_the_one_of_the_location_whatever_the_environment_says() {
    let options = [("AWS_BUCKET", "other"), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let store = open("s3://bucket/x", &options).unwrap();
    assert_eq!(store.objects.to_string(), "AmazonS3(bucket)");
}

#[test]
fn a_directory_is_made_only_where_the_one_above_is_there() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().display();
    assert!(open(&format!("file://{path}/copy"), &[]).is_ok());
    let error = open(&format!("file://{path}/mnt/copy"), &[]).unwrap_err();
    assert!(error.contains("is the disk mounted?"), "{error}");
    assert!(!directory.path().join("mnt").exists());
    std::fs::write(directory.path().join("file"), "").unwrap();
    assert!(open(&format!("file://{path}/file"), &[]).is_err());
}

#[test]
fn plain_http_goes_to_hosts_of_credentials_and_where_the_options_allow_it() {
    let hosts = |options: &[(&str, &str)]| plain_hosts(Keeper::S3, &options.iter().copied().collect());
    let endpoint = ("AWS_ENDPOINT_URL", "http://store.example:9000");
    assert_eq!(hosts(&[]), METADATA_HOSTS);
    assert_eq!(hosts(&[endpoint]), METADATA_HOSTS);
    assert_eq!(hosts(&[endpoint, ("AWS_ALLOW_HTTP", "false")]), METADATA_HOSTS);
    assert_eq!(hosts(&[endpoint, ("AZURE_ALLOW_HTTP", "true")]), METADATA_HOSTS);
    let allowed = hosts(&[endpoint, ("AWS_ALLOW_HTTP", "true"), ("AWS_PROFILE", "http://x.example")]);
    assert_eq!(allowed.last().map(String::as_str), Some("store.example"));
    assert_eq!(allowed.len(), METADATA_HOSTS.len() + 1);
}

#[tokio::test]
async fn an_endpoint_on_another_machine_is_not_asked_without_tls() {
    let options = [("AWS_ENDPOINT_URL", "http://10.1.2.3"), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let error = open("s3://bucket/x", &options).unwrap().read("checkpoint").await.unwrap_err();
    let told = super::super::hitch::told(&error);
    assert!(told.contains("`10.1.2.3` is another machine, and plain http to it is not allowed"), "{told}");
}
