// compare.mjs FOLDER LEG…: sets FOLDER/direct/LEG beside FOLDER/proxied/LEG. Exit code 1 when a required scenario failed either way, when a
// leg ran less than it must, or when a single check ended differently.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

// The least number of scenarios that must pass, so that a leg that ran nothing is not taken for one that agrees.
const LEAST = { '2025-11-25': 33, '2026-07-28': 40, 'suite-0.1': 32 };

const [folder, ...legs] = process.argv.slice(2);
const problems = [];
let compared = 0;

console.log(`\n${'leg'.padEnd(12)}${'scenarios'.padStart(10)}${'direct'.padStart(9)}${'proxied'.padStart(9)}${'checks'.padStart(9)}`);
for (const leg of legs) {
  const [direct, proxied] = ['direct', 'proxied'].map(way => read(way, leg));
  compareChecks(leg, direct, proxied);
  const [one, two] = [direct, proxied].map(passed);
  for (const [way, count] of [['direct', one], ['proxied', two]]) {
    if (count < LEAST[leg]) problems.push(`${leg}: only ${count} scenarios pass ${way}, and ${LEAST[leg]} must`);
    const exit = readFileSync(join(folder, way, leg, 'exit'), 'utf8').trim();
    if (exit !== '0') problems.push(`${leg}: the suite ended with exit code ${exit} ${way}`);
  }
  compared += total(direct);
  console.log(
    `${leg.padEnd(12)}${String(direct.size).padStart(10)}${String(one).padStart(9)}${String(two).padStart(9)}${String(total(direct)).padStart(9)}`,
  );
}
console.log(problems.length === 0 ? `\n${compared} checks, no difference` : `\n${problems.join('\n')}`);
process.exitCode = problems.length === 0 ? 0 : 1;

// One leg's results: scenario -> its checks.
function read(way, leg) {
  const results = join(folder, way, leg, 'results');
  const scenarios = new Map();
  for (const name of existsSync(results) ? readdirSync(results) : []) {
    const file = join(results, name, 'checks.json');
    if (!existsSync(file)) continue;
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    // The scenario named "server-…" keeps its own prefix once the folder's is gone.
    scenarios.set(scenario, JSON.parse(readFileSync(file, 'utf8')));
  }
  return scenarios;
}

function passed(scenarios) {
  return [...scenarios.values()].filter(checks => checks.length > 0 && checks.every(check => check.status !== 'FAILURE')).length;
}

function total(scenarios) {
  return [...scenarios.values()].reduce((sum, checks) => sum + checks.length, 0);
}

// A check's name may appear several times in a scenario, so its results are compared as sorted lists.
function compareChecks(leg, direct, proxied) {
  for (const scenario of [...new Set([...direct.keys(), ...proxied.keys()])].sort()) {
    const [one, two] = [direct, proxied].map(way => Map.groupBy(way.get(scenario) ?? [], check => check.id));
    for (const id of new Set([...one.keys(), ...two.keys()])) {
      const [was, is] = [one, two].map(way => (way.get(id) ?? []).map(check => check.status).sort().join(' ') || 'absent');
      if (was === is) continue;
      const why = (two.get(id) ?? []).map(check => check.errorMessage).filter(Boolean).join('; ');
      problems.push(`${leg} ${scenario} ${id}: direct ${was}, proxied ${is}${why ? ` (${why.slice(0, 300)})` : ''}`);
    }
  }
}
