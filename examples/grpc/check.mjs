// Asks a sidecar for a decision over gRPC, with messages that are read from proto/ when it runs.
//
//     check.mjs ADDRESS AGENT ACTOR SERVER TOOL [ARGUMENTS]
//
// Needs @grpc/grpc-js and @grpc/proto-loader. Exits with 0 for an allow, 1 for a denial or when a person has to approve, 2 when there is no
// decision.

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const includeDirs = [fileURLToPath(new URL("../../proto", import.meta.url))];
const options = { includeDirs, keepCase: true, enums: String, longs: String, defaults: true };
const { DecisionService } = grpc.loadPackageDefinition(loader.loadSync("cedarpost/v1/decision.proto", options)).cedarpost.v1;

// As much of google.rpc as says which fields are wrong.
const { root: details } = protobuf.parse(
  `syntax = "proto3";
   message Status { repeated Any details = 3; }
   message Any { string type_url = 1; bytes value = 2; }
   message BadRequest { repeated FieldViolation field_violations = 1; }
   message FieldViolation { string field = 1; string description = 2; }`,
  { keepCase: true },
);
const read = (type, bytes) => details.lookupType(type).decode(bytes);

function badFields(error) {
  const [sent] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const all = sent ? read("Status", sent).details : [];
  const bad = all.filter((detail) => detail.type_url.endsWith("/google.rpc.BadRequest"));
  return bad.flatMap((detail) => read("BadRequest", detail.value).field_violations);
}

const [address, agent, actor, server, tool, arguments_json = "", ...more] = process.argv.slice(2);
if (tool === undefined || more.length > 0) {
  console.error("usage: check.mjs ADDRESS AGENT ACTOR SERVER TOOL [ARGUMENTS]");
  process.exit(2);
}
const client = new DecisionService(address, grpc.credentials.createInsecure());
const request = { caller: { agent, actor }, call: { server, tool, arguments_json } };
client.Check(request, { deadline: Date.now() + 5000 }, (error, answer) => {
  if (error) {
    console.log(`no decision: ${grpc.status[error.code]}: ${error.details}`);
    for (const { field, description } of badFields(error)) console.log(`  ${field}: ${description}`);
    process.exitCode = 2;
  } else {
    // An enum value that is not known comes as a number: whatever is not known is a denial.
    const decision = typeof answer.decision === "string" ? answer.decision : "DECISION_DENY";
    console.log(decision, answer.decision_id, answer.message);
    for (const { principal, cause, policies } of answer.judgements) {
      console.log(`  ${principal}: ${cause}`, ...policies.map(({ id, file, line }) => `(${id} at ${file}:${line})`));
    }
    process.exitCode = decision === "DECISION_ALLOW" ? 0 : 1;
  }
  client.close();
});
