"""Starts a run of the workflow `hello` from plain Python: publish.py [BROKER [NAME]]; prints the run's id.

Needs `pip install aiokafka`, nothing of Millrace.
"""

import asyncio
import json
import os
import sys
import uuid

from aiokafka import AIOKafkaProducer


async def publish(broker: str, name: str) -> str:
    run_id = f"hello-{uuid.uuid4().hex[:8]}"
    # The same command_id means the same command: sent twice, it is carried out once.
    command = {"type": "StartRun", "command_id": run_id, "workflow": "hello", "inputs": {"name": name}}
    topic = os.environ.get("MILLRACE_TOPIC_PREFIX", "") + "workflow.commands"
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        await producer.send_and_wait(topic, json.dumps(command).encode(), key=run_id.encode())
    return run_id


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *["127.0.0.1:9092", "Ada"][len(sys.argv) - 1 :]]
    print(asyncio.run(publish(*arguments)))
