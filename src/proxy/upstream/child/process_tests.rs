//! Real processes, written in `sh`: what a hostile or clumsy server does to us, and what is left of it.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::process::{Pid, test_kill_process};
use tokio::time::{sleep, timeout};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Settings for a child that runs `script`, impatient where a test has to wait.
fn script(script: &str) -> ChildSettings {
    ChildSettings {
        send_timeout: Duration::from_millis(200),
        stdin_close_grace: Duration::from_millis(200),
        term_grace: Duration::from_millis(200),
        ..ChildSettings::new("test", ["sh", "-c", script].map(std::ffi::OsString::from).to_vec())
    }
}

fn spawn(settings: &ChildSettings) -> (Child, mpsc::Receiver<Bytes>) {
    Child::spawn(settings, &CancellationToken::new()).unwrap()
}

async fn line(lines: &mut mpsc::Receiver<Bytes>) -> Option<String> {
    let line = timeout(PATIENCE, lines.recv()).await.expect("the child keeps us waiting");
    line.map(|line| String::from_utf8_lossy(&line).into_owned())
}

async fn ended(child: &Child) -> ChildExit {
    timeout(PATIENCE, child.wait()).await.expect("the child does not end")
}

/// Whether the process `pid` is gone; a zombie that nobody has waited for counts as gone.
fn is_gone(pid: &str) -> bool {
    let dead = test_kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap()).is_err();
    dead || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

async fn assert_goes_away(pid: &str) {
    timeout(PATIENCE, async {
        while !is_gone(pid) {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("process {pid} is still there"));
}

#[tokio::test]
async fn what_is_sent_is_what_the_child_reads_and_what_it_writes_comes_back() {
    let (child, mut lines) = spawn(&script("cat"));
    for message in [r#"{"jsonrpc":"2.0","id":1}"#, "{\"a\": \"\u{1F980}\",\t\"b\":1.0}", &"x".repeat(300_000)] {
        child.send(Bytes::copy_from_slice(message.as_bytes())).await.unwrap();
        assert_eq!(line(&mut lines).await.unwrap(), message);
    }
    assert_eq!(child.shutdown().await.end, End::StdinClosed);
    assert_eq!(line(&mut lines).await, None);
}

#[tokio::test]
async fn the_exit_code_is_the_one_a_shell_would_report() {
    let cases = [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)];
    for (text, code) in cases {
        let (child, _lines) = spawn(&script(text));
        let ended = ended(&child).await;
        assert_eq!((ended.code(), ended.end), (code, End::OnItsOwn), "{text}: {ended}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let none = ChildSettings::new("test", vec![]);
    assert!(matches!(Child::spawn(&none, &CancellationToken::new()), Err(SpawnError::NoCommand)));
    let missing = ChildSettings::new("test", vec!["/no/such/program".into()]);
    let error = Child::spawn(&missing, &CancellationToken::new()).unwrap_err();
    assert_eq!(error.to_string(), "failed to start `/no/such/program`");
}

#[tokio::test]
async fn the_last_lines_of_a_child_that_exits_are_all_there_but_half_a_line_is_not() {
    let (child, mut lines) = spawn(&script("printf 'one\\r\\n\\n  \\ntwo\\nhalf'"));
    ended(&child).await;
    assert_eq!(line(&mut lines).await.as_deref(), Some("one"));
    assert_eq!(line(&mut lines).await.as_deref(), Some("two"));
    assert_eq!(line(&mut lines).await, None);
}

#[tokio::test]
async fn a_child_that_ignores_term_is_killed_with_the_processes_it_started() {
    let (child, mut lines) = spawn(&script("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done"));
    let grandchild = line(&mut lines).await.unwrap();
    assert!(!is_gone(&grandchild));
    let exit = timeout(PATIENCE, child.shutdown()).await.unwrap();
    assert_eq!((exit.end, exit.code()), (End::Killed, 137));
    assert_goes_away(&grandchild).await;
}

#[tokio::test]
async fn a_child_that_heeds_term_is_spared_the_rest_but_its_stubborn_child_is_not() {
    let (child, mut lines) =
        spawn(&script("(trap '' TERM; sleep 1000) & echo $!; trap 'exit 3' TERM; while :; do sleep 0.01; done"));
    let grandchild = line(&mut lines).await.unwrap();
    let exit = timeout(PATIENCE, child.shutdown()).await.unwrap();
    assert_eq!((exit.end, exit.code()), (End::Terminated, 3));
    assert_goes_away(&grandchild).await;
}

#[tokio::test]
async fn what_a_child_leaves_behind_when_it_exits_on_its_own_is_killed() {
    let (child, mut lines) = spawn(&script("sleep 1000 & echo $!; exit 5"));
    let grandchild = line(&mut lines).await.unwrap();
    assert_eq!(ended(&child).await.code(), 5);
    assert_goes_away(&grandchild).await;
    assert_eq!(line(&mut lines).await, None, "an orphan with our pipe does not keep the reader");
}

#[tokio::test]
async fn dropping_the_handle_kills_the_whole_group() {
    let (child, mut lines) = spawn(&script("trap '' TERM; sleep 1000 & echo $!; wait"));
    let grandchild = line(&mut lines).await.unwrap();
    let pid = child.pid().to_string();
    drop(child);
    assert_goes_away(&pid).await;
    assert_goes_away(&grandchild).await;
}

#[test]
fn the_whole_group_is_killed_when_the_runtime_goes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (child, grandchild) = runtime.block_on(async {
        let (child, mut lines) = spawn(&script("trap '' TERM; sleep 1000 & echo $!; wait"));
        (child, line(&mut lines).await.unwrap())
    });
    drop(runtime);
    std::thread::sleep(Duration::from_millis(100));
    assert!(is_gone(&grandchild) && is_gone(&child.pid().to_string()));
}

#[tokio::test]
async fn cancelling_stop_ends_the_child() {
    let stop = CancellationToken::new();
    let (child, _lines) = Child::spawn(&script("cat"), &stop).unwrap();
    stop.cancel();
    assert_eq!(ended(&child).await.end, End::StdinClosed);
    assert_eq!(child.send(Bytes::from_static(b"late")).await, Err(SendError::Gone));
}

#[tokio::test]
async fn what_was_queued_before_the_end_is_still_written() {
    let (child, mut lines) = spawn(&script("cat"));
    for number in 0..QUEUED_LINES {
        child.try_send(Bytes::from(number.to_string())).unwrap();
    }
    child.close();
    for number in 0..QUEUED_LINES {
        assert_eq!(line(&mut lines).await, Some(number.to_string()));
    }
    assert_eq!(ended(&child).await.end, End::StdinClosed);
}

#[tokio::test]
async fn a_line_that_never_ends_ends_the_child() {
    let settings = ChildSettings { max_line_bytes: 10_000, ..script("echo short; yes | tr -d '\\n'") };
    let (child, mut lines) = spawn(&settings);
    assert_eq!(line(&mut lines).await.as_deref(), Some("short"));
    assert_eq!(line(&mut lines).await, None);
    assert_eq!(ended(&child).await.end, End::LineTooLong);
}

#[tokio::test]
async fn a_flood_waits_for_a_slow_reader_instead_of_filling_our_memory() {
    // The shell notes on stderr how far it got; with a reader that does not read it must come to a halt.
    let directory = tempfile::tempdir().unwrap();
    let progress = directory.path().join("progress");
    let flood =
        "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); head -c 5000 /dev/zero | tr '\\0' x; echo; echo $i >\"$PROGRESS\"; done";
    let env = vec![("PROGRESS".into(), progress.clone().into())];
    let (child, mut lines) = spawn(&ChildSettings { env, ..script(flood) });
    let written = || std::fs::read_to_string(&progress).ok().and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);

    assert_eq!(line(&mut lines).await.unwrap().len(), 5000);
    let mut before = usize::MAX;
    while written() != before {
        before = written();
        sleep(Duration::from_millis(500)).await;
    }
    // 16 queued lines, one chunk in the buffer, 64 KiB in the pipe.
    assert!(before < 100, "{before} lines of 5000 bytes were taken from the child while nobody read them");
    let mut count = 1;
    while count < before + 50 {
        assert_eq!(line(&mut lines).await.unwrap().len(), 5000);
        count += 1;
    }
    drop(child);
}

#[tokio::test]
async fn a_child_that_does_not_read_makes_the_sender_time_out() {
    let (child, _lines) = spawn(&script("sleep 1000"));
    let message = Bytes::from(vec![b'x'; 100_000]);
    let started = Instant::now();
    let refused = loop {
        if let Err(error) = child.send(message.clone()).await {
            break error;
        }
        assert!(started.elapsed() < PATIENCE);
    };
    assert_eq!(refused, SendError::NotReading);
    assert_eq!(child.try_send(message), Err(SendError::NotReading));
    assert_eq!(timeout(PATIENCE, child.shutdown()).await.unwrap().end, End::Terminated);
}

#[tokio::test]
async fn a_message_with_a_raw_line_break_never_reaches_the_child() {
    let (child, mut lines) = spawn(&script("cat"));
    for hostile in [
        "{\"id\":1,\n\"method\":\"x\"}",
        "{\"params\":{\"a\":\r{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\"}\r}}",
        "{}\r\n",
        "\n",
    ] {
        assert_eq!(child.send(Bytes::from(hostile)).await, Err(SendError::LineBreak), "{hostile:?}");
    }
    child.send(Bytes::from_static(br#"{"text":"a\nb\rc"}"#)).await.unwrap();
    assert_eq!(line(&mut lines).await.as_deref(), Some(r#"{"text":"a\nb\rc"}"#), "escaped breaks are fine");
}

#[tokio::test]
async fn a_child_that_closes_its_stdout_but_lives_is_ended() {
    let (child, mut lines) = spawn(&script("exec >&-; sleep 1000"));
    assert_eq!(line(&mut lines).await, None);
    assert_eq!(ended(&child).await.end, End::Terminated);
}

#[tokio::test]
async fn the_environment_is_passed_on_only_if_asked_for() {
    let env = vec![("GREETING".into(), "hello".into())];
    let text = "echo \"$GREETING ${CARGO_MANIFEST_DIR:+inherited}\"";
    for (inherit_env, expected) in [(true, "hello inherited"), (false, "hello ")] {
        let settings = ChildSettings { env: env.clone(), inherit_env, ..script(text) };
        let (_child, mut lines) = spawn(&settings);
        assert_eq!(line(&mut lines).await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn the_child_starts_in_its_working_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (_child, mut lines) = spawn(&ChildSettings { working_dir: Some(directory.path().into()), ..script("pwd -P") });
    assert_eq!(line(&mut lines).await.unwrap(), directory.path().canonicalize().unwrap().display().to_string());
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn stderr_goes_to_the_log_in_lines_that_cannot_forge_or_steer_anything() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let text = "printf 'plain\\n\\033[31mred\\rover\\n' >&2; head -c 100000 /dev/zero | tr '\\0' Q >&2; echo >&2; printf 'last' >&2; echo done; cat";
    let (child, mut lines) = spawn(&script(text));
    assert_eq!(line(&mut lines).await.as_deref(), Some("done"), "a flood of stderr does not hold the child up");
    child.shutdown().await;
    let seen = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    timeout(PATIENCE, async {
        while !seen().contains("stderr: last") {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    let seen = seen();
    assert!(seen.contains("stderr: plain server"), "{seen}");
    assert!(seen.contains("stderr: \u{fffd}[31mred\u{fffd}over server"), "{seen}");
    assert_eq!(seen.matches('Q').count(), 100_000);
    assert!(seen.lines().all(|line| line.len() < 8 * 1024 + 200), "a long line is cut");
}

#[tokio::test]
async fn where_orphans_are_ours_to_bury_no_zombie_stays() {
    // As process 1 of a container: orphans become children of this process.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let (child, mut lines) = spawn(&script("sleep 1000 & echo $!; exit 0"));
    let grandchild = line(&mut lines).await.unwrap();
    ended(&child).await;
    assert!(test_kill_process(Pid::from_raw(grandchild.parse().unwrap()).unwrap()).is_err(), "a zombie still answers to its id");
}
