//! A test file as a whole: `[defaults]`, `[[case]]` and `[[table]]` become one level for each case.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::Case;
use super::json::Json;
use super::level::{Level, Reader, Value, find};
use super::meaning;
use crate::config::report::{Place, Problem};

/// The keys that make a table of cases.
const FORM: [&str; 2] = ["columns", "rows"];
/// The columns that say what is expected; all others are part of a row's name.
const EXPECTATIONS: [&str; 6] = ["expect", "grounds", "cause", "decided_by", "visible", "hidden"];

/// Reads the text of a file. Every problem is added to `problems`.
pub(super) fn read(text: &str, problems: &mut Vec<Problem>) -> Vec<Case> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, problems };
    for error in errors {
        reader.problem(error.span().unwrap_or(0..0), error.message());
    }
    if !reader.problems.is_empty() {
        // What could be recovered of a broken text means little: the first mistake would be told as many.
        return Vec::new();
    }
    let cases =
        Document { reader, defaults: Level::default(), cases: Vec::new(), names: HashMap::new() }.read(document.get_ref());
    once_each(problems);
    cases
}

struct Document<'a> {
    reader: Reader<'a>,
    defaults: Level,
    cases: Vec<Case>,
    /// The names of cases so far, and the line of each.
    names: HashMap<String, usize>,
}

impl Document<'_> {
    fn read(mut self, document: &DeTable<'_>) -> Vec<Case> {
        // First, wherever they stand: they hold for the whole file.
        if let Some(DeValue::Table(defaults)) = document.get("defaults").map(Spanned::get_ref) {
            self.defaults = self.reader.level(defaults, &[], true);
        }
        for (name, value) in document {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("defaults", DeValue::Table(_)) => {}
                ("case", DeValue::Array(cases)) => self.each(cases, Self::case),
                ("table", DeValue::Array(tables)) => self.each(tables, Self::table),
                (word @ ("case" | "table"), _) => {
                    self.reader.problem_with(
                        name.span(),
                        format!("`{word}` is not a list of tables"),
                        format!("write [[{word}]]"),
                    );
                }
                (word, _) => {
                    let help = "a test file has [defaults], [[case]] and [[table]]";
                    self.reader.problem_with(name.span(), format!("unknown key `{word}`"), help);
                }
            }
        }
        self.cases.sort_by_key(|case| case.place.start);
        self.cases
    }

    fn each(&mut self, tables: &DeArray<'_>, read: fn(&mut Self, Place, &DeTable<'_>)) {
        for table in tables {
            match table.get_ref() {
                DeValue::Table(inner) => read(self, Place::of(self.reader.text, table.span()), inner),
                _ => self.reader.problem(table.span(), "this is not a table"),
            }
        }
    }

    fn case(&mut self, place: Place, table: &DeTable<'_>) {
        let level = self.reader.level(table, &[], false);
        let level = self.defaults.under(level);
        let Some(name) = self.name(place, &level) else { return };
        self.add(name, place, &level);
    }

    /// A question with a hole in it, and rows that fill the hole.
    fn table(&mut self, place: Place, table: &DeTable<'_>) {
        let common = self.reader.level(table, &FORM, false);
        let common = self.defaults.under(common);
        let name = self.name(place, &common);
        let columns = table.get("columns").and_then(|columns| self.columns(columns));
        let rows = table.get("rows").and_then(|rows| rows.get_ref().as_array());
        let (Some(name), Some(columns), Some(rows)) = (name, columns, rows) else {
            if !FORM.iter().all(|key| table.get(*key).is_some_and(|value| value.get_ref().is_array())) {
                let at = place.start..place.start + place.length;
                let help = "write `columns = [\"input.amount\", \"expect\"]` and `rows = [[100, \"allow\"], [101, \"deny\"]]`";
                self.reader.problem_with(at, "a table has lists of `columns` and `rows`", help);
            }
            return;
        };
        for row in rows {
            self.row(&name, &common, &columns, row);
        }
    }

    fn columns(&mut self, columns: &Spanned<DeValue<'_>>) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for column in columns.get_ref().as_array()? {
            match column.get_ref().as_str() {
                Some(name)
                    if name.starts_with("input.") || (find(name).is_some() && !names.iter().any(|known| known == name)) =>
                {
                    names.push(name.to_owned());
                }
                Some(name) => {
                    let help = "a column is a key of a case, or an argument such as `input.amount`; each once";
                    self.reader.problem_with(column.span(), format!("`{name}` cannot be a column"), help);
                }
                None => self.reader.problem(column.span(), "a column is named by a string"),
            }
        }
        (names.len() == columns.get_ref().as_array()?.len()).then_some(names)
    }

    fn row(&mut self, table: &str, common: &Level, columns: &[String], row: &Spanned<DeValue<'_>>) {
        let Some(cells) = row.get_ref().as_array().filter(|cells| cells.len() == columns.len()) else {
            let message = format!("this row is not a list of {} values, one for each column", columns.len());
            self.reader.problem(row.span(), message);
            return;
        };
        let mut level = Level::default();
        let arguments = |column: &str| column.strip_prefix("input.").map(str::to_owned);
        let pairs = || columns.iter().zip(cells.iter());
        for (column, cell) in pairs().filter(|(column, _)| arguments(column).is_none()) {
            self.reader.say(&mut level, column, cell.span(), cell, false);
        }
        let mut level = common.under(level);
        for (path, cell) in pairs().filter_map(|(column, cell)| Some((arguments(column)?, cell))) {
            self.argument(&mut level, &path, cell);
        }
        let named =
            pairs().find(|(column, _)| *column == "name").and_then(|(_, cell)| cell.get_ref().as_str().map(str::to_owned));
        let said: Vec<String> = match named {
            Some(name) => vec![name],
            None => pairs().filter_map(|(column, cell)| self.said(column, cell)).collect(),
        };
        let name = if said.is_empty() { table.to_owned() } else { format!("{table} ({})", said.join(", ")) };
        self.add(name, Place::of(self.reader.text, row.span()), &level);
    }

    /// What a cell adds to the name of its row, where no column gives the row a name.
    fn said(&self, column: &str, cell: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = self.reader.text.get(cell.span()).unwrap_or_default();
        let shown = ["input.", "context.", "token."].iter().find_map(|prefix| column.strip_prefix(prefix)).unwrap_or(column);
        (!EXPECTATIONS.contains(&column)).then(|| format!("{shown} = {text}"))
    }

    fn argument(&mut self, level: &mut Level, path: &str, cell: &Spanned<DeValue<'_>>) {
        let origin = self.reader.origin(cell.span());
        let path: Vec<&str> = path.split('.').collect();
        match Json::of(cell.get_ref()).map(|value| level.put_argument(&path, value, &origin)) {
            Ok(true) => {}
            Ok(false) => self.reader.problem(cell.span(), "this argument does not go together with the `input` of the table"),
            Err(message) => self.reader.problem(cell.span(), message),
        }
    }

    fn name(&mut self, place: Place, level: &Level) -> Option<String> {
        match level.get("name").map(|said| &said.value) {
            Some(Value::Text(name)) if !name.trim().is_empty() => Some(name.clone()),
            _ => {
                let at = place.start..place.start + place.length;
                self.reader.problem_with(
                    at,
                    "this case has no name",
                    "write what it shows: `name = \"refunds up to 100 euros\"`",
                );
                None
            }
        }
    }

    fn add(&mut self, name: String, place: Place, level: &Level) {
        if let Some(line) = self.names.insert(name.clone(), place.line) {
            let at = place.start..place.start + place.length;
            self.reader.problem(at, format!("the case of line {line} is already called `{name}`"));
            return;
        }
        self.cases.extend(meaning::case(name, place, level, self.reader.problems));
    }
}

/// A mistake in the defaults is one mistake, however many cases it is in.
fn once_each(problems: &mut Vec<Problem>) {
    let mut seen = Vec::new();
    problems.retain(|problem| {
        let new = !seen.contains(problem);
        if new {
            seen.push(problem.clone());
        }
        new
    });
}
