//! Cedarpost: a Cedar-policy-driven authorization sidecar for the Model Context Protocol.
//!
//! *Someone* ([`identity`]) *asks for something* ([`mcp`]), *we judge it* ([`policy`]), *ask a human if
//! needed* ([`approval`]), *write it down* ([`audit`]) *and let it
//! through* ([`gate`], [`proxy`]). Each noun is a module; a module names only modules on floors below its own, and
//! `tests/it/architecture.rs` holds that plan as a table and reads the source against it. `ARCHITECTURE.md` has the map and the
//! invariants.
//!
//! Reading order, from the ground up:

// Ground: the words we share, and the wiring in the walls.
pub mod domain;

pub mod bypass;
pub mod clock;
mod json;
pub mod lifecycle;
pub mod listen;
pub mod note;
pub mod outbound;
pub mod storage;
pub mod telemetry;

// Rooms: each does one thing and does not know the others.
pub mod approval;
pub mod audit;
pub mod identity;
pub mod inject;
pub mod mcp;
pub mod policy;

// The gate: the one door through which every call and every change of the world passes.
pub mod gate;

// The threshold: how MCP messages pass the gate, for every face that takes them.
pub mod passage;

// Faces: speak to the world; translate, never decide.
pub mod authzen;
pub mod control;
pub mod grpc;
pub mod hooks;
pub mod injector;
pub mod proxy;
pub mod rest;

// Roof: reads the settings, starts, wires and stops everything.
pub mod app;
pub mod cli;
pub mod config;
pub mod console;
pub mod demo;
