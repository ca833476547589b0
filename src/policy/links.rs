//! Links: which entities fill in the slots of a template, and what the policy is called that comes of it.
//!
//! A link becomes an ordinary policy, as if its author had written the template out. Everything else (the index, what is derived,
//! explanations) therefore knows nothing of templates. The format is ours and strict:
//! `[{ "template": "team-reads", "id": "team-reads-blue", "principal": { "type": …, "id": … }, "resource": { … } }]`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::pst::{self, SlotId};
use cedar_policy::{EntityUid, Policy, PolicyId, Template};
use serde_json::value::RawValue;

use super::code::Code;
use super::input::{object, offset_in, reference};
use super::load::SourceFile;
use super::policies::{Link, Origin, Policies};
use super::report::Problem;

/// One link as it is written.
struct Written {
    template: String,
    id: String,
    values: HashMap<SlotId, EntityUid>,
}

impl Policies {
    /// Fills in the templates as the files say, and notes which templates nothing fills in.
    pub(super) fn link(&mut self, files: &[SourceFile], problems: &mut Vec<Problem>) {
        let mut used = HashSet::new();
        for file in files {
            let items: Vec<&RawValue> = match serde_json::from_str(&file.text) {
                Ok(items) => items,
                Err(error) => {
                    let help = "links are a JSON array of { \"template\": …, \"id\": …, \"principal\": …, \"resource\": … }";
                    problems.push(Problem::from_json(file, &error).with_help(help.to_owned()));
                    continue;
                }
            };
            for raw in items {
                let linked = Reader { file }.link(raw).and_then(|written| {
                    let key = PolicyId::new(&written.template);
                    let linked = self.fill_in(file, raw, &key, written)?;
                    used.insert(key);
                    Ok(linked)
                });
                match linked {
                    Ok((policy, origin)) => self.add(&policy, origin, problems),
                    Err(problem) => problems.push(*problem),
                }
            }
        }
        self.keep_templates(&used, problems);
    }

    /// Templates are validated with the policies, so that a mistake in one is found at its place, and before anybody links it.
    fn keep_templates(&mut self, used: &HashSet<PolicyId>, problems: &mut Vec<Problem>) {
        for (id, template) in &self.templates {
            if let Err(error) = self.set.add_template(template.clone()) {
                problems.push(Problem::nowhere("", error.to_string()));
            }
            let Some(origin) = self.origin(id).filter(|_| !used.contains(id)) else { continue };
            let help = format!("fill it in by a file `*.links.json`: [{{ \"template\": \"{id}\", \"id\": …, … }}]");
            let unused = origin.problem(0, 0, format!("no link uses template `{id}`: it permits and forbids nothing"));
            self.unused.push(unused.with_code(Code::UnusedTemplate).with_help(help));
        }
    }

    fn fill_in(
        &self,
        file: &SourceFile,
        raw: &RawValue,
        key: &PolicyId,
        written: Written,
    ) -> Result<(Policy, Origin), Box<Problem>> {
        let reader = Reader { file };
        let Some((template, origin)) = self.templates.get(key).zip(self.origin(key)) else {
            let known = self.templates.keys().map(AsRef::<str>::as_ref);
            let help = crate::domain::nearest(&written.template, known).map(|near| format!("did you mean `{near}`?"));
            let message = format!("there is no template `{}`", written.template);
            return Err(Box::new(reader.problem(raw, message).with_code(Code::UnknownTemplate).with_help(help)));
        };
        let policy = fill_in(template, &written).map_err(|message| Box::new(reader.problem(raw, message)))?;
        let mut origin = origin.clone();
        origin.policy.id = Arc::from(written.id);
        origin.link = Some(Link { file: file.clone(), offset: offset_in(&file.text, raw.get()) });
        Ok((policy, origin))
    }
}

/// The policy that a template is with its slots filled in; else a sentence that says what does not fit.
fn fill_in(template: &Template, written: &Written) -> Result<Policy, String> {
    let failed = |error: pst::PstConstructionError| error.to_string();
    let parsed = template.to_pst().map_err(failed)?;
    let slots = parsed.slots();
    for (slot, name) in [(SlotId::Principal, "principal"), (SlotId::Resource, "resource")] {
        match (slots.contains(&slot), written.values.contains_key(&slot)) {
            (true, false) => return Err(format!("template `{}` needs a `{name}`", written.template)),
            (false, true) => return Err(format!("template `{}` has no slot for a `{name}`", written.template)),
            _ => {}
        }
    }
    let values = written.values.iter().map(|(slot, uid)| Ok((*slot, parsed_uid(uid)?)));
    let values: HashMap<SlotId, pst::EntityUID> = values.collect::<Result<_, _>>().map_err(failed)?;
    let mut annotations = parsed.annotations.clone();
    annotations.insert("id".to_owned(), written.id.as_str().into());
    let id = pst::PolicyID(written.id.as_str().into());
    let linked = parsed.with_id(id).with_annotations(annotations).link(&values).map_err(failed)?;
    Policy::from_pst(linked.into()).map_err(failed)
}

fn parsed_uid(uid: &EntityUid) -> Result<pst::EntityUID, pst::PstConstructionError> {
    let ty = uid.type_name();
    let name = match ty.namespace() {
        namespace if namespace.is_empty() => pst::Name::unqualified(ty.basename())?,
        namespace => pst::Name::qualified(namespace.split("::"), ty.basename())?,
    };
    Ok(pst::EntityUID { ty: pst::EntityType::from_name(name), eid: uid.id().unescaped().into() })
}

struct Reader<'a> {
    file: &'a SourceFile,
}

impl Reader<'_> {
    fn link(&self, raw: &RawValue) -> Result<Written, Box<Problem>> {
        let (mut template, mut id, mut values) = (None, None, HashMap::new());
        for (key, value) in object(raw).map_err(|reason| self.problem(raw, format!("the link {reason}")))? {
            match &*key {
                "template" => template = Some(self.text(&key, value)?),
                "id" => id = Some(self.text(&key, value)?),
                "principal" => drop(values.insert(SlotId::Principal, self.uid(&key, value)?)),
                "resource" => drop(values.insert(SlotId::Resource, self.uid(&key, value)?)),
                other => {
                    let help = "the keys are `template`, `id`, `principal` and `resource`".to_owned();
                    return Err(Box::new(self.problem(value, format!("unknown key `{other}`")).with_help(help)));
                }
            }
        }
        let missing = |key: &str| Box::new(self.problem(raw, format!("the link has no `{key}`")));
        Ok(Written { template: template.ok_or_else(|| missing("template"))?, id: id.ok_or_else(|| missing("id"))?, values })
    }

    fn text(&self, key: &str, raw: &RawValue) -> Result<String, Box<Problem>> {
        let text: Option<String> = serde_json::from_str(raw.get()).ok().filter(|text: &String| !text.is_empty());
        text.ok_or_else(|| Box::new(self.problem(raw, format!("`{key}` is not a name"))))
    }

    fn uid(&self, key: &str, raw: &RawValue) -> Result<EntityUid, Box<Problem>> {
        reference(raw).ok_or_else(|| Box::new(self.problem(raw, format!("`{key}` is not {{ \"type\": …, \"id\": … }}"))))
    }

    fn problem(&self, part: &RawValue, message: String) -> Problem {
        Problem::at(self.file, offset_in(&self.file.text, part.get()), part.get().len(), message).with_code(Code::Links)
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
