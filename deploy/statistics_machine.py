"""One run of a statistic as a state machine: tried again where a second try can help, and never for ever."""

from deploy.flow import Command, Flow, State, Where, begun

_HOUR = 3600
_COUNT, _DONE, _GAVE_UP = "Count", "Done", "Gave up"


def statistics_machine(place: Where) -> State:
    """The machine; its input names the statistic. Pure."""
    flow = Flow(place, gave_up=_GAVE_UP)
    flow.enter(begun(_COUNT))
    words = ["migration_cli", "statistics", "run", "$.name"]
    # Another run may be at work (75): it is waited for a little, since the next one is due soon anyway.
    flow.run(Command(_COUNT, "Statistics", _DONE, seconds=6 * _HOUR, words=words, rounds=2, pause=120))
    flow.states[_DONE] = {"Type": "Succeed"}
    flow.fail(_GAVE_UP, "GaveUp", "States.Format('statistic {} did not come to its end', $.name)")
    return flow.machine("One run of a statistic", "Begin")
