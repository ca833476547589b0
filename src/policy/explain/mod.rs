//! Why a decision is what it is, for the people who write policies, and what would change it.
//!
//! The decision is the ordinary one, made by [`PolicySnapshot::decide`](super::PolicySnapshot::decide); nothing here can make another.
//! What is added is found by trying policies, and parts of their conditions, alone against the same request. An explanation
//! reveals policies, entities and arguments: it is for authors and operators, never for the agent.
//!
//! Read in this order: [`model`] (what an explanation says), `explain` (how it is put together); `parts` (conditions taken
//! apart), `trial` and `asks` (what the parts come to and what they read), `scope`, `near` (which policies nearly matched), `changes`
//! (what would change the answer), `render` (for a terminal).

mod asks;
mod changes;
mod judgement;
pub mod model;
mod near;
mod parts;
mod render;
mod scope;
mod trial;
mod unknown;

pub use model::{Answer, Explanation};
