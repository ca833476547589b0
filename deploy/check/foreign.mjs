// Objects of cert-manager and of the Prometheus operator, by schemas that were made of their CRDs: node foreign.mjs MODULES < objects.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const modules = createRequire(pathToFileURL(`${process.argv[2]}/`));
const load = async (name) => {
  const loaded = await import(pathToFileURL(modules.resolve(name)));
  return { ...loaded, ...(loaded.default ?? {}) };
};
const models = {
  "cert-manager.io/v1": await load("@kubernetes-models/cert-manager/cert-manager.io/v1"),
  "monitoring.coreos.com/v1": await import(
    pathToFileURL(`${process.argv[2]}/node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/index.js`)
  ),
};

let wrong = 0;
const objects = JSON.parse(readFileSync(0, "utf8"));
for (const object of objects) {
  try {
    new models[object.apiVersion][object.kind](object).validate();
  } catch (error) {
    wrong += 1;
    console.error(`foreign: ${object.kind} ${object.metadata.name}: ${error.message}`);
  }
}
console.log(`foreign: ${objects.length} objects of cert-manager and the Prometheus operator: ${wrong ? `${wrong} wrong` : "good"}`);
process.exit(wrong || objects.length === 0 ? 1 : 0);
