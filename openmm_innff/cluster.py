"""Independent calculations on several processes or machines, by Dask (an optional package)."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from openmm_innff.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")


class WorkersLost(Exception):
    """A calculation that Dask has tried on several workers, each of which died."""


@contextlib.contextmanager
def connected(workers: int, scheduler: str) -> Iterator[Any]:
    """Yield a client of Dask.

    Parameters
    ----------
    workers : int
        Processes to start on this machine, of one thread each, if there is no scheduler.
    scheduler : str
        Address of a running scheduler, such as tcp://host:8786.

    Raises
    ------
    MissingDependencyError
        If Dask is not installed.
    ConfigError
        If no scheduler answers.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingDependencyError(
            "workers, scheduler: need the package distributed: pip install 'openmm-innff[dask]'"
        ) from error
    if scheduler:
        try:
            client = Client(scheduler, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"scheduler: no Dask scheduler answers at {scheduler!r} (such as "
                f"tcp://host:8786): {error}"
            ) from error
        with client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add where calculations are made."""
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes on this machine (1)"
    )
    parser.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="of a running Dask cluster instead"
    )


def check_workers(workers: int) -> None:
    """Raise a ConfigError if the number of workers is impossible."""
    if workers < 1:
        raise ConfigError(f"workers: wanted at least 1, found {workers}")


def completed(
    client: Any, function: Callable[..., Any], items: Iterable[T], *shared: Any
) -> Generator[tuple[T, Any], None, None]:
    """Yield each item with what came of it, in the order in which they are finished.

    What a lost worker was at is calculated again by another one.

    Parameters
    ----------
    client
        Of `connected`.
    function : callable
        Called on a worker with an item and what is shared.
    items : iterable
    *shared
        Further arguments, the same for all.

    Yields
    ------
    tuple
        The item, and the result, or a `WorkersLost`.
    """
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    waiting = {client.submit(function, item, *shared, pure=False): item for item in items}
    try:
        for future in as_completed(waiting, loop=client.loop):
            result: Any
            try:
                result = future.result()
            except KilledWorker as error:
                result = WorkersLost(str(error))
            yield waiting[future], result
            future.release()
    finally:
        client.cancel(list(waiting))
