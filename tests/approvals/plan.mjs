// What every client does, whatever its SDK: call the guarded tool; where the plan says so and it is told how to go on, have a person
// approve and call again with identical arguments. Prints what came back as one line of JSON; `verify.mjs` judges it.
//
// A script gets one argument, the plan as JSON: { url } or { command: [...], script }, mode,
// elicitation: 'none' | 'url' | 'form', action: what the user answers, call: { name, arguments }, between: a command or null.
import { spawnSync } from 'node:child_process';

export const plan = JSON.parse(process.argv[2]);
const asked = [];

export const capabilities = plan.elicitation === 'none' ? {} : { elicitation: { [plan.elicitation]: {} } };

// The user of the client: opens the page, or fills in the form, or does not.
export function user({ params }) {
  asked.push(params.mode ?? 'form');
  if (plan.action !== 'accept') return { action: plan.action };
  return params.mode === 'url' ? { action: 'accept' } : { action: 'accept', content: { approve: true } };
}

export async function follow(client) {
  await client.listTools();
  const seen = { calls: [await call(client)], asked };
  if (plan.between && seen.calls[0].isError) {
    spawnSync(plan.between[0], plan.between.slice(1), { timeout: 30_000 });
    seen.calls.push(await call(client));
  }
  return seen;
}

async function call(client) {
  const begun = Date.now();
  try {
    const result = await client.callTool(plan.call);
    const text = (result.content ?? []).map(part => part.text ?? part.type).join('\n');
    return { isError: result.isError === true, text, ms: Date.now() - begun };
  } catch (error) {
    return { threw: `${error.constructor.name}: ${error.message}`, ms: Date.now() - begun };
  }
}

export async function finish(client, seen) {
  console.log(JSON.stringify(seen));
  await client.close();
  process.exit(0);
}
