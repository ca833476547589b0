// The Inspector's command line: one process a request. It asks nobody, whatever it says that it can.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const plan = JSON.parse(process.argv[2]);
const home = dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/inspector/package.json'));
const launcher = join(home, 'clients/launcher/build/index.js');
// Its own command line would take the sidecar's flags for itself, so over stdio it gets a script that holds the command.
const target = plan.url ? [plan.url, '--transport', 'http'] : [plan.script];

const seen = { protocol: plan.mode, calls: [await call()], asked: [] };
if (plan.between && seen.calls[0].isError) {
  // Over stdio the sidecar is there only while a call is made, so the person rules meanwhile.
  const person = spawn(plan.between[0], plan.between.slice(1), { stdio: 'ignore' });
  if (plan.url) await new Promise(resolve => person.on('exit', resolve));
  seen.calls.push(await call());
  person.kill();
}
console.log(JSON.stringify(seen));

async function call() {
  const { name, arguments: input } = plan.call;
  const words = ['--method', 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(input)];
  const all = ['--cli', ...target, '--protocol-era', plan.mode, '--stored-auth-only', '--format', 'json', ...words];
  const begun = Date.now();
  const run = spawn(process.execPath, [launcher, ...all], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, error] = ['', ''];
  run.stdout.on('data', piece => (out += piece));
  run.stderr.on('data', piece => (error += piece));
  const late = setTimeout(() => run.kill(), 60_000);
  const code = await new Promise(resolve => run.on('close', resolve));
  clearTimeout(late);
  const ms = Date.now() - begun;
  // 0 is a result and 5 a result that says it is an error; anything else is no result at all.
  if (code === 0 || code === 5) return { isError: code === 5, text: out || error, ms };
  return { threw: `exit code ${code}: ${out || error}`, ms };
}
