"""Turns that are answered in any order are recorded in theirs."""

from hypothesis import given
from hypothesis import strategies as some

from steelyard.domain.answer import AnswerRecord
from steelyard.services.evaluations.turn_order import TurnOrder


@some.composite
def arrivals(draw):
    """Dialogues as {(position, repeat): (turns done before, turns)}, and the order in which the others come."""
    keys = draw(some.lists(some.tuples(some.integers(0, 5), some.integers(0, 1)), unique=True, max_size=5))
    dialogues = {}
    for key in keys:
        turns = draw(some.integers(1, 6))
        dialogues[key] = (draw(some.integers(0, turns - 1)), turns)
    coming = [(*key, turn) for key, (done, turns) in dialogues.items() for turn in range(done, turns)]
    return dialogues, draw(some.permutations(coming))


@given(arrivals())
def test_all_turns_are_let_through_in_order_and_none_is_kept(made):
    dialogues, coming = made
    order, recorded = TurnOrder(), []
    for (position, repeat), (done, _) in dialogues.items():
        order.begin(position, repeat, done)
    for seen, (position, repeat, turn) in enumerate(coming, 1):
        record = AnswerRecord(0, f"r{position}", position, repeat, turn, text="t")
        recorded += [(r.position, r.repeat, r.turn) for r in order.ready(record, dialogues[position, repeat][1])]
        assert set(recorded) <= set(coming[:seen])
    for key, (done, turns) in dialogues.items():
        assert [turn for *of, turn in recorded if tuple(of) == key] == list(range(done, turns))
    assert len(recorded) == len(coming)
    assert vars(order) == vars(TurnOrder())
