"""Who may do what at Mosquitto as shipped: every denial, tried by a foreign client."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import trustme
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from network.linking import linked
from network.settings import BrokerSettings
from perception.catalogue import Device, DeviceStatus
from perception.seed_files import load_catalogue
from support.broker_files import RightsFileError, write_rights
from support.catalogue_store import CatalogueError, add_device, save_catalogue
from support.commands import catalogue
from support.commands.rights import issued, written
from support.credentials import hashed
from support.postgres.connect import make_engine

ROOT = Path(__file__).resolve().parents[2]
BROKER = ROOT / "configs" / "broker"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
SERVICE_PASSWORD = "only-for-tests"
OWNER = "mosquitto" if os.geteuid() == 0 else None
OWN = ("readings", "backfill", "birth", "state", "reply")
ITS = ("command", "stored", "rejected")

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here: apt-get install mosquitto")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Guarded:
    """Mosquitto with both shipped files; only folders, ports and certificates go elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.devices, self.service = free_ports(3)
        authority = trustme.CA()
        self.authority = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.authority)
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / "broker.key")
        certificate.cert_chain_pems[0].write_to_path(folder / "broker.crt")
        self.rights = folder / "rights"
        self.rights.mkdir()
        store = folder / "store"
        store.mkdir()
        for one in (folder, self.rights, store):
            one.chmod(0o755)
        if OWNER:
            entry = pwd.getpwnam(OWNER)
            for one in (folder / "broker.key", store, self.rights):
                os.chown(one, entry.pw_uid, entry.pw_gid)
        text = (BROKER / "mosquitto.conf").read_text() + (BROKER / "devices.conf").read_text()
        for old, new in {
            "/var/lib/mosquitto/": f"{store}/", "listener 1883": f"listener {self.port}",
            "listener 8883": f"listener {self.devices}", "listener 8884": f"listener {self.service}",
            "/etc/mosquitto/certs": str(folder), "/etc/mosquitto/hearthline": str(self.rights),
            "autosave_interval 1\n": "autosave_interval 1000\n",
        }.items():  # fmt: skip
            assert old in text
            text = text.replace(old, new)
        (folder / "mosquitto.conf").write_text(text)

    def start(self):
        self.process = subprocess.Popen([MOSQUITTO, "-c", self.folder / "mosquitto.conf"], stderr=subprocess.PIPE)
        until = time.monotonic() + 5
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.service), 0.5).close()
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read().decode()
                assert time.monotonic() < until
                time.sleep(0.02)
            else:
                return self

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.terminate()
        self.process.wait(5)
        self.process.stderr.close()

    def client(self, user, password, *, port=None, protocol=MQTTProtocolVersion.MQTTv311, client_id="", kept=False):
        return Foreign(self, user, password, port or self.devices, protocol, client_id, kept)


class Foreign:
    """A paho client that has nothing of ours, and what it hears."""

    def __init__(self, broker, user, password, port, protocol, client_id, kept):
        options = {} if protocol is MQTTProtocolVersion.MQTTv5 else {"clean_session": not kept}
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol, **options)
        if user is not None:
            self.client.username_pw_set(user, password)
        if port != broker.port:
            self.client.tls_set(ca_certs=str(broker.authority))
        self.heard, self.answers, self.codes, self.changed = [], [], {}, threading.Condition()
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self._note(self.answers.append, reason)
        self.client.on_message = lambda _c, _u, m: self._note(self.heard.append, (m.topic, m.payload))
        self.client.on_disconnect = lambda *_: self._note(lambda _: None, None)
        self.client.on_subscribe = lambda _c, _u, mid, codes, _p: self._note(self.codes.__setitem__, mid, codes)
        self.client.on_publish = lambda _c, _u, mid, code, _p: self._note(self.codes.__setitem__, mid, [code])
        self.client.connect("127.0.0.1" if port == broker.port else "localhost", port)
        self.client.loop_start()

    def _note(self, keep, *what):
        with self.changed:
            keep(*what)
            self.changed.notify_all()

    def wait(self, condition, within_s=10):
        with self.changed:
            assert self.changed.wait_for(condition, within_s), (self.answers, self.heard, self.codes)

    def accepted(self):
        self.wait(lambda: self.answers)
        return not self.answers[0].is_failure

    def subscribe(self, *filters):
        assert self.accepted()
        _, mid = self.client.subscribe([(one, 1) for one in filters])
        self.wait(lambda: mid in self.codes)
        return self

    def say(self, topic, payload=b"x", **options):
        info = self.client.publish(topic, payload, qos=1, **options)
        self.wait(lambda: info.mid in self.codes)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def engine(server, migrated):
    url = server.create_database("rights", migrated)
    engine = make_engine(url, "test")
    with engine.begin() as on:
        save_catalogue(on, load_catalogue(ROOT / "configs" / "cities"), "test")
        for name in ("alpha-1", "beta-2"):
            add_device(on, Device(name=name, kind="weather_station", station="nis-l4"), "test")
    yield engine
    engine.dispose()
    server.drop_database("rights")


def password_of(said):
    return re.search(r"password (\S+)", said)[1]


@pytest.fixture(scope="module")
def passwords(engine):
    return {name: password_of(issued(engine, name, "test")) for name in ("alpha-1", "beta-2")}


@pytest.fixture(scope="module")
def broker(reachable, engine, passwords):
    folder = reachable / "mosquitto-rights"
    folder.mkdir()
    guarded = Guarded(folder)
    written(engine, guarded.rights, SERVICE_PASSWORD, OWNER)
    guarded.start()
    yield guarded
    guarded.stop()


@contextmanager
def connected(broker, *wanted, **options):
    clients = [broker.client(*who, **options) for who in wanted]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


@pytest.fixture
def platform(broker):
    client = broker.client("hearthline", SERVICE_PASSWORD, port=broker.service).subscribe("#")
    yield client
    client.close()


def test_a_device_writes_its_own_topics_and_the_platform_reads_them(broker, passwords, platform):
    with connected(broker, ("alpha-1", passwords["alpha-1"])) as [alpha]:
        for channel in OWN:
            alpha.say(f"hearthline/v1/alpha-1/{channel}")
        platform.wait(lambda: {t for t, _ in platform.heard} == {f"hearthline/v1/alpha-1/{c}" for c in OWN})


def test_a_device_writes_nothing_else(broker, passwords, platform):
    forbidden = [
        *(f"hearthline/v1/beta-2/{channel}" for channel in (*OWN, *ITS)),
        *(f"hearthline/v1/alpha-1/{channel}" for channel in (*ITS, "nonsense")),
        "hearthline/v1/alpha-1", "hearthline/v1/alpha-1/readings/more", "hearthline/v1/notify/nis",
        "hearthline/live/v1/nis", "other/topic", "$SYS/broker/uptime",
    ]  # fmt: skip
    for protocol in (MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5):
        with connected(broker, ("alpha-1", passwords["alpha-1"]), protocol=protocol) as [alpha]:
            assert alpha.accepted()
            for topic in forbidden:
                alpha.client.publish(topic, b"forged", qos=0)
            alpha.say("hearthline/v1/alpha-1/readings", b"marker")
            platform.wait(lambda: (("hearthline/v1/alpha-1/readings", b"marker")) in platform.heard)
    assert all(payload == b"marker" for _, payload in platform.heard)


def test_a_forbidden_message_is_refused_in_so_many_words_to_mqtt_5(broker, passwords):
    with connected(broker, ("alpha-1", passwords["alpha-1"]), protocol=MQTTProtocolVersion.MQTTv5) as [alpha]:
        assert alpha.accepted()
        info = alpha.client.publish("hearthline/v1/beta-2/command", b"x", qos=1)
        alpha.wait(lambda: info.mid in alpha.codes)
        assert str(alpha.codes[info.mid][0]) == "Not authorized"


def test_a_device_reads_what_is_said_to_it_and_nothing_else(broker, passwords, platform):
    with connected(broker, ("alpha-1", passwords["alpha-1"])) as [alpha]:
        alpha.subscribe(
            "#", "hearthline/#", "hearthline/v1/+/command", "hearthline/v1/beta-2/command", "+/+/+/+", "$SYS/#",
            *(f"hearthline/v1/alpha-1/{channel}" for channel in ITS),
        )  # fmt: skip
        for topic in (
            *(f"hearthline/v1/beta-2/{channel}" for channel in (*OWN, *ITS)), "hearthline/v1/alpha-1/readings",
            "hearthline/live/v1/nis", "hearthline/v1/notify/nis",
        ):  # fmt: skip
            platform.say(topic, b"secret")
        for channel in ITS:
            platform.say(f"hearthline/v1/alpha-1/{channel}", b"yours")
        alpha.wait(lambda: {t for t, _ in alpha.heard} >= {f"hearthline/v1/alpha-1/{c}" for c in ITS})
        assert {payload for _, payload in alpha.heard} == {b"yours"}


def test_a_sparkplug_node_is_its_user_and_the_platform_its_host(broker, passwords, platform):
    own = [f"{what}/alpha-1" for what in ("NBIRTH", "NDATA", "NDEATH")]
    own += [f"{what}/alpha-1/d" for what in ("DBIRTH", "DDATA", "DDEATH")]
    forbidden = ("NBIRTH/beta-2", "DDATA/beta-2/d", "NCMD/alpha-1", "DCMD/alpha-1/d", "DDATA/alpha-1/d/e")
    with connected(broker, ("alpha-1", passwords["alpha-1"])) as [alpha]:
        assert alpha.accepted()
        for what in own:
            alpha.say(f"spBv1.0/g/{what}")
        for what in forbidden:
            alpha.client.publish(f"spBv1.0/g/{what}", b"x", qos=0)
        alpha.client.publish("spBv1.0/STATE/hearthline", b"forged", qos=0)
        alpha.say("hearthline/v1/alpha-1/readings", b"marker")
        platform.wait(lambda: ("hearthline/v1/alpha-1/readings", b"marker") in platform.heard)
        said = {topic for topic, _ in platform.heard if topic.startswith("spBv1.0")}
        assert said == {f"spBv1.0/g/{what}" for what in own}
    with connected(broker, ("alpha-1", passwords["alpha-1"])) as [alpha]:
        alpha.subscribe("spBv1.0/#", "spBv1.0/g/NCMD/alpha-1", "spBv1.0/STATE/+")
        for topic in ("spBv1.0/g/NCMD/beta-2", "spBv1.0/STATE/hearthline", "spBv1.0/g/NCMD/alpha-1"):
            platform.say(topic, b"said")
        alpha.wait(lambda: ("spBv1.0/g/NCMD/alpha-1", b"said") in alpha.heard)
        heard = {topic for topic, payload in alpha.heard if payload == b"said"}
        assert heard == {"spBv1.0/STATE/hearthline", "spBv1.0/g/NCMD/alpha-1"}


def test_what_is_retained_for_another_is_not_read(broker, passwords, platform):
    platform.say("hearthline/v1/beta-2/command", b"secret", retain=True)
    with connected(broker, ("alpha-1", passwords["alpha-1"])) as [alpha]:
        alpha.subscribe("hearthline/v1/+/command", "hearthline/v1/alpha-1/stored")
        platform.say("hearthline/v1/alpha-1/stored", b"marker")
        alpha.wait(lambda: alpha.heard)
        assert alpha.heard == [("hearthline/v1/alpha-1/stored", b"marker")]
    platform.say("hearthline/v1/beta-2/command", b"", retain=True)


def test_who_is_not_let_in(broker, passwords):
    refused = [
        (None, None), ("alpha-1", None), ("alpha-1", ""), ("alpha-1", "wrong"), ("alpha-1", passwords["beta-2"]),
        ("nobody", "x"), ("hearthline", SERVICE_PASSWORD), ("", ""), ("ALPHA-1", passwords["alpha-1"]),
    ]  # fmt: skip
    for user, password in refused:
        with connected(broker, (user, password)) as [client]:
            assert not client.accepted(), (user, password)


def test_the_way_of_the_platform_is_closed_to_devices(broker, passwords):
    for user, password in ((None, None), ("alpha-1", passwords["alpha-1"]), ("hearthline", "wrong")):
        with connected(broker, (user, password), port=broker.service) as [client]:
            assert not client.accepted(), user


def test_without_tls_there_is_no_talking(broker):
    for port in (broker.devices, broker.service):
        with socket.create_connection(("127.0.0.1", port), 5) as raw:
            raw.sendall(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02xx")
            raw.settimeout(5)
            answer = b""
            with suppress(ConnectionResetError):
                answer = raw.recv(4)
            assert not answer.startswith(b"\x20")


def test_a_device_cannot_take_the_session_of_ingest(broker, passwords, platform):
    ingest = broker.client(
        "hearthline", SERVICE_PASSWORD, port=broker.service, client_id="hearthline-ingest", kept=True
    )
    ingest.subscribe("hearthline/v1/+/readings")
    ingest.close()
    platform.say("hearthline/v1/beta-2/readings", b"waits for ingest")
    thief = broker.client("alpha-1", passwords["alpha-1"], client_id="hearthline-ingest", kept=True)
    thief.subscribe("hearthline/v1/alpha-1/stored")
    platform.say("hearthline/v1/alpha-1/stored", b"marker")
    thief.wait(lambda: thief.heard)
    assert thief.heard == [("hearthline/v1/alpha-1/stored", b"marker")]
    back = broker.client("hearthline", SERVICE_PASSWORD, port=broker.service, client_id="hearthline-ingest", kept=True)
    back.wait(lambda: back.heard == [("hearthline/v1/beta-2/readings", b"waits for ingest")])
    assert thief.client.is_connected()
    thief.close()
    back.close()


def test_the_links_of_ingest_come_up_by_tls_with_the_platforms_account(broker, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(broker.authority))
    settings = BrokerSettings(url=f"mqtts://hearthline:{SERVICE_PASSWORD}@localhost:{broker.service}")
    with linked(settings) as (live, backfill, outlet):
        assert live.wait_connected(10)
        assert backfill.wait_connected(10)
        outlet.publish("hearthline/v1/alpha-1/command", b"x")
        assert outlet.flush(10)


def test_a_renewed_password_replaces_the_old_and_a_retired_device_is_shut_out(broker, engine, passwords):
    with engine.begin() as on:
        add_device(on, Device(name="gamma-3", kind="weather_station", station="nis-l4"), "test")
    first = password_of(issued(engine, "gamma-3", "test"))
    written(engine, broker.rights, SERVICE_PASSWORD, OWNER)
    broker.reload()
    await_verdict(broker, first, accepted=True)
    second = password_of(issued(engine, "gamma-3", "test"))
    written(engine, broker.rights, SERVICE_PASSWORD, OWNER)
    broker.reload()
    await_verdict(broker, second, accepted=True)
    await_verdict(broker, first, accepted=False)
    with connected(broker, ("gamma-3", second), client_id="stays") as [there]:
        assert there.accepted()
        said = catalogue.change_status(engine, "gamma-3", DeviceStatus.RETIRED, "test")
        assert "its password is withdrawn" in said
        written(engine, broker.rights, SERVICE_PASSWORD, OWNER)
        assert "gamma-3" not in (broker.rights / "devices.passwords").read_text()
        broker.reload()
        there.wait(lambda: not there.client.is_connected() or len(there.answers) > 1)  # put out at once
    await_verdict(broker, second, accepted=False)
    with pytest.raises(CatalogueError, match="retired"):
        issued(engine, "gamma-3", "test")


def await_verdict(broker, password, *, accepted):
    """The broker reads its files a moment after it was told to."""
    until = time.monotonic() + 5
    while True:
        with connected(broker, ("gamma-3", password)) as [client]:
            if client.accepted() is accepted:
                return
        assert time.monotonic() < until


def test_the_platforms_password_and_those_of_devices_are_kept_as_hashes_alone(broker, engine, passwords):
    files = {path.name: path for path in broker.rights.iterdir()}
    assert set(files) == {"devices.passwords", "service.passwords", "hearthline.acl"}
    for path in files.values():
        assert path.stat().st_mode & 0o777 == 0o600
        assert not any(p in path.read_text() for p in (*passwords.values(), SERVICE_PASSWORD))
        if OWNER:
            assert path.stat().st_uid == pwd.getpwnam(OWNER).pw_uid
    with engine.connect() as on:
        dump = str(on.exec_driver_sql("select * from credential").fetchall())
        dump += str(on.exec_driver_sql("select * from audit").fetchall())
    assert not any(p in dump for p in passwords.values())


def test_a_new_device_gets_a_password_when_others_have_one(engine, passwords):
    from perception.kinds import load_kinds

    def add(name, **options):
        wish = {"name": name, "kind": "weather_station", "station": "nis-l4"}
        return catalogue.add(engine, load_kinds(), wish, "test", city=None, new_station=False, **options)

    assert password_of(add("delta-4", credential=None))
    assert "password" not in add("epsilon-5", credential=False)
    assert password_of(add("zeta-6", credential=True))
    with pytest.raises(CatalogueError, match="platform itself"):
        add("hearthline", credential=True)
    with engine.connect() as on:
        assert not on.exec_driver_sql("select 1 from device where name = 'hearthline'").fetchall()


def test_foreign_accounts_are_added_and_may_not_stand_for_a_device(tmp_path):
    (tmp_path / "local.passwords").write_text(f"gateway:{hashed('x')}")
    (tmp_path / "local.acl").write_text("user gateway\ntopic write fernwaerme/#")
    write_rights(tmp_path, {"alpha-1": hashed("a")}, {"hearthline": hashed("b")}, "topic deny #\n", None)
    assert (tmp_path / "devices.passwords").read_text().splitlines()[-1].startswith("gateway:$7$101$")
    assert (tmp_path / "hearthline.acl").read_text() == "topic deny #\nuser gateway\ntopic write fernwaerme/#\n"
    for line in (f"alpha-1:{hashed('x')}", f"hearthline:{hashed('x')}", "gateway:plain", "nonsense"):
        (tmp_path / "local.passwords").write_text(line)
        with pytest.raises(RightsFileError, match=r"local\.passwords, line 1"):
            write_rights(tmp_path, {"alpha-1": hashed("a")}, {"hearthline": hashed("b")}, "", None)


def test_files_are_written_whole_or_not_at_all(tmp_path):
    write_rights(tmp_path, {"alpha-1": "$7$old"}, {}, "", None)
    with pytest.raises(RightsFileError, match="no user is named"):
        write_rights(tmp_path, {"alpha-1": "$7$new"}, {}, "", "no-such-user-here")
    with pytest.raises(RightsFileError, match="cannot read"):
        write_rights(tmp_path / "devices.passwords" / "below", {}, {}, "", None)
    write_rights(tmp_path / "made", {}, {}, "", None)
    shutil.rmtree(tmp_path / "made")
    assert (tmp_path / "devices.passwords").read_text() == "alpha-1:$7$old\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["devices.passwords", "hearthline.acl", "service.passwords"]


def test_our_hash_is_the_one_that_mosquitto_passwd_makes(tmp_path):
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        pytest.skip("no mosquitto_passwd here: apt-get install mosquitto")
    subprocess.run([tool, "-c", "-b", tmp_path / "theirs", "name", "word"], check=True, capture_output=True)
    theirs = (tmp_path / "theirs").read_text().strip().partition(":")[2]
    ours = hashed("word")
    assert [len(part) for part in ours.split("$")] == [len(part) for part in theirs.split("$")]
