"""What a shopper, an analyst and an attacker get from the whole stack, through nginx."""

import base64
import json
import os
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.compose.conftest import Stack, docker, ready
from tests.support import ROOT
from tests.support.asking import chat, data_uri, post, text_of
from tests.support.servers import wait_until

# Loading torch and building the images for the first time; the tests themselves take seconds.
pytestmark = pytest.mark.timeout(1800)


def short(photo: bytes, prompt: str, **fields: Any) -> dict[str, Any]:
    return {"image": base64.b64encode(photo).decode(), "prompt": prompt, "max_tokens": 16, **fields}


def test_the_services_start_in_order_and_the_log_is_migrated(stack: Stack) -> None:
    states = {
        f"{found['Config']['Labels']['com.docker.compose.service']}": found["State"]
        for found in stack.containers()
    }
    assert states.pop("migrate")["ExitCode"] == 0
    assert {state["Health"]["Status"] for state in states.values()} == {"healthy"}
    assert set(states) == {"nginx", "gateway", "worker", "batch", "inference", "redis", "mysql"}
    assert "interactions" in stack.sql("SHOW TABLES").split()


def test_what_is_where_is_said_as_it_is(stack: Stack) -> None:
    environment = {**os.environ, "PORT": str(stack.port), "COMPOSE_PROJECT_NAME": stack.project}
    said = subprocess.run(
        [ROOT / "bin" / "where"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert f"{stack.url}\n" in said
    assert f"{stack.project}_mysql" in said


def test_migrating_again_changes_nothing(stack: Stack) -> None:
    stack.compose("run", "--rm", "--no-deps", "migrate")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", [short, chat])
def test_each_form_is_answered_and_logged_in_one_row(
    stack: Stack, photo: bytes, form: Any, stream: bool
) -> None:
    question = f"这是什么材质? {form.__name__} {stream}"
    first, second = (photo, question) if form is short else (question, photo)
    answer = post(stack.url, form(first, second, stream=stream, max_tokens=16))
    assert text_of(answer)
    assert answer.headers["x-cache"] == "miss"
    assert stack.rows(answer) == [["answered", "", "miss"]]


def test_the_openai_client_works_unchanged(stack: Stack, photo: bytes) -> None:
    client = openai.OpenAI(base_url=f"{stack.url}/v1", api_key="unused", max_retries=0)
    content: Any = chat("这是什么颜色?", photo)["messages"][0]["content"]
    messages: Any = [{"role": "user", "content": content}]
    whole = client.chat.completions.create(model="shopsight", messages=messages, max_tokens=16)
    assert whole.choices[0].message.content
    pieces = client.chat.completions.create(
        model="shopsight", messages=messages, max_tokens=16, stream=True
    )
    streamed = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert streamed == whole.choices[0].message.content


def test_a_form_with_a_file_is_answered(stack: Stack, sample_photo: Path) -> None:
    with sample_photo.open("rb") as file:
        files, data = {"photo": (sample_photo.name, file)}, {"question": "适合送给妈妈吗?"}
        answer = httpx.post(f"{stack.url}/v1/ask", data=data, files=files, timeout=40)
    assert text_of(answer)
    assert stack.rows(answer) == [["answered", "", "miss"]]


def test_an_upload_is_known_to_all_gateways(stack: Stack, sample_photo: Path) -> None:
    with httpx.Client(base_url=stack.url, timeout=40) as client:
        upload = client.post("/v1/images", content=sample_photo.read_bytes())
        assert upload.status_code == 201, upload.text
        for number in range(4):  # nginx takes turns
            body = {"image_id": upload.json()["id"], "prompt": f"What is it? {number}"}
            assert text_of(client.post("/v1/chat/completions", json=body))


def redis_cli(stack: Stack, *arguments: str) -> str:
    client = 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) exec redis-cli "$@"'
    return stack.run("redis", "sh", "-c", client, "redis-cli", *arguments)


def test_an_answer_is_shared_by_all_gateways_through_redis(stack: Stack, photo: bytes) -> None:
    answers = [post(stack.url, short(photo, "Is this real leather?")) for _ in range(5)]
    assert [answer.headers["x-cache"] for answer in answers] == ["miss"] + 4 * ["hit"]
    assert len({text_of(answer) for answer in answers}) == 1
    ids = {answer.headers["x-request-id"] for answer in answers}

    def lines() -> list[dict[str, Any]]:
        logged = docker("logs", f"{stack.project}-nginx-1").splitlines()
        requests = [json.loads(line) for line in logged if line.startswith("{")]
        return [request for request in requests if request["request_id"] in ids]

    wait_until("access log", lambda: len(lines()) == 5)
    assert len({line["gateway"] for line in lines()}) == 2
    assert "NOAUTH" in stack.run("redis", "redis-cli", "dbsize")
    keys = redis_cli(stack, "--scan", "--pattern", "shopsight:answer3:*").split()
    values = [json.loads(redis_cli(stack, "get", key)) for key in keys]
    (value,) = [v for v in values if "Is this real leather?" in str(v["key"])]
    assert value["text"] == text_of(answers[0])


@pytest.mark.parametrize(
    ("image", "status", "code"),
    [
        ("Q!Q=@=", 400, "invalid_base64"),
        (base64.b64encode(b"just a text file\n" * 9).decode(), 415, "unsupported_image_type"),
        ("A" * 20_000_000, 413, "payload_too_large"),
    ],
    ids=["bad base64", "text file", "20 MB"],
)
def test_a_bad_photo_is_a_clear_error_and_one_row(
    stack: Stack, photo: bytes, image: str, status: int, code: str
) -> None:
    answer = post(stack.url, {"image": image, "prompt": "这是什么?"})
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert stack.rows(answer) == [["refused", code, ""]]
    assert text_of(post(stack.url, short(photo, "Still there?")))


def test_the_page_is_served_and_the_inner_ports_are_not(stack: Stack) -> None:
    assert "<title>Shopsight</title>" in httpx.get(stack.url).text
    assert httpx.get(f"{stack.url}/metrics").status_code == 404
    published = {
        found["Config"]["Labels"]["com.docker.compose.service"]: found["NetworkSettings"]["Ports"]
        for found in stack.containers()
    }
    open_ports = {name: [p for p in ports.values() if p] for name, ports in published.items()}
    assert open_ports.pop("nginx") == [[{"HostIp": "127.0.0.1", "HostPort": str(stack.port)}]]
    assert not any(open_ports.values())


def test_the_analyst_may_read_and_nothing_else(stack: Stack) -> None:
    def ask(query: str) -> str:
        return stack.sql(query, user="analyst", secret="analyst_password")

    assert int(ask("SELECT COUNT(*) FROM interactions")) > 0
    for query in (
        "DELETE FROM interactions",
        "CREATE TABLE mine (id INT)",
        "SELECT * FROM mysql.user",
        "SELECT * FROM dead_letters",
    ):
        assert "denied" in ask(query), query


def test_a_gateway_may_change_rows_but_neither_tables_nor_accounts(stack: Stack) -> None:
    assert stack.sql("DELETE FROM dead_letters") == ""
    for query in (
        "DROP TABLE feedback",
        "ALTER TABLE interactions DROP PARTITION p_rest",
        "GRANT SELECT ON dead_letters TO 'analyst'@'%'",
    ):
        assert "denied" in stack.sql(query), query


def test_no_container_is_root_or_may_become_it(stack: Stack) -> None:
    for found in stack.containers():
        name, host = found["Name"], found["HostConfig"]
        assert found["Config"]["User"].split(":")[0] not in ("", "0", "root"), name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["ReadonlyRootfs"] or "mysql" in name, name
    for service in ("nginx", "gateway", "inference", "redis", "mysql"):
        assert stack.run(service, "id", "-u") != "0"


REACH = """
import socket, sys
try:
    socket.create_connection(sys.argv[1].split(":"), timeout=2)
except OSError:
    print("no")
else:
    print("yes")
"""


def reaches(stack: Stack, service: str, address: str) -> bool:
    return stack.run(service, "python", "-c", REACH, address) == "yes"


def test_only_nginx_touches_the_outside(stack: Stack) -> None:
    def outward(name: str) -> bool:
        return docker("network", "inspect", "--format", "{{.Internal}}", name) == "false"

    for found in stack.containers():
        networks = found["NetworkSettings"]["Networks"]
        open_to = [name for name in networks if outward(name)]
        assert bool(open_to) == ("nginx" in found["Name"]), found["Name"]
    for service in ("gateway", "inference"):
        assert not reaches(stack, service, "1.1.1.1:443")
    assert reaches(stack, "gateway", "mysql:3306")
    assert not reaches(stack, "inference", "mysql:3306")
    assert not reaches(stack, "inference", "redis:6379")


def test_metrics_and_administration_are_in_a_network_of_their_own(stack: Stack) -> None:
    for port in (9100, 9101):
        assert reaches(stack, "worker", f"gateway-ops:{port}")
        assert not reaches(stack, "inference", f"gateway:{port}")
        assert not reaches(stack, "inference", f"gateway-ops:{port}")
    assert not reaches(stack, "inference", "batch:9100")
    assert reaches(stack, "worker", "batch-ops:9100")
    for index in (1, 2):
        told = stack.run("gateway", "shopsight", "admin", "weights", index=index)
        assert json.loads(told)["models"]
    ask = "import httpx; print(httpx.get('http://gateway-ops:9101/admin/weights').status_code)"
    assert stack.run("worker", "python", "-c", ask) == "401", "it has no token"
    scrape = "import httpx; print(httpx.get('http://gateway-ops:9100/metrics').status_code)"
    assert stack.run("worker", "python", "-c", scrape) == "200"


def test_odd_addresses_strangers_hosts_and_other_sites_are_refused(
    stack: Stack, photo: bytes
) -> None:
    body = short(photo, "whose?")
    for headers, status in (
        ({"host": "evil.example"}, 400),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": stack.url, "sec-fetch-site": "same-origin"}, 200),
        ({"origin": stack.url}, 200),
    ):
        assert post(stack.url, body, **headers).status_code == status, headers
    answer = post(stack.url, body)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["set-cookie"].startswith("shopsight_session="), "no TLS"
    logged = docker("logs", f"{stack.project}-nginx-1")
    clients = [json.loads(line)["client"] for line in logged.splitlines() if line[:1] == "{"]
    assert clients
    assert all(client.endswith(".0") for client in clients), "networks, not addresses"


def test_each_image_holds_only_its_own_half(stack: Stack) -> None:
    look = "import importlib.util as u; print(*[n for n in {} if u.find_spec(n)])"
    names = "('torch', 'transformers', 'inference')"
    assert stack.run("gateway", "python", "-c", look.format(names)) == ""
    names = "('sqlalchemy', 'redis', 'gateway')"
    assert stack.run("inference", "python", "-c", look.format(names)) == ""


def ask_many(stack: Stack, photo: bytes, subject: str, times: int) -> Counter[int]:
    def ask(number: int) -> int:
        return post(stack.url, short(photo, f"{subject} {number}?")).status_code

    with ThreadPoolExecutor(4) as pool:
        return Counter(pool.map(ask, range(times)))


def test_one_replica_less_is_not_noticed(stack: Stack, photo: bytes) -> None:
    docker("stop", "--time", "10", f"{stack.project}-inference-1")
    try:
        assert ask_many(stack, photo, "one replica", 8) == {200: 8}
    finally:
        docker("start", f"{stack.project}-inference-1")


def test_one_gateway_less_is_not_noticed(stack: Stack, photo: bytes) -> None:
    docker("kill", f"{stack.project}-gateway-2")
    try:
        assert ask_many(stack, photo, "one gateway", 8) == {200: 8}
    finally:
        docker("start", f"{stack.project}-gateway-2")


def test_without_its_database_the_stack_answers_and_the_rows_arrive_later(
    stack: Stack, photo: bytes
) -> None:
    docker("stop", "--time", "30", f"{stack.project}-mysql-1")
    try:
        answer = post(stack.url, short(photo, "Does it matter that MySQL is away?"))
        assert text_of(answer)
        docker("kill", f"{stack.project}-gateway-1")
    finally:
        docker("start", f"{stack.project}-mysql-1", f"{stack.project}-gateway-1")
    wait_until("database", lambda: stack.sql("SELECT 1") == "1", 60)
    assert stack.rows(answer) == [["answered", "", "miss"]]
    assert "dead letters: 0" in stack.run("worker", "shopsight", "log", "status")


def test_the_model_image_alone_is_a_working_server(stack: Stack, photo: bytes) -> None:
    image = stack.compose("config", "--images", "inference").split()[0]
    container = docker("run", "--detach", "--rm", "--publish", "127.0.0.1::8080", image)
    try:
        url = f"http://{docker('port', container, '8080')}"
        wait_until("model", lambda: ready(url), timeout_s=300)
        answer = post(url, short(photo, "这是什么?"))
        assert text_of(answer)
        assert answer.json()["model_revision"]
        with_uri = {**short(photo, "这是什么?"), "image": data_uri(photo)}
        assert text_of(post(url, with_uri)) == text_of(answer)
    finally:
        docker("stop", "--time", "5", container)
