"""The provider server in a process of its own; prints its address, and answers until its input ends."""

import asyncio
import sys

from steps.providers.server.script import rules_of
from steps.providers.server.server import ProviderServer


async def main() -> None:
    slow = {"match": {"prompt": "slow"}, "reply": "done", "delay": float(sys.argv[1])}
    server = ProviderServer(rules_of([slow, {"reply": "done"}], "the bench"))
    print(await server.start(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


asyncio.run(main())
