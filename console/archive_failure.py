"""What goes wrong with archives, told as ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from console.failure import Failure

_READ = "a directory, or s3://bucket/path, gs://…, az://… with the credentials in the environment"


@contextmanager
def telling(where: str) -> Iterator[None]:
    """What archiving, verifying and restoring raise becomes a Failure; what brokers do is told elsewhere."""
    from aiokafka.errors import KafkaError

    from streams.archive_format import ArchiveDamaged
    from streams.archive_lock import Locked
    from streams.archive_manifest import NoArchive
    from streams.archive_place import RestoreRefused
    from streams.archive_rewrite import RestoreFailed
    from streams.archive_store import ArchiveFailed, StoreFailed
    from streams.archive_tail import RecordsGone
    from streams.archive_topic import AnotherLog
    from streams.broker_features import BrokerUnreachable

    try:
        yield
    except BrokerUnreachable:
        raise
    except StoreFailed as error:
        raise Failure(str(error), remedy=f"name {_READ}") from error
    except (NoArchive, ArchiveDamaged, ArchiveFailed, AnotherLog, RecordsGone, RestoreRefused, RestoreFailed) as error:
        raise Failure(str(error)) from error
    except Locked as error:
        raise Failure(str(error), remedy="end that process, or wait for it") from error
    except (KafkaError, TimeoutError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise Failure("the broker refused", cause=cause, remedy="`millrace doctor` looks at the broker") from error
    except OSError as error:
        raise Failure("the archive can't be reached", where=where, cause=str(error), remedy=f"name {_READ}") from error
