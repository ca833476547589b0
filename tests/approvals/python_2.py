"""The Python SDK's second line. Mode `legacy` speaks the stateful revisions; `auto` asks for the stateless one and falls back."""

import asyncio
import json

from mcp import Client, StdioServerParameters

from plan import PLAN, elicitation, follow


async def main():
    target = PLAN.get("url")
    if target is None:
        command, *arguments = PLAN["command"]
        target = StdioServerParameters(command=command, args=arguments)
    async with Client(target, mode=PLAN["mode"], **elicitation()) as client:
        print(json.dumps({"protocol": str(client.session.protocol_version), **await follow(client)}))


asyncio.run(main())
