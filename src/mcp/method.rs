//! Every method of the protocol in one table: who may send it, in which form, and what becomes of it. What is not in the table is
//! refused, unless the configuration of the server lets the method through to policy.

use std::fmt;
use std::sync::Arc;

use crate::domain::Action;

use super::jsonrpc::{Kind, Message};

/// What the proxy does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// A decision about this action comes first.
    Check(Action),
    /// Goes through; the list in its answer is cut down to what the caller may use.
    Filter(ListKind),
    /// Goes through. Whether the ids in it (session, task, request) belong to the caller is for the proxy to see.
    Pass,
    /// Goes no further.
    Refuse,
}

/// The lists a server answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// `tools/list`
    Tools,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    ResourceTemplates,
    /// `prompts/list`
    Prompts,
    /// `tasks/list` (2025-11-25): filtered by owner, not by policy.
    Tasks,
}

impl ListKind {
    /// All kinds of lists.
    pub const ALL: [Self; 5] = [Self::Tools, Self::Resources, Self::ResourceTemplates, Self::Prompts, Self::Tasks];
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The agent's side.
    Client,
    /// The MCP server.
    Server,
}

/// Whether a method expects an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// It has an id and is answered.
    Request,
    /// It has no id and is not answered.
    Notification,
}

/// Which way a method may travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From client to server.
    ToServer,
    /// From server to client.
    ToClient,
    /// Either way.
    Both,
}

impl Direction {
    const fn allows(self, sender: Sender) -> bool {
        matches!((self, sender), (Self::Both, _) | (Self::ToServer, Sender::Client) | (Self::ToClient, Sender::Server))
    }
}

/// The eras whose revisions define a method. It does not change the route: a server answers for itself what its revision lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Eras {
    /// Both.
    All,
    /// Up to 2025-11-25.
    Legacy,
    /// Since 2026-07-28.
    Modern,
}

/// One method of the protocol.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The method as it is written on the wire.
    pub name: &'static str,
    /// With an answer or without.
    pub form: Form,
    /// Which way it may travel.
    pub direction: Direction,
    /// When it existed.
    pub eras: Eras,
    /// What becomes of it.
    pub route: Route,
}

const fn request(name: &'static str, direction: Direction, eras: Eras, route: Route) -> Row {
    Row { name, form: Form::Request, direction, eras, route }
}

const fn notification(name: &'static str, direction: Direction, eras: Eras) -> Row {
    Row { name, form: Form::Notification, direction, eras, route: Route::Pass }
}

/// The table; the most frequent methods stand first.
pub const TABLE: [Row; 36] = {
    use Direction::{Both, ToClient, ToServer};
    use Eras::{All, Legacy, Modern};
    use Route::{Check, Filter, Pass};
    [
        request("tools/call", ToServer, All, Check(Action::ToolsCall)),
        request("tools/list", ToServer, All, Filter(ListKind::Tools)),
        notification("notifications/progress", Both, All),
        notification("notifications/message", ToClient, All),
        request("ping", Both, Legacy, Pass),
        request("initialize", ToServer, Legacy, Pass),
        notification("notifications/initialized", ToServer, Legacy),
        request("server/discover", ToServer, Modern, Pass),
        request("resources/list", ToServer, All, Filter(ListKind::Resources)),
        request("resources/templates/list", ToServer, All, Filter(ListKind::ResourceTemplates)),
        request("resources/read", ToServer, All, Check(Action::ResourcesRead)),
        request("resources/subscribe", ToServer, Legacy, Check(Action::ResourcesSubscribe)),
        request("resources/unsubscribe", ToServer, Legacy, Pass),
        request("prompts/list", ToServer, All, Filter(ListKind::Prompts)),
        request("prompts/get", ToServer, All, Check(Action::PromptsGet)),
        request("completion/complete", ToServer, All, Check(Action::CompletionComplete)),
        request("logging/setLevel", ToServer, Legacy, Check(Action::LoggingSetLevel)),
        // Its resource URIs are decided one by one, and the denied ones are cut out of it: see `listen`.
        request("subscriptions/listen", ToServer, Modern, Pass),
        request("tasks/get", Both, All, Pass),
        request("tasks/result", Both, Legacy, Pass),
        request("tasks/cancel", Both, All, Pass),
        request("tasks/update", ToServer, Modern, Pass),
        request("tasks/list", Both, Legacy, Filter(ListKind::Tasks)),
        request("sampling/createMessage", ToClient, All, Check(Action::SamplingCreateMessage)),
        request("elicitation/create", ToClient, All, Check(Action::ElicitationCreate)),
        request("roots/list", ToClient, All, Check(Action::RootsList)),
        notification("notifications/cancelled", Both, All),
        notification("notifications/roots/list_changed", ToServer, Legacy),
        notification("notifications/tools/list_changed", ToClient, All),
        notification("notifications/prompts/list_changed", ToClient, All),
        notification("notifications/resources/list_changed", ToClient, All),
        notification("notifications/resources/updated", ToClient, All),
        notification("notifications/elicitation/complete", ToClient, Legacy),
        notification("notifications/subscriptions/acknowledged", ToClient, Modern),
        notification("notifications/tasks", ToClient, Modern),
        notification("notifications/tasks/status", Both, Legacy),
    ]
};

/// The method of a message: a row of the table, or a name that nobody here knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    Known(&'static Row),
    Unknown(Arc<str>),
}

impl Method {
    /// Looks a decoded method name up.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let known = TABLE.iter().find(|row| row.name == name);
        Self(known.map_or_else(|| Repr::Unknown(name.into()), Repr::Known))
    }

    /// The method's name, decoded.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Repr::Known(row) => row.name,
            Repr::Unknown(name) => name,
        }
    }

    /// The method's row; `None` when it is not in the table.
    #[must_use]
    pub const fn row(&self) -> Option<&'static Row> {
        match &self.0 {
            Repr::Known(row) => Some(row),
            Repr::Unknown(_) => None,
        }
    }

    /// The action that is to be decided, for methods that need a decision.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        match self.row()?.route {
            Route::Check(action) => Some(action),
            Route::Filter(_) | Route::Pass | Route::Refuse => None,
        }
    }

    /// What becomes of this method when `sender` sends it in this form. `is_extension` says which methods outside the table the
    /// configuration of the server lets through to policy; it cannot widen the table.
    #[must_use]
    pub fn route(&self, form: Form, sender: Sender, is_extension: impl FnOnce(&str) -> bool) -> Route {
        match &self.0 {
            Repr::Known(row) if row.form == form && row.direction.allows(sender) => row.route,
            Repr::Known(_) => Route::Refuse,
            Repr::Unknown(name) if is_extension(name) => Route::Check(Action::Extension),
            Repr::Unknown(_) => Route::Refuse,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What becomes of a message. Responses pass: the proxy matches them with the requests it knows.
#[must_use]
pub fn route(message: &Message, sender: Sender, is_extension: impl FnOnce(&str) -> bool) -> Route {
    match message.kind() {
        Kind::Request { method, .. } => method.route(Form::Request, sender, is_extension),
        Kind::Notification { method } => method.route(Form::Notification, sender, is_extension),
        Kind::Response { .. } => Route::Pass,
    }
}

#[cfg(test)]
#[path = "method_tests.rs"]
mod tests;
