//! The MCP servers: the `[[server]]` tables of the file, or the one that the command line of `stdio` names.

use std::ffi::OsString;
use std::path::PathBuf;

use http::Uri;

use super::credentials;
use super::environment::Environment;
use super::keys::SERVER_KEYS;
use super::raw::{Given, Section, Table, Value};
use super::reader::{Reader, boolean, list, scope, text};
use super::report::{Origin, Problem};
use super::settings::{MetaToolSettings, PolicyServer, ServerSettings, ServerTarget};
use crate::domain::ServerName;
use crate::outbound::Socket;

/// The keys that belong to a server on a unix socket.
const SOCKET_KEYS: [&str; 2] = ["socket", "socket_uid"];

/// What the command line of `stdio` or `serve` says about the server.
#[derive(Debug, Clone)]
pub struct CommandLineServer {
    /// The server's name.
    pub name: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// The unix socket on which it listens.
    pub socket: Option<String>,
    /// Where clients reach it.
    pub path: Option<String>,
    /// The command and its arguments after `--`; empty when there is none.
    pub command: Vec<OsString>,
    /// The flags that say the name and the URL.
    pub flags: [&'static str; 2],
}

/// What the command line says about the servers to ask for their tools.
#[derive(Debug, Clone, Default)]
pub struct AskedServers {
    /// `--server`: only these; all that are configured when it is empty.
    pub names: Vec<String>,
    /// `--url`.
    pub url: Option<String>,
    /// The command and its arguments after `--`; empty when there is none.
    pub command: Vec<OsString>,
    /// There need not be any.
    pub optional: bool,
}

impl AskedServers {
    /// Whether the command line says how to reach a server that need not be configured.
    #[must_use]
    pub fn names_a_target(&self) -> bool {
        self.url.is_some() || !self.command.is_empty()
    }
}

impl CommandLineServer {
    /// The name of the server, `server` when nobody says it.
    pub(super) fn name_or_default(&self) -> &str {
        self.name.as_deref().unwrap_or("server")
    }

    fn names_a_target(&self) -> bool {
        self.url.is_some() || !self.command.is_empty()
    }

    /// Whether the command line says nothing at all about the server.
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        self.name.is_none() && self.path.is_none() && !self.names_a_target()
    }
}

/// The names of the servers of the file, and of the one on the command line.
pub(super) fn names(tables: &[Table], said: Option<&CommandLineServer>) -> Vec<String> {
    let of_file = tables.iter().filter_map(|table| text(table.given.get("name")?).ok());
    of_file.chain(said.map(|said| said.name_or_default().to_owned())).collect()
}

/// What policies need to know of the servers of the file that have a valid name.
pub(super) fn of_policies(tables: &[Table], problems: &mut Vec<Problem>) -> Vec<PolicyServer> {
    let mut server = |table: &Table| {
        let name = ServerName::new(&text(table.given.get("name")?).ok()?)?;
        let given = table.given.get("meta_tools");
        let meta_tools = given
            .map(|given| (given, meta_tools(given)))
            .and_then(|(given, read)| read.map_err(|message| problems.push(Problem::new(&given.origin, message))).ok());
        Some(PolicyServer { name, meta_tools: meta_tools.unwrap_or_default() })
    };
    tables.iter().filter_map(&mut server).collect()
}

/// All servers of the file. There has to be one, unless something else is `of_use`.
pub(super) fn of_file(
    reader: &mut Reader<'_>,
    tables: Vec<Table>,
    environment: &Environment,
    of_use: bool,
) -> Option<Vec<ServerSettings>> {
    if tables.is_empty() && !of_use {
        reader.problem(
            Problem::new(&Origin::Default, "no MCP server is configured")
                .help("add a [[server]] table with `name` and `url` or `command`"),
        );
    }
    let mut servers: Vec<ServerSettings> = Vec::new();
    let mut complete = true;
    for (index, table) in tables.into_iter().enumerate() {
        let at = table.origin.clone();
        match server(&mut scoped(reader, table, index), environment, false) {
            None => complete = false,
            Some(server) => {
                if let Some(message) = servers.iter().find_map(|other| clash(other, &server)) {
                    reader.problem(Problem::new(&at, message));
                }
                servers.push(server);
            }
        }
    }
    complete.then_some(servers)
}

/// The servers to ask for their tools: the one that the command line describes, else those of the file that it names, else all.
pub(super) fn to_ask(
    reader: &mut Reader<'_>,
    tables: Vec<Table>,
    asked: &AskedServers,
    environment: &Environment,
) -> Option<Vec<ServerSettings>> {
    let flag = Origin::Flag("--server");
    if asked.names_a_target() {
        if asked.names.len() > 1 {
            reader.problem(Problem::new(&flag, "one server has one name"));
            return None;
        }
        let (name, url, command) = (asked.names.first().cloned(), asked.url.clone(), asked.command.clone());
        let said = CommandLineServer { name, url, socket: None, path: None, command, flags: ["--server", "--url"] };
        return of_command_line(reader, tables, &said, environment).map(|server| vec![server]);
    }
    if tables.is_empty() && asked.optional {
        return Some(Vec::new());
    }
    let mut servers = of_file(reader, tables, environment, false)?;
    for name in &asked.names {
        if !servers.iter().any(|server| server.name.as_str() == name) {
            let help = "give --url URL or end with `-- COMMAND…` to ask a server that is not in the file";
            reader.problem(Problem::new(&flag, format!("no server `{name}` is configured")).help(help));
        }
    }
    servers.retain(|server| asked.names.is_empty() || asked.names.iter().any(|name| name == server.name.as_str()));
    Some(servers)
}

/// The one server of `stdio`: what the command line says, on top of the table of that name in the file.
pub(super) fn of_command_line(
    reader: &mut Reader<'_>,
    tables: Vec<Table>,
    said: &CommandLineServer,
    environment: &Environment,
) -> Option<ServerSettings> {
    described(reader, tables, said, environment, true)
}

/// The same for `serve`, whose server does not inherit the environment.
pub(super) fn of_served(
    reader: &mut Reader<'_>,
    tables: Vec<Table>,
    said: &CommandLineServer,
    environment: &Environment,
) -> Option<ServerSettings> {
    described(reader, tables, said, environment, false)
}

fn described(
    reader: &mut Reader<'_>,
    tables: Vec<Table>,
    said: &CommandLineServer,
    environment: &Environment,
    inherits: bool,
) -> Option<ServerSettings> {
    let mut table = table_for(tables, said).unwrap_or(Table { origin: Origin::Default, given: Section::new() });
    lay_over(&mut table.given, said);
    let mut server = server(&mut scoped(reader, table, 0), environment, inherits)?;
    if let (ServerTarget::Child { program, args, .. }, Some((first, rest))) = (&mut server.target, said.command.split_first()) {
        // The words as they were typed: they need not be UTF-8.
        (*program, *args) = (first.clone(), rest.to_vec());
    }
    Some(server)
}

/// The table of the server's name; or the only one, when the command line says nothing at all about the server.
fn table_for(mut tables: Vec<Table>, said: &CommandLineServer) -> Option<Table> {
    let is_named =
        |table: &Table| table.given.get("name").is_some_and(|name| text(name).as_deref() == Ok(said.name_or_default()));
    match tables.iter().position(is_named) {
        Some(index) => Some(tables.swap_remove(index)),
        None if said.says_nothing() && tables.len() == 1 => tables.pop(),
        None => None,
    }
}

fn lay_over(given: &mut Section, said: &CommandLineServer) {
    let flag = |flag, value| Given { value, origin: Origin::Flag(flag) };
    let default_name = || Given { value: Value::Text(said.name_or_default().to_owned()), origin: Origin::Default };
    match &said.name {
        Some(name) => drop(given.insert("name", flag(said.flags[0], Value::Text(name.clone())))),
        None => drop(given.entry("name").or_insert_with(default_name)),
    }
    if said.names_a_target() {
        given.retain(|key, _| !matches!(*key, "url" | "socket" | "socket_uid" | "command"));
    }
    if let Some(url) = &said.url {
        given.insert("url", flag(said.flags[1], Value::Text(url.clone())));
    }
    if let Some(socket) = &said.socket {
        given.insert("socket", flag("--upstream-socket", Value::Text(socket.clone())));
    }
    if let Some(path) = &said.path {
        given.insert("path", flag("--path", Value::Text(path.clone())));
    }
    if !said.command.is_empty() {
        let words = said.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        given.insert("command", flag("COMMAND", Value::List(words)));
    }
}

fn scoped<'a>(reader: &'a mut Reader<'_>, table: Table, index: usize) -> Reader<'a> {
    reader.scoped(SERVER_KEYS, format!("[[server]] {index}"), table)
}

fn server(reader: &mut Reader<'_>, environment: &Environment, inherit_by_default: bool) -> Option<ServerSettings> {
    let name = reader.read("name", |given| {
        let form = "a server's name has 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit";
        ServerName::new(&text(given)?).ok_or_else(|| form.to_owned())
    });
    let path = reader.optional("path", |given| path(&text(given)?));
    let target = target(reader, environment, inherit_by_default);
    let extensions = reader.list("extensions");
    let scopes = reader.list_of("scopes", scope);
    let meta_tools = reader.optional("meta_tools", meta_tools);
    let name = name?;
    let path = path?.unwrap_or_else(|| format!("/{name}"));
    let meta_tools = meta_tools?.unwrap_or_default();
    Some(ServerSettings { name, path, target: target?, extensions: extensions?, scopes: scopes?, meta_tools })
}

/// The tables of `meta_tools`: every key must be there, since a part that is not named would not be decided.
fn meta_tools(given: &Given) -> Result<Vec<MetaToolSettings>, String> {
    let Value::Tables(tables) = &given.value else { return Err("this is not a list of tables".to_owned()) };
    let mut meta_tools: Vec<MetaToolSettings> = Vec::new();
    for table in tables {
        if let Some(key) = table.keys().find(|key| !matches!(key.as_str(), "tool" | "name" | "arguments")) {
            return Err(format!("unknown key `{key}`; the keys are `tool`, `name` and `arguments`"));
        }
        let text = |key: &str| table.get(key).ok_or_else(|| format!("`{key}` is missing"));
        let pointer = |key: &str| text(key)?.parse().map_err(|error| format!("`{key}`: {error}"));
        let tool = text("tool")?.clone();
        if tool.is_empty() || meta_tools.iter().any(|other| other.tool == tool) {
            return Err(format!("`tool` must be a tool's name, each only once, and is `{tool}`"));
        }
        meta_tools.push(MetaToolSettings { tool, name: pointer("name")?, arguments: pointer("arguments")? });
    }
    Ok(meta_tools)
}

fn target(reader: &mut Reader<'_>, environment: &Environment, inherit_by_default: bool) -> Option<ServerTarget> {
    let url = reader.optional("url", |given| server_url(&text(given)?));
    let socket = socket(reader, url.as_ref().and_then(Option::as_ref));
    let command = reader.optional("command", list);
    let directory = reader.optional_path("directory");
    let inherit = reader.optional("inherit_env", boolean);
    let extra = reader.optional("env", |given| match &given.value {
        Value::Table(table) => Ok(table.clone()),
        _ => Err("this is not a table of strings".to_owned()),
    });
    let given = |key: &&'static str| reader.given.contains_key(key);
    let child_only = ["directory", "env", "inherit_env"].into_iter().find(given);
    let http_only = credentials::keys().find(given);
    let socket_only = SOCKET_KEYS.into_iter().find(given);
    match (url?, command?) {
        (Some(url), None) => {
            if let Some(key) = child_only {
                let origin = reader.origin(key);
                reader.problem(Problem::new(&origin, format!("`{key}` means nothing for a server with a `url`")));
            }
            let socket = socket?;
            let credential = Box::new(credentials::credential(reader, environment, &url, socket.is_some())?);
            Some(ServerTarget::Http { url, socket, credential })
        }
        (None, Some(command)) => {
            let environment = environment.for_child(inherit?.unwrap_or(inherit_by_default), &extra?.unwrap_or_default());
            if let Some(key) = http_only {
                let origin = reader.origin(key);
                reader.problem(
                    Problem::new(&origin, format!("`{key}` means nothing for a server with a `command`"))
                        .help("give it its secrets by `env`"),
                );
            }
            if let Some(key) = socket_only {
                let origin = reader.origin(key);
                reader.problem(Problem::new(&origin, format!("`{key}` means nothing for a server with a `command`")));
            }
            child(reader, command, directory?, environment)
        }
        (Some(_), Some(_)) => {
            let origin = reader.origin("command");
            reader.problem(Problem::new(&origin, "a server has either `url` or `command`, not both"));
            None
        }
        (None, None) => {
            let at = reader.at.clone();
            reader.problem(
                Problem::new(&at, "the server has neither `url` nor `command`")
                    .help("with a `socket`, too, `url` says the path and the Host header; for `stdio`: end the command line with `-- COMMAND…`, or give --upstream URL"),
            );
            None
        }
    }
}

/// The unix socket of a server; `Some(None)` when it has none.
fn socket(reader: &mut Reader<'_>, url: Option<&Uri>) -> Option<Option<Socket>> {
    let path = reader.optional_path("socket");
    let uid = reader.optional("socket_uid", |given| match given.value {
        Value::Integer(number) => u32::try_from(number).map_err(|_| format!("{number} is not the number of a user")),
        _ => Err("this is not a whole number".to_owned()),
    });
    let (path, uid) = (path?, uid?);
    let Some(path) = path else {
        if uid.is_some() {
            let origin = reader.origin("socket_uid");
            reader.problem(Problem::new(&origin, "`socket_uid` means nothing without a `socket`"));
        }
        return Some(None);
    };
    let origin = reader.origin("socket");
    if url.is_some_and(|url| url.scheme_str() == Some("https")) {
        let problem = Problem::new(&origin, "TLS is not spoken over a unix socket");
        reader.problem(problem.help("write http in `url`: who listens on the socket is what `socket_uid` is for"));
        return None;
    }
    match Socket::new(path, uid) {
        Ok(socket) => Some(Some(socket)),
        Err(bad) => {
            reader.problem(Problem::new(&origin, format!("`socket`: {bad}")));
            None
        }
    }
}

fn child(
    reader: &mut Reader<'_>,
    command: Vec<String>,
    directory: Option<PathBuf>,
    environment: Environment,
) -> Option<ServerTarget> {
    let mut words = command.into_iter().map(OsString::from);
    match words.next().filter(|program| !program.is_empty()) {
        Some(program) => Some(ServerTarget::Child { program, args: words.collect(), directory, environment }),
        None => {
            let origin = reader.origin("command");
            reader.problem(Problem::new(&origin, "`command` is empty"));
            None
        }
    }
}

/// Why two servers cannot be served side by side. One path may not lie under another: the older transport adds its own below.
fn clash(one: &ServerSettings, other: &ServerSettings) -> Option<String> {
    let under = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || outer.ends_with('/'))
    };
    if one.name == other.name {
        return Some(format!("there are two servers called `{}`", other.name));
    }
    (under(&one.path, &other.path) || under(&other.path, &one.path))
        .then(|| format!("the paths `{}` of `{}` and `{}` of `{}` overlap", one.path, one.name, other.path, other.name))
}

/// An absolute path of plain segments, without a slash at its end.
fn path(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let fits = text == "/" || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment));
    fits.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is not a path such as \"/shop\" (letters, digits, . _ -)"))
}

/// The URL of a server. Forms that others have for unix sockets leave no room for a path and a host, or hide them.
fn server_url(text: &str) -> Result<Uri, String> {
    if ["unix:", "http+unix:", "http://unix:", "http://unix/"].iter().any(|form| text.starts_with(form)) {
        return Err(
            "a unix socket is written beside the URL: `socket = \"/run/app/mcp.sock\"` and `url = \"http://localhost/mcp\"`, \
                    which says the path and the Host header"
                .to_owned(),
        );
    }
    url(text)
}

/// `http` or `https` with a host. A password in a URL would end up in logs.
pub(super) fn url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "this is not a URL".to_owned())?;
    let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|host| !host.is_empty());
    let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    match (scheme, host, user) {
        (true, true, false) => Ok(uri),
        (true, true, true) => Err("a URL must not carry a user name or password".to_owned()),
        _ => Err("a URL begins with http:// or https:// and a host".to_owned()),
    }
}
