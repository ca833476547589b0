//! What is said when, over tables that change.

use std::fs;

use super::*;

const HEAD: &str = "sl local_address rem_address st\n";

fn table(listeners: &[&str]) -> String {
    let line = |port: &&str| format!(" 0: 00000000:{port} 00000000:0000 0A 0:0 0:0 0 1000 0 7\n");
    listeners.iter().map(line).fold(HEAD.to_owned(), |text, line| text + &line)
}

fn watch(check: Check) -> (tempfile::TempDir, Watch) {
    let proc = tempfile::tempdir().unwrap();
    fs::create_dir_all(proc.path().join("net")).unwrap();
    fs::create_dir_all(proc.path().join("self/fd")).unwrap();
    let settings = Settings { check, interval: Duration::from_millis(1) };
    let guarded = vec![Guarded { what: "server `shop`".into(), port: 9000 }];
    let watch = Watch::over(proc.path().into(), settings, guarded, Metrics::default());
    (proc, watch)
}

#[tokio::test]
async fn the_sidecar_is_ready_as_long_as_it_can_be_said_that_nobody_goes_around_it() {
    for check in [Check::Enforce, Check::Report] {
        let (proc, mut watch) = watch(check);
        let enforced = check == Check::Enforce;
        for (text, bypasses, others, failed, ready, said) in [
            (Some(table(&[])), 0, 0, 0, true, "nobody else listens"),
            (Some(table(&["2328", "2382"])), 1, 1, 0, !enforced, "server `shop` at 0.0.0.0:9000 of user 1000"),
            (None, 1, 1, 1, !enforced, "cannot be said"),
            (Some("nonsense".to_owned()), 1, 1, 1, !enforced, "its first line"),
            (Some(table(&["2382"])), 0, 1, 0, true, "nobody else listens"),
        ] {
            let path = proc.path().join("net/tcp");
            match &text {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            watch.look().await;
            let metrics = (watch.metrics.bypasses.get(), watch.metrics.others.get(), watch.metrics.failed.get());
            assert_eq!(metrics, (bypasses, others, failed), "{text:?}");
            let (holds, sentence) = watch.board().verdict();
            assert!(holds == ready && sentence.contains(said), "{check:?} {text:?}: {holds} {sentence}");
        }
    }
}

#[tokio::test]
async fn it_looks_again_until_it_is_stopped() {
    let (proc, watch) = watch(Check::Enforce);
    fs::write(proc.path().join("net/tcp"), table(&["2328"])).unwrap();
    let (board, stop) = (watch.board(), Stop::new());
    let running = tokio::spawn(watch.run(stop.clone()));
    let until = async |ready| {
        while board.verdict().0 != ready {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    until(false).await;
    fs::write(proc.path().join("net/tcp"), table(&[])).unwrap();
    until(true).await;
    stop.request();
    running.await.unwrap();
}
