"""One turn with the Python client: the answer as it is written, and every approval put to the person."""

import asyncio
import os
import sys
from contextlib import aclosing

from codewhale.client import NewThread, RemoteClient, TurnInput, connect, run_turn
from codewhale.domain.events import ApprovalRequired, ItemDelta, TurnCompleted


async def main(prompt: str) -> int:
    async with connect(os.environ["CODEWHALE_URL"], os.environ["CODEWHALE_TOKEN"]) as client:
        thread = await client.create_thread(NewThread(title=prompt[:40]))
        return await show(client, thread.id, prompt)


async def show(client: RemoteClient, thread_id: str, prompt: str) -> int:
    async with aclosing(run_turn(client, thread_id, TurnInput(prompt=prompt))) as events:
        async for event in events:
            match event.decode():
                case ItemDelta(delta=text, kind="agent_message"):
                    print(text, end="", flush=True)
                case ApprovalRequired(id=request_id, description=what):
                    answer = await asyncio.to_thread(input, f"\n{what}. Allow? [y/N] ")
                    await client.decide(request_id, "allow" if answer == "y" else "deny")
                case TurnCompleted(turn=turn):
                    print()
                    return 0 if turn.status == "completed" else 1
                case _:
                    pass
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "Say hello.")))
