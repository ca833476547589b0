// What every client does, whatever its SDK: list the tools, call the denied one, then the allowed one in the same session, and print what
// came back as one line of JSON. `verify.mjs` judges it.
//
// A script gets one argument, the plan as JSON: { url } or { command: [...], script },
// mode, denied: { name, arguments }, allowed: { … }.
export const plan = JSON.parse(process.argv[2]);

export async function follow(client) {
  const seen = { tools: (await client.listTools()).tools.map(tool => tool.name) };
  for (const step of ['denied', 'allowed']) {
    const { name, arguments: input } = plan[step];
    try {
      const result = await client.callTool({ name, arguments: input });
      seen[step] = { isError: result.isError === true, text: (result.content ?? []).map(part => part.text ?? part.type).join('\n') };
    } catch (error) {
      seen[step] = { threw: `${error.constructor.name}: ${error.message}` };
    }
  }
  return seen;
}

export async function finish(client, seen) {
  console.log(JSON.stringify(seen));
  await client.close();
  process.exit(0);
}
