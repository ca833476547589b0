//! `tools/verify_log.py` in one process for many logs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The script, waiting for logs.
pub(super) struct Script {
    child: Child,
    tasks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Script {
    /// Starts it; `None`, and a line that nobody overlooks, when there is no Python.
    pub(super) fn start() -> Option<Self> {
        let root = env!("CARGO_MANIFEST_DIR");
        let mut command = Command::new("python3");
        command.args([format!("{root}/tests/it/tamper/verify_batch.py"), format!("{root}/tools/verify_log.py")]);
        // Bytecode would be written next to the script.
        let command = command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        match command.spawn() {
            Ok(mut child) => {
                let (tasks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
                Some(Self { child, tasks, answers })
            }
            Err(error) => {
                eprintln!("SKIPPED: python3 cannot be started ({error}), so tools/verify_log.py IS NOT TESTED");
                None
            }
        }
    }

    /// Hands in a task and waits for the answer.
    pub(super) fn ask(&mut self, task: &Value) -> Value {
        writeln!(self.tasks, "{task}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the script ended at {task}"))
    }

    /// What it says with these arguments: the word of its finding, and all that it prints.
    pub(super) fn run(&mut self, arguments: &[String]) -> (String, String) {
        let answer = self.ask(&json!({ "arguments": arguments }));
        let (word, text) = (answer["word"].as_str().unwrap().to_owned(), answer["text"].as_str().unwrap().to_owned());
        let code = match word.as_str() {
            super::VERIFIED => 0,
            "unreadable" => 2,
            _ => 1,
        };
        assert_eq!(answer["exit"], code, "{answer}");
        (word, text)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
