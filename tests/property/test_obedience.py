"""The state machine of an obedient device: redelivery, any order, expiry, a clock that jumps; and what it keeps."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from network.orders import FINAL, Order, State
from perception.command import CommandError, Why
from perception.kinds import load_kinds
from simulators.heat.interventions import sound
from simulators.obedience import Controller, Obedience
from simulators.obedience.judgement import PATIENCE_US
from simulators.obedience.keeping import load, save
from simulators.obedience.standing import SLOTS

KIND = load_kinds()["heat_substation"]
SECOND = 1_000_000
NOW = 1_770_000_000 * SECOND

numbers = st.floats(-60, 110)
arguments = st.one_of(
    st.just({"automatic": True}),
    st.fixed_dictionaries({}, optional={"kelvin": numbers}),
    st.fixed_dictionaries({}, optional={"shift": numbers, "supply": numbers}),
    st.fixed_dictionaries({"hertz": numbers}),
    st.fixed_dictionaries({"percent": numbers}),
    st.fixed_dictionaries({"mode": st.sampled_from(["automatic", "manual", "off", "loud"])}),
    st.fixed_dictionaries({"kind": st.sampled_from(["leak_sec", "odd"])}),
)
orders = st.builds(
    Order,
    id=st.sampled_from("abcdefgh"),
    do=st.sampled_from([*KIND.command_words, "dance"]),
    args=arguments,
    expires_at=st.none() | st.integers(-600, 600).map(lambda s: NOW + s * SECOND),
    until=st.none() | st.integers(-600, 6000).map(lambda s: NOW + s * SECOND),
)
meters = st.fixed_dictionaries(
    {
        "t_sec_supply": st.floats(20, 80),
        "t_sec_supply_setpoint": st.floats(20, 80),
        "valve_pri_position": st.floats(0, 100),
        "pump_circ_1_freq": st.floats(0, 50),
        "voltage_mains": st.sampled_from([0.0, 380.0]),
    }
)
steps = st.lists(st.tuples(st.none() | orders, meters, st.integers(-900, 9000)), max_size=25)


def no_breaks(order, now):
    if order.args.get("kind") == "odd":
        raise CommandError(Why.UNKNOWN, "no such fault")


def played(sequence, controller):
    """Yield (step, answers, time) of a sequence whose clock may jump either way."""
    now = NOW
    for order, shown, seconds in sequence:
        now += seconds * SECOND
        yield order, (
            controller.pass_time(shown, now) if order is None else controller.heed(order, shown, now, no_breaks)
        ), now  # fmt: skip


@given(steps)
@settings(max_examples=150, deadline=None)
def test_every_order_has_one_beginning_and_at_most_one_end(sequence):
    controller, said = Controller(KIND), {}
    for order, answers, now in played(sequence, controller):
        again = order is not None and order.id in said and tuple(answers) == tuple(said[order.id])
        for answer in [] if again else answers:
            said.setdefault(answer.id, []).append(answer)
        assert again or all(s.until is None or now < s.until for s in controller.standing.orders.values())
    for answers in said.values():
        states = [a.state for a in answers]
        assert states[0] in {State.ACCEPTED, State.REJECTED}
        assert all(s is State.ACCEPTED for s in states[:1] if len(states) > 1)
        assert sum(s in FINAL for s in states) <= 1
        assert len(states) <= 2
    assert {k: list(h.answers) for k, h in controller.heard.items()} == said


@given(steps, steps)
@settings(max_examples=100, deadline=None)
def test_what_comes_again_is_answered_as_before_and_changes_nothing(sequence, more):
    controller = Controller(KIND)
    for _ in played(sequence, controller):
        pass
    for order, shown, seconds in more:
        if order is None or order.id not in controller.heard:
            continue
        before = controller.standing, dict(controller.heard)
        answers = controller.heed(order, shown, NOW + seconds * SECOND, no_breaks)
        assert answers == list(controller.heard[order.id].answers)
        assert (controller.standing, controller.heard) == before


@given(steps)
@settings(max_examples=100, deadline=None)
def test_what_is_refused_is_not_in_force_and_what_is_in_force_is_within_limits(sequence):
    controller = Controller(KIND)
    for order, answers, now in played(sequence, controller):
        if order is not None and answers and answers[0].state is State.REJECTED:
            assert answers[0].why in set(Why)
            assert answers[0].detail
        for name, stays in controller.standing.orders.items():
            assert name in SLOTS
            for parameter in KIND.command_words[name].parameters:
                value = stays.args.get(parameter.name)
                if parameter.is_number and value is not None and controller.standing.mode != "manual":
                    assert parameter.low <= value <= parameter.high
        interventions = sound(2)
        controller.standing.acting(now).write(interventions, 1)
        assert abs(interventions.setpoint_offset[1]) <= 18
        assert interventions.setpoint_offset[0] == 0


@given(steps)
@settings(max_examples=60, deadline=None)
def test_what_is_kept_is_what_is_known(tmp_path_factory, sequence):
    controller, file = Controller(KIND), tmp_path_factory.mktemp("kept") / "obedience.json"
    for _ in played(sequence, controller):
        pass
    save(file, {"st-1": controller})
    read = load(file, {"st-1": KIND, "st-2": KIND})
    assert (read["st-1"].standing, read["st-1"].heard) == (controller.standing, controller.heard)
    assert not read["st-2"].heard


WARM = {"t_sec_supply": 45.0, "t_sec_supply_setpoint": 45.0, "valve_pri_position": 50.0, "pump_circ_1_freq": 40.0,
        "voltage_mains": 380.0}  # fmt: skip


def states(answers):
    return [(a.id, a.state.value, a.why and str(a.why)) for a in answers]


def told(controller, do, now=NOW, shown=WARM, id_=None, **args):
    return states(controller.heed(Order(id_ or do, do, args), shown, now, no_breaks))


def test_a_setpoint_is_done_when_the_water_is_there():
    controller = Controller(KIND)
    assert told(controller, "setpoint_offset", kelvin=3) == [("setpoint_offset", "accepted", None)]
    assert controller.pass_time(WARM, NOW + 10 * SECOND) == []
    cold = WARM | {"t_sec_supply_setpoint": 48.0}
    assert controller.pass_time(cold, NOW + 600 * SECOND) == []
    [done] = controller.pass_time(cold | {"t_sec_supply": 47.3}, NOW + 900 * SECOND)
    assert done.state is State.DONE


def test_a_stuck_valve_is_told_of():
    controller = Controller(KIND)
    assert told(controller, "valve", percent=80) == [("valve", "accepted", None)]
    [failed] = controller.pass_time(WARM, NOW + PATIENCE_US["valve"] + 1)
    assert (failed.state, failed.why) == (State.FAILED, Why.NOT_REACHED)


def test_a_later_order_takes_the_place_of_one_that_is_not_done():
    controller = Controller(KIND)
    told(controller, "valve", id_="a", percent=80)
    assert told(controller, "valve", id_="b", percent=70) == [("a", "failed", "superseded"), ("b", "accepted", None)]


def test_interlocks():
    controller = Controller(KIND)
    dark = WARM | {"voltage_mains": 0.0}
    assert told(controller, "pump_speed", id_="1", shown=dark, hertz=40) == [("1", "rejected", "interlock")]
    assert told(controller, "mode", id_="2", mode="off") == [("2", "accepted", None)]
    assert told(controller, "valve", id_="3", percent=30) == [("3", "rejected", "interlock")]
    assert told(controller, "curve", id_="4", shift=1) == [("4", "rejected", "interlock")]
    assert told(controller, "mode", id_="5", mode="manual")[-1] == ("5", "done", None)
    assert {k: dict(v.args) for k, v in controller.standing.orders.items()} == {
        "mode": {"mode": "manual"}, "valve": {"percent": 50.0}, "pump_speed": {"hertz": 40.0},
    }  # fmt: skip
    assert told(controller, "setpoint_offset", id_="6", kelvin=1) == [("6", "rejected", "interlock")]
    assert told(controller, "valve", id_="7", automatic=True)[-1] == ("7", "done", None)
    assert told(controller, "setpoint_offset", id_="8", kelvin=1) == [("8", "accepted", None)]
    assert told(controller, "curve", id_="9", supply=50) == [("9", "accepted", None)]
    assert told(controller, "setpoint_offset", id_="10", kelvin=2) == [("10", "rejected", "interlock")]


def test_large_steps_and_late_orders_are_refused():
    controller = Controller(KIND)
    assert told(controller, "valve", id_="1", percent=95) == [("1", "rejected", "step")]
    late = Order("2", "ping", expires_at=NOW - 1)
    assert states(controller.heed(late, WARM, NOW, no_breaks)) == [("2", "rejected", "expired")]
    assert told(controller, "reconnect", id_="3") == [("3", "rejected", "unknown")]
    assert told(controller, "ping", id_="4") == [("4", "accepted", None), ("4", "done", None)]


def test_a_clock_that_is_set_back_does_not_end_an_order():
    controller = Controller(KIND)
    told(controller, "valve", percent=80)
    assert controller.pass_time(WARM, NOW - 3600 * SECOND) == []
    assert controller.pass_time(WARM, NOW - 3600 * SECOND + PATIENCE_US["valve"]) == []
    assert controller.pass_time(WARM, NOW - 3599 * SECOND + PATIENCE_US["valve"])[0].state is State.FAILED


class Workshop:
    """Breaks what it is told to break."""

    def __init__(self):
        self.log = []

    def add(self, device, args, at, until):
        if args["kind"] == "odd":
            raise CommandError(Why.LIMITS, "no such fault")
        self.log.append(("add", device, args["kind"], at, until))

    def clear(self, device, kind, at):
        self.log.append(("clear", device, kind, at))


def order(**body):
    return json.dumps(body).encode()


def spoken(said):
    return [(device, json.loads(payload)["state"]) for device, payload in said]


def heard(crew, came, now):
    return spoken(one for device, payload in came for one in crew.hear(device, payload, now))


def test_a_crew_outlives_its_process(tmp_path):
    file, devices, workshop = tmp_path / "obedience.json", {"st-1": KIND, "st-2": KIND}, Workshop()
    crew = Obedience(devices, lambda _: WARM, workshop, file)
    shift = "st-1", order(id="a", do="setpoint_offset", args={"kelvin": 2}, until=(NOW + 60 * SECOND) // 1000)
    came = [
        shift,
        ("st-2", order(id="b", do="fault", args={"kind": "leak_sec"})),
        ("st-2", order(id="c", do="fault", args={"kind": "odd"})),
        ("foreign-1", order(id="d", do="ping")),
        ("st-1", b"rubbish"),
        ("st-1", b'{"id": "e", "do": 7}'),
    ]
    assert heard(crew, came, NOW) == [
        ("st-1", "accepted"), ("st-2", "accepted"), ("st-2", "done"), ("st-2", "rejected"), ("st-1", "rejected"),
    ]  # fmt: skip
    assert crew.pass_time(NOW) == []
    again = Obedience(devices, lambda _: WARM, later := Workshop(), file)
    assert later.log == workshop.log == [("add", "st-2", "leak_sec", NOW, None)]
    assert heard(again, [shift], NOW + SECOND) == [("st-1", "accepted")]
    assert again.standing("st-1") == {"setpoint_offset": {"kelvin": 2}}
    plain = sound(2)
    causes = again.over(lambda _at: plain, {"st-1": 1, "st-2": 0})
    offsets = [causes(NOW + s * SECOND).setpoint_offset.tolist() for s in (-1, 0, 59, 60)]
    assert offsets == [[0, 0], [0, 2], [0, 2], [0, 0]]
    assert plain.setpoint_offset.tolist() == [0, 0]
    again.pass_time(NOW + 61 * SECOND)
    assert again.standing("st-1") == {}
    assert Obedience(devices, lambda _: WARM, None, file).standing("st-1") == {}


def test_what_comes_to_a_device_without_a_link_waits_for_it():
    deaf = {"st-1"}
    crew = Obedience({"st-1": KIND, "st-2": KIND}, lambda _: WARM, hears=lambda name: name not in deaf)
    came = [(name, order(id=name, do="valve", args={"percent": 60})) for name in ("st-1", "st-2")]
    assert heard(crew, came, NOW) == [("st-2", "accepted")]
    assert crew.pass_time(NOW + SECOND) == []
    assert heard(crew, [("st-1", order(id="x", do="clear_fault"))], NOW) == [("st-1", "rejected")]  # no workshop here
    deaf.clear()
    assert spoken(crew.pass_time(NOW + 2 * SECOND)) == [("st-1", "accepted")]
    deaf.add("st-2")
    late = NOW + 3 * SECOND + PATIENCE_US["valve"]
    assert spoken(crew.pass_time(late)) == [("st-1", "failed")]
    deaf.clear()
    assert spoken(crew.pass_time(late + SECOND)) == [("st-2", "failed")]


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path):
    for rubbish in (b"", b"[]", b'{"version": 1, "devices": {"st-1": {}}}', b'{"version": 9}'):
        (tmp_path / "kept").write_bytes(rubbish)
        assert not load(tmp_path / "kept", {"st-1": KIND})["st-1"].heard
