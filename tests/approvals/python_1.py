"""The Python SDK's first line: the stateful revisions only."""

import asyncio
import json

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

from plan import PLAN, elicitation, follow


async def main():
    if "url" in PLAN:
        transport = streamablehttp_client(PLAN["url"])
    else:
        command, *arguments = PLAN["command"]
        transport = stdio_client(StdioServerParameters(command=command, args=arguments))
    async with transport as streams, ClientSession(streams[0], streams[1], **elicitation()) as session:
        opened = await session.initialize()
        print(json.dumps({"protocol": opened.protocolVersion, **await follow(session)}))


asyncio.run(main())
