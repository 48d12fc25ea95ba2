"""Campaigns: nothing finished is lost or made twice."""

import dataclasses
import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest

from openmm_innff.errors import ConfigError, SimulationError
from openmm_innff.reference import campaign
from openmm_innff.reference.campaign import Outcome, attempt, label_frames
from openmm_innff.reference.level import parse_level
from openmm_innff.reference.molecule import CalculationFailed
from openmm_innff.reference.store import LabelStore

pytest.importorskip("pyscf")
pytest.importorskip("tblite")
LEVEL = parse_level("GFN2-xTB")


def frames(target, count):
    random = np.random.default_rng(0)
    shape = (count, len(target.numbers), 3)
    moves = 0.03 * random.standard_normal(shape)
    return [dataclasses.replace(target, positions=target.positions + move) for move in moves]


@pytest.fixture
def store(tmp_path):
    return LabelStore(tmp_path / "labels.db")


def test_all_are_labelled_once(water, store):
    targets = frames(water, 4)
    tally = label_frames([*targets, targets[0]], LEVEL, store)
    assert (tally.total, tally.known, tally.done, tally.left) == (4, 0, 4, 0)
    tally = label_frames(targets, LEVEL, store)
    assert (tally.known, tally.done) == (4, 0)
    expected = attempt(targets[2], LEVEL).result
    found = store.labelled(LEVEL, targets)[2]
    assert found.get_potential_energy() == pytest.approx(expected.energy, abs=1e-10)
    np.testing.assert_allclose(found.get_forces(), expected.forces, atol=1e-10)


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(water, store):
    targets = frames(water, 6)
    calls = []

    def press(tally):
        calls.append(tally.done)
        if tally.done == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        label_frames(targets, LEVEL, store, report=press)
    assert calls == [0, 1, 2]
    assert len(store.labelled(LEVEL)) == 2
    tally = label_frames(targets, LEVEL, store)
    assert (tally.known, tally.done) == (2, 4)


def test_a_frame_that_fails_is_recorded_and_left_out(water, store, monkeypatch):
    targets = frames(water, 3)
    compute = campaign.compute

    def sometimes(target, level):
        if target is targets[1]:
            raise CalculationFailed("the orbitals did not converge")
        if target is targets[2]:
            raise np.linalg.LinAlgError("singular")
        return compute(target, level)

    monkeypatch.setattr(campaign, "compute", sometimes)
    tally = label_frames(targets, LEVEL, store)
    assert (tally.done, tally.failed) == (1, 2)
    reasons = {failure.reason for failure in store.failures(LEVEL)}
    assert reasons == {"the orbitals did not converge", "LinAlgError: singular"}
    assert label_frames(targets, LEVEL, store).left == 0  # not tried again


def test_it_stops_if_nothing_works(water, store, monkeypatch):
    def never(target, level):
        raise CalculationFailed("no")

    monkeypatch.setattr(campaign, "compute", never)
    with pytest.raises(SimulationError, match=r"the first 5 frames all failed.*because no"):
        label_frames(frames(water, 20), LEVEL, store)


def test_a_lost_worker_loses_no_frame(water, store):
    """The worker that is at work when the first result arrives is killed."""
    distributed = pytest.importorskip("distributed")
    targets, level = frames(water, 8), parse_level("MP2/6-31g")
    first = {}

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:

        def kill(tally):
            if tally.done == 3 and not first:
                first.update({row.frame: row.id for row in store._rows()})
                with distributed.Client(cluster, set_as_default=False) as client:
                    busy = client.processing()
                    pids = client.run(os.getpid)
                victim = max(busy, key=lambda address: len(busy[address]))
                os.kill(pids[victim], signal.SIGKILL)

        address = cluster.scheduler_address
        tally = label_frames(targets, level, store, scheduler=address, report=kill)
    assert (tally.done, tally.failed) == (8, 0)
    rows = {row.frame: row.id for row in store._rows()}
    assert rows.keys() == {target.key(level.key) for target in targets}
    assert len(first) == 3
    assert first.items() <= rows.items()
    assert store._database.count() == 8  # no frame twice


def test_a_frame_that_kills_its_workers_is_left_out(water, store, monkeypatch):
    distributed = pytest.importorskip("distributed")
    from distributed.scheduler import KilledWorker

    class Future:
        def __init__(self, fatal, target):
            self.fatal, self.target = fatal, target

        def result(self):
            if self.fatal:
                raise KilledWorker("frame", SimpleNamespace(address="tcp://a"), 3)
            return Outcome(self.target, "other", 1.0)

        def release(self):
            pass

    class Client:
        loop = None

        def submit(self, function, target, level, pure):
            return Future(target is targets[0], target)

        def cancel(self, futures):
            pass

    targets = frames(water, 2)
    monkeypatch.setattr(distributed, "as_completed", lambda futures, loop: iter(futures))
    found = list(campaign._distributed(Client(), targets, LEVEL))
    assert "its workers died" in found[0].result
    assert found[1].result == "other"


@pytest.mark.slow
def test_workers_of_this_machine(water, store):
    pytest.importorskip("distributed")
    assert label_frames(frames(water, 3), LEVEL, store, workers=2).done == 3


def test_a_scheduler_that_does_not_answer(water, store, monkeypatch):
    distributed = pytest.importorskip("distributed")
    client = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda *a, **k: client(*a, **{**k, "timeout": 0.2}))
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:1'"):
        label_frames(frames(water, 1), LEVEL, store, scheduler="tcp://127.0.0.1:1")
    with pytest.raises(ConfigError, match="workers: wanted at least 1"):
        label_frames(frames(water, 1), LEVEL, store, workers=0)
