"""The losses over 1, 2 and 3 processes: exactly the loss of one process with the whole batch."""

import pytest
import torch

from tests.distributed_losses import (
    BLOCK_SIZES,
    CASES,
    CONTEXT_SIZES,
    CONTEXTS,
    LOSSES,
    PAIRS,
    compute,
    compute_in_contexts,
    trained,
    whole_batch,
)
from tests.losses import TOLERANCE, assert_close, value_and_gradients
from tests.processes import run_processes
from vizkit.losses import info_nce

pytestmark = pytest.mark.slow
COUNTS = pytest.mark.parametrize("count", [1, 2, 3], ids="{} processes".format)
SLOW = ("torch.compile", 2)  # half a minute; once for each loss is enough
LOSS = pytest.mark.parametrize("name", LOSSES)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """`results(count)`: what each of `count` processes found, a list in the order of ranks."""
    known = {}

    def of(count):
        if count not in known:
            folder = tmp_path_factory.mktemp(f"{count}_processes")
            assert run_processes(compute, count, folder) == [0] * count
            known[count] = [torch.load(folder / f"{rank}.pt") for rank in range(count)]
        return known[count]

    return of


def case_name(case) -> str:
    name, dtype, scale, duplicates = case
    return f"{name}-{str(dtype)[6:]}-{scale:g}-{'duplicates' if duplicates else 'distinct'}"


@COUNTS
@pytest.mark.parametrize("block_size", BLOCK_SIZES)
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_several_processes_equal_one(results, case, block_size, count):
    """Everyone has the loss of all; the mean over processes of the gradients is exact."""
    value, images, texts, *scalars = value_and_gradients(LOSSES[case[0]], *whole_batch(*case))
    for rank, result in enumerate(results(count)):
        rows = slice(rank * PAIRS // count, (rank + 1) * PAIRS // count)
        expected = [value, count * images[rows], count * texts[rows], *scalars]
        assert_close(result[case, block_size], expected, TOLERANCE[case[1]])


@COUNTS
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_several_processes_equal_those_of_open_clip(results, case, count):
    """Its sigmoid loss returns each process' own share: the mean of values and scalars is ours."""
    found = results(count)
    theirs = [result[case, "open_clip"] for result in found]
    mean = [torch.stack(parts).mean(dim=0) for parts in zip(*theirs, strict=True)]
    for result, other in zip(found, theirs, strict=True):
        expected = [mean[0], *other[1:3], *mean[3:]]
        assert_close(result[case, None], expected, TOLERANCE[case[1]])


@COUNTS
def test_info_nce_gathers_the_texts(results, count):
    for result in results(count):
        talk = result["info_nce", "talk"]
        assert {exchange for exchange, _, _ in talk} == {
            "all_gather_into_tensor",
            "all_reduce",
            "all_to_all_single",
        }


@COUNTS
def test_the_ring_of_the_sigmoid_loss_talks_to_neighbours_only(results, count):
    """Out to the one before, in from the one after, one block and its gradient at a time."""
    for rank, result in enumerate(results(count)):
        talk = result["sigmoid", "talk"]
        if count == 1:
            assert talk == []
            continue
        assert {exchange for exchange, _, _ in talk} == {"isend", "irecv"}
        assert {other for exchange, other, _ in talk if exchange == "isend"} == {(rank - 1) % count}
        assert {other for exchange, other, _ in talk if exchange == "irecv"} == {(rank + 1) % count}
        block = 2 * PAIRS // count * 16
        received = [size for exchange, _, size in talk if exchange == "irecv"]
        assert max(received) == block
        assert received.count(block) == count


@LOSS
@pytest.mark.parametrize("count", [2, 3])
def test_processes_with_unequal_numbers_are_refused_in_all_of_them(results, name, count):
    sizes = f"({PAIRS // count - 1}, 16) and ({PAIRS // count}, 16)"
    for result in results(count):
        assert "one shape (n, D) in every process" in result[name, "odd"]
        assert sizes in result[name, "odd"]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    """What each of two processes found in every context, a list in the order of ranks."""
    folder = tmp_path_factory.mktemp("contexts")
    assert run_processes(compute_in_contexts, 2, folder) == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@LOSS
@pytest.mark.parametrize(
    ("context", "size"),
    [(context, size) for context in CONTEXTS for size in CONTEXT_SIZES if (context, size) != SLOW],
)
def test_values_and_gradients_are_the_same_in_every_context(contexts, name, size, context):
    """Equal to eager's, which equals one process with the whole batch."""
    alone = trained(LOSSES[name], whole_batch(name, torch.float32, 14.3, False))
    for rank, result in enumerate(contexts):
        rows = slice(rank * PAIRS // 2, (rank + 1) * PAIRS // 2)
        expected = [alone[0], *(2 * one[rows] for one in alone[1:3]), *alone[3:]]
        assert_close(result[name, size, "eager"], expected, 1e-5)
        if (name, size, context) not in result:
            pytest.skip("no compiler")
        found = result[name, size, context]
        for one, other in zip(found, expected, strict=True):
            tolerance = 2**-5 if context == "bfloat16" else 1e-5  # its features are rounded
            assert (one.float() - other).norm() <= tolerance * other.norm() + 1e-7
        if context == "bfloat16":
            assert (found[0].dtype, found[1].dtype) == (torch.float32, torch.bfloat16)


@pytest.mark.parametrize("group", [-100, "world", [0, 1]])
def test_only_a_process_group_is_a_group(group):
    """torch.distributed hands -100 to a process that does not belong to a new group."""
    features = torch.eye(2)
    with pytest.raises(TypeError, match="that this process belongs to, received"):
        info_nce(features, features, 1.0, group=group)


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan")])
def test_a_timeout_is_positive(timeout):
    features = torch.eye(2)
    with pytest.raises(ValueError, match="positive number of seconds"):
        info_nce(features, features, 1.0, timeout=timeout)
