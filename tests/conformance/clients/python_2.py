"""The Python SDK's second line. Mode `legacy` speaks the stateful revisions; `auto` asks for the stateless one and falls back."""

import asyncio
import json

from mcp import Client, StdioServerParameters

from plan import PLAN, follow


async def main():
    target = PLAN.get("url")
    if target is None:
        command, *arguments = PLAN["command"]
        target = StdioServerParameters(command=command, args=arguments)
    mode = "2026-07-28" if PLAN["mode"] == "modern" else PLAN["mode"]
    async with Client(target, mode=mode) as client:
        print(json.dumps({"protocol": str(client.session.protocol_version), **await follow(client)}))


asyncio.run(main())
