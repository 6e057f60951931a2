"""What every worker stands on, wherever its steps come from: a seat, a producer, the vocabulary, beats, a pool."""

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codec import Decoder
from schemas.record import RECORDS
from schemas.topics import OUTCOMES, TOPICS, Topic
from steps.executor import Executor
from streams.beats import Beats
from streams.broker_features import idempotence_available
from streams.pool import Pool
from streams.producer import Producer
from streams.seats import Seat
from streams.settings import WorkerSettings
from streams.topics import ensure_topics
from streams.vocabulary import Vocabulary


@dataclass(slots=True)
class Outfit:
    """One of each; executor and beats are not started."""

    worker: str
    seat: str
    idempotent: bool
    producer: Producer
    decoder: Decoder
    vocabulary: Vocabulary
    executor: Executor
    beats: Beats
    pool: Pool


async def outfit(
    settings: WorkerSettings, stack: contextlib.AsyncExitStack, topics: Iterable[Topic] = TOPICS
) -> Outfit:
    """Connect; the stack takes it all down again. Raises BrokerUnreachable, TopicMismatch."""
    bootstrap, auth, worker = settings.bootstrap, settings.auth, f"w-{secrets.token_hex(5)}"
    await ensure_topics(bootstrap, settings.prefix, settings.partitions, settings.replication, auth, topics)
    seat = Seat(settings.data_dir, settings.seat)
    stack.callback(seat.leave)
    idempotent = await idempotence_available(bootstrap, auth)
    producer = Producer(bootstrap, idempotent=idempotent, auth=auth)
    await producer.start()
    stack.push_async_callback(producer.stop)
    decoder = Decoder()
    vocabulary = await stack.enter_async_context(Vocabulary(bootstrap, settings.prefix, decoder, auth=auth))
    await vocabulary.read_to_end()
    await vocabulary.publish(RECORDS.values(), producer)
    executor = Executor(settings.steps)
    stack.push_async_callback(executor.close)
    beats = Beats(worker, seat.name, producer, settings, decoder=decoder)
    stack.push_async_callback(beats.stop)
    pool = Pool(executor, beats.begin_by, producer, settings.topic(OUTCOMES.name), settings.concurrency)
    beats.on_lapsed = pool.lapsed
    return Outfit(worker, seat.name, idempotent, producer, decoder, vocabulary, executor, beats, pool)
