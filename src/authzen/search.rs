//! What would be allowed: each candidate is asked about, exactly as an evaluation would be, against one snapshot and at one moment.
//!
//! So what is found is what evaluations say yes to, and nothing that is known is left out. Known are the entities of files and of the
//! configuration, and the tools that servers list. Nobody acts on a search: it uses up no ticket, asks nobody, and is recorded as one
//! question. It is bounded: a page ends after so many results, candidates or so much time, and the next goes on from there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bad::Bad;
use super::coaz;
use super::mcp::{self, AGENT, Meant, Servers};
use super::page::Page;
use super::read::{Asked, Entity, Named, Parts, Verb, members, text};
use super::understand::access;
use crate::domain::{BadAccess, Extra, ServerName, Target};
use crate::gate::{AskedRecord, Gate, Lookout, Offer, Search};
use crate::json::Member;

/// The most candidates that one page tries.
const MAX_TRIED: usize = 20_000;
/// How long one page is looked for.
const MAX_TIME: Duration = Duration::from_secs(2);

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Subject,
    Resource,
    Action,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Resource => "resource",
            Self::Action => "action",
        }
    }
}

/// What searches are made with.
pub(super) struct Searching<'a> {
    pub(super) gate: &'a Gate,
    pub(super) servers: &'a Servers,
    pub(super) extra: Extra,
    /// The service, by the name that vouches for it.
    pub(super) by: &'a str,
}

/// One thing that may be a result: what sorts it and names it in tokens, and what it is in the question.
type Candidate = (Arc<str>, Arc<str>);

/// What came of a page.
#[derive(Debug, Default)]
struct Found {
    results: Vec<Candidate>,
    tried: usize,
    /// The token of the next page; empty after the last.
    next: String,
}

impl Searching<'_> {
    /// Answers a search with these members. It takes a while, and blocks.
    pub(super) fn search(&self, what: What, found: &[Member<'_>]) -> Result<Value, Bad> {
        let begun = Instant::now();
        let parts = Parts::of(found)?;
        let parts = match what {
            What::Subject => parts.without_subject_id(),
            What::Resource => parts.without_resource_id(),
            What::Action => Parts { action: None, ..parts },
        };
        let (kind, template) = template(what, &parts)?;
        let page = Page::of(found, what.name(), &parts)?;
        let lookout = self.gate.lookout();
        let result = match mcp::is_about_mcp(&template.subject.kind) {
            true => self.about_mcp(what, &lookout, &template, &page)?,
            false => self.about_own(what, &lookout, &template, &page)?,
        };
        let shown = |(_, name): &Candidate| match what {
            What::Action => json!({ "name": name }),
            What::Subject | What::Resource => json!({ "type": kind, "id": name }),
        };
        let results: Vec<Value> = result.results.iter().map(shown).collect();
        let asked = AskedRecord {
            subject_type: &template.subject.kind,
            subject: Some(&*template.subject.id).filter(|_| what != What::Subject),
            action: Some(&*template.action).filter(|_| what != What::Action),
            resource_type: &template.resource.kind,
            resource: Some(&*template.resource.id).filter(|_| what != What::Resource),
        };
        let search = Search { what: what.name(), asked, found: results.len(), tried: result.tried };
        self.gate
            .searched(&lookout, &search, begun, self.by)
            .map_err(|refusal| Bad::request(refusal.sentence()).with(http::StatusCode::SERVICE_UNAVAILABLE))?;
        Ok(json!({ "page": { "next_token": result.next, "count": results.len() }, "results": results }))
    }

    /// Among a service's own entities and actions.
    fn about_own(&self, what: What, lookout: &Lookout, template: &Asked<'_>, page: &Page) -> Result<Found, Bad> {
        let names = match what {
            What::Subject => lookout.entities(&template.subject.kind).unwrap_or_default(),
            What::Resource => lookout.entities(&template.resource.kind).unwrap_or_default(),
            What::Action => lookout.actions(&template.subject.kind, &template.resource.kind),
        };
        let mut question = access(template, None);
        let mut unfit: Option<BadAccess> = None;
        let mut fits = false;
        let found = pass(names.into_iter().map(|name| (Arc::clone(&name), name)), page, |(_, name)| {
            match what {
                What::Subject => question.subject.id = Arc::clone(name),
                What::Resource => question.resource.id = Arc::clone(name),
                What::Action => question.action = Arc::clone(name),
            }
            match lookout.allows(&question, self.extra) {
                Ok(allowed) => {
                    fits = true;
                    Ok(allowed)
                }
                // What is said of the circumstances may be for some of the actions only.
                Err(bad) if what == What::Action => {
                    unfit.get_or_insert(bad);
                    Ok(false)
                }
                Err(bad) => Err(bad.into()),
            }
        })?;
        match unfit {
            Some(bad) if !fits => Err(bad.into()),
            _ => Ok(found),
        }
    }

    /// Among agents or people, what servers offer, and methods.
    fn about_mcp(&self, what: What, lookout: &Lookout, template: &Asked<'_>, page: &Page) -> Result<Found, Bad> {
        let candidates = match what {
            What::Subject if template.subject.kind == AGENT => own_names(lookout.agents()),
            What::Subject => own_names(lookout.people()),
            What::Resource => self.offers(lookout, template)?,
            What::Action => own_names(methods(template)),
        };
        let mut unfit = None;
        let mut fits = false;
        let found = pass(candidates.into_iter(), page, |(_, name)| {
            let mut question = template.clone();
            let name = std::borrow::Cow::Borrowed(&**name);
            match what {
                What::Subject => question.subject.id = name,
                What::Resource => question.resource.id = name,
                What::Action => question.action = name,
            }
            match mcp::read(&question, self.servers) {
                Ok(meant) => {
                    fits = true;
                    Ok(match meant {
                        Meant::Call(caller, call, _) => lookout.allows_call(&caller, &call),
                        Meant::List(_) => true,
                        Meant::Nothing(..) => false,
                    })
                }
                Err(bad) if what == What::Action => {
                    unfit.get_or_insert(bad);
                    Ok(false)
                }
                Err(bad) => Err(bad),
            }
        })?;
        match unfit {
            Some(bad) if !fits => Err(bad),
            _ => Ok(found),
        }
    }

    /// What servers offer of the type that is searched for, each with the id that a question would have.
    fn offers(&self, lookout: &Lookout, template: &Asked<'_>) -> Result<Vec<Candidate>, Bad> {
        let properties = template.resource.properties.map(members).transpose()?.unwrap_or_default();
        let named = text(&properties, "server", 64).map_err(|bad| bad.within("/resource/properties"))?;
        let by_coaz = template.subject.kind == coaz::SUBJECT;
        let offer = match &*template.resource.kind {
            "tool" => Offer::Tools,
            "resource" => Offer::Resources,
            "prompt" => Offer::Prompts,
            "mcp_server" => return Ok(own_names(self.servers.names().map(|name| Arc::from(name.as_str())).collect())),
            _ => return Ok(Vec::new()),
        };
        let only = self.servers.only().map(ServerName::as_str).filter(|_| by_coaz);
        let server = named.as_deref().or(only);
        let here = lookout.offers(offer).into_iter().filter(|(of, _)| server.is_none_or(|server| of.as_str() == server));
        Ok(here
            .map(|(of, name)| {
                let full: Arc<str> = format!("{of}/{name}").into();
                let id = if named.is_some() || by_coaz { name } else { Arc::clone(&full) };
                (full, id)
            })
            .collect())
    }
}

fn own_names(names: Vec<Arc<str>>) -> Vec<Candidate> {
    names.into_iter().map(|name| (Arc::clone(&name), name)).collect()
}

/// The methods that are asked about such a resource.
fn methods(template: &Asked<'_>) -> Vec<Arc<str>> {
    let kind = &*template.resource.kind;
    let mut names: Vec<Arc<str>> = if template.subject.kind == coaz::SUBJECT {
        coaz::TABLE.iter().filter(|(_, of, ..)| of.fits(kind)).map(|(name, ..)| Arc::from(*name)).collect()
    } else {
        let any: Arc<str> = "".into();
        let target = match kind {
            "tool" => Some(Target::Tool(any)),
            "resource" => Some(Target::Resource(any)),
            "prompt" => Some(Target::Prompt(any)),
            "mcp_server" => Some(Target::Server),
            _ => None,
        };
        target.iter().flat_map(|target| target.actions()).map(|action| Arc::from(action.name())).collect()
    };
    names.sort();
    names
}

/// Tries candidates, in their order, from the page's beginning on.
fn pass(
    mut candidates: impl Iterator<Item = Candidate>,
    page: &Page,
    mut allows: impl FnMut(&Candidate) -> Result<bool, Bad>,
) -> Result<Found, Bad> {
    let begun = Instant::now();
    let mut found = Found::default();
    let mut last: Option<Arc<str>> = page.after.as_deref().map(Arc::from);
    loop {
        let next = candidates.find(|(key, _)| page.after.as_deref().is_none_or(|after| &**key > after));
        let Some(candidate) = next else { return Ok(found) };
        let full = found.results.len() >= page.limit || found.tried >= MAX_TRIED;
        if full || (found.tried > 0 && begun.elapsed() > MAX_TIME) {
            found.next = page.after(last.as_deref().unwrap_or_default());
            return Ok(found);
        }
        found.tried += 1;
        let allowed = allows(&candidate)?;
        last = Some(Arc::clone(&candidate.0));
        if allowed {
            found.results.push(candidate);
        }
    }
}

/// The type that results have, and the question with an empty place for what is searched for.
fn template<'a>(what: What, parts: &Parts<'a>) -> Result<(String, Asked<'a>), Bad> {
    let fill = |entity: &Option<Entity<'a>>| entity.as_ref().map(|entity| entity.with_id(""));
    let mut parts = parts.clone();
    match what {
        What::Subject => parts.subject = fill(&parts.subject),
        What::Resource => parts.resource = fill(&parts.resource),
        What::Action => parts.action = Some(Verb { name: Some("".into()), properties: None }),
    }
    let asked = parts.whole()?;
    let Asked { subject: Named { kind: subject, .. }, resource: Named { kind: resource, .. }, .. } = &asked;
    let kind = if what == What::Subject { subject } else { resource };
    Ok((kind.to_string(), asked))
}
