// verify.mjs LABEL PLAN RECORD: reads what a client saw from its standard input, and says whether that is what is wanted: the answers, whether
// its user was asked, and how often the call reached the server.
import { existsSync, readFileSync } from 'node:fs';

const [label, text, record] = process.argv.slice(2);
const { want, call } = JSON.parse(text);
const problems = [];
let seen = {};
try {
  seen = JSON.parse(readFileSync(0, 'utf8').trim().split('\n').at(-1));
} catch {
  problems.push('the client printed no result');
}

const lines = existsSync(record) ? readFileSync(record, 'utf8').split('\n') : [];
const executed = lines.filter(line => line === `${call.name} ${call.arguments.order}`).length;
if (executed !== want.executed) problems.push(`carried out ${executed} times, wanted ${want.executed}`);

// done: the server's answer. denied, declined, waits: what the sidecar says instead.
const words = {
  done: `${call.arguments.order} is done`,
  denied: 'Denied: a person declined this call.',
  declined: 'Not executed: the user of this client declined.',
  waits: 'make the same call again with identical arguments',
};
const calls = seen.calls ?? [];
if (problems.length === 0 && calls.length !== want.calls.length) problems.push(`${calls.length} calls, wanted ${want.calls.length}`);
calls.forEach((call, index) => {
  const kind = want.calls[index];
  if (!call.text?.includes(words[kind]) || call.isError !== (kind !== 'done')) problems.push(`wanted ${kind}: ${JSON.stringify(call)}`);
});
const asked = [...new Set(seen.asked ?? [])].join();
if (problems.length === 0 && want.asked !== undefined && asked !== want.asked) problems.push(`asked by ${asked || 'nothing'}`);

const times = calls.map(call => `${(call.ms / 1000).toFixed(1)} s`).join(', ');
console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'}  ${label}: ${want.calls.join(', ')}  (${seen.protocol ?? 'no connection'}, ${times})`);
for (const problem of problems) console.log(`      ${problem.slice(0, 600)}`);
process.exitCode = problems.length === 0 ? 0 : 1;
