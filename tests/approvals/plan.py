"""What every Python client does: call the guarded tool, and again once a person has approved. See plan.mjs for the plan's form."""

import json
import subprocess
import sys
import time

from mcp import types

PLAN = json.loads(sys.argv[1])
ASKED = []


async def user(_context, params):
    """The user of the client: opens the page, or fills in the form, or does not."""
    mode = getattr(params, "mode", None) or "form"
    ASKED.append(mode)
    if PLAN["action"] != "accept":
        return types.ElicitResult(action=PLAN["action"])
    return types.ElicitResult(action="accept", content=None if mode == "url" else {"approve": True})


def elicitation():
    """The callback, where the client is to have one; this SDK then says that it takes forms and pages."""
    return {} if PLAN["elicitation"] == "none" else {"elicitation_callback": user}


async def call(session):
    begun = time.monotonic()
    try:
        result = await session.call_tool(PLAN["call"]["name"], PLAN["call"]["arguments"])
        is_error = result.is_error if hasattr(result, "is_error") else result.isError
        text = "\n".join(getattr(part, "text", part.type) for part in result.content)
        seen = {"isError": bool(is_error), "text": text}
    except Exception as error:  # whatever the SDK makes of the answer is the finding
        seen = {"threw": f"{type(error).__name__}: {error}"}
    return {**seen, "ms": int((time.monotonic() - begun) * 1000)}


async def follow(session):
    """Runs the plan over an open session; both lines of the SDK name these methods alike."""
    await session.list_tools()
    calls = [await call(session)]
    if PLAN["between"] and calls[0].get("isError"):
        subprocess.run(PLAN["between"], timeout=30, check=False)
        calls.append(await call(session))
    return {"calls": calls, "asked": ASKED}
