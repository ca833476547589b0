// verify.mjs LABEL PLAN: reads what a client saw from its standard input, and says whether that is what the policy calls for.
import { readFileSync } from 'node:fs';

const [label, text] = process.argv.slice(2);
const plan = JSON.parse(text);
const problems = [];
let seen = {};
try {
  seen = JSON.parse(readFileSync(0, 'utf8').trim().split('\n').at(-1));
} catch {
  problems.push('the client printed no result');
}

if (problems.length === 0) {
  const { tools, denied, allowed } = seen;
  if (tools.includes(plan.denied.name)) problems.push(`${plan.denied.name} is listed`);
  if (!tools.includes(plan.allowed.name)) problems.push(`${plan.allowed.name} is not listed`);
  if (!denied.unknown) {
    if (!denied.isError) problems.push(`${plan.denied.name} was not answered with an error result: ${JSON.stringify(denied)}`);
    if (!denied.text?.includes(plan.reason)) problems.push(`the reason is missing: ${JSON.stringify(denied)}`);
  }
  // Called after the denied one, so it proves as well that the session lives on.
  if (allowed.isError !== false) problems.push(`${plan.allowed.name} did not work: ${JSON.stringify(allowed)}`);
  if (!allowed.text?.includes(plan.expect)) problems.push(`${plan.allowed.name} answered something else: ${JSON.stringify(allowed)}`);
}
console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'}  ${label}  (${seen.protocol ?? 'no connection'})`);
for (const problem of problems) console.log(`      ${problem.slice(0, 400)}`);
process.exitCode = problems.length === 0 ? 0 : 1;
