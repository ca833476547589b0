"""What every Python client does: list, call the denied tool, then the allowed one in the same session. See plan.mjs for the plan's form."""

import json
import sys

PLAN = json.loads(sys.argv[1])


async def follow(session):
    """Runs the plan over an open session; both lines of the SDK name these methods alike."""
    seen = {"tools": [tool.name for tool in (await session.list_tools()).tools]}
    for step in ("denied", "allowed"):
        try:
            result = await session.call_tool(PLAN[step]["name"], PLAN[step]["arguments"])
            is_error = result.is_error if hasattr(result, "is_error") else result.isError
            text = "\n".join(getattr(part, "text", part.type) for part in result.content)
            seen[step] = {"isError": bool(is_error), "text": text}
        except Exception as error:  # whatever the SDK makes of the answer is the finding
            seen[step] = {"threw": f"{type(error).__name__}: {error}"}
    return seen
