//! Several questions in one request: defaults, order, and when to stop.

use serde_json::{Value, json};

use super::answer::{Answer, Asking};
use super::bad::Bad;
use super::read::{Asked, Parts, member, members, object, text};
use crate::json::{self, Member};

/// The most questions of one request: each is recorded durably.
pub(super) const MOST: usize = 256;

/// When the rest of the questions is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Semantic {
    /// Never.
    #[default]
    ExecuteAll,
    /// After the first no, or the first question that is none.
    DenyOnFirstDeny,
    /// After the first yes.
    PermitOnFirstPermit,
}

impl Semantic {
    const ALL: [Self; 3] = [Self::ExecuteAll, Self::DenyOnFirstDeny, Self::PermitOnFirstPermit];

    const fn name(self) -> &'static str {
        match self {
            Self::ExecuteAll => "execute_all",
            Self::DenyOnFirstDeny => "deny_on_first_deny",
            Self::PermitOnFirstPermit => "permit_on_first_permit",
        }
    }

    const fn ends_with(self, allow: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !allow,
            Self::PermitOnFirstPermit => allow,
        }
    }
}

/// What a request asks: one question, or several, each a question or what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Batch<'a> {
    One(Box<Asked<'a>>),
    Several(Vec<Result<Asked<'a>, Bad>>, Semantic),
}

/// Reads the members of a request.
pub(super) fn read<'a>(found: &[Member<'a>]) -> Result<Batch<'a>, Bad> {
    let semantic = semantic(found)?;
    let listed = match member(found, "evaluations") {
        None => Vec::new(),
        Some(member) => json::elements(member.value).map_err(|_| Bad::at("/evaluations", "is not a list"))?,
    };
    let defaults = Parts::of(found)?;
    if listed.is_empty() {
        return defaults.whole().map(|asked| Batch::One(Box::new(asked)));
    }
    if listed.len() > MOST {
        return Err(Bad::at("/evaluations", format!("has more than {MOST} questions")));
    }
    let question = |(at, text): (usize, &'a str)| {
        let read = || {
            if !json::is_object(text) {
                return Err(Bad::request("is not an object"));
            }
            Parts::of(&members(text)?)?.or(&defaults).whole()
        };
        read().map_err(|bad| bad.within(&format!("/evaluations/{at}")))
    };
    Ok(Batch::Several(listed.into_iter().enumerate().map(question).collect(), semantic))
}

fn semantic(found: &[Member<'_>]) -> Result<Semantic, Bad> {
    let Some(options) = object(found, "options")? else { return Ok(Semantic::default()) };
    let named = text(&members(options)?, "evaluations_semantic", 64).map_err(|bad| bad.within("/options"))?;
    let Some(named) = named else { return Ok(Semantic::default()) };
    Semantic::ALL.into_iter().find(|semantic| semantic.name() == named).ok_or_else(|| {
        let names = Semantic::ALL.map(|semantic| format!("`{}`", semantic.name())).join(", ");
        Bad::at("/options/evaluations_semantic", "is none that there is").hint(format!("there are {names}"))
    })
}

impl Asking<'_> {
    /// Answers all of a batch.
    pub(super) async fn ask_batch(&self, batch: &Batch<'_>) -> Result<Value, Bad> {
        let (questions, semantic) = match batch {
            Batch::One(asked) => return self.ask(asked).await.map(Answer::json),
            Batch::Several(questions, semantic) => (questions, *semantic),
        };
        let answers = match semantic {
            // At the same time, so that they share the commits of the log.
            Semantic::ExecuteAll => {
                futures_util::future::join_all(questions.iter().enumerate().map(|(at, question)| self.one(at, question))).await
            }
            Semantic::DenyOnFirstDeny | Semantic::PermitOnFirstPermit => {
                let mut answers = Vec::new();
                for (at, question) in questions.iter().enumerate() {
                    let answer = self.one(at, question).await;
                    if semantic.ends_with(answer.allow) {
                        answers.push(answer.ends(semantic.name()));
                        break;
                    }
                    answers.push(answer);
                }
                answers
            }
        };
        Ok(json!({ "evaluations": answers.into_iter().map(Answer::json).collect::<Vec<_>>() }))
    }

    /// The answer to one of several: what goes wrong with it is its own.
    async fn one(&self, at: usize, question: &Result<Asked<'_>, Bad>) -> Answer {
        let asked = match question {
            Ok(asked) => self.ask(asked).await.map_err(|bad| bad.in_batch(at)),
            Err(bad) => Err(bad.clone()),
        };
        asked.unwrap_or_else(|bad| Answer::error(&bad))
    }
}
