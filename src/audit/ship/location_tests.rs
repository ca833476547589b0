//! Locations: what is one, what is none, and that options are never shown.

use super::*;

#[test]
fn a_location_is_read_and_shown_the_same() {
    let table = [
        ("file:///var/log/copy", Keeper::Directory, "", "var/log/copy"),
        ("file:///a b/ü", Keeper::Directory, "", "a b/ü"),
        ("s3://bucket", Keeper::S3, "bucket", ""),
        ("s3://my.bucket-1/a/b", Keeper::S3, "my.bucket-1", "a/b"),
        ("gs://b_1/x", Keeper::Google, "b_1", "x"),
        ("az://container/x/y", Keeper::Azure, "container", "x/y"),
    ];
    for (text, keeper, bucket, prefix) in table {
        let location: Location = text.parse().unwrap();
        assert_eq!((location.keeper(), location.bucket(), location.prefix()), (keeper, bucket, prefix), "{text}");
        assert_eq!(location.to_string(), text);
    }
    assert_eq!("s3://b/a/".parse::<Location>().unwrap().to_string(), "s3://b/a");
    assert_eq!(Location::directory(Path::new("/x/y")).unwrap().directory_path(), Path::new("/x/y"));
}

#[test]
fn what_is_no_location_is_refused_with_the_reason() {
    let long = format!("s3://b/{}", "x".repeat(MAX));
    let table = [
        ("/var/log", LocationError::Scheme),
        ("http://host/x", LocationError::Scheme),
        ("S3://bucket", LocationError::Scheme),
        ("s3:/bucket", LocationError::Scheme),
        ("file://relative", LocationError::Relative),
        ("file://host/share", LocationError::Relative),
        ("file:///", LocationError::Relative),
        ("file://", LocationError::Relative),
        ("s3://", LocationError::Bucket),
        ("s3:///x", LocationError::Bucket),
        ("s3://key:secret@bucket/x", LocationError::Bucket),
        ("s3://bucket:9000/x", LocationError::Bucket),
        ("az://c@account.example/x", LocationError::Bucket),
        ("s3://b/x?key=secret", LocationError::Characters),
        ("s3://b/x#y", LocationError::Characters),
        ("s3://b/a%2fb", LocationError::Characters),
        ("s3://b/a\\b", LocationError::Characters),
        ("file:///a\nb", LocationError::Characters),
        ("s3://b/a//b", LocationError::Path),
        ("s3://b//", LocationError::Path),
        ("file:///a/../b", LocationError::Path),
        ("file:///a/./b", LocationError::Path),
        (&long, LocationError::TooLong),
    ];
    for (text, error) in table {
        assert_eq!(text.parse::<Location>(), Err(error), "{text}");
    }
}

#[test]
fn ids_are_file_names_and_differ_where_locations_do() {
    let ids = ["s3://bucket/a-b", "s3://bucket/a/b", "gs://bucket/a/b", "file:///bucket/a/b", "file:///Bucket/a/b"]
        .map(|text| text.parse::<Location>().unwrap().id());
    assert!(ids[0].starts_with("s3-bucket-a-b-"), "{ids:?}");
    for (at, id) in ids.iter().enumerate() {
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{id}");
        assert!(ids.iter().skip(at + 1).all(|other| other != id), "{ids:?}");
    }
    let long: Location = format!("s3://b/{}", "é/".repeat(300)).trim_end_matches('/').parse().unwrap();
    assert!(long.id().len() < 60);
}

#[test]
fn options_go_to_the_store_they_are_about_and_are_never_shown() {
    let given =
        [("AWS_SECRET_ACCESS_KEY", "hidden"), ("AZURE_CLIENT_ID", "a"), ("GOOGLE_BUCKET", "b"), ("IDENTITY_ENDPOINT", "i")];
    let options: StoreOptions = given.into_iter().collect();
    assert_eq!(options.of(Keeper::S3).collect::<Vec<_>>(), [("aws_secret_access_key", "hidden")]);
    assert_eq!(options.of(Keeper::Azure).collect::<Vec<_>>(), [("azure_client_id", "a"), ("identity_endpoint", "i")]);
    assert_eq!(options.of(Keeper::Directory).count(), 0);
    assert!(!format!("{options:?}").contains("hidden"));
    for (name, known) in
        [("AWS_REGION", true), ("aws_region", true), ("IDENTITY_ENDPOINT", true), ("PATH", false), ("AWSX", false)]
    {
        assert_eq!(StoreOptions::knows(name), known, "{name}");
    }
}
