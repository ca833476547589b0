//! Tests that look at the whole: the built program, the tree of sources, the files that ship with them.

// The attribute tells clippy that helpers in these files are tests too.
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod authzen;
#[cfg(test)]
mod bench_stats;
#[cfg(test)]
mod bypass;
#[cfg(test)]
mod carried;
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod channels;
#[cfg(test)]
mod channels_rest;
#[cfg(test)]
mod check_remote;
#[cfg(test)]
mod child;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod console;
#[cfg(test)]
mod console_api;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod export;
#[cfg(test)]
mod ext_authz;
#[cfg(test)]
mod ext_mcp;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod grpc_approvals;
#[cfg(test)]
mod grpc_audit;
#[cfg(test)]
mod grpc_clients;
#[cfg(test)]
mod grpc_log;
#[cfg(test)]
mod grpc_policies;
#[cfg(test)]
mod grpc_proto;
#[cfg(test)]
mod grpc_watch;
#[cfg(test)]
mod grpc_wire;
#[cfg(test)]
mod http;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod inject;
#[cfg(test)]
mod no_policies;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod private;
#[cfg(test)]
mod ship;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod stdio;
#[cfg(test)]
mod support;
#[cfg(test)]
mod swaps;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod waiting;
#[cfg(test)]
mod wire;
