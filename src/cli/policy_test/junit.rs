//! The report as JUnit's XML: a test suite for each file of cases, a test case for each case.
//!
//! There is no one standard. What is written here is valid by both schemas in use, that of Ant (which asks for most attributes and
//! elements) and that of Jenkins (which knows fewest): so the totals stand at the suites only, and the line of a case in its failure.

use std::time::Duration;

use anyhow::Context;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::set::{TestedCase, TestedSet};
use crate::domain::Timestamp;

type Xml = Writer<Vec<u8>>;

/// All sets as one document.
pub(super) fn report(sets: &[TestedSet], now: Timestamp) -> anyhow::Result<String> {
    let suites: Vec<Suite<'_>> = sets.iter().flat_map(suites).collect();
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    let written = xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).and_then(|()| {
        xml.create_element("testsuites")
            .write_inner_content(|xml| suites.iter().enumerate().try_for_each(|(id, suite)| suite.write(xml, id, now)))
    });
    written.context("failed to write the report")?;
    let mut text = String::from_utf8(xml.into_inner()).context("the report is not UTF-8")?;
    text.push('\n');
    Ok(text)
}

/// A test suite in the making.
struct Suite<'a> {
    name: &'a str,
    package: &'a str,
    cases: &'a [TestedCase],
    /// What kept cases from being asked.
    errors: Vec<String>,
}

/// The suites of a set: one a file, and one more for what is wrong with policies and tests themselves, or for there being no tests.
fn suites(set: &TestedSet) -> Vec<Suite<'_>> {
    let suite = |name, cases, errors| Suite { name, package: &set.name, cases, errors };
    let mut suites: Vec<Suite<'_>> = set.files.iter().map(|file| suite(&file.path, file.cases.as_slice(), Vec::new())).collect();
    let errors = match set.problem_lines() {
        lines if lines.is_empty() && set.files.is_empty() => vec!["there are no tests".to_owned()],
        lines => lines,
    };
    if !errors.is_empty() {
        suites.push(suite(&set.name, &[], errors));
    }
    suites
}

impl Suite<'_> {
    fn write(&self, xml: &mut Xml, id: usize, now: Timestamp) -> std::io::Result<()> {
        let failures = self.cases.iter().filter(|case| case.failure.is_some()).count();
        let took: Duration = self.cases.iter().map(|case| case.took).sum();
        let attributes = [
            ("name", clean(self.name)),
            ("package", clean(self.package)),
            ("id", id.to_string()),
            ("timestamp", timestamp(now)),
            // The schema wants one, and which machine it was decides nothing.
            ("hostname", "localhost".to_owned()),
            ("tests", (self.cases.len() + self.errors.len()).to_string()),
            ("failures", failures.to_string()),
            ("errors", self.errors.len().to_string()),
            ("skipped", "0".to_owned()),
            ("time", seconds(took)),
        ];
        let element = with(xml, "testsuite", &attributes);
        element.write_inner_content(|xml| {
            xml.create_element("properties").write_empty()?;
            self.cases.iter().try_for_each(|case| self.write_case(xml, case))?;
            self.errors.iter().try_for_each(|error| self.write_error(xml, error))?;
            xml.create_element("system-out").write_empty()?;
            xml.create_element("system-err").write_empty()?;
            Ok(())
        })?;
        Ok(())
    }

    fn write_case(&self, xml: &mut Xml, tested: &TestedCase) -> std::io::Result<()> {
        let attributes = self.attributes(&tested.case.name, tested.took);
        let element = with(xml, "testcase", &attributes);
        let Some(failure) = &tested.failure else { return element.write_empty().map(drop) };
        let place = format!("{}:{}: {failure}", self.name, tested.case.place.line);
        element.write_inner_content(|xml| write_message(xml, "failure", failure, &place))?;
        Ok(())
    }

    fn write_error(&self, xml: &mut Xml, error: &str) -> std::io::Result<()> {
        let attributes = self.attributes(error, Duration::ZERO);
        with(xml, "testcase", &attributes).write_inner_content(|xml| write_message(xml, "error", error, error))?;
        Ok(())
    }

    fn attributes(&self, name: &str, took: Duration) -> [(&'static str, String); 3] {
        [("name", clean(name)), ("classname", clean(self.name)), ("time", seconds(took))]
    }
}

fn write_message(xml: &mut Xml, element: &str, message: &str, text: &str) -> std::io::Result<()> {
    let attributes = [("message", clean(message)), ("type", "policy".to_owned())];
    with(xml, element, &attributes).write_text_content(BytesText::new(&clean(text))).map(drop)
}

fn with<'a>(
    xml: &'a mut Xml,
    name: &'a str,
    attributes: &'a [(&'static str, String)],
) -> quick_xml::writer::ElementWriter<'a, Vec<u8>> {
    xml.create_element(name).with_attributes(attributes.iter().map(|(name, value)| (*name, value.as_str())))
}

/// The text without the characters that XML 1.0 cannot say at all, not even escaped.
fn clean(text: &str) -> String {
    let sayable =
        |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|letter| if sayable(letter) { letter } else { '\u{fffd}' }).collect()
}

fn seconds(took: Duration) -> String {
    format!("{:.6}", took.as_secs_f64())
}

/// To the second, in UTC and without saying so, as the schema wants it.
fn timestamp(now: Timestamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(now.as_micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
